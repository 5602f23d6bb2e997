"""Run every check over a rule file, and put lines to what they find."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ebi_rules._support.toml_lines import find_line
from ebi_rules.lint import code_existence as codes
from ebi_rules.lint import code_list_checks as code_lists
from ebi_rules.lint import criteria_checks as meaning
from ebi_rules.lint import example_coverage as examples
from ebi_rules.lint.finding import ERROR, NOTE, Finding, Interpretation, UnplacedFinding, interpretations
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.rule_parser import parse_with_problems
from opcs_icd import CodeList, CodeSystem
from opcs_icd.reference import Reference

_SEVERITIES = ("error", "warning", "note")


def check_rule_text(
    content: str,
    file: str,
    shared: SharedDefinitions,
    reference: Reference | None = None,
    known: Mapping[str, Mapping[CodeSystem, CodeList]] | None = None,
) -> list[Finding]:
    """Give what is wrong or odd in a rule file's text, by line; the gravest of a line first.

    `file` is its name for messages. `reference` is the user's own classification files; `known` are the codes that
    other rules ask for, by rule and classification, which tell a code of the wrong kind.
    """
    rule, problems = parse_with_problems(content, file, shared)
    found = [Finding(ERROR, "reading", problem.place, problem.line, problem.text) for problem in problems]
    if rule is None:
        return found
    told = [*_of_readings(list(interpretations(rule)), reference, known or {}), *meaning.between_editions(rule)]
    told += meaning.mixed_connectives(content)
    found += [
        Finding(each.severity, each.check, each.place, find_line(content, each.place), each.text)
        for each in dict.fromkeys(told)
    ]
    return sorted(found, key=lambda finding: (finding.line, _SEVERITIES.index(finding.severity), finding.text))


def _of_readings(
    every: list[Interpretation], reference: Reference | None, known: Mapping[str, Mapping[CodeSystem, CodeList]]
) -> Iterator[UnplacedFinding]:
    for interpretation in every:
        found = [
            *meaning.of_criteria(interpretation),
            *code_lists.of_lists(interpretation, known),
            *examples.of_examples(interpretation),
            *(codes.of_codes(interpretation, reference) if reference else ()),
        ]
        for told in found:
            yield replace(told, severity=NOTE) if interpretation.is_as_written else told
