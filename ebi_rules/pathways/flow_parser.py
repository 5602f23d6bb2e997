"""Parse a flow file: TOML to `Flow`, with everything checked and every error at its line.

Finding the files is the task of `definition_files`.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ebi_rules.pathways.flow import BEGINS, IN_VIEW, LOST, Flow, PathsExample, Stage, paths
from ebi_rules.pathways.people_file import FindRule, PeopleSource
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.measure_logic import EventDefinition
from ebi_rules.rule_model.toml_source import Place, is_list_of_texts

_REQUIRED = {"key", "title", "about", "source", "stages", "lost_after", "shows", "limits", "examples"}
_OPTIONAL = {"codes", "criteria", "words"}
_STAGE = {"name", "when", "in", "on", "also", "ends"}
_ALSO = {"when", "in", "on"}
_EXAMPLE = {"about", "person", "paths", "data"}
_LONGEST = 3660
"""The longest gap, in days: ten years."""


def parse_flow(content: str, file: str, shared: SharedDefinitions, find_rule: FindRule) -> Flow:
    """Return the flow in a file's text.

    Args:
        content: The text.
        file: The file's name, for error messages.
        shared: What the file may use by name.
        find_rule: Returns a rule by its name.

    Raises:
        RuleError: Something in the file is wrong. The error names the file, the line and the repair.
    """
    return _FlowFile(content, file, shared, find_rule).flow()


class _FlowFile(PeopleSource):
    """A flow file while it is parsed."""

    def flow(self) -> Flow:
        """Return the flow after checking the whole file."""
        return self.parse_checked(_REQUIRED, _OPTIONAL, self._read, self._check_examples)

    def _read(self) -> Flow:
        table = self.table
        lost_after = table["lost_after"]
        if type(lost_after) is not int or not 1 <= lost_after <= _LONGEST:
            self.fail(("lost_after",), f"this must be a whole number of days from 1 to {_LONGEST}.")
        stages = tuple(self._stage(number, stage) for number, stage in enumerate(table["stages"]))
        names = [stage.name for stage in stages]
        for number, name in enumerate(names):
            if name in names[:number]:
                self.fail(("stages", str(number), "name"), f"another stage is also called {name}: choose another name.")
        return Flow(
            key=table["key"],
            title=table["title"],
            about=table["about"],
            source=table["source"],
            stages=stages,
            lost_after=lost_after,
            shows=self.sentences("shows"),
            limits=self.sentences("limits"),
            words={**self.words, **self.shared.words, **table.get("words", {})},
            examples=tuple(self._example(number, example) for number, example in enumerate(table["examples"])),
        )

    def _stage(self, number: int, table: Mapping[str, Any]) -> Stage:
        where = ("stages", str(number))
        self.require_keys(where, table, _STAGE, {"name", "when"})
        name, ends = table["name"], table.get("ends", False)
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z ]*", name) or name in (BEGINS, LOST, IN_VIEW):
            self.fail(
                (*where, "name"),
                f"the name of a stage must be in lower-case letters, and must not be {BEGINS}, {LOST} or {IN_VIEW}.",
            )
        if not isinstance(ends, bool):
            self.fail((*where, "ends"), "this must be true or false.")
        others = table.get("also", [])
        if not isinstance(others, list):
            self.fail((*where, "also"), "these must be tables, each with `when`.")
        events = [self._event(where, table)]
        for place, other in enumerate(others):
            self.require_keys((*where, "also", str(place)), other, _ALSO, {"when"})
            events.append(self._event((*where, "also", str(place)), other))
        return Stage(name, tuple(events), ends)

    def _event(self, where: Place, table: Mapping[str, Any]) -> EventDefinition:
        """Read a definition of activities at a stage: which, in which dataset, and in which field their day is."""
        definition = self.event_definition((*where, "when"), table["when"], table.get("in"))
        on = self.day_field((*where, "on"), table["on"]) if "on" in table else None
        return replace(definition, on=on)

    def _example(self, number: int, table: Mapping[str, Any]) -> PathsExample:
        where = ("examples", str(number))
        self.require_keys(where, table, _EXAMPLE, _EXAMPLE - {"data"})
        if table["paths"] != [] and not is_list_of_texts(table["paths"]):
            self.fail(
                (*where, "paths"), "this must be a list of pathways, such as 'start > imaging > no further activity'."
            )
        first, last = self.days_of_data(where, table)
        events = tuple(self.event((*where, "person"), activity) for activity in table["person"])
        return PathsExample(table["about"], events, tuple(table["paths"]), first, last)

    def _check_examples(self, flow: Flow) -> None:
        stages_seen: set[str] = set()
        for number, example in enumerate(flow.examples):
            pathways = paths(flow, example.events, example.first_day, example.last_day)
            stages_seen.update(stage for path in pathways for stage in path.stages)
            texts = tuple(map(str, pathways))
            if texts != example.paths:
                self.note(
                    ("examples", str(number)),
                    f"the example {example.about!r} says {list(example.paths)}, but the pathways are {list(texts)}.",
                )
        for name in (*(stage.name for stage in flow.stages), *flow.ends):
            if name not in stages_seen:
                self.note(("examples", "0"), f"no example goes through {name!r}: add one that does.")
