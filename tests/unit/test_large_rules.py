"""Rules with many lists, codes and values are decided; what is too complex is reported; names are checked."""

import pytest

from ebi_rules._support.errors import RuleError
from ebi_rules.criteria import satisfiability
from ebi_rules.criteria.nodes import And, Criterion, HasCode, In, NamedCodes, Not, Or
from ebi_rules.criteria.satisfiability import Satisfiability
from ebi_rules.criteria.search_budget import Budget, TooComplexError
from ebi_rules.lint.finding import WARNING
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import shared_definitions
from ebi_rules.rule_model.rule_parser import parse_rule
from opcs_icd import CodeList
from tests.bench import lint
from tests.unit.mistakes import MISTAKES, Mistake, checks_that_find, planted
from tests.unit.small_rule import rule_text


def lists(count: int) -> list[Criterion]:
    return [HasCode(NamedCodes(f"list_{place}", CodeList.opcs([f"A{place:02d}"]))) for place in range(count)]


def test_forty_independent_lists() -> None:
    parts = lists(40)
    either = And(tuple(Or((one, other)) for one, other in zip(parts[::2], parts[1::2], strict=True)))
    meaning = Satisfiability([either])
    activity = meaning.witness(either)
    assert activity is not None
    assert len(activity.codes["procedures"]) == 20
    nothing = And((either, *(Not(part) for part in parts[:2])))
    assert not meaning.possible(nothing)


def test_a_contradiction_is_found_whatever_else_could_be_chosen() -> None:
    """Independent parts are decided apart: going through the choices of the others would take a million steps."""
    parts = lists(42)
    choices = [Or((one, other)) for one, other in zip(parts[:40:2], parts[1:40:2], strict=True)]
    one, other = parts[40:]
    conflict = [Or((one, other)), Or((one, Not(other))), Or((Not(one), other)), Or((Not(one), Not(other)))]
    whole = And((*choices, *conflict))
    assert not Satisfiability([whole], Budget(20_000)).possible(whole)


def test_twenty_thousand_values() -> None:
    values = In("treatment_function", tuple(f"{number:05d}" for number in range(20_000)))
    one = In("treatment_function", ("19999",))
    meaning = Satisfiability([values, one])
    assert meaning.implies(one, values)
    assert not meaning.implies(values, one)


def test_what_is_too_complex_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = And(tuple(lists(3)))
    with pytest.raises(TooComplexError, match="too complex"):
        Satisfiability([whole], Budget(2)).possible(whole)
    monkeypatch.setattr(satisfiability, "Budget", lambda: Budget(50))
    findings = check_rule_text(lint.rule_text(8, 80), "rule.toml", shared_definitions())
    assert [(finding.severity, finding.check) for finding in findings if finding.check == "not-checked"] == [
        (WARNING, "not-checked")
    ]


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.about)
def test_a_mistake_in_a_rule_that_is_too_complex(monkeypatch: pytest.MonkeyPatch, mistake: Mistake, steps: int) -> None:
    """No check stops the others: each finds something, or says that it could not be done."""
    monkeypatch.setattr(satisfiability, "Budget", lambda: Budget(steps))
    assert checks_that_find(planted(mistake)) & {*mistake.checks, "not-checked"}


def test_a_finding_names_a_few_patterns_and_counts_the_others() -> None:
    findings = check_rule_text(lint.rule_text(1, 1_000), "rule.toml", shared_definitions())
    (finding,) = [finding for finding in findings if finding.check == "no-code-matches"]
    assert "A0000, A0000, A0001, A0002, A0003 and 996 more" in finding.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('key = "x"', 'key = "a/b"'),
        ('key = "x"', f'key = "{"k" * 81}"'),
        ('edition = "2026-01"', 'edition = "2026 01"'),
        ('edition = "2026-01"', 'edition = "2026-01"\naliases = ["x y"]'),
        ("spine = [", '"spine; --" = ['),
        ("imaging =", '"imaging\'" ='),
        ("[criteria]", "[variants.\"a b\"]\nabout = 'x'\n\n[criteria]"),
        ("[criteria]", "[variants.b.codes.opcs]\n\"c d\" = ['U01']\n\n[criteria]"),
    ],
)
def test_names_are_names(old: str, new: str) -> None:
    text = rule_text()
    assert parse_rule(text, "rule.toml", shared_definitions()).key == "x"
    assert old in text
    with pytest.raises(RuleError, match=r"letters, digits, - and _|small letters"):
        parse_rule(text.replace(old, new), "rule.toml", shared_definitions())
