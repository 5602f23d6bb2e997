"""Made-up people with a pathway each: their activity in six datasets, and what every measure must find in it.

The events and answers of each pathway come from `people_stories`. Stories begin evenly over the years. Near the end of
the data, the answers of windows that reach beyond are incomplete.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from ebi_rules._support.atomic_output import whole_file, whole_folder
from ebi_rules._support.errors import UsageError
from ebi_rules._support.made_up_mark import marked
from ebi_rules.synth.event_kinds import ELSEWHERE, KINDS, OTHERS
from ebi_rules.synth.made_up_extract import write_names
from ebi_rules.synth.neighbour_rows import TABLES, neighbour_rows, sunday_before
from ebi_rules.synth.people_stories import FLOW, STORIES, labels_of, paths_of
from ebi_rules.synth.random_values import PROVIDERS, Array, draw, organisations, provider_codes

if TYPE_CHECKING:
    from numpy.random import Generator

FIRST_DAY, LAST_DAY = date(2019, 4, 1), date(2026, 3, 31)
"""The first and last day of the data."""
_LAST = (LAST_DAY - FIRST_DAY).days
_LISTS_END = (LAST_DAY - sunday_before(LAST_DAY + timedelta(days=1))).days
"""Days from the last waiting list, and so from the last day that all datasets have, to the last day of the others."""

_OUR_FILES = re.compile(rf"(outpatient|admitted|{'|'.join(TABLES)})\.parquet|truth\.csv")
EXTRACTS = ("outpatient", "admitted", "imaging", "community", "emergency", "waiting_list")
"""The extracts, by the names of their files."""
_CHUNK = 200_000
_DAYS_BEFORE, _DAYS_AFTER = 380, 5
"""Stories begin at least this many days after the first day, and end at least this many before the last."""
_EVENTS_ELSEWHERE = 2
"""Further events of every person that no measure counts."""

_KIND_NAMES = list(KINDS)
_DATASET_OF_KIND = np.array([kind.dataset for kind in KINDS.values()])

_OUTPATIENT_COLUMNS = {
    "key": "OPA_Ident",
    "patient": "Der_Pseudo_NHS_Number",
    "activity_date": "Appointment_Date",
    "referral_date": "Referral_Request_Received_Date",
    "age": "Age_at_Start_of_Episode_SUS",
    "sex": "Sex",
    "provider": "Der_Provider_Code",
    "ethnic_category": "Ethnic_Category",
    "administrative_category": "Administrative_Category",
    "referral_source": "OPA_Referral_Source",
    "priority": "Priority_Type",
    "attendance_status": "Attendance_Status",
    "first_attendance": "First_Attendance",
    "attendance_outcome": "Outcome_of_Attendance",
    "treatment_function": "Treatment_Function_Code",
    "procedures": "Der_Procedure_All",
}
"""Columns of the layout ncdr-opa by canonical field."""

_ADMITTED_COLUMNS = {
    "key": "APCS_Ident",
    "patient": "Der_Pseudo_NHS_Number",
    "activity_date": "Discharge_Date",
    "age": "Age_At_Start_of_Spell_SUS",
    "sex": "Sex",
    "provider": "Der_Provider_Code",
    "ethnic_category": "Ethnic_Group",
    "administrative_category": "Administrative_Category",
    "treatment_function": "Der_Admit_Treatment_Function_Code",
    "procedures": "Der_Procedure_All",
    "diagnoses": "Der_Diagnosis_All",
}
"""Columns of the layout ncdr-apcs by canonical field."""


def write_population(
    folder: Path,
    people: int,
    seed: int = 1,
    force: bool = False,
    progress: Callable[[int], None] = lambda done: None,
    names: Path | None = None,
) -> None:
    """Write the activity of made-up people into a folder, a file for each dataset, and truth.csv.

    The files are outpatient, admitted, imaging, community (with contacts, its second table), emergency and
    waiting_list. truth.csv has one row per measure and answer, and one per pathway of the flow: measure, answer (yes,
    no, incomplete, a number, removed, waiting, or the pathway) and index_activity (how many have it). The same seed
    and number of people give the same data.

    Args:
        folder: The folder to write.
        people: The number of people, at least 1.
        seed: The seed of the random numbers.
        force: Replace a folder that exists, if only this function wrote to it.
        progress: Is called with the number of people after each part.
        names: A CSV file for the made-up names of providers: code, name.

    Raises:
        UsageError: The folder or the file of names exists and `force` is not given, or the number of people is less
            than 1.
    """
    if people < 1:
        raise UsageError("the number of people must be 1 or more.")
    truth: dict[tuple[str, str], int] = {}
    with whole_folder(folder, _OUR_FILES, force) as target, ExitStack() as stack:
        if names is not None:
            write_names(organisations(seed).names, stack.enter_context(whole_file(names, force)))
        writers: dict[str, pq.ParquetWriter] = {}
        key = 0
        for number, start in enumerate(range(0, people, _CHUNK)):
            rng = np.random.default_rng([seed, number])
            stories, first_days = _draw_stories(rng, min(_CHUNK, people - start))
            _add_truth(truth, stories, first_days)
            for name, frame in _activity(rng, start, stories, first_days, key):
                key += frame.height
                table = marked(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
                if name not in writers:
                    path = target / f"{name}.parquet"
                    writers[name] = stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
                writers[name].write_table(table)
            progress(len(stories))
        rows = [(measure, answer, count) for (measure, answer), count in sorted(truth.items())]
        schema = {"measure": pl.String, "answer": pl.String, "index_activity": pl.Int64}
        pl.DataFrame(rows, schema=schema, orient="row").write_csv(target / "truth.csv")


def _draw_stories(rng: "Generator", people: int) -> tuple[Array, Array]:
    """Draw the number of each person's story, and the day on which it begins, counted from `FIRST_DAY`."""
    shares = np.array([story.share for story in STORIES])
    stories = rng.choice(len(STORIES), people, p=shares / shares.sum())
    lengths = np.array([story.length for story in STORIES])[stories]
    return stories, rng.integers(_DAYS_BEFORE, _LAST - lengths - _DAYS_AFTER + 1)


