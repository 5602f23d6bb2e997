"""The public sources exactly as they are written: lint finds their defects, and `as_ported` keeps their meaning."""

import pytest

from ebi_rules.lint.finding import NOTE
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import codes_by_rule, rule, rules, shared_definitions
from ebi_rules.rule_model.rule_logic import DEFAULT
from ebi_rules.rule_model.rule_parser import read_text
from tests.unit.written_sources import FILES, edition_of, keeps_what_was_written, names_of_public_editions

DEFECTS = {
    "1G.cur": {"same-list", "changes-nothing"},  # asks for one procedure twice
    "1G.old": {"age-band"},  # ages 0 to 17
    "1H.old": {"chapter-letter"},  # E34 for F34
    "1I.cur": {"reading"},  # H51(12389)
    "2C.cur": {"reading"},  # J3(10|3[23])
    "2C.old": {"no-operation", "mixed-list"},  # an endoscopic approach alone
    "2D.old": {"changes-nothing"},  # an exclusion that excludes nobody
    "2K.cur": {"other-classification"},  # OPCS-4 site codes among the diagnoses
    "2R.cur": {"reading"},  # K3(5[238]|67)
}
"""The checks that find an error or a warning in a source as it is written."""

_UNREADABLE = {name for name, checks in DEFECTS.items() if checks == {"reading"}}


def test_there_is_a_file_for_every_public_definition() -> None:
    public = {name for each in rules() for name in names_of_public_editions(each)}
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
    assert keeps_what_was_written(name, rule(name.partition(".")[0]))


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"2S.cur"}))
def test_both_counts_of_private_patients_are_shown(name: str) -> None:
    ours = edition_of(name, rule(name.partition(".")[0])).interpretations
    with_private = {variant for variant, each in ours.items() if "not_private" not in each.criteria}
    assert DEFAULT not in with_private
    assert with_private & {"as_ported", "as_published", "private_too"}
    assert any("an inference" in limit for limit in ours[DEFAULT].documentation.all_limits)


def _is_about_examples(check: str, text: str) -> bool:
    return check == "no-example" or "no example is stopped" in text
