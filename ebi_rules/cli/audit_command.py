"""The audit command: over an extract, or over a cube that was counted elsewhere."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebi_rules._support.atomic_output import require_apart, require_free, whole_file
from ebi_rules._support.errors import UsageError
from ebi_rules.cli.command_line import (
    SCOPE,
    areas_option,
    asked,
    force_option,
    options,
    reading_options,
    reference_option,
    rules_option,
    scope_options,
    skip_option,
    status,
    variant_option,
    warn,
)

if TYPE_CHECKING:
    from ebi_rules.provider_audit.settings import Settings
    from ebi_rules.results.audit_result import Audit

_FILES = ("procedures", "diagnoses", "names", "population", "standard")
_COMPARED = (
    "disclosure",
    "names",
    "population",
    "standard",
    "adjust",
    "casemix",
    "fewest_expected",
    "real_codes",
    "overdispersion",
    "trim",
    "baseline",
    "rebase",
)
"""The options of `_comparing`, which make the settings of an audit."""

_comparing = options(
    click.option(
        "--disclosure",
        default="hes",
        show_default=True,
        metavar="METHOD",
        help="Disclosure control: hes, midpoint6, or none for exact counts.",
    ),
    click.option("--names", type=click.Path(), metavar="FILE", help="Providers' names: CSV with code and name."),
    click.option(
        "--population",
        type=click.Path(),
        metavar="FILE",
        help="People, for rates per 100,000: CSV with area, age_band, sex, count.",
    ),
    click.option(
        "--standard",
        type=click.Path(),
        metavar="FILE",
        help="Rates to standardise by: CSV with rule, age_band, sex, eligible, flagged; all providers "
        "together, when not given.",
    ),
    click.option(
        "--adjust",
        multiple=True,
        metavar="FIELD",
        help="Fields of case mix to allow for: age_band, sex (these two when not given), imd_decile, ethnic_category.",
    ),
    click.option(
        "--casemix",
        default="auto",
        show_default=True,
        metavar="WAY",
        help="How: strata, model (logistic; needs statsmodels), or auto, the model where strata grow thin.",
    ),
    click.option(
        "--fewest-expected",
        default=10.0,
        show_default=True,
        metavar="NUMBER",
        help="With --by consultant or referrer, show those of whom so much is expected in scope.",
    ),
    click.option("--real-codes", is_flag=True, help="Show their codes; pseudonyms of one run, when not given."),
    click.option(
        "--overdispersion",
        default="shmi",
        show_default=True,
        metavar="METHOD",
        help="How funnel limits allow for the usual spread between providers: shmi, cqc or none.",
    ),
    click.option("--trim", default=0.1, show_default=True, help="Share of providers at each end left out of it."),
    click.option("--baseline", type=int, metavar="MONTHS", help="Fix a trend's mean and limits after so many months."),
    click.option("--rebase", multiple=True, metavar="MONTH", help="Begin a new mean and limits here (2024-04)."),
)


@click.command()
@click.argument("extract", required=False)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--from-cube",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Start from a cube that a warehouse counted, parquet or CSV, and from no extract; several are parts of one.",
)
@click.option(
    "--save-cube",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the cube, whose counts are exact, as parquet or .csv.",
)
@rules_option
@variant_option
@click.option(
    "--by", multiple=True, metavar="FIELD", help="Count by this field too, beside provider, month, age band and sex."
)
@click.option(
    "--engine",
    default="polars",
    show_default=True,
    metavar="NAME",
    help="Where to count: polars, duckdb, postgres, spark, snowflake, bigquery or sqlserver; a warehouse's "
    "EXTRACT is a table.",
)
@scope_options
@areas_option
@_comparing
@click.option("--xlsx", is_flag=True, help="Also write the tables as a workbook, audit.xlsx.")
@reading_options
@reference_option
@skip_option
@force_option
def audit(
    extract: str | None,
    output: Path,
    from_cube: Sequence[Path],
    save_cube: Path | None,
    rules: Sequence[str],
    folders: Sequence[str],
    variant: str,
    by: Sequence[str],
    engine: str,
    months: str | None,
    providers: Sequence[str],
    areas: str | None,
    xlsx: bool,
    reference: str | None,
    force: bool,
    **options: Any,
) -> None:
    """Compare providers: tables, what was run, and a report."""
    from ebi_rules.results.audit_run import audit as audit_extract
    from ebi_rules.results.audit_run import audit_cube
    from ebi_rules.rule_model.code_titles import find_reference

    if (extract is None) == (not from_cube):
        raise UsageError("name an extract, or a cube with --from-cube: one of them.")
    comparing = {name: options[name] for name in _COMPARED}
    reading = {name: value for name, value in options.items() if name not in _COMPARED}
    given = [extract, *from_cube, areas, *(options[name] for name in _FILES)]
    inputs = [Path(path) for path in given if path]
    for path in (output, save_cube):
        if path is not None:
            require_free(path, force)
            require_apart(path, inputs)
    settings = _settings(**comparing)
    titles = find_reference(reference)
    chosen = asked(rules, folders)
    with status() as progress, ExitStack() as files:
        if extract is not None:
            found = audit_extract(
                extract,
                chosen,
                by=by,
                variant=variant,
                settings=settings,
                reference=titles,
                engine=engine,
                months=months,
                providers=providers,
                areas=areas,
                progress=progress,
                **reading,
            )
        else:
            _refuse_options_of_extracts({"by": by, "months": months, "provider": providers, "areas": areas, **reading})
            progress("reading the cube")
            found = audit_cube(from_cube, chosen, variant, settings=settings, reference=titles)
        if save_cube is not None:
            target = files.enter_context(whole_file(save_cube, force))
            (found.cube.write_csv if target.suffix == ".csv" else found.cube.write_parquet)(target)
        found.write(output, force, xlsx, progress)
    echo_audit(found)
    if save_cube is not None:
        click.echo(f"Wrote {save_cube}, whose counts are exact: keep it inside your organisation.")
    click.echo(f"Wrote {output}. {SCOPE}")


def echo_audit(found: "Audit") -> None:
    """Say on the screen what was found, under the audit's disclosure control."""
    warn(found.warnings)
    click.echo(f"Layout {found.run['layout']}; {_told(found.said['rows'])} rows.")
    for total in found.totals().iter_rows(named=True):
        rate = total["rate_per_1000_eligible"]
        per = "" if rate is None else f", {rate:.2f} per 1,000"
        click.echo(
            f"{total['rule']}: {_told(total['flagged'])} in scope of {_told(total['eligible'])} eligible "
            f"({_told(total['activity'])} activity){per}."
        )
    if found.settings.disclosure == "none":
        click.echo("Counts are exact: do not pass them on outside the organisation.", err=True)


def _told(count: int | str | None) -> str:
    return "*" if count is None else f"{count:,}" if isinstance(count, int) else count


def _settings(
    names: str | None,
    population: str | None,
    standard: str | None,
    adjust: Sequence[str],
    rebase: Sequence[str],
    **others: Any,
) -> "Settings":
    from ebi_rules.provider_audit.input_files import read_names, read_population, read_standard
    from ebi_rules.provider_audit.settings import AGE_AND_SEX, Settings

    return Settings(
        names=read_names(names) if names else {},
        standard=read_standard(standard) if standard else None,
        population=read_population(population) if population else None,
        adjust=tuple(dict.fromkeys(adjust)) or AGE_AND_SEX,
        rebase=tuple(rebase),
        **others,
    )


def _refuse_options_of_extracts(given: dict[str, Any]) -> None:
    """Refuse what says how to read an extract, where there is none."""
    said = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if said:
        raise UsageError(f"{', '.join(said).replace('--overrides', '--column')}: a cube has been counted already.")


COMMANDS = (audit,)
