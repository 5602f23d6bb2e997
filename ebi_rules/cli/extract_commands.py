"""The commands over extracts: make one up, flag it, explain one activity. Thin: the library does the work."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from ebi_rules._support.errors import UsageError
from ebi_rules.cli.command_line import (
    SCOPE,
    asked,
    completing,
    extract_argument,
    folders_option,
    force_option,
    layout_names,
    reading_options,
    rule_names,
    rules_option,
    skip_option,
    status,
    variant_option,
    warn,
)


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Rows of the made-up extract.")
@click.option("--out", default="ebi-demo", show_default=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--seed", default=1, show_default=True)
@force_option
def demo(rows: int, out: Path, seed: int, force: bool) -> None:
    """Make an extract up, audit it and write the report."""
    from ebi_rules._support.atomic_output import whole_folder
    from ebi_rules.cli.audit_command import echo_audit
    from ebi_rules.provider_audit.input_files import read_names
    from ebi_rules.provider_audit.settings import Settings
    from ebi_rules.results.audit_result import OURS
    from ebi_rules.results.audit_run import audit
    from ebi_rules.synth.made_up_extract import write_extract

    ours = re.compile(rf"(extract|truth)\.parquet|providers\.csv|audit/({OURS.pattern})")
    with whole_folder(out, ours, force) as folder, status() as progress:
        progress("making an extract up")
        write_extract(
            folder / "extract.parquet", rows, seed, truth=folder / "truth.parquet", names=folder / "providers.csv"
        )
        settings = Settings(names=read_names(folder / "providers.csv"))
        found = audit(
            folder / "extract.parquet", by=["ethnic_category", "referral_setting"], settings=settings, progress=progress
        )
        found.recorded_at(str(out)).write(folder / "audit", progress=progress)
    echo_audit(found)
    click.echo(f"Open {out / 'audit' / 'report.html'} in a browser. Everything here is made up.")


@click.command()
@extract_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Parquet file to write.")
@rules_option
@variant_option
@reading_options
@click.option("--explain", "with_reasons", is_flag=True, help="Add what stopped each rule and which codes matched.")
@skip_option
@force_option
def flag(
    extract: str,
    output: Path,
    rules: Sequence[str],
    folders: Sequence[str],
    variant: str,
    layout: str | None,
    overrides: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
    any_dataset: bool,
    with_reasons: bool,
    skip_unavailable: bool,
    force: bool,
) -> None:
    """Write the activity key and one true or false column a rule."""
    from ebi_rules.results.flags import write_flags

    with status() as progress:
        written = write_flags(
            extract,
            output,
            asked(rules, folders),
            layout,
            variant,
            overrides,
            procedures,
            diagnoses,
            explain=with_reasons,
            skip_unavailable=skip_unavailable,
            any_dataset=any_dataset,
            force=force,
            progress=progress,
        )
    warn(written.warnings)
    click.echo(f"Layout {written.layout}; {written.rows:,} rows.")
    for key, count in written.flagged.items():
        click.echo(f"{key}: {count:,} in scope.")
    click.echo(f"Wrote {output}. {SCOPE}")


@click.command()
@extract_argument
@click.option("--id", "key", required=True, help="The activity's key.")
@click.option("--rule", required=True, shell_complete=completing(rule_names), help="Rule key or alias.")
@folders_option
@variant_option
@reading_options
def explain(
    extract: str,
    key: str,
    rule: str,
    folders: Sequence[str],
    variant: str,
    layout: str | None,
    overrides: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
    any_dataset: bool,
) -> None:
    """Say why a rule flags one activity, or does not."""
    from ebi_rules.engines.activity_lookup import find_activities
    from ebi_rules.rule_model.catalogue import catalogue
    from ebi_rules.translate.english import say

    reading = catalogue(*folders).rule(rule).variant(variant)
    found = find_activities(extract, key, reading, layout, overrides, procedures, diagnoses, any_dataset)
    for place, activity in enumerate(found, start=1):
        result = reading.explain(activity)
        outcome = "in scope" if result.flagged else f"not in scope, stopped by {result.stopped_by}"
        row = f" (row {place} of {len(found)} with this key)" if len(found) > 1 else ""
        click.echo(f"{reading.key}{row}: {outcome}.")
        for each in result.criteria:
            codes = f" [{', '.join(each.codes)}]" if each.codes else ""
            text = say(reading.criteria[each.name], reading.words)
            click.echo(f"  {'yes' if each.held else 'no ':<3} {each.name}: {text}{codes}")
    click.echo(SCOPE)


@click.command()
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Parquet file to write, or folder."
)
@click.option("--rows", default=100_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--layout", default="ncdr-opa", show_default=True, shell_complete=completing(layout_names))
@click.option(
    "--truth", type=click.Path(path_type=Path), metavar="FILE", help="Also write what was planted in scope, and why."
)
@click.option(
    "--names", type=click.Path(path_type=Path), metavar="FILE", help="Also write the providers' made-up names, as CSV."
)
@click.option(
    "--people", type=int, metavar="N", help="Make so many people up instead, with planted pathways: a folder."
)
@force_option
def synth(
    output: Path,
    rows: int,
    seed: int,
    layout: str,
    truth: Path | None,
    names: Path | None,
    people: int | None,
    force: bool,
) -> None:
    """Make an outpatient extract up, by seed, in any layout; or people with outpatient and admitted activity."""
    from ebi_rules.synth.made_up_extract import write_extract
    from ebi_rules.synth.made_up_people import write_population

    if people is not None:
        if truth or names:
            raise UsageError("--people writes its truth beside the extracts: leave --truth and --names out.")
        with _row_progress(people, "people") as progress:
            write_population(output, people, seed, force, progress)
        click.echo(f"Wrote {output}: {people:,} made-up people.")
        return
    with _row_progress(rows, "rows") as progress:
        written = write_extract(output, rows, seed, layout, truth, names, force, progress)
    click.echo(f"Wrote {rows:,} made-up rows: {', '.join(map(str, written))}.")


@contextmanager
def _row_progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Show what is done and time left, on a terminal; elsewhere be quiet."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


COMMANDS = (demo, flag, explain, synth)
