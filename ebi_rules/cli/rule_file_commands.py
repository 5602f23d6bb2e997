"""The commands for rule files: check them, and run their examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebi_rules._support.errors import RuleError, UsageError, unknown
from ebi_rules.cli.command_line import counted
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.options import force_option, reference_option

if TYPE_CHECKING:
    from ebi_rules.rule_model.rule_files import RuleFile


@command("lint")
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--catalogue", "with_catalogue", is_flag=True, help="Also check the rules that come with the package.")
@reference_option
def lint_files(files: Sequence[Path], with_catalogue: bool, reference: str | None) -> None:
    """Check rule files for errors.

    Each finding has its line and what to do. Files of measures, flows and layouts are read too. The exit code is 3 if
    there are errors.

    \b
    Example:
      ebi-rules lint my-rules
    """
    from ebi_rules.lint.finding import ERROR
    from ebi_rules.lint.linter import check_rule_text, check_shared_text
    from ebi_rules.pathways.definition_kinds import read_other_definitions
    from ebi_rules.rule_model.catalogue import builtin_files, codes_by_rule
    from ebi_rules.rule_model.code_titles import find_reference

    if not files and not with_catalogue:
        raise UsageError("name at least one rule file, or use --catalogue.")
    others = read_other_definitions(files)
    rules_in = [file for file in files if file not in others]
    rule_files = [*_rule_files(rules_in), *(builtin_files() if with_catalogue else ())]
    classifications = find_reference(reference)
    errors = findings = 0
    for file in rule_files:
        for finding in check_rule_text(file.content, file.name, file.shared, classifications, codes_by_rule()):
            click.echo(f"{file.name}, {finding}")
            findings += 1
            errors += finding.severity == ERROR
    if classifications:
        shared_files = {name: (content, file.shared) for file in rule_files for name, content in file.shared.files}
        if not with_catalogue:
            shared_files = {name: each for name, each in shared_files.items() if name not in dict(_shared_of_ours())}
        for name, (content, shared) in shared_files.items():
            for finding in check_shared_text(name, content, shared, classifications):
                click.echo(f"{name}, {finding}")
                findings += 1
                errors += finding.severity == ERROR
    read = counted(len(rule_files) + len(others), "file")
    click.echo(f"{read}: {counted(errors, 'error')}, {counted(findings, 'finding')} in all.", err=True)
    if errors:
        raise click.exceptions.Exit(RuleError.exit_code)


@command("test")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--engines", is_flag=True, help="Also on DuckDB and Spark, if they are installed; it takes longer.")
def run_files(files: Sequence[Path], engines: bool) -> None:
    """Run the examples of rule files.

    Each example is run by the reference implementation, in Polars, and as SQL in SQLite. The exit code is 3 if an
    answer is wrong.

    \b
    Examples:
      ebi-rules test my-rules
      ebi-rules test my-rules --engines
    """
    from ebi_rules.engines.rule_examples import run_examples

    wrong = 0
    for file in _rule_files(files):
        examples = len(file.rule.examples)
        click.echo(f"{file.name}: {file.rule.key}, {counted(examples, 'example')}")
        for outcome in run_examples(file.rule, engines):
            if outcome.not_tried:
                click.echo(f"  {outcome.evaluator:<24} {outcome.not_tried}")
                continue
            click.echo(f"  {outcome.evaluator:<24} {examples - len(outcome.wrong)} of {examples}")
            for about in outcome.wrong:
                click.echo(f"    wrong: {about}")
            wrong += len(outcome.wrong)
    if wrong:
        raise click.exceptions.Exit(RuleError.exit_code)


_new_output = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write; by default KEY.toml here."
)


@click.group("new")
def new() -> None:
    """Write a file to fill in."""


@new.command("rule")
@click.argument("letter")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; by default KEY.toml here.")
@force_option
def new_rule(letter: str, output: Path | None, force: bool) -> None:
    """Write a rule file for an intervention of the programme, to fill in from its page.

    LETTER is its number and letter, such as 2G.

    \b
    Example:
      ebi-rules new rule 2G
    """
    from ebi_rules._support.atomic_output import whole_file
    from ebi_rules.rule_model.catalogue import interventions
    from ebi_rules.rule_model.rule_template import rule_template

    by_letter = {intervention.letter.lower(): intervention for intervention in interventions()}
    if letter.lower() not in by_letter:
        raise UsageError(unknown("intervention", letter, [intervention.letter for intervention in interventions()]))
    intervention = by_letter[letter.lower()]
    key, text = rule_template(intervention)
    path = output or Path(f"{key}.toml")
    with whole_file(path, force) as target:
        target.write_text(text, encoding="utf-8")
    click.echo(f"Wrote {path}. Fill it in from {intervention.where_coded}, then run ebi-rules lint {path}.")


@new.command("policy")
@click.argument("key")
@_new_output
@force_option
def new_policy(key: str, output: Path | None, force: bool) -> None:
    """Write a rule of your own, such as a policy: an example to change.

    \b
    Example:
      ebi-rules new policy our_spine_imaging
    """
    path = _write_definition("policy", key, output, force)
    click.echo(f"Wrote {path}. Change it, then run ebi-rules lint {path} and ebi-rules test {path}.")


@new.command("measure")
@click.argument("key")
@_new_output
@force_option
def new_measure(key: str, output: Path | None, force: bool) -> None:
    """Write a measure of your own: an example to change.

    \b
    Example:
      ebi-rules new measure our_repeat_imaging
    """
    path = _write_definition("measure", key, output, force)
    click.echo(f"Wrote {path}. Change it, then run ebi-rules lint {path} and ebi-rules measure --measures {path}.")


@new.command("layout")
@click.argument("key", metavar="NAME")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; by default NAME.toml here.")
@force_option
def new_layout(key: str, output: Path | None, force: bool) -> None:
    """Write a layout of your own: which column has which field.

    \b
    Example:
      ebi-rules new layout our-extract
    """
    path = _write_definition("layout", key, output, force)
    click.echo(f"Wrote {path}. Change it, then run ebi-rules lint {path} and ebi-rules check EXTRACT --layout {path}.")


@new.command("settings")
@click.argument("extract")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="ebi-rules.toml",
    show_default=True,
    help="File to write.",
)
@force_option
def new_settings(extract: str, output: Path, force: bool) -> None:
    """Write a file of settings for ebi-rules run, to fill in.

    \b
    Example:
      ebi-rules new settings opa.parquet
    """
    from ebi_rules._support.atomic_output import whole_file
    from ebi_rules.results.opened_extract import open_extract
    from ebi_rules.results.refresh_template import refresh_template

    layout = open_extract(extract).binding.layout.name
    with whole_file(output, force) as target:
        target.write_text(refresh_template(extract, layout, output.absolute().parent), encoding="utf-8")
    click.echo(f"Wrote {output}. Fill it in, then run ebi-rules run {output}.")


def _write_definition(kind: str, key: str, output: Path | None, force: bool) -> Path:
    from ebi_rules._support.atomic_output import whole_file
    from ebi_rules.rule_model.rule_template import definition_template

    path = output or Path(f"{key}.toml")
    text = definition_template(kind, key)
    with whole_file(path, force) as target:
        target.write_text(text, encoding="utf-8")
    return path


def _shared_of_ours() -> tuple[tuple[str, str], ...]:
    from ebi_rules.rule_model.catalogue import shared_definitions

    return shared_definitions().files


def _rule_files(places: Sequence[Path]) -> "list[RuleFile]":
    from ebi_rules.rule_model.catalogue import shared_definitions
    from ebi_rules.rule_model.rule_files import find_rule_files

    return [file for place in places for file in find_rule_files(place, shared_definitions())]


COMMANDS = (lint_files, run_files, new)
