"""Write the documentation page of the measures and flows: `python -m ebi_rules.pathways.measure_pages FILE`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ebi_rules.criteria.fields import FIELDS
from ebi_rules.pathways.definitions import flows, measures
from ebi_rules.pathways.flow import Flow
from ebi_rules.pathways.measure import Measure
from ebi_rules.rule_model.measure_logic import DAYS, FIRST, KINDS, OWN_DAY, EventDefinition, Pairing
from ebi_rules.translate.english import say

_HEAD = """# The measures and flows

What each pathway measure asks and where each flow goes, what it can show and what it cannot, with every example. How
they are worked out: [pathways](pathways.md). This page is written by `make docs` from their files; do not change it by
hand.
"""


def page() -> str:
    """Return the text of the page, as Markdown."""
    lines = [_HEAD]
    for measure in measures():
        lines += _measure_lines(measure)
    for flow in flows():
        lines += _flow_lines(flow)
    return "\n".join(lines)


def _measure_lines(measure: Measure) -> Iterator[str]:
    yield f"## {measure.title}"
    yield ""
    yield f"`{measure.key}`. {measure.about}"
    yield ""
    whose = "the first of each person" if measure.of == FIRST else "each"
    yield f"- Gives {measure.gives}: {KINDS[measure.gives]}."
    if measure.pairing:
        yield from _kinds(measure, measure.pairing)
    else:
        yield f"- Index activity, {whose}: {_in_words(measure.index, measure)}."
    if measure.outcome and not measure.pairing:
        yield f"- Outcome{_when(measure)}: {_in_words(measure.outcome, measure)}."
    if measure.gives == DAYS:
        start = "day of the activity" if measure.start == OWN_DAY else str(measure.start).replace("_", " ")
        yield f"- The clock starts on the {start}."
        if measure.end:
            yield f"- The clock stops on the {measure.end.replace('_', ' ')}."
        kind = "working days" if measure.working_days else "days"
        yield f"- Standard: {measure.standard_days} {kind}. {measure.standard}"
    if measure.only_when_named:
        yield "- It is run only if it is named, because most extracts cannot answer it."
    yield f"- Source of the indicator: {measure.source}."
    yield from _what_it_shows(measure)
    yield "| example | index activities are answered |"
    yield "|---|---|"
    for example in measure.examples:
        yield f"| {example.about} | {', '.join(map(str, example.answers)) or 'there is none'} |"
    yield ""


def _kinds(measure: Measure, pairing: Pairing) -> Iterator[str]:
    """Return the kinds of events that two datasets record, and when two records are one event."""
    yield f"- Two records are one event if they are of the same person and kind, at most {pairing.days} days apart."
    for in_first, in_second in pairing.kinds:
        first, second = (_in_words(definition, measure) for definition in (in_first, in_second))
        yield f"    - in the first dataset {first}; in the second {second}"


def _flow_lines(flow: Flow) -> Iterator[str]:
    yield f"## {flow.title}"
    yield ""
    yield f"`{flow.key}`. {flow.about}"
    yield ""
    yield "| stage | is |"
    yield "|---|---|"
    for stage in flow.stages:
        ends = "; it ends a pathway" if stage.ends else ""
        events = "; or ".join(_in_words(definition, flow) for definition in stage.events)
        yield f"| {stage.name} | {events}{ends} |"
    yield ""
    yield f"- Lost to view: nothing follows for more than {flow.lost_after} days."
    yield f"- Source: {flow.source}."
    yield from _what_it_shows(flow)
    yield "| example | pathways |"
    yield "|---|---|"
    for example in flow.examples:
        yield f"| {example.about} | {'; '.join(example.paths) or 'there is none'} |"
    yield ""


def _what_it_shows(pathway: Measure | Flow) -> Iterator[str]:
    for heading, texts in (("Shows", pathway.shows), ("Cannot show", pathway.limits)):
        yield ""
        yield f"{heading}:"
        yield ""
        yield from (f"- {text}" for text in texts)
    yield ""


def _when(measure: Measure) -> str:
    window = measure.window
    if window is None:
        return ", of the same activity"
    return f", {window.first} to {window.days} days {'after' if window.after else 'before'}"


def _in_words(definition: EventDefinition, pathway: Measure | Flow) -> str:
    text = "; and ".join(say(criterion, pathway.words) for criterion in definition.criteria)
    datasets = {
        "admitted": "admitted care of which ",
        "outpatient": "an appointment of which ",
        "imaging": "an examination of which ",
        "community": "a community contact of which ",
        "waiting_list": "an entry of a waiting list of which ",
        "emergency": "an emergency attendance of which ",
    }
    dataset = datasets.get(definition.dataset or "", "")
    day = f", on the {FIELDS[definition.on].label}" if definition.on else ""
    return f"{dataset}{text}{day}".replace("|", "\\|")


def main() -> None:
    """Write the page to the file named on the command line."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
