"""Flows: the pathways that are worked out are those that are meant."""

from collections import Counter

import pytest

from ebi_rules.engines.extract import open_extract
from ebi_rules.flows import flows
from ebi_rules.flows.flow import Flow, paths
from ebi_rules.flows.walking import FURTHER, STEPS, moves
from ebi_rules.layouts import find_layout
from ebi_rules.measures.people import gather
from tests.engines.people import BEGIN, TODAY, Person, random_people, table_of, until

Move = tuple[str, str, int, str, str]


def _flow(lost_after: int) -> Flow:
    from dataclasses import replace

    return replace(flows()[0], lost_after=lost_after)


def _by_meaning(flow: Flow, people: list[Person], days: int) -> Counter[Move]:
    found: Counter[Move] = Counter()
    for person in {each.person for each in people}:
        own = [each.event for each in people if each.person == person]
        for path in paths(flow, own, str(BEGIN), until(days)):
            where = f"ZZ{person % 3}", f"{path.begin.year} Q{(path.begin.month + 2) // 3}"
            ends = flow.ends
            stages = ("referral", *path.stages)
            for step, (one, other) in enumerate(zip(stages, stages[1:], strict=False)):
                if step <= STEPS:
                    beyond = step == STEPS and other not in ends
                    found[*where, step, one, FURTHER if beyond else other] += 1
    return found


def _worked_out(flow: Flow, people: list[Person], names: tuple[str, str]) -> Counter[Move]:
    opened = [open_extract(table.activity, table.layout, table.overrides)
              for table in (table_of(people, find_layout(name), shuffle=3) for name in names)]  # fmt: skip
    gathered = gather(opened, [stage.asked for stage in flow.stages], ["provider"], TODAY)
    return Counter({row[:-1]: row[-1] for row in moves(gathered, flow).iter_rows()})


@pytest.mark.parametrize("lost_after", [1, 4, 9, 30, 200])
@pytest.mark.parametrize(("seed", "names"), [(0, ("ncdr-opa", "ncdr-apcs")), (1, ("hes-op", "hes-apc"))])
def test_pathways_are_those_that_are_meant(seed: int, names: tuple[str, str], lost_after: int) -> None:
    people, flow = random_people(seed, 120), _flow(lost_after)
    expected = _by_meaning(flow, people, 120)
    assert _worked_out(flow, people, names) == expected
    if lost_after < 100:
        reached = {to for *_, to in expected}
        assert {"imaging", "community", "specialist", "procedure", "discharge", "lost to view"} <= reached
        assert len(expected) > 100


def test_long_pathways_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _by_meaning(_flow(30), random_people(0, 120), 120)
    assert sum(count for (*_, to), count in found.items() if to == FURTHER) > 0
