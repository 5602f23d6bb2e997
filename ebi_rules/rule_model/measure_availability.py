"""Which extracts or tables can hold what measures ask, and why none can."""

from collections.abc import Sequence

from ebi_rules._support.errors import ExtractError
from ebi_rules.layouts.binding import Binding
from ebi_rules.pathways.measure import Asked, Measure

_NEEDED = {"patient": "pseudonyms that say which activities are of one person", "activity_date": "days"}


def can_hold(asked: Asked, binding: Binding) -> bool:
    """Say whether an extract can hold what is asked."""
    here = asked.dataset in (None, binding.layout.dataset)
    return here and not any(True for criterion in asked.criteria for _ in binding.lacking(criterion))


def nowhere(measure: Measure, bindings: Sequence[Binding]) -> str | None:
    """Say why extracts cannot answer a measure: no extract has what it asks; None where they can.

    Raises `ExtractError` for an extract without pseudonyms or days.
    """
    for binding in bindings:
        require_people(binding)
    for asked in measure.asked:
        if not any(can_hold(asked, binding) for binding in bindings):
            return _why_nowhere(measure, asked, bindings)
    if measure.start and not any(measure.start in binding.fields for binding in bindings):
        return (
            f"no extract has a column for {measure.start}, on which the clock of {measure.key} starts. "
            f"{bindings[0].why_lacking(measure.start)}"
        )
    return None


def require_people(binding: Binding) -> None:
    """Raise `ExtractError` for an extract without pseudonyms or days."""
    for field, what in _NEEDED.items():
        if field not in binding.fields:
            raise ExtractError(
                f"this extract has no column for {field}, and measures need {what}. {binding.why_lacking(field)}"
            )


def _why_nowhere(measure: Measure, asked: Asked, bindings: Sequence[Binding]) -> str:
    right = [binding for binding in bindings if asked.dataset in (None, binding.layout.dataset)]
    if not right:
        return f"{measure.key} asks for {asked.dataset} activity ({asked.text}), and no extract holds any: give one."
    for binding in right:
        for criterion in asked.criteria:
            for name in binding.lacking(criterion):
                return (
                    f"this extract has no column for {name}, which {measure.key} needs ({asked.text}). "
                    f"{binding.why_lacking(name)}"
                )
    assert False, "what nothing is lacking for is held"
