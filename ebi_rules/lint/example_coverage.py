"""Examples: for everything that a interpretation asks there is one in which it alone decides, each way."""

from collections.abc import Iterator

from ebi_rules.criteria.logic import is_decisive
from ebi_rules.criteria.nodes import And, atoms
from ebi_rules.lint.finding import WARNING, Interpretation, UnplacedFinding
from ebi_rules.rule_model.explanation import explain_activity
from ebi_rules.rule_model.rule import Example
from ebi_rules.rule_model.rule_logic import DEFAULT
from ebi_rules.translate.english import say


def of_examples(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find what no example shows."""
    if interpretation.is_variant:
        yield from _of_variant(interpretation)
        return
    rule = interpretation.rule
    every = And(tuple(rule.criteria.values()))
    own = [example for example in rule.examples if _is_of(example, interpretation)]
    for name, criterion in rule.criteria.items():
        for atom in dict.fromkeys(atoms(criterion)):
            shown = {example.flagged for example in own if is_decisive(atom, every, example.activity)}
            for flagged, outcome in ((True, "in scope"), (False, "not in scope")):
                if flagged not in shown:
                    text = f"no example that is {outcome} hangs on {say(atom, rule.documentation.words)!r} alone. Add one that does."
                    yield UnplacedFinding(WARNING, "no-example", (*interpretation.place, "criteria", name), text)


def _of_variant(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    own = [example for example in interpretation.rule.examples if _is_of(example, interpretation)]
    if not any(
        explain_activity(interpretation.base.logic, example.activity).flagged != example.flagged for example in own
    ):
        text = "no example shows where it differs from the rule. Add one."
        yield UnplacedFinding(WARNING, "no-example", interpretation.place, text)


def _is_of(example: Example, interpretation: Interpretation) -> bool:
    edition = interpretation.place[1] if interpretation.place[:1] == ("editions",) else None
    return (example.variant or DEFAULT, example.edition) == (interpretation.rule.variant_name, edition)
