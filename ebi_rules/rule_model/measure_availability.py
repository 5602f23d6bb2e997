"""Which extracts or tables can answer a measure, and for each of the others why not."""

from collections.abc import Sequence

from ebi_rules._support.errors import ExtractError
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.rule_model.measure_logic import EventDefinition, MeasureLogic, WaitEnd

_REASONS = {"patient": "pseudonyms that identify activities of the same person", "activity_date": "dates"}


def can_contain(definition: EventDefinition, binding: Binding) -> bool:
    """Return whether an extract can contain the events of a definition."""
    if definition.dataset not in (None, binding.layout.dataset):
        return False
    if definition.on and not binding.fields.get(definition.on):
        return False
    return not any(True for criterion in definition.criteria for _ in binding.lacking(criterion))


def require_people(binding: Binding, fields: Sequence[str] = ("patient",)) -> None:
    """Raise `ExtractError` for an extract without dates, or without pseudonyms where these are needed."""
    for field, reason in _REASONS.items():
        if field not in binding.fields and field in (*fields, "activity_date"):
            raise ExtractError(
                f"this extract has no column for {field}, and measures need {reason}. {binding.why_lacking(field)}"
            )


def is_of_other_data(measure: MeasureLogic, bindings: Sequence[Binding]) -> bool:
    """Return whether a measure is about activity that no extract of these layouts can have, whatever its columns."""
    complete = [bind(binding.layout) for binding in bindings]
    has_events = all(any(can_contain(each, binding) for binding in complete) for each in measure.definitions)
    has_days = all(any(binding.fields.get(name) for binding in complete) for name in measure.clock_fields)
    return not (has_events and has_days)


def why_unanswerable(measure: MeasureLogic, bindings: Sequence[Binding]) -> str | None:
    """Return why none of several extracts can answer a measure; None if they can.

    Raises:
        ExtractError: An extract has no pseudonyms or no dates.
    """
    for binding in bindings:
        require_people(binding, () if measure.wait else ("patient",))
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
    ends = measure.wait.seen if measure.wait else ()
    if ends and not any(can_end(end, binding) for end in ends for binding in bindings):
        days = " or ".join(dict.fromkeys(end.on for end in ends))
        return f"no extract shows when somebody was seen, which ends the wait of {measure.key}: a column for {days}."
    return None


def can_end(end: WaitEnd, binding: Binding) -> bool:
    """Return whether an extract can contain what ends a wait, and its day."""
    return can_contain(end.event, binding) and bool(binding.fields.get(end.on))


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
