"""Examples: for everything that a reading asks there is one in which it alone decides, each way."""

from collections.abc import Iterator

from ebi_rules.criteria.logic import is_decisive
from ebi_rules.criteria.nodes import And, atoms
from ebi_rules.lint.finding import WARNING, Reading, Told
from ebi_rules.rule_model.rule import DEFAULT, Example
from ebi_rules.translate.english import say


def of_examples(reading: Reading) -> Iterator[Told]:
    """Find what no example shows."""
    if reading.is_variant:
        yield from _of_variant(reading)
        return
    rule = reading.rule
    every = And(tuple(rule.criteria.values()))
    own = [example for example in rule.examples if _is_of(example, reading)]
    for name, criterion in rule.criteria.items():
        for atom in dict.fromkeys(atoms(criterion)):
            shown = {example.flagged for example in own if is_decisive(atom, every, example.activity)}
            for flagged, outcome in ((True, "in scope"), (False, "not in scope")):
                if flagged not in shown:
                    text = f"no example that is {outcome} hangs on {say(atom, rule.words)!r} alone. Add one that does."
                    yield Told(WARNING, "no-example", (*reading.place, "criteria", name), text)


def _of_variant(reading: Reading) -> Iterator[Told]:
    own = [example for example in reading.rule.examples if _is_of(example, reading)]
    if not any(reading.base.explain(example.activity).flagged != example.flagged for example in own):
        text = "no example shows where it differs from the rule. Add one."
        yield Told(WARNING, "no-example", reading.place, text)


def _is_of(example: Example, reading: Reading) -> bool:
    edition = reading.place[1] if reading.place[:1] == ("editions",) else None
    return (example.variant or DEFAULT, example.edition) == (reading.rule.variant_name, edition)
