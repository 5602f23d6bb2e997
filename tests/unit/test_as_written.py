"""The sources as they are written: lint finds their defects, and `as_ported` is what was written, exactly."""

from pathlib import Path

import pytest

from ebi_rules.criteria.logic import equivalent
from ebi_rules.criteria.nodes import And
from ebi_rules.lint.finding import NOTE
from ebi_rules.lint.linter import lint
from ebi_rules.rule_model.catalogue import codes_by_rule, rule, shared
from ebi_rules.rule_model.rule import DEFAULT, Rule
from ebi_rules.rule_model.rule_parser import read_text, read_with_problems

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
"""What lint finds, beside notes, in a source as it is written."""

_UNREADABLE = {name for name, checks in DEFECTS.items() if checks == {"reading"}}


def test_there_is_a_file_for_every_public_definition() -> None:
    assert len(FILES) == 54


@pytest.mark.parametrize("name", FILES)
def test_lint_finds_the_defects(name: str) -> None:
    findings = lint(read_text(FILES[name]), name, shared(), None, codes_by_rule())
    told = {each.check for each in findings if each.severity != NOTE and not _is_about_examples(each.check, each.text)}
    assert told == DEFECTS.get(name, set())


@pytest.mark.parametrize("name", sorted(FILES.keys() - _UNREADABLE))
def test_our_rule_keeps_what_was_written(name: str) -> None:
    """Some reading of the edition flags what the source as written flags: the rule itself, or `as_ported`."""
    written, _ = read_with_problems(read_text(FILES[name]), name, shared())
    assert written
    ours = _edition(name).readings()
    same = [key for key, reading in ours.items() if equivalent(_whole(reading), _whole(written))]
    assert set(same) & {DEFAULT, "as_ported"}


def _edition(name: str) -> Rule:
    letter, era = name.split(".")
    found = rule(letter)
    if era == "2020":
        return found.edition("2020")
    if era == "cur":
        return found
    return next(
        edition for key, edition in {found.edition_name: found, **found.editions}.items() if key.endswith("-port")
    )


def _whole(reading: Rule) -> And:
    return And(tuple(reading.criteria.values()))


def _is_about_examples(check: str, text: str) -> bool:
    return check == "no-example" or "no example is stopped" in text
