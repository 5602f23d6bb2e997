"""The audit command: for an extract, or for a cube that was counted elsewhere."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebi_rules._support.errors import UsageError
from ebi_rules._support.standing_words import BEFORE_IT_LEAVES, FLAG_MEANING
from ebi_rules.cli.command_line import shown_count, status, warn, warn_of_exact_counts
from ebi_rules.cli.comparison_options import comparison_options
from ebi_rules.cli.further_outputs import further_outputs, require_possible, require_replaceable_folders
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.measure_commands import show_measures
from ebi_rules.cli.options import (
    areas_option,
    engine_option,
    extract_options,
    force_option,
    from_cube_option,
    named_rules,
    opened,
    output_folder,
    reference_option,
    release_options,
    require_one_of,
    rules_option,
    scope_options,
    skip_option,
    variant_option,
)
from ebi_rules.engines.engine_names import DEFAULT_ENGINE

if TYPE_CHECKING:
    from ebi_rules.provider_audit.settings import Settings
    from ebi_rules.results.audit_result import Audit
    from ebi_rules.results.combined_audit import CombinedAudit

EXTRACT_OPTIONS = ("layout", "columns", "procedures", "diagnoses", "engine", "separator", "encoding")
"""How to open an extract."""

_COUNTING_OPTIONS = ("months", "providers", "areas", "any_dataset", "skip_unavailable", "no_key_check")
"""What to count of an extract."""

_FLAGS = {"columns": "column", "providers": "provider"}
"""Options whose names differ from their flags."""

INPUT_FILES = (
    "procedures",
    "diagnoses",
    "areas",
    "names",
    "merge_providers",
    "population",
    "standard",
    "prices",
    "comparators",
)
"""Options that name a file to read."""


@command()
@click.argument("extracts", nargs=-1, metavar="[EXTRACT]...")
@output_folder
@from_cube_option
@click.option(
    "--replace",
    "replace_months",
    is_flag=True,
    help="With --from-cube: a later file replaces the months of an earlier one that it restates.",
)
@click.option(
    "--save-cube",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the cube, which has exact counts, as parquet or .csv.",
)
@click.option(
    "--append",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add months to this cube, which an earlier run of the same command saved: only the last months and later ones "
    "are counted, and the cube is saved again. Without such a file yet, everything is counted.",
)
@click.option(
    "--recount", type=int, metavar="MONTHS", help="With --append: how many of its last months are counted again (3)."
)
@click.option(
    "--recount-from", metavar="MONTH", help="With --append: or the first month that is counted again (2024-04)."
)
@rules_option
@variant_option
@click.option(
    "--by", multiple=True, metavar="FIELD", help="Also count by this field, beside provider, month, age band and sex."
)
@engine_option
@click.option(
    "--no-key-check", is_flag=True, help="Do not check for repeated keys. This saves a warehouse one read of the table."
)
@scope_options
@areas_option
@comparison_options
@click.option("--xlsx", is_flag=True, help="Also write the tables as a workbook, audit.xlsx.")
@further_outputs
@extract_options
@reference_option
@skip_option
@release_options
@force_option
def audit(
    extracts: Sequence[str],
    output: Path,
    from_cube: Sequence[Path],
    replace_months: bool,
    save_cube: Path | None,
    append: Path | None,
    recount: int | None,
    recount_from: str | None,
    rules: Sequence[str],
    places: Sequence[str],
    by: Sequence[str],
    xlsx: bool,
    pdf: bool,
    pptx: bool,
    pack: str | None,
    name_others: bool,
    charts: Path | None,
    star_schema: Path | None,
    reference: str | None,
    release: Path | None,
    release_override: str | None,
    force: bool,
    **options: Any,
) -> None:
    """Compare providers: tables and a report.

    Give an outpatient and an imaging extract together to audit both and count each scan once.

    \b
    Examples:
      ebi-rules audit opa.parquet -o audit
      ebi-rules audit opa.parquet -o audit --rule 2S --names providers.csv --xlsx
      ebi-rules audit --from-cube cube.parquet -o audit
    """
    from ebi_rules._support.atomic_output import require_apart, require_distinct, reserved_output, whole_file
    from ebi_rules.criteria.labels import settings_files
    from ebi_rules.results.audit_run import audit as audit_extract
    from ebi_rules.results.audit_run import audit_cube
    from ebi_rules.results.earlier_cube import save_cube as write_cube
    from ebi_rules.rule_model.code_titles import find_reference

    extract = extracts[0] if extracts else None
    require_one_of(extract, from_cube, "name either an extract, or a cube with --from-cube.")
    if replace_months and not from_cube:
        raise UsageError("--replace is for several cubes with --from-cube.")
    if append is None and (recount is not None or recount_from is not None):
        raise UsageError("--recount and --recount-from are for --append.")
    if append is not None and (from_cube or save_cube):
        raise UsageError("--append counts an extract and saves the cube itself: leave --from-cube and --save-cube out.")
    files = [*extracts, *from_cube, *(options[name] for name in INPUT_FILES), *settings_files().values()]
    inputs = [Path(path) for path in files if path]
    require_possible(pdf, pptx, pack, name_others, by, bool(from_cube))
    folders = [folder for folder in (charts, star_schema) if folder is not None]
    written = [path for path in (output, save_cube, append, *folders) if path is not None]
    require_distinct(written)
    for place in written:
        require_apart(place, inputs)
    require_replaceable_folders(charts, star_schema)
    if extract is None:
        _refuse_extract_options({"by": by, **options})
    if len(extracts) > 1:
        _refuse_for_several(
            {**options, "save_cube": save_cube, "append": append, "release": release}
            | {"pdf": pdf, "pptx": pptx, "pack": pack, "charts": charts, "star_schema": star_schema}
        )
    extract_settings = {name: options.pop(name) for name in EXTRACT_OPTIONS}
    settings = audit_settings(**options)
    titles = find_reference(reference)
    chosen = named_rules(rules, places)
    if len(extracts) > 1:
        from ebi_rules.results.combined_audit import audit_together

        with status() as progress, reserved_output(output, force):
            progress("opening the extracts")
            together = audit_together(
                [opened(each, **extract_settings) for each in extracts], chosen, by, settings, titles, progress
            )
            together.write(output, force, xlsx, progress)
        _show_together(together)
        click.echo(f"{FLAG_MEANING} Wrote {output / 'report.html'} and its tables.")
        return
    with status() as progress, ExitStack() as outputs:
        for path in (output, save_cube, *folders):
            if path is not None:
                outputs.enter_context(reserved_output(path, force))
        if append is not None:
            outputs.enter_context(reserved_output(append, force=True))
        if extract is not None:
            progress("opening the extract")
            source = opened(extract, **extract_settings)
            months = (append, recount, recount_from)
            result = audit_extract(source, chosen, by, settings, titles, progress, *months)
        else:
            progress("reading the cube")
            result = audit_cube(from_cube, chosen, settings, titles, replace_months)
        for path, may_exist in ((save_cube, force), (append, True)):
            if path is not None:
                target = outputs.enter_context(whole_file(path, may_exist))
                write_cube(result.exact_cube, result.tables.exact_run, target)
        result.write(output, force, xlsx, progress, release, release_override, pdf, pptx, pack, name_others)
        if charts is not None:
            progress("drawing charts")
            result.charts(charts, force)
        if star_schema is not None:
            progress("writing the star schema")
            result.star_schema(star_schema, force)
    show_audit(result)
    for folder in folders:
        click.echo(f"Wrote {folder}.")
    if saved := save_cube or append:
        click.echo(f"Wrote {saved}, which has exact counts: keep it inside your organisation.")
    click.echo(f"{FLAG_MEANING} Wrote {output / 'report.html'} and its tables.")


def _refuse_for_several(options: Mapping[str, Any]) -> None:
    """Raise `UsageError` for options that say something about one extract only."""
    alone = (
        *EXTRACT_OPTIONS,
        "months",
        "providers",
        "save_cube",
        "append",
        "release",
        "pdf",
        "pptx",
        "pack",
        "charts",
        "star_schema",
    )
    used = [name for name in alone if options[name] and (name, options[name]) != ("engine", DEFAULT_ENGINE)]
    if used:
        flags = ", ".join(f"--{_FLAGS.get(name, name).replace('_', '-')}" for name in used)
        raise UsageError(
            f"two extracts are opened by their layouts and counted as a whole: audit each by itself to use {flags}, or "
            "open each in Python and call ebi_rules.audit_together."
        )


def _show_together(result: "CombinedAudit") -> None:
    """Show the result of two audits, and of the scans of both, under disclosure control."""
    from ebi_rules.layouts.layout import DATASETS

    for name, part in result.audits.items():
        click.echo(f"\n{DATASETS[name].capitalize()}")
        show_audit(part)
    click.echo("\nScans of both, each counted once")
    warn(result.warnings)
    if result.scans is not None:
        show_measures(result.scans)


def show_audit(result: "Audit") -> None:
    """Show the result of an audit on the screen, under its disclosure control."""
    from ebi_rules.translate.english import month_name

    warn(result.warnings)
    click.echo(f"Layout {result.run['layout']}; {shown_count(result.run['rows'])} rows.")
    unsafe = {entry["key"]: entry["fitness_reason"] for entry in result.run["rules"] if entry["fitness"] == "unsafe"}
    for total in result.totals().iter_rows(named=True):
        reason = unsafe.get(total["rule"])
        note = f" Not safe to use, and providers are not compared: {reason}" if reason else ""
        rate = total["rate_per_1000_eligible"]
        per_1000 = "" if rate is None else f", {rate:.2f} per 1,000"
        of_all = f" ({shown_count(total['activity'])} activity)"
        since = f" since the policy began in {month_name(total['since'])}" if total["since"] else of_all
        click.echo(
            f"{total['rule']}: {shown_count(total['flagged'])} in scope of {shown_count(total['eligible'])} eligible"
            f"{since}{per_1000}.{note}"
        )
    for before in result.before_policy.iter_rows(named=True):
        flagged, eligible = shown_count(before["flagged"]), shown_count(before["eligible"])
        click.echo(f"{before['rule']}: before the policy, {flagged} of {eligible} eligible would have been in scope.")
    if result.settings.disclosure == "none":
        warn_of_exact_counts()
    else:
        click.echo(BEFORE_IT_LEAVES)


def audit_settings(
    names: str | None,
    merge_providers: str | None,
    population: str | None,
    standard: str | None,
    benchmark: str | None,
    prices: str | None,
    comparators: str | None,
    adjust: Sequence[str],
    rebase: Sequence[str],
    providers: Sequence[str],
    no_key_check: bool,
    **others: Any,
) -> "Settings":
    """Return the settings that the options of an audit say; their files are read."""
    from ebi_rules.provider_audit.benchmarks import read_benchmark, read_prices, read_rates
    from ebi_rules.provider_audit.input_files import read_names, read_population, read_standard
    from ebi_rules.provider_audit.merged_providers import MergedProviders, read_merged_providers
    from ebi_rules.provider_audit.settings import AGE_AND_SEX, Settings

    return Settings(
        names=read_names(names) if names else {},
        merged=read_merged_providers(merge_providers) if merge_providers else MergedProviders(),
        standard=read_standard(standard) if standard else None,
        population=read_population(population) if population else None,
        benchmark=read_benchmark(benchmark) if benchmark else None,
        prices=read_prices(prices) if prices else {},
        comparators=read_rates(comparators) if comparators else {},
        adjust=tuple(dict.fromkeys(adjust)) or AGE_AND_SEX,
        rebase=tuple(rebase),
        providers=tuple(providers),
        check_keys=not no_key_check,
        **others,
    )


def _refuse_extract_options(options: dict[str, Any]) -> None:
    """Refuse options that are only for an extract: a cube is already counted."""
    relevant = ("by", *EXTRACT_OPTIONS, *_COUNTING_OPTIONS)
    used = [name for name in relevant if options[name] and not (name == "engine" and options[name] == "polars")]
    if used:
        flags = ", ".join(f"--{_FLAGS.get(name, name).replace('_', '-')}" for name in used)
        raise UsageError(f"{flags}: only for an extract; a cube is already counted.")


COMMANDS = (audit,)
