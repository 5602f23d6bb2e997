"""Flows: the fast algorithm and the definition have the same pathways, and wrong files are reported."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.polars_engine import open_source
from ebi_rules.layouts.layout import find_layout
from ebi_rules.pathways.definitions import FLOWS, flow, flows
from ebi_rules.pathways.flow import Flow, paths
from ebi_rules.pathways.flow_moves import FURTHER, moves
from ebi_rules.pathways.people_events import gather_people
from ebi_rules.synth.made_up_people import EXTRACTS, STORIES, paths_of, write_population
from tests.engines.people import (
    DAYS_LEFT,
    NEIGHBOURS,
    TODAY,
    Moves,
    Person,
    events_of,
    moves_by_meaning,
    random_people,
    table_of,
)


def _flow(lost_after: int) -> Flow:
    return replace(flow("musculoskeletal"), lost_after=lost_after)


def _fast(definition: Flow, people: list[Person], names: tuple[str, ...]) -> Moves:
    extracts = [
        open_source(ExtractSource(table.activity, table.layout, table.overrides))
        for table in (table_of(people, find_layout(name), shuffle=3) for name in names)
    ]
    gathered = gather_people(
        extracts, [event for stage in definition.stages for event in stage.events], ["provider"], TODAY, with_keys=True
    )
    return Counter({row[:-1]: row[-1] for row in moves(gathered, definition).iter_rows()})


NAMES = [
    (0, ("ncdr-opa", "ncdr-apcs", "dids-v1", *NEIGHBOURS)),
    (1, ("hes-op", "hes-apc", "dids-icb", *NEIGHBOURS)),
]


@pytest.mark.parametrize("lost_after", [1, 4, 9, 30, 200])
@pytest.mark.parametrize(("seed", "names"), NAMES)
def test_pathways_are_those_of_the_definition(seed: int, names: tuple[str, ...], lost_after: int) -> None:
    people, definition = random_people(seed, 120), _flow(lost_after)
    expected = moves_by_meaning(definition, people, 120)
    assert _fast(definition, people, names) == expected
    if lost_after < 100:
        reached = {to for *_, to in expected}
        assert {"imaging", "community", "specialist", "procedure", "discharge", "no further activity"} <= reached
        assert len(expected) > 100


def test_long_pathways_continue_beyond_the_last_step() -> None:
    counts = moves_by_meaning(_flow(30), random_people(0, 120), 120)
    assert sum(count for (*_, to), count in counts.items() if to == FURTHER) > 0


def test_planted_pathways_are_found(tmp_path: Path) -> None:
    write_population(tmp_path / "people", 6000, seed=4)
    result = ebi.run_measures(
        [tmp_path / "people" / f"{name}.parquet" for name in EXTRACTS],
        flows=["musculoskeletal"],
        settings=ebi.Settings(disclosure="none"),
    )
    planted = pl.read_csv(tmp_path / "people" / "truth.csv").filter(measure="musculoskeletal")
    expected: Counter[tuple[int, str, str]] = Counter()
    for path, count in planted.select("answer", "index_activity").iter_rows():
        for step, (one, other) in enumerate(pairwise(path.split(" > "))):
            expected[step, one, other] += count
    counted = result.table("flow").filter(provider="all providers").select("step", "from", "to", "pathways")
    assert {(step, one, other): count for step, one, other, count in counted.iter_rows()} == dict(expected)
    assert len(expected) > 15


def test_the_stories_have_the_pathways_of_the_definition() -> None:
    """The pathways of stories are written by hand; the definition has the same for the same events."""
    for story in STORIES:
        for left in DAYS_LEFT:
            begin = date(2022, 1, 1)
            last = begin + timedelta(days=story.length + left)
            days = [(begin + timedelta(days=offset), kind) for offset, kind in story.events]
            events = [event for day, kind in days for event in events_of(day, kind, last)]
            found = [str(path) for path in paths(flow("musculoskeletal"), events, "2020-01-01", str(last))]
            assert found == list(paths_of(story, left)), (story.events, left)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "lost_after = 183",
            "lost_after = 0",
            "line 5: lost_after: this must be a whole number of days from 1 to 3660",
        ),
        ('name = "community"', 'name = "imaging"', "another stage is also called imaging"),
        (
            'name = "community"',
            'name = "no further activity"',
            "the name of a stage must be in lower-case letters, and must not be start",
        ),
        ('when = "imaging"', 'when = "imagin"', "there is no rule 'imagin'"),
        ('when = "attended AND community"', 'when = "agee > 5"', "there is no field agee; did you mean age"),
        ("ends = true", "end = true", "there is no entry 'end'; the nearest is ends"),
        ('"start > specialist > discharge", ', "", "but the pathways are"),
        (
            'in = "admitted"\n\n',
            'in = "emergencies"\n\n',
            "the nearest is emergency",
        ),
    ],
)
def test_a_wrong_flow_file_is_reported(tmp_path: Path, old: str, new: str, message: str) -> None:
    content = (resources.files("ebi_rules") / "data" / "flows" / "musculoskeletal.toml").read_text(encoding="utf-8")
    assert old in content
    (tmp_path / "mine.toml").write_text(content.replace(old, new, 1))
    with pytest.raises(ebi.RuleError, match=message):
        flows(tmp_path)
    with pytest.raises(ebi.RuleError, match=message):
        FLOWS.parse_file(tmp_path / "mine.toml")


def test_every_problem_of_a_file_is_reported(tmp_path: Path) -> None:
    content = (resources.files("ebi_rules") / "data" / "flows" / "musculoskeletal.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(content.replace("lost_after = 183", "lost_after = 30"))
    with pytest.raises(ebi.RuleError) as error:
        flows(tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) == 5 and all("mine.toml, line " in line for line in lines)
    assert sum("but the pathways are" in line for line in lines) == 4


def test_flows_are_found_by_key() -> None:
    keys = [each.key for each in flows()]
    assert [each.key for each in flows(keys)] == keys
    assert [each.key for each in flows(["musculoskeletal"])] == ["musculoskeletal"]
    with pytest.raises(ebi.UsageError, match="there is no flow 'musculoskelet'; the nearest is musculoskeletal"):
        flows(["musculoskelet"])
