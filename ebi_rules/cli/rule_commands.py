"""The commands for rules: list, show, print as SQL, export codes."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.cli.command_line import counted, show_columns, warn
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.options import (
    any_dataset_option,
    areas_option,
    child_names_option,
    child_tables,
    column_option,
    completing,
    dialect_option,
    force_option,
    named_rules,
    output_folder,
    places_option,
    reference_option,
    required_layout_option,
    rule_names,
    scope_options,
    table_option,
    variant_option,
)

_rule_argument = click.argument("rule", shell_complete=completing(rule_names))
_edition_option = click.option("--edition", help="Another edition of the coding.")


_FITNESS = (
    "compare, count, floor, ceiling and unsafe say what a rule may be used for: ebi-rules show RULE gives the reason. "
    "List 3 exists; neither its titles nor its codings were found."
)


@command("rules")
@click.option("--list", "list_number", type=int, help="Only interventions of this list: 1 or 2.")
@click.option("--dataset", help="Only rules for outpatient or admitted activity.")
@click.option("--status", help="Only this status: published, ported, local, or unread.")
@click.option("--specialty", help="Only this specialty, such as urology.")
@places_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_rules(
    list_number: int | None,
    dataset: str | None,
    status: str | None,
    specialty: str | None,
    places: Sequence[str],
    as_json: bool,
) -> None:
    """List the programme's interventions and their rules.

    \b
    Example:
      ebi-rules rules --dataset outpatient
    """
    from ebi_rules.rule_model.catalogue import open_catalogue
    from ebi_rules.rule_model.catalogue_listing import catalogue_entries

    filters = {"list": list_number, "dataset": dataset, "status": status, "specialty": specialty}
    entries = catalogue_entries(list(open_catalogue(*places)))
    for name, value in filters.items():
        known = list(dict.fromkeys(str(entry[name]) for entry in entries if entry[name] is not None))
        if value is not None and str(value) not in known:
            raise UsageError(f"--{name}: " + unknown(name, str(value), known))
    chosen = [entry for entry in entries if all(value in (None, entry[name]) for name, value in filters.items())]
    if as_json:
        click.echo(json.dumps(chosen, indent=2))
        return
    rows = []
    for entry in chosen:
        coding = f"{entry['dataset']}, {entry['status']}, {entry['edition']}, {entry['fitness']}"
        if not entry["key"]:
            coding = f"not yet read: {entry['page'] or entry['not_read']}"
        rows.append((str(entry["letter"] or ""), str(entry["key"] or "-"), f"{entry['title']} ({coding})"))
    show_columns(rows)
    click.echo(_FITNESS, err=True)


@command()
@_rule_argument
@variant_option
@_edition_option
@click.option("--diff", "other", metavar="EDITION", help="Show instead what changed since another edition.")
@places_option
@reference_option
def show(
    rule: str, variant: str, edition: str | None, other: str | None, places: Sequence[str], reference: str | None
) -> None:
    """Show a rule in English, with its codes and source.

    \b
    Examples:
      ebi-rules show 2S
      ebi-rules show 2E --diff 2020
    """
    from ebi_rules.results.descriptions import describe
    from ebi_rules.rule_model.catalogue import open_catalogue
    from ebi_rules.rule_model.code_titles import find_reference
    from ebi_rules.rule_model.editions_diff import compare_editions

    current = open_catalogue(*places).rule(rule)
    chosen = (current.edition(edition) if edition else current).variant(variant)
    text = compare_editions(current.edition(other), chosen) if other else describe(chosen, find_reference(reference))
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        click.echo(text)


@command()
@_rule_argument
@variant_option
@_edition_option
@click.option("--format", "code_format", default="csv", show_default=True, help="csv (code, term, category) or fhir.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; by default the screen.")
@places_option
@reference_option
@force_option
def codes(
    rule: str,
    variant: str,
    edition: str | None,
    code_format: str,
    output: Path | None,
    places: Sequence[str],
    reference: str | None,
    force: bool,
) -> None:
    """Export a rule's codes as CSV or FHIR.

    CSV is for OpenCodelists; FHIR gives R4 value sets.

    With --reference, every code under a prefix is listed with its title; without, prefixes are listed.

    \b
    Examples:
      ebi-rules codes 2S
      ebi-rules codes 2S --format fhir -o 2S.json
    """
    from ebi_rules._support.atomic_output import whole_file
    from ebi_rules.rule_model.catalogue import open_catalogue
    from ebi_rules.rule_model.code_exports import FORMATS
    from ebi_rules.rule_model.code_titles import find_reference

    if code_format not in FORMATS:
        raise UsageError("--format: " + unknown("format", code_format, FORMATS))
    current = open_catalogue(*places).rule(rule)
    chosen = (current.edition(edition) if edition else current).variant(variant)
    text = FORMATS[code_format](chosen, find_reference(reference))
    if output is None:
        click.echo(text, nl=False)
        return
    with whole_file(output, force) as target:
        target.write_text(text, encoding="utf-8", newline="")
    click.echo(f"Wrote {output}.")


@command()
@click.argument("rules", nargs=-1, required=True, metavar="RULE...", shell_complete=completing(rule_names))
@dialect_option
@required_layout_option
@table_option
@click.option(
    "--shape", default="flags", show_default=True, help="flags, predicate, case, counts, view, cube or checks."
)
@click.option("--by", multiple=True, metavar="FIELD", help="With --shape cube, also count by this field.")
@click.option(
    "--strategy",
    metavar="NAME",
    help="distinct decides each distinct text of codes once, inline is shorter to paste; by default whichever the "
    "dialect runs faster.",
)
@click.option("--plain", is_flag=True, help="Compare every code by plain LIKE alone, without regular expressions.")
@scope_options
@areas_option
@variant_option
@places_option
@column_option
@child_names_option
@any_dataset_option
def sql(
    rules: Sequence[str],
    dialect: str,
    layout: str,
    table: str,
    shape: str,
    by: Sequence[str],
    strategy: str | None,
    plain: bool,
    months: str | None,
    providers: Sequence[str],
    areas: str | None,
    variant: str,
    places: Sequence[str],
    columns: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
    any_dataset: bool,
) -> None:
    """Print rules as SQL for a warehouse.

    \b
    Example:
      ebi-rules sql 2S --dialect tsql --layout ncdr-opa --table sus.opa
    """
    from ebi_rules.results.sql_text import sql as sql_of_rules
    from ebi_rules.rule_model.catalogue import open_catalogue

    catalogue = open_catalogue(*places)
    chosen = [catalogue.rule(name).variant(variant) for name in rules]
    text = sql_of_rules(
        chosen,
        dialect,
        layout,
        table,
        shape,
        columns,
        child_tables(procedures, diagnoses),
        by,
        months,
        providers,
        areas,
        any_dataset,
        strategy,
        plain,
    )
    click.echo(text)


@command()
@click.argument("rules", nargs=-1, metavar="[RULE...]", shell_complete=completing(rule_names))
@output_folder
@dialect_option
@required_layout_option
@table_option
@variant_option
@places_option
@click.option("--by", multiple=True, metavar="FIELD", help="Also count the cube by this field.")
@areas_option
@column_option
@child_names_option
@any_dataset_option
@force_option
def dbt(
    rules: Sequence[str],
    output: Path,
    dialect: str,
    layout: str,
    table: str,
    variant: str,
    places: Sequence[str],
    by: Sequence[str],
    areas: str | None,
    columns: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
    any_dataset: bool,
    force: bool,
) -> None:
    """Write a dbt package.

    It has one model per rule, the cube, sources and tests.

    \b
    Example:
      ebi-rules dbt 2S -o ebi --dialect snowflake --layout ncdr-opa --table sus.opa
    """
    from ebi_rules.criteria.areas import recodings
    from ebi_rules.layouts.binding import bind
    from ebi_rules.layouts.layout import find_layout
    from ebi_rules.rule_model.catalogue import choose_rules
    from ebi_rules.statements.dbt import write_package
    from ebi_rules.statements.table_source import TableSource

    binding = bind(find_layout(layout), None, columns).recoded(recodings(areas))
    chosen, warnings = choose_rules(named_rules(rules, places), variant, binding, any_dataset=any_dataset)
    source = TableSource(binding, table, child_tables(procedures, diagnoses))
    models = write_package([interpretation for _, interpretation in chosen], dialect, source, output, by, force)
    warn(warnings)
    click.echo(f"Wrote {output}: {counted(len(models), 'model')}. {FLAG_MEANING}")


@command("changes")
@click.option("--since", required=True, metavar="VERSION", help="An earlier version of ebi-rules, such as 0.1.0.")
def list_changes(since: str) -> None:
    """List what makes numbers differ from an earlier version.

    \b
    Example:
      ebi-rules changes --since 0.1.0
    """
    from ebi_rules.rule_model.version_history import changes
    from ebi_rules.version import __version__

    sentences = list(changes(since))
    for sentence in sentences or [f"Nothing changes numbers between {since} and {__version__}."]:
        click.echo(sentence)


COMMANDS = (list_rules, show, list_changes, codes, sql, dbt)
