"""Made-up people with a pathway each: outpatient and admitted activity, and what every measure must find in it.

A person has one of a few stories: events so many days apart, whose answers to every measure are written down here by
hand. Most stories begin where all windows lie within the data; some end with them, and then the answers of windows
that reach beyond are incomplete.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ebi_rules._support.atomic_output import whole_folder
from ebi_rules._support.errors import UsageError
from ebi_rules.synth.made_up_extract import OURS_OF_PEOPLE
from ebi_rules.synth.random_values import PROVIDERS, Array, draw, provider_codes

if TYPE_CHECKING:
    from numpy.random import Generator

FIRST_DAY, LAST_DAY = date(2019, 4, 1), date(2026, 3, 31)
FLOW = "musculoskeletal"
"""The flow of which pathways are planted."""
_CHUNK = 200_000
_MARGIN, _LONGEST = 380, 740
_LATE_BY = 5
_SHARE_LATE = 0.12
_OTHERS = 2
"""Further events of every person that are nothing to any measure: appointments elsewhere that were not attended."""

Labels = Mapping[str, Sequence[tuple[int, str | int]]]


@dataclass(frozen=True)
class Story:
    """Events (days from the beginning, kind), pathways, and for each measure the day of every index with its answer.

    Pathways are those of the musculoskeletal flow.
    """

    share: float
    events: Sequence[tuple[int, str]]
    paths: Sequence[str]
    labels: Labels


@dataclass(frozen=True)
class Kind:
    """What one kind of event holds; `waited` are days from the referral."""

    procedures: str | None = None
    treatment_function: str = "812"
    first: str | None = None
    status: str = "5"
    outcome: str | None = None
    waited: int | None = None
    admitted: bool = False


KINDS: Mapping[str, Kind] = {
    "scan": Kind("||U055"),
    "operation": Kind("||V331,Z665", "108", admitted=True),
    "specialist, seen first": Kind(None, "110", "1", outcome="2", waited=40),
    "specialist, seen first, discharged": Kind(None, "110", "1", outcome="1", waited=30),
    "specialist again": Kind(None, "110", "2", outcome="2"),
    "specialist again, discharged": Kind(None, "410", "2", outcome="1"),
    "physiotherapy, seen first": Kind(None, "650", "1", outcome="2", waited=14),
    "physiotherapy, not attended": Kind(None, "650", "1", "3"),
    "elsewhere, not attended": Kind(None, "300", "2", "3"),
}
STORIES: Sequence[Story] = (
    Story(
        0.16,
        [(0, "scan")],
        ["referral > imaging > lost to view"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "no")],
            "attendances_after_imaging": [(0, 0)],
        },
    ),
    Story(
        0.08,
        [(0, "scan"), (150, "scan")],
        ["referral > imaging > lost to view"],
        {
            "repeat_imaging": [(0, "yes"), (150, "no")],
            "spinal_procedure_after_imaging": [(0, "no"), (150, "no")],
            "attendances_after_imaging": [(0, 0), (150, 0)],
        },
    ),
    Story(
        0.04,
        [(0, "scan"), (100, "operation")],
        ["referral > imaging > procedure > lost to view"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "yes")],
            "attendances_after_imaging": [(0, 0)],
        },
    ),
    Story(
        0.12,
        [(0, "specialist, seen first"), (30, "scan")],
        ["referral > specialist > imaging > lost to view"],
        {
            "imaging_before_specialist": [(0, "no")],
            "imaging_after_specialist": [(0, "yes")],
            "sent_for_imaging": [(0, "yes")],
            "discharged_at_first_attendance": [(0, "no")],
            "specialist_without_community": [(0, "yes")],
            "did_not_attend": [(0, "no")],
            "days_to_first_attendance": [(0, 40)],
            "surgical_conversion": [(0, "no")],
            "repeat_imaging": [(30, "no")],
            "spinal_procedure_after_imaging": [(30, "no")],
            "attendances_after_imaging": [(30, 0)],
        },
    ),
    Story(
        0.15,
        [(0, "physiotherapy, seen first"), (60, "specialist, seen first, discharged")],
        ["referral > community > specialist > discharge"],
        {
            "imaging_before_specialist": [(60, "no")],
            "imaging_after_specialist": [(60, "no")],
            "sent_for_imaging": [(0, "no"), (60, "no")],
            "discharged_at_first_attendance": [(60, "yes")],
            "specialist_without_community": [(60, "no")],
            "did_not_attend": [(0, "no"), (60, "no")],
            "days_to_first_attendance": [(0, 14), (60, 30)],
            "re_entry": [(60, "no")],
            "surgical_conversion": [(60, "no")],
        },
    ),
    Story(
        0.05,
        [(0, "specialist, seen first"), (120, "operation")],
        ["referral > specialist > procedure > lost to view"],
        {
            "imaging_before_specialist": [(0, "no")],
            "imaging_after_specialist": [(0, "no")],
            "sent_for_imaging": [(0, "no")],
            "discharged_at_first_attendance": [(0, "no")],
            "specialist_without_community": [(0, "yes")],
            "did_not_attend": [(0, "no")],
            "days_to_first_attendance": [(0, 40)],
            "surgical_conversion": [(0, "yes")],
        },
    ),
    Story(
        0.10,
        [(0, "scan"), (45, "specialist, seen first")],
        ["referral > imaging > specialist > lost to view"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "no")],
            "attendances_after_imaging": [(0, 1)],
            "imaging_before_specialist": [(45, "yes")],
            "imaging_after_specialist": [(45, "no")],
            "sent_for_imaging": [(45, "no")],
            "discharged_at_first_attendance": [(45, "no")],
            "specialist_without_community": [(45, "yes")],
            "did_not_attend": [(45, "no")],
            "days_to_first_attendance": [(45, 40)],
            "surgical_conversion": [(45, "no")],
        },
    ),
    Story(
        0.10,
        [(0, "physiotherapy, not attended"), (28, "physiotherapy, seen first")],
        ["referral > community > lost to view"],
        {
            "did_not_attend": [(0, "yes"), (28, "no")],
            "sent_for_imaging": [(28, "no")],
            "days_to_first_attendance": [(28, 14)],
        },
    ),
    Story(
        0.08,
        [(0, "specialist again, discharged"), (400, "physiotherapy, seen first")],
        ["referral > specialist > discharge", "referral > community > lost to view"],
        {
            "re_entry": [(0, "yes")],
            "did_not_attend": [(0, "no"), (400, "no")],
            "sent_for_imaging": [(400, "no")],
            "days_to_first_attendance": [(400, 14)],
        },
    ),
    Story(
        0.09,
        [(0, "specialist again, discharged")],
        ["referral > specialist > discharge"],
        {"re_entry": [(0, "no")], "did_not_attend": [(0, "no")]},
    ),
    Story(
        0.08,
        [(0, "scan"), (20, "specialist again"), (50, "specialist again")],
        ["referral > imaging > specialist > lost to view"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "no")],
            "attendances_after_imaging": [(0, 2)],
            "did_not_attend": [(20, "no"), (50, "no")],
        },
    ),
)
"""What people go through, with the share of people that do."""

WINDOWS = {
    "repeat_imaging": 365,
    "spinal_procedure_after_imaging": 365,
    "imaging_after_specialist": 365,
    "sent_for_imaging": 90,
    "attendances_after_imaging": 90,
    "re_entry": 730,
    "surgical_conversion": 365,
}
"""How many days after the index each measure looks; the others look before it, or at the day itself."""


def write_population(
    folder: Path, people: int, seed: int = 1, force: bool = False, progress: Callable[[int], None] = lambda done: None
) -> None:
    """Write outpatient.parquet, admitted.parquet and truth.csv of made-up people into a folder.

    truth.csv has a row a measure and answer: measure, answer (yes, no, incomplete, or a number), index_activity (how
    many index activities have it); and one a pathway of the flow. The same seed and number of people give the same
    data. Raises `UsageError` for a folder that exists, unless `force`.
    """
    import pyarrow.parquet as pq

    if people < 1:
        raise UsageError("the number of people is 1 or more.")
    truth: dict[tuple[str, str], int] = {}
    with whole_folder(folder, OURS_OF_PEOPLE, force) as target, ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        key = 0
        for number, start in enumerate(range(0, people, _CHUNK)):
            rng = np.random.default_rng([seed, number])
            story, late = _stories(rng, min(_CHUNK, people - start))
            _add_truth(truth, story, late)
            for name, frame in _activity(rng, start, story, late, key):
                key += frame.height
                table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
                if name not in writers:
                    path = target / f"{name}.parquet"
                    writers[name] = stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
                writers[name].write_table(table)
            progress(len(story))
        rows = [(measure, answer, count) for (measure, answer), count in sorted(truth.items())]
        schema = {"measure": pl.String, "answer": pl.String, "index_activity": pl.Int64}
        pl.DataFrame(rows, schema=schema, orient="row").write_csv(target / "truth.csv")


def labels_of(story: Story, late: bool) -> Iterator[tuple[str, str]]:
    """Give every measure with an answer, once an index activity."""
    last = story.events[-1][0]
    for measure, answers in story.labels.items():
        for day, answer in answers:
            cut = late and day + WINDOWS.get(measure, 0) > last + _LATE_BY
            yield measure, "incomplete" if cut else str(answer)


def paths_of(story: Story, late: bool) -> Sequence[str]:
    """Give the pathways of a story: the last of one that ends with the data is still in view."""
    *others, last = story.paths
    return [*others, last.replace("lost to view", "still in view") if late else last]


def _add_truth(truth: dict[tuple[str, str], int], story: Array, late: Array) -> None:
    for place, each in enumerate(STORIES):
        for is_late in (False, True):
            count = int(((story == place) & (late == is_late)).sum())
            planted = [(FLOW, path) for path in paths_of(each, is_late)]
            for key in (*labels_of(each, is_late), *planted):
                truth[key] = truth.get(key, 0) + count


def _stories(rng: "Generator", people: int) -> tuple[Array, Array]:
    shares = np.array([story.share for story in STORIES])
    return rng.choice(len(STORIES), people, p=shares / shares.sum()), rng.random(people) < _SHARE_LATE


def _activity(rng: "Generator", start: int, story: Array, late: Array, key: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the outpatient and the admitted activity of people, sorted by day as extracts are."""
    people = len(story)
    span = np.array([each.events[-1][0] for each in STORIES])
    length = (LAST_DAY - FIRST_DAY).days
    begin = np.where(late, length - span[story] - _LATE_BY, rng.integers(_MARGIN, length - _MARGIN - _LONGEST, people))
    persons, days, kinds = [], [], []
    names = list(KINDS)
    for place, each in enumerate(STORIES):
        here = np.flatnonzero(story == place)
        for offset, name in each.events:
            persons.append(here)
            days.append(begin[here] + offset)
            kinds.append(np.full(here.size, names.index(name)))
    for _ in range(_OTHERS):
        persons.append(np.arange(people))
        days.append(rng.integers(0, length + 1, people))
        kinds.append(np.full(people, names.index("elsewhere, not attended")))
    if start == 0 and people:
        # Somebody has something on the first and on the last day: so the data are known to begin and end there.
        persons.append(np.zeros(2, dtype=np.int64))
        days.append(np.array([0, length]))
        kinds.append(np.full(2, names.index("elsewhere, not attended")))
    person, day, kind = (np.concatenate(parts) for parts in (persons, days, kinds))
    order = np.argsort(day, kind="stable")
    frame = _columns(rng, start, person[order], day[order], kind[order])
    outside = np.array([KINDS[name].admitted for name in names])[kind[order]]
    frame = frame.with_columns(key=pl.Series(np.arange(key, key + frame.height)))
    yield "outpatient", _outpatient(frame.filter(pl.Series(~outside)))
    yield "admitted", _admitted(pl.concat([frame.filter(pl.Series(outside)), *_ends(frame, start)]))


