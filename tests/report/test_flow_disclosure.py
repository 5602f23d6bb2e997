"""Nobody can work out a suppressed count from the tables of a flow; weaker methods would reveal some."""

import numpy as np
import polars as pl
import pytest

from ebi_rules.pathways import flow_tables as tables
from ebi_rules.pathways.definitions import flow as find_flow
from ebi_rules.pathways.flow import Flow
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.provider_audit.table_files import text_table
from tests.report.attack import Attack

FLOW = find_flow("musculoskeletal")
LEAKING = (55, 56, 123, 142, 161)
SEEDS = (*range(5), 10, *LEAKING)
"""Seeds in `LEAKING` would reveal counts without secondary suppression; seed 10 if moves of few people were shown."""
EACH_SEED = [seed if seed in (10, 55) else pytest.param(seed, marks=pytest.mark.long) for seed in SEEDS]
QUARTERS = ("2024-01 to 2024-03", "2024-04 to 2024-06", "2024-07 to 2024-09")
STEPS = 4
"""The most steps of a made-up pathway, which the attack knows."""


def _moves(seed: int, flow: Flow) -> pl.DataFrame:
    """Return made-up pathways of few people at few providers."""
    rng = np.random.default_rng(seed)
    inner = [stage.name for stage in flow.stages if not stage.ends]
    rows = []
    for _ in range(int(rng.integers(20, 160))):
        where = f"ZZ{rng.integers(0, rng.integers(1, 5))}", QUARTERS[rng.integers(0, 3)]
        at, step = "start", 0
        while step < STEPS and at not in flow.ends:
            onward = [name for name in inner if name != at] if step == 0 or rng.random() < 0.4 else list(flow.ends)
            if step == STEPS - 1:
                onward = list(flow.ends)
            to = onward[min(int(rng.exponential(0.8)), len(onward) - 1)]
            rows.append((*where, step, at, to))
            at, step = to, step + 1
    frame = pl.DataFrame(rows, schema=["provider", "quarter", "step", "from", "to"], orient="row")
    return frame.group_by(frame.columns, maintain_order=True).agg(pl.len().cast(pl.Int64).alias("pathways"))


def _attack(shown: pl.DataFrame, flow: Flow) -> Attack:
    """Learn what the three files of a flow say, and what follows from what they leave out.

    A place without published moves has fewer than 8 pathways; a move that is missing from another place is 0.
    """
    attack = Attack()
    moved, by_provider, by_quarter = (
        text_table(table)
        for table in (
            tables.move_table(shown, flow),
            tables.stage_table(shown, flow, "provider"),
            tables.stage_table(shown, flow, "quarter"),
        )
    )
    rows = moved.iter_rows(named=True)
    published = {(row["provider"], int(row["step"]), row["from"], row["to"]): row for row in rows}
    everybody = list(dict.fromkeys([ALL_PROVIDERS, *by_provider["provider"]]))
    inner = [stage.name for stage in flow.stages if not stage.ends]
    every = [*inner, *flow.ends]
    moves = [(0, "start", to) for to in every]
    moves += [(step, one, to) for step in range(1, STEPS) for one in inner for to in every if to != one]
    for who in everybody:
        for step, one, to in moves:
            key, place = ("move", who, str(step), one, to), _place(who, step, one)
            row = published.get((who, step, one, to))
            known = next((row for (*where, _), row in published.items() if where == [who, step, one]), None)
            attack.learn(key, row["pathways"] if row else "0" if known else None)
            attack.learn(place, known["of"] if known else None)
            if not known:
                attack.bounds[place] = (0, 7)
            attack.learn(_place(who, step + 1, to), None)
        for (step, stage), count in tables.places(shown, who).items():
            # The counts beside the bars of the picture.
            attack.learn(_place(who, step, stage), None if count is None else str(count))
        for kind in (1, 0):
            sums: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
            for step, one, to in moves:
                key = ("move", who, str(step), one, to)
                sums.setdefault(_place(who, step, one) if kind else _place(who, step + 1, to), []).append(key)
            for place, parts in sums.items():
                attack.add_up(place, parts)
    for step, one, to in moves:
        parts = [("move", who, str(step), one, to) for who in everybody[1:]]
        attack.add_up(("move", ALL_PROVIDERS, str(step), one, to), parts)
    for kind, table, column in (("stage", by_provider, "provider"), ("quarter", by_quarter, "quarter")):
        for row in table.iter_rows(named=True):
            attack.learn((kind, row[column], row["stage"]), row["entered"])
    stages = [key for key in attack.bounds if key[0] in ("stage", "quarter")]
    for kind, who in {key[:2] for key in stages}:
        ends = [key for key in stages if key[:2] == (kind, who) and key[2] in flow.ends]
        attack.add_up((kind, who, "start"), ends)
    for stage in {key[2] for key in stages}:
        parts = [key for key in stages if key[0] == "stage" and key[1] != ALL_PROVIDERS and key[2] == stage]
        attack.add_up(("stage", ALL_PROVIDERS, stage), parts)
        quarters = [key for key in stages if key[0] == "quarter" and key[2] == stage]
        attack.add_up(("stage", ALL_PROVIDERS, stage), quarters)
    for key in [key for key in stages if key[0] == "stage"]:
        attack.add_up(
            key, [place for place in attack.bounds if place[0] == "place" and place[1] == key[1] and place[3] == key[2]]
        )
    return attack


