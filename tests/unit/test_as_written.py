"""The public sources exactly as they are written: lint finds their defects, and `as_ported` keeps their meaning."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ebi_rules.criteria.logic import equivalent
from ebi_rules.criteria.nodes import And
from ebi_rules.lint.finding import NOTE
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import codes_by_rule, rule, rules, shared_definitions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_logic import DEFAULT
from ebi_rules.rule_model.rule_parser import parse_with_problems, read_text

FOLDER = Path(__file__).parents[2] / "fixtures" / "as_written"
FILES = {file.stem: file for file in sorted(FOLDER.glob("*.toml"))}

DEFECTS = {
    "1G.cur": {"same-list", "changes-nothing"},  # asks for one procedure twice
    "1G.old": {"age-band"},  # ages 0 to 17
    "1H.old": {"chapter-letter"},  # E34 for F34
    "1I.cur": {"reading"},  # H51(12389)
    "2C.cur": {"reading"},  # J3(10|3[23])
    "2C.old": {"no-operation"},  # an endoscopic approach alone
    "2D.old": {"changes-nothing"},  # an exclusion that excludes nobody
    "2K.cur": {"other-classification"},  # OPCS-4 site codes among the diagnoses
    "2R.cur": {"reading"},  # K3(5[238]|67)
}
"""The checks that find an error or a warning in a source as it is written."""

_UNREADABLE = {name for name, checks in DEFECTS.items() if checks == {"reading"}}


def test_there_is_a_file_for_every_public_definition() -> None:
    public = {name for each in rules() for name in _names_of_public_editions(each)}
    assert FILES.keys() == public


@pytest.mark.parametrize("name", FILES)
def test_lint_finds_the_defects(name: str) -> None:
    findings = check_rule_text(read_text(FILES[name]), name, shared_definitions(), None, codes_by_rule())
    checks = {
        finding.check
        for finding in findings
        if finding.severity != NOTE and not _is_about_examples(finding.check, finding.text)
    }
    assert checks == DEFECTS.get(name, set())


@pytest.mark.parametrize("name", sorted(FILES.keys() - _UNREADABLE))
def test_our_rule_keeps_what_was_written(name: str) -> None:
    """The rule itself, private patients aside, or its variant `as_ported` flags what the source as written flags."""
    written, _ = parse_with_problems(read_text(FILES[name]), name, shared_definitions())
    assert written
    ours = _edition(name).interpretations
    meant = _all_criteria(written)
    is_kept = equivalent(_all_criteria(ours[DEFAULT], "not_private"), _all_criteria(written, "not_private"))
    assert is_kept or equivalent(_all_criteria(ours["as_ported"]), meant)


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"2S.cur"}))
def test_both_counts_of_private_patients_are_shown(name: str) -> None:
    ours = _edition(name).interpretations
    with_private = {variant for variant, each in ours.items() if "not_private" not in each.criteria}
    assert DEFAULT not in with_private
    assert with_private & {"as_ported", "as_published", "private_too"}
    assert any("an inference" in limit for limit in ours[DEFAULT].documentation.all_limits)


def _names_of_public_editions(ours: Rule) -> Iterator[str]:
    """Return the name of the file of each edition whose coding is public, for example 2R.old."""
    letter = ours.documentation.interventions[0].letter if ours.documentation.interventions else ours.key
    for edition in (ours, *ours.editions.values()):
        if edition.documentation.status != "local":
            yield f"{letter}.{_era(edition)}"


def _era(edition: Rule) -> str:
    if edition.edition_name.endswith("-port"):
        return "old"
    return "2020" if edition.edition_name == "2020" else "cur"


def _edition(name: str) -> Rule:
    letter, era = name.split(".")
    ours = rule(letter)
    return next(edition for edition in (ours, *ours.editions.values()) if _era(edition) == era)


def _all_criteria(interpretation: Rule, without: str = "") -> And:
    return And(tuple(criterion for name, criterion in interpretation.criteria.items() if name != without))


def _is_about_examples(check: str, text: str) -> bool:
    return check == "no-example" or "no example is stopped" in text
