"""The commands for pathways: list measures and flows, run them, print measures as SQL."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebi_rules._support.errors import UsageError
from ebi_rules._support.standing_words import BEFORE_IT_LEAVES, FLAG_MEANING
from ebi_rules.cli.command_line import show_columns, shown_count, status, warn, warn_of_exact_counts
from ebi_rules.cli.further_outputs import pack_options, require_possible
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.options import (
    adjust_option,
    areas_option,
    column_option,
    dialect_option,
    disclosure_option,
    engine_option,
    force_option,
    merge_option,
    names_option,
    output_folder,
    release_options,
    scope_options,
    specialist_option,
    text_options,
)

if TYPE_CHECKING:
    from ebi_rules.pathways.flow import Flow
    from ebi_rules.pathways.measure import Measure
    from ebi_rules.results.measure_result import MeasureResult

_measure_folder_option = click.option(
    "--measures", "measure_folder", metavar="FOLDER", help="Your own measures: a folder or a file."
)


@command("measures")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_measures(as_json: bool) -> None:
    """List the pathway measures and flows.

    \b
    Example:
      ebi-rules measures
    """
    from ebi_rules.pathways.definitions import flows, measures

    definitions: list[tuple[Measure | Flow, str]] = [
        *((measure, measure.gives) for measure in measures()),
        *((flow, "flow") for flow in flows()),
    ]
    if as_json:
        click.echo(json.dumps([_entry(definition, gives) for definition, gives in definitions], indent=2))
        return
    show_columns([(definition.key, f"{definition.title} ({gives})") for definition, gives in definitions])


@command()
@click.argument("extracts", nargs=-1, required=True, metavar="EXTRACT...")
@output_folder
@specialist_option
@click.option("--measure", "measures", multiple=True, metavar="KEY", help="Measure; by default all.")
@_measure_folder_option
@click.option(
    "--flow",
    "flows",
    multiple=True,
    metavar="KEY",
    help="Flow, such as musculoskeletal; by default all, unless measures are named.",
)
@click.option("--flows", "flow_folder", metavar="FOLDER", help="Your own flows: a folder or a file.")
@click.option("--by", multiple=True, metavar="FIELD", help="Also group index activities by this field.")
@adjust_option
@disclosure_option
@names_option
@merge_option
@areas_option
@scope_options
@click.option(
    "--population",
    type=click.Path(),
    metavar="FILE",
    help="People, for rates per 1,000 registered: CSV with area, age_band, sex, count.",
)
@click.option("--xlsx", is_flag=True, help="Also write the tables as a workbook, measures.xlsx.")
@pack_options
@column_option
@engine_option
@text_options
@click.option("--skip-unavailable", is_flag=True, help="Skip measures that the extracts cannot answer.")
@release_options
@force_option
def measure(
    extracts: Sequence[str],
    output: Path,
    measures: Sequence[str],
    measure_folder: str | None,
    flows: Sequence[str],
    flow_folder: str | None,
    by: Sequence[str],
    adjust: Sequence[str],
    names: str | None,
    merge_providers: str | None,
    providers: Sequence[str],
    population: str | None,
    xlsx: bool,
    pack: str | None,
    name_others: bool,
    columns: dict[str, str],
    engine: str,
    separator: str | None,
    encoding: str | None,
    release: Path | None,
    release_override: str | None,
    force: bool,
    **settings: Any,
) -> None:
    """Measure what happened before and after.

    The extracts are of the same people.

    \b
    Examples:
      ebi-rules measure opa.parquet apc.parquet -o pathways
      ebi-rules measure opa.parquet -o waits --measure days_to_first_attendance
    """
    from ebi_rules._support.atomic_output import reserved_output
    from ebi_rules.provider_audit.input_files import read_names, read_population
    from ebi_rules.provider_audit.merged_providers import MergedProviders, read_merged_providers
    from ebi_rules.provider_audit.settings import AGE_AND_SEX, Settings
    from ebi_rules.results.measure_run import run_measures
    from ebi_rules.results.opened_extract import open_extract

    for noun, keys, folder in (("measure", measures, measure_folder), ("flow", flows, flow_folder)):
        if keys and folder:
            raise UsageError(f"use either --{noun} or --{noun}s, not both.")
    require_possible(False, False, pack, name_others, by, False)
    adjusted = tuple(dict.fromkeys(adjust)) or AGE_AND_SEX
    merged = read_merged_providers(merge_providers) if merge_providers else MergedProviders()
    chosen = Settings(
        names=read_names(names) if names else {},
        merged=merged,
        adjust=adjusted,
        providers=tuple(providers),
        population=read_population(population) if population else None,
        **settings,
    )
    extracts = _without_child_files(extracts)
    with reserved_output(output, force), status() as progress:
        progress("opening the extracts")
        result = run_measures(
            [
                open_extract(extract, columns=columns, engine=engine, separator=separator, encoding=encoding)
                for extract in extracts
            ],
            Path(measure_folder) if measure_folder else measures or None,
            Path(flow_folder) if flow_folder else flows or None,
            by,
            chosen,
            progress=progress,
        )
        result.write(output, force, progress, release, release_override, xlsx, pack, name_others)
    show_measures(result)
    click.echo(f"Wrote {output}. {FLAG_MEANING}")


def _without_child_files(extracts: Sequence[str]) -> list[str]:
    """Leave out files that are read with another extract, as PEOPLE/*.parquet names them too."""
    from ebi_rules.engines.child_tables import is_child_file

    files = [Path(extract) for extract in extracts]
    children = [file for file in files if file.is_file() and is_child_file(file, file.parent)]
    if len(children) < len(files):
        for file in children:
            click.echo(f"{file} is a further table of another extract, and is read with it.", err=True)
        return [extract for extract, file in zip(extracts, files, strict=True) if file not in children]
    return list(extracts)


@command("measure-sql")
@click.argument("key", metavar="MEASURE")
@dialect_option
@click.option(
    "--table",
    "tables",
    multiple=True,
    required=True,
    metavar="LAYOUT=TABLE",
    help="A table and its layout, such as ncdr-opa=sus.opa; name every table of the same people.",
)
@click.option(
    "--shape",
    default="rows",
    show_default=True,
    help="rows, one per index activity, or counts by provider and month.",
)
@_measure_folder_option
@click.option("--strategy", metavar="NAME", help="How codes are decided: distinct or inline, as for rules.")
@column_option
def measure_sql(
    key: str,
    dialect: str,
    tables: Sequence[str],
    shape: str,
    measure_folder: str | None,
    strategy: str | None,
    columns: dict[str, str],
) -> None:
    """Print a measure as SQL for a warehouse.

    \b
    Example:
      ebi-rules measure-sql days_to_first_attendance --dialect tsql --table ncdr-opa=sus.opa
    """
    from ebi_rules._support.errors import unknown
    from ebi_rules.pathways.definitions import measures
    from ebi_rules.results.sql_text import measure_sql as sql_of_measure

    known = {measure.key: measure for measure in measures(Path(measure_folder) if measure_folder else None)}
    if key not in known:
        raise UsageError(unknown("measure", key, known))
    pairs = []
    for text in tables:
        layout, equals, table = text.partition("=")
        if not (layout and equals and table):
            raise UsageError(f"--table {text}: write LAYOUT=TABLE, such as ncdr-opa=sus.opa.")
        pairs.append((layout, table))
    click.echo(sql_of_measure(known[key], dialect, pairs, shape, columns, strategy))


def _entry(definition: "Measure | Flow", gives: str) -> dict[str, object]:
    return {
        "key": definition.key,
        "title": definition.title,
        "gives": gives,
        "about": definition.about,
        "source": definition.source,
        "shows": definition.shows,
        "limits": definition.limits,
    }


def show_measures(result: "MeasureResult") -> None:
    """Show the result of measures and flows on the screen, under its disclosure control."""
    warn(result.warnings)
    everyone = {"provider": "all providers"}
    for row in result.shares.filter(**everyone).rows(named=True) if result.tables.entries else []:
        percent = "" if row["percent"] is None else f", {row['percent']}%"
        counts = f"{shown_count(row['outcome'])} of {shown_count(row['followed'])} followed"
        click.echo(f"{row['measure']}: {counts}{percent}.")
    for flow, _ in result.tables.moves:
        stages = result.table("flow_stages").filter(flow=flow.key, **everyone).select("stage", "entered")
        click.echo(f"{flow.key}: {', '.join(f'{stage} {shown_count(entered)}' for stage, entered in stages.rows())}.")
    if result.tables.settings.disclosure == "none":
        warn_of_exact_counts()
    else:
        click.echo(BEFORE_IT_LEAVES)


COMMANDS = (list_measures, measure, measure_sql)