def _add_truth(truth: dict[tuple[str, str], int], stories: Array, first_days: Array) -> None:
    """Add the answers and pathways of people to the truth."""
    for number, story in enumerate(STORIES):
        left, people = np.unique(_LAST - first_days[stories == number] - story.length, return_counts=True)
        for days, count in zip(left.tolist(), people.tolist(), strict=True):
            pathways = [(FLOW, path) for path in paths_of(story, days - _LISTS_END)]
            for label in (*labels_of(story, days), *pathways):
                truth[label] = truth.get(label, 0) + count


def _activity(
    rng: "Generator", start: int, stories: Array, first_days: Array, first_key: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the activity of people by the name of its file, sorted by day as extracts are.

    Args:
        rng: The random numbers.
        start: The number of the first person.
        stories: The number of each person's story.
        first_days: The day on which each person's story begins.
        first_key: The key of the first row.
    """
    persons, days, kinds = _events(rng, start, stories, first_days)
    order = np.argsort(days, kind="stable")
    frame = _columns(rng, start, persons[order], days[order], kinds[order])
    frame = frame.with_columns(key=pl.Series(np.arange(first_key, first_key + frame.height)))
    dataset = _DATASET_OF_KIND[kinds[order]]
    yield "outpatient", _as_outpatient(frame.filter(pl.Series(dataset == "outpatient")))
    admitted = frame.filter(pl.Series(dataset == "admitted"))
    yield "admitted", _as_admitted(pl.concat([admitted, *_end_days(frame, start)]))
    yield from neighbour_rows(frame, _on_end_days(frame, start), LAST_DAY)


def _events(rng: "Generator", start: int, stories: Array, first_days: Array) -> tuple[Array, Array, Array]:
    """Return the person, day and kind of every event, each as a number."""
    people = len(stories)
    elsewhere = _KIND_NAMES.index(ELSEWHERE)
    persons, days, kinds = [], [], []
    for number, story in enumerate(STORIES):
        members = np.flatnonzero(stories == number)
        for offset, name in story.events:
            persons.append(members)
            days.append(first_days[members] + offset)
            kinds.append(np.full(members.size, _KIND_NAMES.index(name)))
    others = np.array([_KIND_NAMES.index(name) for name in OTHERS])
    for _ in range(_EVENTS_ELSEWHERE):
        persons.append(np.arange(people))
        days.append(rng.integers(_DAYS_BEFORE // 10, _LAST + 1, people))
        kinds.append(others[rng.integers(0, others.size, people)])
    if start == 0 and people:
        # One person has events on the first and the last day, so that the data are known to begin and end there.
        persons.append(np.zeros(2, dtype=np.int64))
        days.append(np.array([0, _LAST]))
        kinds.append(np.full(2, elsewhere))
    return np.concatenate(persons), np.concatenate(days), np.concatenate(kinds)


def _end_days(frame: pl.DataFrame, start: int) -> list[pl.DataFrame]:
    """Return admissions on the first and the last day that no measure counts; only among the first people."""
    if start or not frame.height:
        return []
    values = {
        "key": pl.col("key") + 10**12,
        "procedures": pl.lit(None, pl.String),
        "diagnoses": pl.lit(None, pl.String),
        "treatment_function": pl.lit("300"),
    }
    return [row.with_columns(**values) for row in (frame.head(1), frame.tail(1))]


def _on_end_days(frame: pl.DataFrame, start: int) -> pl.DataFrame:
    """Return a row for every provider on the first and on the last day; none for later parts of the people."""
    if start or not frame.height:
        return frame.clear()
    codes = pl.DataFrame({"provider": provider_codes()}).with_row_index("place")
    people = frame.head(1).drop("provider").join(codes, how="cross")
    parts = []
    for number, day in enumerate((FIRST_DAY, LAST_DAY)):
        key = pl.col("place").cast(pl.Int64) + 10**13 + number * PROVIDERS
        parts.append(people.with_columns(activity_date=pl.lit(day), key=key))
    return pl.concat(parts).select(frame.columns)


def _columns(rng: "Generator", start: int, persons: Array, days: Array, kinds: Array) -> pl.DataFrame:
    """Return the rows of events under canonical names; the values of a person are the same in every row.

    Args:
        rng: The random numbers.
        start: The number of the first person.
        persons: The person of each row, counted from the first.
        days: The day of each row, counted from `FIRST_DAY`.
        kinds: The number of each row's kind of event.
    """
    values_of_kinds: dict[str, list[str | None]] = {
        "procedures": [kind.procedures for kind in KINDS.values()],
        "diagnoses": [kind.diagnoses for kind in KINDS.values()],
        "treatment_function": [kind.treatment_function for kind in KINDS.values()],
        "first_attendance": [kind.first for kind in KINDS.values()],
        "attendance_status": [kind.status for kind in KINDS.values()],
        "attendance_outcome": [kind.outcome for kind in KINDS.values()],
    }
    kind_of_row, person_of_row = pl.Series(kinds), pl.Series(persons)
    waited = pl.Series([kind.waited for kind in KINDS.values()], dtype=pl.Int64).gather(kind_of_row)
    people = np.arange(start, start + int(persons.max()) + 1) if persons.size else np.array([], dtype=np.int64)
    # Knuth's multiplicative hash: age, sex and provider depend on the person alone, not on the random numbers.
    mixed = (people * 2654435761) % 2**32
    dates = pl.Series(days + (FIRST_DAY - date(1970, 1, 1)).days)
    columns: dict[str, Any] = {
        "patient": pl.Series(people).cast(pl.String).str.pad_start(10, "0").gather(person_of_row),
        "activity_date": dates.cast(pl.Int32).cast(pl.Date),
        "referral_date": (dates - waited).cast(pl.Int32).cast(pl.Date),
        "age": pl.Series(20 + mixed // 64 % 70).gather(person_of_row),
        "sex": pl.Series(np.where(mixed // 8192 % 2 == 0, "1", "2")).gather(person_of_row),
        "provider": pl.Series(provider_codes()).gather(pl.Series(mixed // 1024 % PROVIDERS)).gather(person_of_row),
        "ethnic_category": draw(rng, {"A": 0.7, "H": 0.1, "N": 0.1, None: 0.1}, people.size).gather(person_of_row),
        "administrative_category": pl.Series(["01"]).gather(pl.Series(np.zeros(persons.size, dtype=np.int64))),
        "referral_source": draw(rng, {"03": 0.65, "05": 0.25, "14": 0.1}, persons.size),
        "priority": draw(rng, {"1": 0.8, "2": 0.15, "3": 0.05}, persons.size),
    }
    columns["kind"] = kind_of_row
    for name, values in values_of_kinds.items():
        columns[name] = pl.Series(values, dtype=pl.String).gather(kind_of_row)
    return pl.DataFrame(columns)


def _as_outpatient(frame: pl.DataFrame) -> pl.DataFrame:
    renamed = _renamed(frame, _OUTPATIENT_COLUMNS)
    return renamed.with_columns(Der_Diagnosis_All=pl.lit(None, pl.String))


def _as_admitted(frame: pl.DataFrame) -> pl.DataFrame:
    renamed = _renamed(frame, _ADMITTED_COLUMNS)
    return renamed.with_columns(Admission_Method=pl.lit("11"), Patient_Classification=pl.lit("2"))


def _renamed(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    return frame.select(pl.col(name).alias(column) for name, column in columns.items())
