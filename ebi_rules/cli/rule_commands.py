"""The commands over rules: list, show, print as SQL, export codes. Thin: the library does the work."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.cli.command_line import (
    SCOPE,
    any_dataset_option,
    areas_option,
    asked,
    column_option,
    completing,
    counted,
    dialect_names,
    folders_option,
    force_option,
    layout_names,
    reference_option,
    rule_names,
    scope_options,
    variant_option,
    warn,
)

_rule_argument = click.argument("rule", shell_complete=completing(rule_names))
_edition = click.option("--edition", help="Another edition of the coding.")


@click.command("rules")
@click.option("--list", "list_number", type=int, help="Only interventions of this list: 1 or 2.")
@click.option("--dataset", help="Only rules for outpatient or admitted activity.")
@click.option("--status", help="Only coded so: published, ported, local, or uncoded.")
@click.option("--specialty", help="Only of this specialty, such as urology.")
@folders_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_rules(
    list_number: int | None,
    dataset: str | None,
    status: str | None,
    specialty: str | None,
    folders: Sequence[str],
    as_json: bool,
) -> None:
    """List the programme's interventions, a line each: the rule that codes it, or that no coding is public."""
    from ebi_rules.rule_model.catalogue import catalogue
    from ebi_rules.rule_model.catalogue_listing import entries

    wanted = {"list": list_number, "dataset": dataset, "status": status, "specialty": specialty}
    every = entries(catalogue(*folders).rules())
    for name, value in wanted.items():
        known = list(dict.fromkeys(str(entry[name]) for entry in every if entry[name] is not None))
        if value is not None and str(value) not in known:
            raise UsageError(f"--{name}: " + unknown(name, str(value), known))
    found = [entry for entry in every if all(value in (None, entry[name]) for name, value in wanted.items())]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for entry in found:
        coded = f"{entry['dataset']}, {entry['status']}, {entry['edition']}"
        said = coded if entry["key"] else f"no coding is public; {entry['page'] or 'no page was found'}"
        click.echo(f"{entry['letter'] or '':<4} {entry['key'] or '-':<28} {entry['title']} ({said})")


@click.command()
@_rule_argument
@variant_option
@_edition
@click.option("--diff", "other", metavar="EDITION", help="Tell instead what changed since another edition.")
@folders_option
@reference_option
def show(
    rule: str, variant: str, edition: str | None, other: str | None, folders: Sequence[str], reference: str | None
) -> None:
    """Show a rule in English with its codes and source."""
    from ebi_rules.rule_model.catalogue import catalogue
    from ebi_rules.rule_model.code_titles import find_reference
    from ebi_rules.rule_model.editions_diff import differences

    found = catalogue(*folders).rule(rule)
    chosen = found.edition(edition) if edition else found
    reading = chosen.variant(variant)
    text = differences(found.edition(other), reading) if other else reading.describe(find_reference(reference))
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        click.echo(text)


@click.command()
@_rule_argument
@variant_option
@_edition
@click.option("--format", "form", default="csv", show_default=True, help="csv (code, term, category) or fhir.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; the screen when not given.")
@folders_option
@reference_option
def codes(
    rule: str,
    variant: str,
    edition: str | None,
    form: str,
    output: Path | None,
    folders: Sequence[str],
    reference: str | None,
) -> None:
    """Export a rule's code lists: CSV as OpenCodelists reads it, or FHIR R4 value sets.

    With --reference every code under a prefix is listed with its title; without, the prefixes stand for them.
    """
    from ebi_rules._support.atomic_output import whole_file
    from ebi_rules.rule_model.catalogue import catalogue
    from ebi_rules.rule_model.code_exports import FORMS
    from ebi_rules.rule_model.code_titles import find_reference

    if form not in FORMS:
        raise UsageError("--format: " + unknown("format", form, FORMS))
    found = catalogue(*folders).rule(rule)
    reading = (found.edition(edition) if edition else found).variant(variant)
    text = FORMS[form](reading, find_reference(reference))
    if output is None:
        click.echo(text, nl=False)
        return
    with whole_file(output, force=False) as target:
        target.write_text(text, encoding="utf-8", newline="")
    click.echo(f"Wrote {output}.")


