"""Pathway measures: counting agrees with the definition, for made-up people and for planted pathways."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules._support.package_data import data_folder
from ebi_rules.criteria.activity import Activity
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.polars_engine import open_source
from ebi_rules.layouts.layout import find_layout
from ebi_rules.pathways.definitions import measure as find_measure
from ebi_rules.pathways.definitions import measures
from ebi_rules.pathways.measure import Event, Measure
from ebi_rules.pathways.measure_counts import answer_measure
from ebi_rules.pathways.measure_meaning import answers
from ebi_rules.pathways.people_events import gather_people
from ebi_rules.pathways.wait_meaning import REMOVED, STILL_WAITING, wait_answers
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.rule_model.measure_availability import can_contain
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, Window
from ebi_rules.statistics.seen_by_day import REMOVED as LEFT
from ebi_rules.statistics.seen_by_day import SEEN, WAITING
from ebi_rules.synth.made_up_people import EXTRACTS, FIRST_DAY, LAST_DAY, STORIES, labels_of, write_population
from tests.engines.people import (
    DAYS_LEFT,
    NEIGHBOURS,
    TODAY,
    Answers,
    Person,
    by_meaning,
    events_of,
    random_people,
    table_of,
)

LAYOUTS = [("ncdr-opa", "ncdr-apcs", "dids-v1", *NEIGHBOURS), ("hes-op", "hes-apc", "dids-icb", *NEIGHBOURS)]
EXACT = Settings(disclosure="none")


def _counted(measure: Measure, people: list[Person], layouts: Sequence[str], seed: int) -> Answers:
    tables = [table_of(people, find_layout(name), shuffle=seed) for name in layouts]
    extracts = [open_source(ExtractSource(table.activity, table.layout, table.overrides)) for table in tables]
    fields = measure.clock_fields
    people_events = gather_people(extracts, measure.definitions, STANDARD_DIMENSIONS, TODAY, fields, with_keys=True)
    counted = answer_measure(people_events, measure)
    keys = people_events.frame["key"].cast(pl.Int64)[counted.row]
    complete = counted.outcomes if measure.gives in (COUNT, DAYS) else np.where(counted.has_outcome, "yes", "no")
    texts = map(str, np.where(counted.followed, complete.astype(str), "incomplete"))
    return Counter(zip(keys, texts, strict=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", [each.key for each in measures() if not each.wait])
def test_every_measure_agrees_with_its_definition(key: str, seed: int) -> None:
    measure = find_measure(key)
    if measure.window:
        shorter = replace(measure.window, days=measure.window.first + 9 * (seed + 1))
        measure = replace(measure, window=shorter, of="first" if seed == 2 else measure.of)
    people = random_people(seed, 60 + 30 * seed)
    expected = by_meaning(measure, people, 60 + 30 * seed)
    assert len({text for _, text in expected}) > 1
    assert _counted(measure, people, LAYOUTS[seed % 2], seed) == expected


@pytest.mark.parametrize("window", [Window(0, 0, True), Window(3, 9, True), Window(1, 1, False), Window(5, 30, False)])
@pytest.mark.parametrize("of", ["each", "first"])
def test_any_window_agrees_with_the_definition(window: Window, of: str) -> None:
    people = random_people(9, 50)
    for key in ("attendances_after_imaging", "repeat_imaging", "specialist_without_community"):
        measure = replace(find_measure(key), window=window, of=of)
        assert _counted(measure, people, LAYOUTS[0], 9) == by_meaning(measure, people, 50)


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "population"
    write_population(folder, 6000, seed=2)
    return folder


def _both(folder: Path) -> list[Path]:
    return [folder / "outpatient.parquet", folder / "admitted.parquet"]


def _every(folder: Path) -> list[Path]:
    return [folder / f"{name}.parquet" for name in EXTRACTS]


def test_what_was_planted_is_measured(population: Path) -> None:
    result = ebi.run_measures(_every(population), settings=EXACT)
    truth = pl.read_csv(population / "truth.csv", schema_overrides={"answer": pl.String})
    numbers = result.tables.spread.group_by("measure", "number").agg(pl.col("count").sum())
    for measure in _usual():
        planted = dict(truth.filter(measure=measure.key).select("answer", "index_activity").iter_rows())
        if measure.wait:
            assert _ends_of_waits(result.tables.waits.filter(measure=measure.key)) == planted, measure.key
            continue
        index, incomplete = sum(planted.values()), planted.pop("incomplete", 0)
        row = result.shares.filter(measure=measure.key, provider="all providers").row(0, named=True)
        assert (row["index_activity"], row["followed"]) == (index, index - incomplete), measure.key
        if measure.gives in (COUNT, DAYS):
            counted = dict(numbers.filter(measure=measure.key).select("number", "count").iter_rows())
            assert {str(number): count for number, count in counted.items()} == planted, measure.key
        else:
            assert row["outcome"] == planted["yes"], measure.key
        if measure.window and measure.window.after:
            assert incomplete > 0, measure.key


def _ends_of_waits(waits: pl.DataFrame) -> Counter[str]:
    found: Counter[str] = Counter()
    for until, ended, count in waits.select("until", "ended", "count").iter_rows():
        found[{SEEN: str(until), LEFT: REMOVED, WAITING: STILL_WAITING}[ended]] += count
    return found


def test_the_labels_of_stories_agree_with_the_definition() -> None:
    """The labels were written by hand; the definition returns the same answers for the same events."""
    for story in STORIES:
        for left in DAYS_LEFT:
            begin = date(2022, 1, 1)
            last = begin + timedelta(days=story.length + left)
            days = [(begin + timedelta(days=offset), kind) for offset, kind in story.events]
            events = [event for day, kind in days for event in events_of(day, kind, last)]
            # Every provider has a list each week.
            sundays = [last - timedelta(days=last.isoweekday() % 7 + 7 * ago) for ago in range(60)]
            lists = [Event(str(sunday), "waiting_list", _ON_A_LIST) for sunday in sundays]
            labels = Counter(labels_of(story, left))
            for measure in _usual():
                if measure.wait:
                    texts = [*map(str, wait_answers(measure, [*events, *lists], "2020-01-01", str(last)))]
                else:
                    texts = [str(index.answer) for index in answers(measure, events, "2020-01-01", str(last))]
                expected = Counter({text: count for (key, text), count in labels.items() if key == measure.key})
                assert Counter(texts) == expected, (measure.key, story.events, left)


_ON_A_LIST = Activity.of({"id": "0", "provider": "ZZ1", "treatment_function": "300", "referral_date": "2021-01-01"})


def _usual() -> list[Measure]:
    """Return the measures that are run without being named."""
    return [measure for measure in measures() if not measure.only_when_named]


def test_small_numbers_are_suppressed(population: Path) -> None:
    shown = ebi.run_measures(_both(population), ["spinal_procedure_after_imaging"], by=["ethnic_category"])
    exact = ebi.run_measures(_both(population), ["spinal_procedure_after_imaging"], settings=EXACT)
    small = exact.shares.filter(pl.col("outcome").is_between(1, 7))["provider"].to_list()
    hidden = shown.shares.filter(pl.col("outcome").is_null())
    assert small and set(small) <= set(hidden["provider"])
    assert hidden["percent"].null_count() == hidden.height
    assert shown.shares["outcome"].drop_nulls().is_between(1, 7).sum() == 0


def test_numbers_have_means_and_percentiles(population: Path) -> None:
    result = ebi.run_measures(_both(population), settings=EXACT).numbers.filter(provider="all providers")
    waits = result.filter(measure="days_to_first_attendance").row(0, named=True)
    assert (waits["median"], waits["percentile_90"], waits["mean_lower_95"]) == (30, 40, None)
    cascade = result.filter(measure="attendances_after_imaging").row(0, named=True)
    assert cascade["mean_lower_95"] < cascade["mean"] < cascade["mean_upper_95"] < 1


def test_waits_can_be_split_by_priority(population: Path) -> None:
    frame = pl.read_parquet(population / "outpatient.parquet")
    urgent = frame.with_columns(
        pl.when(pl.col("Sex") == "1").then(pl.lit("2")).otherwise(pl.lit("1")).alias("Priority_Type")
    )
    result = ebi.run_measures(urgent, ["days_to_first_attendance"], by=["priority"], settings=EXACT)
    by_sex, by_priority = (
        dict(result.table(name).select(pl.nth(1), "followed").iter_rows()) for name in ("by_sex", "by_priority")
    )
    assert (by_priority["2"], by_priority["1"]) == (by_sex["1"], by_sex["2"])


def test_months_without_complete_follow_up_are_left_out(population: Path) -> None:
    """Their share is not 0: it is not known yet."""
    result = ebi.run_measures(_both(population), ["repeat_imaging"], settings=EXACT)
    every = result.table("trend").filter(provider="all providers")
    assert every["month"].max() < "2025-05" and every["followed"].min() > 0
    share = (every["outcome"] / every["followed"] * 100).round(1)
    assert every["percent"].to_list() == share.to_list()
    assert every["mean"].null_count() == 0


def test_data_end_today_even_if_later_days_exist(population: Path) -> None:
    paths = _both(population)
    early = ebi.run_measures(paths, ["sent_for_imaging"], settings=EXACT, today=date(2021, 3, 31))
    late = ebi.run_measures(paths, ["sent_for_imaging"], settings=EXACT, today=TODAY)
    assert any("have a day in the future; the data are taken to end today" in text for text in early.warnings)
    assert not late.warnings
    all_early, all_late = (each.shares.row(0, named=True) for each in (early, late))
    assert all_early["index_activity"] == all_late["index_activity"]
    assert all_early["followed"] < all_late["followed"]
    assert [each["last_day"] for each in late.run["extracts"]] == [str(LAST_DAY)] * 2
    assert [each["first_day"] for each in late.run["extracts"]] == [str(FIRST_DAY)] * 2


def test_missing_data_are_reported(population: Path) -> None:
    outpatient, admitted = _both(population)
    with pytest.raises(ebi.ExtractError, match="ebi_under_pain_services needs admitted activity"):
        ebi.run_measures(outpatient, "ebi_under_pain_services")
    skipped = ebi.run_measures(outpatient)
    binding = ebi.open(outpatient).binding
    answerable = [each.key for each in _usual() if all(can_contain(part, binding) for part in each.definitions)]
    assert [entry.key for entry in skipped.tables.entries] == answerable
    assert 0 < len(answerable) < len(measures())
    (left_out,) = [text for text in skipped.warnings if text.startswith("left out, as no extract is of the kind")]
    assert "ebi_under_pain_services" in left_out
    by_name = ["did_not_attend", "ebi_under_pain_services"]
    skipped = ebi.run_measures(outpatient, by_name, settings=Settings(skip_unavailable=True))
    assert any("ebi_under_pain_services was skipped" in text for text in skipped.warnings)
    frame = pl.read_parquet(outpatient)
    with pytest.raises(ebi.ExtractError, match="no column for patient, and measures need pseudonyms"):
        ebi.run_measures(frame.drop("Der_Pseudo_NHS_Number"), ["did_not_attend"])
    with pytest.raises(ebi.ExtractError, match="no column for activity_date, and measures need dates"):
        ebi.run_measures(frame.drop("Appointment_Date"), ["did_not_attend"])
    with pytest.raises(
        ebi.ExtractError, match="no extract has a column for referral_date, which starts the clock of days_to_first"
    ):
        ebi.run_measures(frame.drop("Referral_Request_Received_Date"), ["days_to_first_attendance"])
    with pytest.raises(ebi.ExtractError, match=r"no column for first_attendance, which sent_for_imaging needs"):
        ebi.run_measures(frame.drop("First_Attendance"), ["sent_for_imaging"])
    with pytest.raises(ebi.ExtractError, match="no extract has a column for site"):
        ebi.run_measures([outpatient, admitted], by=["site"])
    with pytest.raises(ebi.UsageError, match="there is no field to group by 'consultant'"):
        ebi.run_measures([outpatient, admitted], by=["consultant"])
    with pytest.raises(ebi.UsageError, match="the nearest is repeat_imaging"):
        ebi.run_measures(outpatient, ["repeat_imagin"])
    with pytest.raises(ebi.UsageError, match="name at least one extract"):
        ebi.run_measures([])


def test_rows_without_person_or_day_are_counted(population: Path) -> None:
    frame = pl.read_parquet(population / "outpatient.parquet").with_row_index()
    broken = frame.with_columns(
        pl.when(pl.col("index") >= 50).then("Der_Pseudo_NHS_Number"),
        pl.when(pl.col("index") < frame.height - 30).then("Appointment_Date"),
    ).drop("index")
    result = ebi.run_measures(broken, ["did_not_attend"])
    assert "50 rows have no value in the column Der_Pseudo_NHS_Number, which every measure needs." in result.warnings
    assert "30 rows have no value in the column Appointment_Date, which every measure needs." in result.warnings


def test_different_pseudonyms_are_reported(population: Path) -> None:
    other = pl.read_parquet(population / "admitted.parquet").with_columns(
        pl.format("X{}", "Der_Pseudo_NHS_Number").alias("Der_Pseudo_NHS_Number")
    )
    result = ebi.run_measures([population / "outpatient.parquet", other], ["spinal_procedure_after_imaging"])
    assert any("are in both: check that their pseudonyms are made in the same way." in text for text in result.warnings)
    spelt = pl.read_parquet(population / "admitted.parquet").with_columns(
        pl.format(" {} ", "Der_Pseudo_NHS_Number").alias("Der_Pseudo_NHS_Number")
    )
    assert not ebi.run_measures([population / "outpatient.parquet", spelt], ["spinal_procedure_after_imaging"]).warnings


def test_a_window_longer_than_the_data_is_reported(population: Path) -> None:
    short = pl.read_parquet(population / "outpatient.parquet").filter(pl.col("Appointment_Date") < date(2019, 9, 1))
    result = ebi.run_measures(short, ["re_entry"])
    assert any("re_entry looks 730 days ahead, but the data cover only 152 days" in text for text in result.warnings)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('index = "2S_lower_back_imaging"', 'index = "2S_lower"', "line 5: index: there is no rule '2S_lower'"),
        ('index = "2S_lower_back_imaging"', 'index = "agee > 5"', "index: there is no field agee; did you mean age"),
        ("days = 365", "days = 0", "within: from 1 to 0 days contains no day"),
        ("days = 365", "days = 9999", "within: days must be a whole number from 0 to 3660"),
        (
            "from = 1, days = 365, after = true",
            "from = 0, days = 365, after = false",
            "with after = false, use from = 1",
        ),
        ('outcome = "2S_lower_back_imaging"\n', "", "the entry outcome is missing"),
        (
            'answers = ["yes", "no"]',
            'answers = ["no", "no"]',
            r"\['no', 'no'\], but the measure returns \['yes', 'no'\]",
        ),
        ('answers = ["yes", "no"]', 'answers = ["maybe", "no"]', "these must be 'yes', 'no', 'incomplete' or numbers"),
        ('on = "2024-01-10"', 'on = "2024-13-10"', "an activity must have its day"),
        ("within = ", "withing = ", "there is no entry 'withing'; the nearest is within"),
        ('key = "repeat_imaging"', 'key = "repeat_imaging"\ngives = "shares"', "there is no gives 'shares'"),
        (
            'key = "repeat_imaging"',
            'key = "repeat_imaging"\nstart = "referral_date"',
            "only a measure of days can have",
        ),
    ],
)
def test_a_wrong_measure_file_is_reported(tmp_path: Path, old: str, new: str, message: str) -> None:
    content = (data_folder("measures") / "repeat_imaging.toml").read_text(encoding="utf-8")
    assert old in content
    (tmp_path / "mine.toml").write_text(content.replace(old, new, 1))
    with pytest.raises(ebi.RuleError, match=message):
        ebi.measures(tmp_path)


def test_the_page_is_current() -> None:
    """If this fails, the measures have changed: run `make docs`."""
    from ebi_rules.pathways.measure_pages import page

    assert (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8") == page()
