"""Scans that two datasets record are counted once: against the meaning, the largest pairing, and what was planted."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

import ebi_rules as ebi
from ebi_rules.criteria.activity import Activity
from ebi_rules.pathways.definitions import measure
from ebi_rules.pathways.event_pairs import pair_events
from ebi_rules.pathways.measure import Event
from ebi_rules.pathways.measure_meaning import answers
from ebi_rules.synth.scan_records import write_scans

EXACT = ebi.Settings(disclosure="none")
MEASURES = ("scans_outpatients_miss", "scans_imaging_misses")
_DAYS = st.lists(st.integers(0, 30), max_size=8).map(sorted)
_BEGIN = date(2025, 1, 1)
_LENGTH = 60


@given(_DAYS, _DAYS, st.integers(0, 5))
def test_no_other_pairing_has_more_pairs(first: list[int], second: list[int], days: int) -> None:
    partner = pair_events(np.array(first, dtype=np.int64), np.array(second, dtype=np.int64), days)
    paired = partner[partner >= 0]
    assert len(set(paired.tolist())) == paired.size, "one to one"
    assert all(abs(first[place] - second[other]) <= days for place, other in enumerate(partner) if other >= 0)
    near = np.array([[abs(one - other) <= days for other in second] for one in first], dtype=np.int8)
    largest = 0
    if first and second:
        largest = int((maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).sum())
    assert paired.size == largest


_NICIP = ["MKNEL", "MKNER", "UKNEL", "MLUSP", "XKNEL", None]
_SNOMED = ["2471000087103", "241648005", None]
_PROCEDURES = ["U211,Z846", "U216,Z846", "U055", "U211,Z846,U055", "W903", None]


def _people(seed: int) -> dict[int, list[Event]]:
    """Return the activity of people, with many scans close together; the first person's is on the ends of the data."""
    rng = np.random.default_rng(seed)
    people: dict[int, list[Event]] = {}
    for _ in range(200):
        day = str(_BEGIN + timedelta(days=int(rng.integers(0, _LENGTH))))
        if rng.random() < 0.5:
            values = {"nicip": rng.choice(np.array(_NICIP, object)), "snomed": rng.choice(np.array(_SNOMED, object))}
            event = Event(day, "imaging", Activity.of(values))
        else:
            event = Event(day, "outpatient", Activity.of({"procedures": rng.choice(np.array(_PROCEDURES, object))}))
        people.setdefault(int(rng.integers(1, 8)), []).append(event)
    ends = [str(_BEGIN), str(_BEGIN + timedelta(days=_LENGTH))]
    people[0] = [Event(day, dataset, Activity.of({})) for day in ends for dataset in ("imaging", "outpatient")]
    return people


def _frames(people: dict[int, list[Event]]) -> list[pl.DataFrame]:
    rows = [(person, event) for person, events in people.items() for event in events]
    outpatient = [(person, event) for person, event in rows if event.dataset == "outpatient"]
    imaging = [(person, event) for person, event in rows if event.dataset == "imaging"]
    text = pl.String
    return [
        pl.DataFrame(
            {
                "OPA_Ident": range(len(outpatient)),
                "Der_Pseudo_NHS_Number": pl.Series([f"p{person}" for person, _ in outpatient], dtype=text),
                "Appointment_Date": [date.fromisoformat(event.day) for _, event in outpatient],
                "Der_Procedure_All": pl.Series(
                    [",".join(event.activity.codes["procedures"]) for _, event in outpatient], dtype=text
                ),
            }
        ),
        pl.DataFrame(
            {
                "RADIOLOGICAL ACCESSION NUMBER": [f"A{place}" for place in range(len(imaging))],
                "NHS NUMBER": pl.Series([f" P{person}" for person, _ in imaging], dtype=text),
                "DIAGNOSTIC TEST DATE": [date.fromisoformat(event.day) for _, event in imaging],
                **{
                    column: pl.Series([event.activity.fields.get(name) for _, event in imaging], dtype=text)
                    for name, column in (("nicip", "IMAGING CODE (NICIP)"), ("snomed", "IMAGING CODE (SNOMED-CT)"))
                },
            }
        ),
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("key", MEASURES)
@pytest.mark.filterwarnings("ignore::ebi_rules.ExtractWarning")
def test_counts_are_those_of_the_meaning(key: str, seed: int) -> None:
    people = _people(seed)
    last = str(_BEGIN + timedelta(days=_LENGTH))
    expected = Counter(
        index.answer for events in people.values() for index in answers(measure(key), events, str(_BEGIN), last)
    )
    result = ebi.run_measures(_frames(people), [key], settings=EXACT)
    row = result.shares.filter(provider="all providers").row(0, named=True)
    assert row["outcome"] == expected["yes"]
    assert row["followed"] == expected["yes"] + expected["no"]
    assert row["index_activity"] == expected.total()
    assert min(expected.values()) > 5


def test_what_was_planted_is_found(tmp_path: Path) -> None:
    """By provider and by setting, whatever the order of the extracts; sites count under their trust."""
    write_scans(tmp_path / "scans", 6000, seed=4)
    truth = pl.read_csv(tmp_path / "scans" / "truth.csv")
    extracts = [tmp_path / "scans" / f"{name}.parquet" for name in ("imaging", "outpatient")]
    for order in (extracts, extracts[::-1]):
        result = ebi.run_measures(order, MEASURES, by=["request_setting"], settings=EXACT)
        for key, recorded in zip(MEASURES, ("imaging only", "outpatient only"), strict=True):
            for table, field in ((result.shares, "provider"), (result.table("by_request_setting"), "request_setting")):
                expected = truth.group_by(field).agg(
                    followed=pl.col("scans").sum(), outcome=pl.col("scans").filter(recorded=recorded).sum()
                )
                found = table.filter(pl.col("measure") == key, pl.col(field) != "all providers")
                assert found.select(field, "followed", "outcome").sort(field).equals(expected.sort(field))


def test_periods_that_have_no_day_in_common_are_not_paired() -> None:
    outpatients, imaging = _frames(_people(1))
    later = imaging.with_columns(pl.col("DIAGNOSTIC TEST DATE") + pl.duration(days=200))
    result = ebi.run_measures([outpatients, later], MEASURES, settings=EXACT)
    assert result.shares.filter(provider="all providers")["followed"].to_list() == [0, 0]
    assert any("no days in common" in warning for warning in result.warnings)


def test_rates_per_1000_registered(tmp_path: Path) -> None:
    write_scans(tmp_path / "scans", 2000, seed=9)
    bands = pl.DataFrame({"provider": ["ZZ0", "ZZ1"] * 2, "age_band": ["20-24", "20-24", "40-44", "40-44"]})
    people = bands.with_columns(sex=pl.lit("1"), people=pl.Series([600, 1000, 400, 1500]))
    settings = ebi.Settings(disclosure="none", population=ebi.Population("provider", people))
    extracts = [tmp_path / "scans" / f"{name}.parquet" for name in ("imaging", "outpatient")]
    table = ebi.run_measures(extracts, MEASURES[:1], settings=settings).table("registered")
    truth = pl.read_csv(tmp_path / "scans" / "truth.csv")
    for code, registered in (("ZZ0", 1000), ("ZZ1", 2500)):
        scans = truth.filter(provider=code)["scans"].sum()
        row = table.filter(provider=code).row(0, named=True)
        assert (row["followed"], row["people"]) == (scans, registered)
        assert row["per_1000"] == pytest.approx(scans / registered * 1000, abs=0.01)
        assert row["per_1000_lower_95"] < row["per_1000"] < row["per_1000_upper_95"]