def _ends(frame: pl.DataFrame, start: int) -> list[pl.DataFrame]:
    """Give admissions on the first and the last day that are nothing to any measure."""
    if start or not frame.height:
        return []
    ends = [frame.head(1), frame.tail(1)]
    return [
        end.with_columns(
            key=pl.col("key") + 10**12, procedures=pl.lit(None, pl.String), treatment_function=pl.lit("300")
        )
        for end in ends
    ]


def _columns(rng: "Generator", start: int, person: Array, day: Array, kind: Array) -> pl.DataFrame:
    """Give what a row holds, under canonical names; what a person is stays the same from row to row."""
    of_kind: dict[str, pl.Series] = {}
    place = pl.Series(kind)
    for name, values in (
        ("procedures", [each.procedures for each in KINDS.values()]),
        ("treatment_function", [each.treatment_function for each in KINDS.values()]),
        ("first_attendance", [each.first for each in KINDS.values()]),
        ("attendance_status", [each.status for each in KINDS.values()]),
        ("attendance_outcome", [each.outcome for each in KINDS.values()]),
    ):
        of_kind[name] = pl.Series(values, dtype=pl.String).gather(place)
    waited = pl.Series([each.waited for each in KINDS.values()], dtype=pl.Int64).gather(place)
    people = np.arange(start, start + int(person.max()) + 1) if person.size else np.array([], dtype=np.int64)
    mixed = (people * 2654435761) % 2**32
    who = pl.Series(person)
    days = pl.Series(day + (FIRST_DAY - date(1970, 1, 1)).days)
    columns: dict[str, Any] = {
        "patient": (pl.Series(people).cast(pl.String).str.pad_start(10, "0")).gather(who),
        "activity_date": days.cast(pl.Int32).cast(pl.Date),
        "referral_date": (days - waited).cast(pl.Int32).cast(pl.Date),
        "age": pl.Series(20 + mixed // 64 % 70).gather(who),
        "sex": pl.Series(np.where(mixed // 8192 % 2 == 0, "1", "2")).gather(who),
        "provider": pl.Series(provider_codes()).gather(pl.Series(rng.integers(0, PROVIDERS, person.size))),
        "ethnic_category": draw(rng, {"A": 0.7, "H": 0.1, "N": 0.1, None: 0.1}, people.size).gather(who),
        "administrative_category": pl.Series(["01"]).gather(pl.Series(np.zeros(person.size, dtype=np.int64))),
        "referral_source": draw(rng, {"03": 0.6, "05": 0.25, "14": 0.1, "04": 0.05}, person.size),
        **of_kind,
    }
    return pl.DataFrame(columns)


def _outpatient(frame: pl.DataFrame) -> pl.DataFrame:
    names = {
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
        "attendance_status": "Attendance_Status",
        "first_attendance": "First_Attendance",
        "attendance_outcome": "Outcome_of_Attendance",
        "treatment_function": "Treatment_Function_Code",
        "procedures": "Der_Procedure_All",
    }
    told = frame.select(pl.col(name).alias(column) for name, column in names.items())
    return told.with_columns(Der_Diagnosis_All=pl.lit(None, pl.String))


def _admitted(frame: pl.DataFrame) -> pl.DataFrame:
    names = {
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
    }
    told = frame.select(pl.col(name).alias(column) for name, column in names.items())
    return told.with_columns(
        Der_Diagnosis_All=pl.lit(None, pl.String), Admission_Method=pl.lit("11"), Patient_Classification=pl.lit("2")
    )