def _place(who: str, step: int, stage: str) -> tuple[str, ...]:
    return ("place", who, str(step), stage)


@pytest.mark.parametrize("seed", EACH_SEED)
def test_nothing_is_recovered(seed: int) -> None:
    shown = tables.flow_cells(_moves(seed, FLOW), FLOW, "hes")
    assert shown["shown"].drop_nulls().is_between(1, 7).sum() == 0
    assert _attack(shown, FLOW).recovered() == {}


@pytest.mark.parametrize(("seeds", "least"), [((55,), 1), pytest.param(LEAKING, 5, marks=pytest.mark.long)])
def test_counts_are_recovered_without_secondary_suppression(
    monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, ...], least: int
) -> None:
    monkeypatch.setattr(tables, "withheld", lambda cells, method, known: pl.Series([False] * cells.height))
    assert (
        sum(len(_attack(tables.flow_cells(_moves(seed, FLOW), FLOW, "hes"), FLOW).recovered()) for seed in seeds)
        >= least
    )


def test_moves_of_few_people_reveal_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_published", lambda exact, method: pl.Series("published", [True] * exact.height))
    assert _attack(tables.flow_cells(_moves(10, FLOW), FLOW, "hes"), FLOW).recovered()


def test_tables_add_up_if_nothing_is_suppressed() -> None:
    moves = _moves(1, FLOW)
    shown = tables.flow_cells(moves, FLOW, "none")
    stages = tables.stage_table(shown, FLOW, "provider").filter(provider=ALL_PROVIDERS)
    entered = dict(stages.select("stage", "entered").iter_rows())
    begun = moves.filter(pl.col("step") == 0)["pathways"].sum()
    assert entered["start"] == begun == sum(entered.get(end, 0) for end in FLOW.ends)
    moved = tables.move_table(shown, FLOW)
    assert moved.filter(provider=ALL_PROVIDERS)["pathways"].sum() == moves["pathways"].sum()
    assert moved.filter(provider=ALL_PROVIDERS, step=0)["percent"].sum() == pytest.approx(100, abs=0.3)
    assert tables.places(shown, ALL_PROVIDERS)[0, "start"] == begun


def test_ends_of_all_providers_do_not_reveal_each_other() -> None:
    """14 pathways are shown as 15, at least 13; 7 end in each of two ways, which could then only be 6 or 7."""
    ends = {"discharge": (4, 3), "no further activity": (3, 4)}
    rows = [
        (f"ZZ{place}", QUARTERS[place], 1, "imaging", end, counts[place])
        for end, counts in ends.items()
        for place in (0, 1)
    ]
    rows += [(f"ZZ{place}", QUARTERS[place], 0, "start", "imaging", 7) for place in (0, 1)]
    moves = pl.DataFrame(rows, schema=["provider", "quarter", "step", "from", "to", "pathways"], orient="row")
    stages = tables.flow_cells(moves, FLOW, "hes").filter(table="stage")
    assert stages["withheld"].any()
