"""Run every check over the text of a rule file, and add the line of each finding."""

from collections.abc import Iterator
from dataclasses import replace

from ebi_rules._support.toml_lines import find_line
from ebi_rules._support.toml_text import parse_toml
from ebi_rules.criteria.nodes import NamedCodes
from ebi_rules.lint.code_existence import check_codes, check_shared_codes
from ebi_rules.lint.code_list_checks import KnownCodes, check_code_lists
from ebi_rules.lint.code_role_checks import check_code_roles
from ebi_rules.lint.coded_field_checks import check_coded_fields
from ebi_rules.lint.criteria_checks import check_connectives, check_criteria, check_editions
from ebi_rules.lint.example_coverage import check_examples
from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Finding, Interpretation, UnplacedFinding, interpretations
from ebi_rules.lint.imaging_list_checks import check_imaging_lists
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.rule_parser import parse_with_problems
from ebi_rules.rule_model.rule_template import PLACEHOLDER
from opcs_icd.reference import Reference

_SEVERITIES = (ERROR, WARNING, NOTE)


def check_rule_text(
    content: str,
    file: str,
    shared: SharedDefinitions,
    reference: Reference | None = None,
    known: KnownCodes | None = None,
) -> list[Finding]:
    """Return the findings in a rule file's text, by line, the most severe first.

    Args:
        content: The text of the file.
        file: Its name, for messages.
        shared: The code lists and criteria that rules share.
        reference: The user's own classification files, to check that codes exist.
        known: The codes that all rules use, to find codes of the wrong classification.
    """
    rule, problems = parse_with_problems(content, file, shared)
    findings = [Finding(ERROR, "reading", problem.place, problem.line, problem.text) for problem in problems]
    findings += _placeholders(content)
    if rule is None:
        return findings
    unplaced: list[UnplacedFinding] = []
    for interpretation in interpretations(rule):
        unplaced += _check(interpretation, shared, reference, known or {})
    unplaced += [*check_editions(rule), *check_connectives(content)]
    findings += [
        Finding(finding.severity, finding.check, finding.place, find_line(content, finding.place), finding.text)
        for finding in dict.fromkeys(unplaced)
    ]
    return sorted(findings, key=lambda finding: (finding.line, _SEVERITIES.index(finding.severity), finding.text))


def check_shared_text(name: str, content: str, shared: SharedDefinitions, reference: Reference) -> list[Finding]:
    """Return the findings in a file of shared definitions: its codes that do not exist.

    Args:
        name: The file's name.
        content: Its text.
        shared: The definitions, of this file and perhaps of others.
        reference: The user's own classification files.
    """
    defined = {each for group in parse_toml(content).get("codes", {}).values() for each in group}
    lists = [named for name, named in _classified(shared).items() if name in defined]
    return [
        Finding(finding.severity, finding.check, finding.place, find_line(content, finding.place), finding.text)
        for finding in check_shared_codes(lists, reference)
    ]


def _placeholders(content: str) -> Iterator[Finding]:
    """Find what a file from the template leaves to fill in, comments aside."""
    for number, line in enumerate(content.splitlines(), start=1):
        if PLACEHOLDER.search(line.partition("#")[0]):
            yield Finding(ERROR, "placeholder", (), number, "this is still to be filled in from the source.")


def _check(
    interpretation: Interpretation, shared: SharedDefinitions, reference: Reference | None, known: KnownCodes
) -> Iterator[UnplacedFinding]:
    """Run the checks of one interpretation; what a source wrote is never more than a note."""
    findings = [
        *check_criteria(interpretation),
        *check_coded_fields(interpretation),
        *check_code_lists(interpretation, known),
        *check_imaging_lists(interpretation),
        *check_code_roles(interpretation, _classified(shared)),
        *check_examples(interpretation),
        *(check_codes(interpretation, shared.lists.keys(), reference) if reference else ()),
    ]
    for finding in findings:
        yield replace(finding, severity=NOTE) if interpretation.is_as_written else finding


def _classified(shared: SharedDefinitions) -> dict[str, NamedCodes]:
    """Return the shared lists of codes of a classification."""
    return {name: named for name, named in shared.lists.items() if isinstance(named, NamedCodes)}
