"""The commands over rule files: lint, test. Thin: the library does the work."""

from collections.abc import Sequence
from pathlib import Path

import click

from ebi_rules._support.errors import RuleError, UsageError
from ebi_rules.cli.command_line import counted, reference_option


@click.command()
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--catalogue", "whole", is_flag=True, help="Look at the rules that come with the package too.")
@reference_option
def lint(files: Sequence[Path], whole: bool, reference: str | None) -> None:
    """Say what is wrong or odd in rule files, or in those of folders, with line and repair.

    Errors end with exit code 3.
    """
    from ebi_rules.lint.finding import ERROR
    from ebi_rules.lint.linter import lint as look
    from ebi_rules.rule_model.catalogue import codes_by_rule, own_files, shared
    from ebi_rules.rule_model.code_titles import find_reference
    from ebi_rules.rule_model.rule_files import find_files

    if not files and not whole:
        raise UsageError("name at least one rule file, or --catalogue.")
    found = [file for place in files for file in find_files(place, shared())]
    if whole:
        found += own_files()
    held = find_reference(reference)
    errors = findings = 0
    for file in found:
        for finding in look(file.content, file.name, file.shared, held, codes_by_rule()):
            click.echo(f"{file.name}, {finding}")
            findings += 1
            errors += finding.severity == ERROR
    click.echo(
        f"{counted(len(found), 'file')}: {counted(errors, 'error')}, {counted(findings, 'finding')} in all.", err=True
    )
    if errors:
        raise click.exceptions.Exit(RuleError.exit_code)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
def test(files: Sequence[Path]) -> None:
    """Run the examples of rule files, or of folders, on every evaluator that is installed.

    A wrong answer ends with exit code 3.
    """
    from ebi_rules.engines.rule_examples import run_examples
    from ebi_rules.rule_model.catalogue import shared
    from ebi_rules.rule_model.rule_files import find_files

    wrong = 0
    for file in [file for place in files for file in find_files(place, shared())]:
        examples = len(file.rule.examples)
        click.echo(f"{file.name}: {file.rule.key}, {counted(examples, 'example')}")
        for outcome in run_examples(file.rule):
            if outcome.install:
                click.echo(f"  {outcome.evaluator:<24} not installed: {outcome.install}")
                continue
            click.echo(f"  {outcome.evaluator:<24} {examples - len(outcome.wrong)} of {examples}")
            for about in outcome.wrong:
                click.echo(f"    wrong: {about}")
            wrong += len(outcome.wrong)
    if wrong:
        raise click.exceptions.Exit(RuleError.exit_code)


COMMANDS = (lint, test)
