"""The reference: reads each row into an activity and asks the predicate of every rule. It judges the others."""

from collections import defaultdict

from ebi_rules.criteria.evaluate import holds
from tests.engines.case import Case, Flags


def evaluate(case: Case) -> Flags:
    binding = case.binding
    cells: dict[int, dict[str, list[str | None]]] = defaultdict(dict)
    for name, frame in case.children.items():
        child = binding.child(name)
        assert child
        ordered = frame.sort(child.position, maintain_order=True) if child.position else frame
        for key, group in ordered.group_by(child.key, maintain_order=True):
            cells[key[0]][name] = group[child.code].to_list()
    flags: Flags = {}
    for row in case.activity.iter_rows(named=True):
        key = row[binding.key]
        activity = binding.activity(row, cells.get(key, {}))
        flags[key] = tuple(
            all(holds(criterion, activity) for criterion in rule.criteria.values()) for rule in case.rules
        )
    return flags
