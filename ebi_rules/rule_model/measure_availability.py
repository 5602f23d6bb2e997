"""Which extracts or tables can answer a measure, and for each of the others why not."""

from collections.abc import Sequence

from ebi_rules._support.errors import ExtractError
from ebi_rules.layouts.binding import Binding
from ebi_rules.rule_model.measure_logic import EventDefinition, MeasureLogic

_REASONS = {"patient": "pseudonyms that identify activities of the same person", "activity_date": "dates"}


def can_contain(definition: EventDefinition, binding: Binding) -> bool:
    """Return whether an extract can contain the events of a definition."""
    if definition.dataset not in (None, binding.layout.dataset):
        return False
    return not any(True for criterion in definition.criteria for _ in binding.lacking(criterion))


def require_people(binding: Binding) -> None:
    """Raise `ExtractError` for an extract without pseudonyms or dates."""
    for field, reason in _REASONS.items():
        if field not in binding.fields:
            raise ExtractError(
                f"this extract has no column for {field}, and measures need {reason}. {binding.why_lacking(field)}"
            )


def why_unanswerable(measure: MeasureLogic, bindings: Sequence[Binding]) -> str | None:
    """Return why none of several extracts can answer a measure; None if they can.

    Raises:
        ExtractError: An extract has no pseudonyms or no dates.
    """
    for binding in bindings:
        require_people(binding)
    for definition in measure.definitions:
        if not any(can_contain(definition, binding) for binding in bindings):
            return _why_not_contained(measure, definition, bindings)
    for name in measure.clock_fields:
        if not any(name in binding.fields for binding in bindings):
            verb = "starts" if name == measure.start else "stops"
            return (
                f"no extract has a column for {name}, which {verb} the clock of {measure.key}. "
                f"{bindings[0].why_lacking(name)}"
            )
    return None


def _why_not_contained(measure: MeasureLogic, definition: EventDefinition, bindings: Sequence[Binding]) -> str:
    of_dataset = [binding for binding in bindings if definition.dataset in (None, binding.layout.dataset)]
    if not of_dataset:
        return (
            f"{measure.key} needs {definition.dataset} activity ({definition.text}), and no extract contains any: "
            "add one."
        )
    for binding in of_dataset:
        for criterion in definition.criteria:
            for name in binding.lacking(criterion):
                return (
                    f"this extract has no column for {name}, which {measure.key} needs ({definition.text}). "
                    f"{binding.why_lacking(name)}"
                )
    assert False, "an extract that lacks nothing can contain the events"
