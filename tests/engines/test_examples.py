"""Every example of every rule and policy, under every variant, on every evaluator and in every shape of layout."""

from dataclasses import replace

import pytest

from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import find_layout
from ebi_rules.lint.finding import interpretations
from ebi_rules.rule_model.availability import why_unavailable
from ebi_rules.rule_model.catalogue import open_policy, rules
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_files import builtin_policies
from tests.engines.case import Case
from tests.engines.evaluators import EVERY_EVALUATOR, REFERENCE, disagreements, started
from tests.engines.making import make_case

RULES = [*rules(), *open_policy(*builtin_policies())]
LAYOUTS = {
    "outpatient": ["ncdr-opa", "hes-op", "unified-sus-op"],
    "admitted": ["ncdr-apcs", "hes-apc"],
    "imaging": ["dids-icb"],
}
_AT_ONCE = 7
"""How many rules one statement holds, with all their variants."""


def _cases(dataset: str, layout: str) -> list[Case]:
    """Return the examples of a dataset's rules, a few rules at a time, under the variants the layout can answer."""
    chosen = [rule for rule in RULES if rule.dataset == dataset]
    cases = []
    for start in range(0, len(chosen), _AT_ONCE):
        some = chosen[start : start + _AT_ONCE]
        every = [variant for rule in some for variant in _variants(rule, layout)]
        if not every:
            continue
        rows = [example.values for rule in some for example in rule.examples]
        numbered = [replace(each, logic=replace(each.logic, key=f"r{place}")) for place, each in enumerate(every)]
        case = make_case(layout, numbered, rows)
        cases.append(replace(case, with_predicates=False))
    return cases


def _variants(rule: Rule, layout: str) -> list[Rule]:
    binding = bind(find_layout(layout))
    return [each.rule for each in interpretations(rule) if why_unavailable(each.rule.logic, binding) is None]


_USUAL = ("ncdr-opa", "unified-sus-op", "ncdr-apcs", "dids-icb")
"""One layout of each shape and dataset; the examples are run over the others in long runs."""


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(layout, marks=[] if layout in _USUAL else [pytest.mark.long])
        for layouts in LAYOUTS.values()
        for layout in layouts
    ],
)
@pytest.mark.parametrize("name", EVERY_EVALUATOR)
def test_every_evaluator_gives_the_examples_answers(name: str, layout: str) -> None:
    evaluator = started(name)
    for case in _cases(find_layout(layout).dataset, layout):
        if evaluator.takes(case.layout):
            assert disagreements(evaluator, case, REFERENCE(case)) == []


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_the_reference_gives_the_labels(dataset: str) -> None:
    """The reader checks this too, but over activities that no layout held."""
    layout = find_layout(LAYOUTS[dataset][0])
    for rule in (rule for rule in RULES if rule.dataset == dataset):
        for example in rule.examples:
            edition = rule.edition(example.edition) if example.edition else rule
            case = make_case(layout, [edition.variant(example.variant or "default")], [example.values])
            assert REFERENCE(case) == {0: (example.flagged,)}, example.about