@click.command()
@click.argument("rules", nargs=-1, required=True, metavar="RULE...", shell_complete=completing(rule_names))
@click.option("--dialect", required=True, shell_complete=completing(dialect_names), help="SQL dialect.")
@click.option("--layout", required=True, shell_complete=completing(layout_names), help="Layout name or .toml file.")
@click.option("--table", required=True, help="The activity table, such as sus.opa.")
@click.option("--shape", default="flags", show_default=True, help="flags, predicate, case, counts, view or cube.")
@click.option("--by", multiple=True, metavar="FIELD", help="With --shape cube, count by this field too.")
@click.option(
    "--strategy",
    metavar="NAME",
    help="distinct, which decides each different text of codes once, or inline, which is shorter to paste; "
    "by default what the dialect runs faster.",
)
@scope_options
@areas_option
@variant_option
@folders_option
@column_option
@click.option("--procedures", metavar="TABLE", help="Child table of procedures, for layouts that have one.")
@click.option("--diagnoses", metavar="TABLE", help="Child table of diagnoses, for layouts that have one.")
@any_dataset_option
def sql(
    rules: Sequence[str],
    dialect: str,
    layout: str,
    table: str,
    shape: str,
    variant: str,
    overrides: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
    any_dataset: bool,
    by: Sequence[str],
    strategy: str | None,
    months: str | None,
    providers: Sequence[str],
    areas: str | None,
    folders: Sequence[str],
) -> None:
    """Print rules as SQL for a data warehouse."""
    from ebi_rules.criteria.areas import recodings
    from ebi_rules.layouts.binding import bind
    from ebi_rules.layouts.layout import find_layout
    from ebi_rules.layouts.scope import Scope
    from ebi_rules.rule_model.catalogue import catalogue
    from ebi_rules.rule_model.rule import available
    from ebi_rules.statements.rule_sql import statement

    binding = bind(find_layout(layout), None, overrides).recoded(recodings(areas))
    found = catalogue(*folders).rules(rules)
    readings, _ = available(
        [rule.variant(variant) for rule in found], binding, skip_unavailable=False, any_dataset=any_dataset
    )
    children = {"procedures": procedures, "diagnoses": diagnoses}
    named = {field: name for field, name in children.items() if name}
    scope = Scope.of(months, providers)
    click.echo(statement(list(readings.values()), dialect, binding, table, shape, named, by, strategy, scope))


@click.command()
@click.argument("rules", nargs=-1, metavar="[RULE...]", shell_complete=completing(rule_names))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--dialect", required=True, shell_complete=completing(dialect_names), help="SQL dialect.")
@click.option("--layout", required=True, shell_complete=completing(layout_names), help="Layout name or .toml file.")
@click.option("--table", required=True, help="The activity table, such as sus.opa.")
@variant_option
@folders_option
@click.option("--by", multiple=True, metavar="FIELD", help="Count the cube by this field too.")
@areas_option
@column_option
@click.option("--procedures", metavar="TABLE", help="Child table of procedures, for layouts that have one.")
@click.option("--diagnoses", metavar="TABLE", help="Child table of diagnoses, for layouts that have one.")
@any_dataset_option
@force_option
def dbt(
    rules: Sequence[str],
    output: Path,
    dialect: str,
    layout: str,
    table: str,
    variant: str,
    by: Sequence[str],
    overrides: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
    any_dataset: bool,
    force: bool,
    areas: str | None,
    folders: Sequence[str],
) -> None:
    """Write a dbt package: one model a rule, the cube, sources and tests."""
    from ebi_rules.criteria.areas import recodings
    from ebi_rules.layouts.binding import bind
    from ebi_rules.layouts.layout import find_layout
    from ebi_rules.rule_model.catalogue import choose
    from ebi_rules.statements.dbt import write_package

    binding = bind(find_layout(layout), None, overrides).recoded(recodings(areas))
    chosen, warnings = choose(asked(rules, folders), variant, binding, any_dataset=any_dataset)
    tables = {"activity": table, "procedures": procedures, "diagnoses": diagnoses}
    named = {name: found for name, found in tables.items() if found}
    models = write_package([reading for _, reading in chosen], dialect, binding, named, output, by, force)
    warn(warnings)
    click.echo(f"Wrote {output}: {counted(len(models), 'model')}. {SCOPE}")


COMMANDS = (list_rules, show, sql, codes, dbt)
