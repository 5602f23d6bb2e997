"""The commands for extracts: create a made-up extract, flag an extract, explain one activity."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ebi_rules._support.errors import UsageError
from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.cli.command_line import row_progress, status, warn
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.options import (
    completing,
    engine_option,
    extract_argument,
    extract_options,
    force_option,
    layout_names,
    named_rules,
    opened,
    places_option,
    rule_names,
    rules_option,
    skip_option,
    variant_option,
)


@command()
@click.option("--rows", default=100_000, show_default=True, help="Rows of the sample extract.")
@click.option("--out", default="ebi-demo", show_default=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--seed", default=1, show_default=True, help="Seed of the random numbers.")
@force_option
def demo(rows: int, out: Path, seed: int, force: bool) -> None:
    """Create a sample extract and its report.

    \b
    Example:
      ebi-rules demo
    """
    from ebi_rules._support.atomic_output import whole_folder
    from ebi_rules.cli.audit_command import show_audit
    from ebi_rules.provider_audit.input_files import read_names
    from ebi_rules.provider_audit.settings import Settings
    from ebi_rules.results.audit_result import OUR_FILES
    from ebi_rules.results.audit_run import audit
    from ebi_rules.synth.made_up_extract import write_extract

    demo_files = re.compile(rf"(extract|truth)\.parquet|providers\.csv|audit/({OUR_FILES.pattern})")
    with whole_folder(out, demo_files, force) as folder, status() as progress:
        progress("making up an extract")
        extract, names = folder / "extract.parquet", folder / "providers.csv"
        write_extract(extract, rows, seed, truth=folder / "truth.parquet", names=names)
        settings = Settings(names=read_names(names))
        result = audit(extract, by=["ethnic_category", "referral_setting"], settings=settings, progress=progress)
        result.with_inputs_in(str(out)).write(folder / "audit", progress=progress)
    show_audit(result)
    click.echo(f"Open {out / 'audit' / 'report.html'} in a browser. All data are made up.")


@command()
@extract_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write, .parquet or .csv.")
@rules_option
@variant_option
@extract_options
@click.option(
    "--explain",
    "with_reasons",
    is_flag=True,
    help="Add what stopped each rule and which codes matched: a list, in CSV with spaces between.",
)
@skip_option
@force_option
def flag(
    extract: str,
    output: Path,
    rules: Sequence[str],
    places: Sequence[str],
    variant: str,
    any_dataset: bool,
    with_reasons: bool,
    skip_unavailable: bool,
    force: bool,
    **source: Any,
) -> None:
    """Write which rules flag each activity.

    The file has the activity key and one true or false column per rule.

    \b
    Examples:
      ebi-rules flag opa.parquet -o flags.parquet --rule 2S
      ebi-rules flag opa.csv -o flags.csv --explain
    """
    from ebi_rules._support.atomic_output import require_free
    from ebi_rules.results.flags import write_flags

    require_free(output, force)
    with status() as progress:
        written = write_flags(
            opened(extract, **source),
            output,
            named_rules(rules, places),
            variant,
            with_reasons,
            skip_unavailable,
            any_dataset,
            force,
            progress,
        )
    warn(written.warnings)
    click.echo(f"Layout {written.layout}; {written.rows:,} rows.")
    for key, count in written.flagged.items():
        click.echo(f"{key}: {count:,} in scope.")
    click.echo(f"Wrote {output}. {FLAG_MEANING}")


@command()
@extract_argument
@click.option("--id", "key", required=True, help="The activity's key.")
@click.option("--rule", required=True, shell_complete=completing(rule_names), help="Rule key or alias.")
@places_option
@variant_option
@extract_options
def explain(
    extract: str, key: str, rule: str, places: Sequence[str], variant: str, any_dataset: bool, **source: Any
) -> None:
    """Explain why a rule flags an activity, or not.

    It shows the codes and values of the activity that the rule looks at.

    \b
    Example:
      ebi-rules explain opa.parquet --id 1234 --rule 2S
    """
    from ebi_rules.results.explanations import explain as explain_activity
    from ebi_rules.rule_model.catalogue import open_catalogue
    from ebi_rules.translate.english import say

    chosen = open_catalogue(*places).rule(rule).variant(variant)
    explanations = explain_activity(opened(extract, **source), chosen, id=key, any_dataset=any_dataset)
    for place, explanation in enumerate(explanations, start=1):
        outcome = "in scope" if explanation.flagged else f"not in scope, stopped by {explanation.stopped_by}"
        row = f" (row {place} of {len(explanations)} with this key)" if len(explanations) > 1 else ""
        click.echo(f"{chosen.key}{row}: {outcome}.")
        for name, value in explanation.looked_at.items():
            click.echo(f"  {name.replace('_', ' ')}: {value}")
        for result in explanation.criteria:
            codes = f" [{', '.join(result.codes)}]" if result.codes else ""
            text = say(chosen.criteria[result.name], chosen.documentation.words)
            click.echo(f"  {'yes' if result.held else 'no ':<3} {result.name}: {text}{codes}")
    click.echo(FLAG_MEANING)


@command()
@extract_argument
@rules_option
@extract_options
@engine_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def check(
    extract: str, rules: Sequence[str], places: Sequence[str], any_dataset: bool, as_json: bool, **source: Any
) -> None:
    """Show what an extract contains: run it first.

    Counts are exact.

    \b
    Examples:
      ebi-rules check opa.parquet
      ebi-rules check opa.csv --column provider=ProvCode
    """
    from ebi_rules.provider_audit.audit_tables import READ

    with status() as progress:
        progress("reading the extract")
        profile = opened(extract, **source).profile(named_rules(rules, places))
    if as_json:
        click.echo(json.dumps(profile.as_record(), indent=2))
        return
    click.echo(f"Layout {profile.layout}; {profile.rows:,} rows.")
    click.echo("\nRows by month")
    for month, rows, plausible in profile.months.iter_rows():
        click.echo(f"  {month or 'no date':<8} {rows:>12,}" + ("" if plausible or not month else "  not plausible"))
    # What was found nowhere has no column.
    checks = [name for name in profile.fields.columns[3:] if name in READ or profile.fields[name].sum()]
    click.echo("\nRows by field in use")
    width = max(map(len, [*profile.fields["field"], "field"]))
    click.echo(f"  {'field':<{width}}" + "".join(f"{name.replace('_', ' '):>12}" for name in checks) + "  column")
    for row in profile.fields.iter_rows(named=True):
        cells = "".join(f"{'' if row[name] is None else f'{row[name]:,}':>12}" for name in checks)
        click.echo(f"  {row['field']:<{width}}{cells}  {row['column']}")
    if profile.unlisted_codes.height:
        click.echo("\nImaging codes that the crosswalk does not have: of other parts of the body, local, or mistakes")
        for field, length, rows in profile.unlisted_codes.iter_rows():
            click.echo(f"  {field:<{width}}{length:>14} {rows:>12,}")
    click.echo("\nRules")
    for rule in profile.rules.iter_rows(named=True):
        click.echo(
            f"  {'yes' if rule['answer'] else 'no ':<4}{rule['rule']}"
            + (f": {rule['why_not']}" if rule["why_not"] else "")
        )
    warn(profile.warnings)
    if profile.problem:
        click.echo(f"Problem: {profile.problem}", err=True)
    click.echo("Counts are exact: do not share them outside your organisation.", err=True)


@command("synth")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Parquet file or folder to write.")
@click.option("--rows", default=100_000, show_default=True, help="Rows of the extract.")
@click.option("--seed", default=1, show_default=True, help="Seed of the random numbers.")
@click.option(
    "--layout", default="ncdr-opa", show_default=True, shell_complete=completing(layout_names), help="Layout name."
)
@click.option(
    "--truth", type=click.Path(path_type=Path), metavar="FILE", help="Also write which rows are in scope, and why."
)
@click.option(
    "--names", type=click.Path(path_type=Path), metavar="FILE", help="Also write the providers' made-up names, as CSV."
)
@click.option(
    "--people", type=int, metavar="N", help="Write a folder with this many made-up people and known pathways instead."
)
@click.option(
    "--scans", type=int, metavar="N", help="Write a folder with this many people's scans in outpatients and imaging."
)
@force_option
def synth_command(
    output: Path,
    rows: int,
    seed: int,
    layout: str,
    truth: Path | None,
    names: Path | None,
    people: int | None,
    scans: int | None,
    force: bool,
) -> None:
    """Make up an extract, or people with pathways.

    The extract has the columns of a layout; people have activity in six datasets.

    \b
    Examples:
      ebi-rules synth -o opa.parquet --rows 100000
      ebi-rules synth -o people --people 5000
    """
    from ebi_rules.synth.made_up_extract import write_extract
    from ebi_rules.synth.made_up_people import write_population
    from ebi_rules.synth.scan_records import write_scans

    if people is not None and scans is not None:
        raise UsageError("use either --people or --scans.")
    if (people is not None or scans is not None) and truth:
        option = "--people" if scans is None else "--scans"
        raise UsageError(f"{option} writes the truth beside the extracts: do not use --truth with it.")
    if scans is not None and names:
        raise UsageError("--names is for an extract or --people.")
    if scans is not None:
        write_scans(output, scans, seed, force)
        click.echo(f"Wrote {output}: the scans of {scans:,} made-up people.")
        return
    if people is not None:
        with row_progress(people, "people") as progress:
            write_population(output, people, seed, force, progress, names)
        click.echo(f"Wrote {output}: {people:,} made-up people.")
        return
    with row_progress(rows, "rows") as progress:
        files = write_extract(output, rows, seed, layout, truth, names, force, progress)
    click.echo(f"Wrote {rows:,} made-up rows: {', '.join(map(str, files))}.")


COMMANDS = (demo, check, flag, explain, synth_command)
