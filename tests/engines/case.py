"""A case to evaluate: rules, a layout, and rows of an extract."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ebi_rules.engines.extract import FrameExtract, Table
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import Layout
from ebi_rules.rule_model.rule import Rule

Flags = dict[int, tuple[bool, ...]]
"""For each activity's key, the flag of each rule in turn."""

Evaluator = Callable[["Case"], Flags]


@dataclass(frozen=True, repr=False)
class Case:
    """An extract with whole-number keys, child tables if the layout has them, and rules to run.

    `with_predicates`: bare predicates are run beside the whole statement, which takes engines long for many rules.
    """

    layout: Layout
    rules: Sequence[Rule]
    activity: pl.DataFrame
    children: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    with_predicates: bool = True

    def __repr__(self) -> str:
        """Return the case as a person would want to see one that failed."""
        lines = [f"{self.layout.name}: {dict(self.layout.codes)}"]
        lines += [f"{rule.key}.{name}: {criterion}" for rule in self.rules for name, criterion in rule.criteria.items()]
        tables = [self.activity, *self.children.values()]
        return "\n".join([*lines, *(str(row) for table in tables for row in table.iter_rows(named=True))])

    @property
    def binding(self) -> Binding:
        return bind(self.layout, self.activity.columns)

    @property
    def extract(self) -> FrameExtract:
        children = {name: Table(frame.lazy(), dict(frame.schema)) for name, frame in self.children.items()}
        table = Table(self.activity.lazy(), dict(self.activity.schema))
        return FrameExtract(self.binding, "polars", table, children)

    def flags(self, columns: Sequence[Sequence[bool]]) -> Flags:
        """Return flags by key, from one sequence per rule in the order of the rows."""
        keys = self.activity[self.binding.key].to_list()
        return dict(zip(keys, zip(*columns, strict=True), strict=True))
