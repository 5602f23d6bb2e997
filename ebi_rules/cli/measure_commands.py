"""The commands over pathways: list the measures, run them. Thin: the library does the work."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.cli.command_line import (
    SCOPE,
    areas_option,
    column_option,
    completing,
    dialect_names,
    force_option,
    skip_option,
    status,
    warn,
)


@click.command("measures")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_measures(as_json: bool) -> None:
    """List the pathway measures and flows, a line each."""
    from ebi_rules.pathways.definitions import measures
    from ebi_rules.pathways.flow import Flow
    from ebi_rules.pathways.flow_definitions import flows
    from ebi_rules.pathways.measure import Measure

    found: list[tuple[Measure | Flow, str]] = [
        *((each, each.gives) for each in measures()),
        *((flow, "flow") for flow in flows()),
    ]
    if as_json:
        entries = [
            {
                "key": each.key,
                "title": each.title,
                "gives": gives,
                "about": each.about,
                "source": each.source,
                "shows": each.shows,
                "limits": each.limits,
            }
            for each, gives in found
        ]
        click.echo(json.dumps(entries, indent=2))
        return
    for each, gives in found:
        click.echo(f"{each.key:<32} {each.title} ({gives})")


@click.command()
@click.argument("extracts", nargs=-1, required=True, metavar="EXTRACT...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--measure", "measures", multiple=True, metavar="KEY", help="Measure; all when not given.")
@click.option("--measures", "folder", metavar="FOLDER", help="Measures of your own: a folder or a file.")
@click.option(
    "--flow",
    "flows",
    multiple=True,
    metavar="KEY",
    help="Flow, such as musculoskeletal; all when neither measures nor flows are given.",
)
@click.option("--flows", "flow_folder", metavar="FOLDER", help="Flows of your own: a folder or a file.")
@click.option("--by", multiple=True, metavar="FIELD", help="Break index activities down by this field too.")
@click.option(
    "--adjust",
    multiple=True,
    metavar="FIELD",
    help="Fields of case mix: age_band, sex (these two when not given), imd_decile, ethnic_category.",
)
@click.option(
    "--disclosure",
    default="hes",
    show_default=True,
    metavar="METHOD",
    help="Disclosure control: hes, midpoint6, or none for exact counts.",
)
@click.option("--names", type=click.Path(), metavar="FILE", help="Providers' names: CSV with code and name.")
@areas_option
@column_option
@skip_option
@force_option
def measure(
    extracts: Sequence[str],
    output: Path,
    measures: Sequence[str],
    folder: str | None,
    flows: Sequence[str],
    flow_folder: str | None,
    by: Sequence[str],
    adjust: Sequence[str],
    disclosure: str,
    names: str | None,
    areas: str | None,
    overrides: dict[str, str],
    skip_unavailable: bool,
    force: bool,
) -> None:
    """Measure what happened before and after, over extracts of the same people."""
    from ebi_rules._support.atomic_output import require_free
    from ebi_rules.provider_audit.input_files import read_names
    from ebi_rules.provider_audit.settings import AGE_AND_SEX, Settings
    from ebi_rules.results.measure_run import measure as run

    for what, keys, own in (("measure", measures, folder), ("flow", flows, flow_folder)):
        if keys and own:
            raise UsageError(f"name {what}s with --{what}, or a folder of your own with --{what}s: one of them.")
    require_free(output, force)
    fields = tuple(dict.fromkeys(adjust)) or AGE_AND_SEX
    settings = Settings(disclosure, names=read_names(names) if names else {}, adjust=fields)
    with status() as progress:
        found = run(
            extracts,
            folder or measures or None,
            flow_folder or flows or None,
            by,
            overrides,
            areas,
            settings,
            skip_unavailable,
            progress=progress,
        )
        found.write(output, force, progress)
    warn(found.warnings)
    overall = found.shares.filter(provider="all providers").rows(named=True) if found.entries else []
    for row in overall:
        percent = "" if row["percent"] is None else f", {row['percent']}%"
        click.echo(f"{row['measure']}: {_told(row['outcome'])} of {_told(row['followed'])} followed{percent}.")
    for flow, _ in found.walked:
        stages = found.table("flow_stages").filter(flow=flow.key, provider="all providers")
        told = [f"{stage} {_told(entered)}" for stage, entered in stages.select("stage", "entered").iter_rows()]
        click.echo(f"{flow.key}: {', '.join(told)}.")
    if disclosure == "none":
        click.echo("Counts are exact: do not pass them on outside the organisation.", err=True)
    click.echo(f"Wrote {output}. {SCOPE}")


@click.command("measure-sql")
@click.argument("key", metavar="MEASURE")
@click.option("--dialect", required=True, shell_complete=completing(dialect_names), help="SQL dialect.")
@click.option(
    "--table",
    "tables",
    multiple=True,
    required=True,
    metavar="LAYOUT=TABLE",
    help="A table and its layout, such as ncdr-opa=sus.opa; as many as hold the same people.",
)
@click.option(
    "--shape", default="rows", show_default=True, help="rows, one an index activity, or counts by provider and month."
)
@click.option("--measures", "folder", metavar="FOLDER", help="Measures of your own: a folder or a file.")
@click.option("--strategy", metavar="NAME", help="How codes are decided: distinct or inline, as for rules.")
@column_option
def measure_sql(
    key: str,
    dialect: str,
    tables: Sequence[str],
    shape: str,
    folder: str | None,
    strategy: str | None,
    overrides: dict[str, str],
) -> None:
    """Print a measure as SQL over the tables of a data warehouse."""
    from ebi_rules.pathways.definitions import measures

    found = {each.key: each for each in measures(folder)}
    if key not in found:
        raise UsageError(unknown("measure", key, found))
    pairs = []
    for text in tables:
        layout, equals, table = text.partition("=")
        if not (layout and equals and table):
            raise UsageError(f"--table {text}: write LAYOUT=TABLE, such as ncdr-opa=sus.opa.")
        pairs.append((layout, table))
    click.echo(found[key].sql(dialect, pairs, shape, overrides, strategy))


def _told(count: int | None) -> str:
    return "*" if count is None else f"{count:,}"


COMMANDS = (list_measures, measure, measure_sql)
