"""Pathway measures: what works them out agrees with their meaning, on made-up people and on planted pathways."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.engines.extract import open_extract
from ebi_rules.layouts.layout import find_layout
from ebi_rules.pathways.definitions import measure as find
from ebi_rules.pathways.definitions import measures
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, Window
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.measure_counts import answer
from ebi_rules.pathways.measure_meaning import answers
from ebi_rules.pathways.people_events import gather
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.synth.made_up_people import FIRST_DAY, LAST_DAY, STORIES, labels_of, write_population
from tests.engines.people import TODAY, Answers, Person, by_meaning, event_of, random_people, table_of

LAYOUTS = [("ncdr-opa", "ncdr-apcs"), ("hes-op", "hes-apc")]


def _worked_out(measure: Measure, people: list[Person], layouts: Sequence[str], seed: int) -> Answers:
    tables = [table_of(people, find_layout(name), shuffle=seed) for name in layouts]
    opened = [open_extract(table.activity, table.layout, table.overrides) for table in tables]
    starts = [measure.start] if measure.start else []
    gathered = gather(opened, measure.definitions, STANDARD_DIMENSIONS, TODAY, starts, keyed=True)
    found = answer(gathered, measure)
    keys = gathered.frame["key"].cast(pl.Int64)[found.row]
    given = found.outcomes if measure.gives in (COUNT, DAYS) else np.where(found.held, "yes", "no")
    said = map(str, np.where(found.followed, given.astype(str), "incomplete"))
    return Counter(zip(keys, said, strict=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", [each.key for each in measures()])
def test_every_measure_agrees_with_its_meaning(key: str, seed: int) -> None:
    measure = find(key)
    if measure.window:
        shorter = replace(measure.window, days=measure.window.first + 9 * (seed + 1))
        measure = replace(measure, window=shorter, of="first" if seed == 2 else measure.of)
    people = random_people(seed, 60 + 30 * seed)
    expected = by_meaning(measure, people, 60 + 30 * seed)
    assert len({said for _, said in expected}) > 1
    assert _worked_out(measure, people, LAYOUTS[seed % 2], seed) == expected


@pytest.mark.parametrize("window", [Window(0, 0, True), Window(3, 9, True), Window(1, 1, False), Window(5, 30, False)])
@pytest.mark.parametrize("of", ["each", "first"])
def test_any_window_agrees_with_its_meaning(window: Window, of: str) -> None:
    people = random_people(9, 50)
    for key in ("attendances_after_imaging", "repeat_imaging", "specialist_without_community"):
        measure = replace(find(key), window=window, of=of)
        assert _worked_out(measure, people, LAYOUTS[0], 9) == by_meaning(measure, people, 50)


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "population"
    write_population(folder, 6000, seed=2)
    return folder


def _both(folder: Path) -> list[Path]:
    return [folder / "outpatient.parquet", folder / "admitted.parquet"]


def test_what_was_planted_is_measured(population: Path) -> None:
    found = ebi.measure(_both(population), settings=Settings("none"))
    truth = pl.read_csv(population / "truth.csv", schema_overrides={"answer": pl.String})
    numbers = found.spread.group_by("measure", "number").agg(pl.col("count").sum())
    for measure in measures():
        planted = dict(truth.filter(measure=measure.key).select("answer", "index_activity").iter_rows())
        index, incomplete = sum(planted.values()), planted.pop("incomplete", 0)
        row = found.shares.filter(measure=measure.key, provider="all providers").row(0, named=True)
        assert (row["index_activity"], row["followed"]) == (index, index - incomplete), measure.key
        if measure.gives in (COUNT, DAYS):
            counted = dict(numbers.filter(measure=measure.key).select("number", "count").iter_rows())
            assert {str(number): count for number, count in counted.items()} == planted, measure.key
        else:
            assert row["outcome"] == planted["yes"], measure.key
        if measure.window and measure.window.after:
            assert incomplete > 0, measure.key


def test_the_stories_labels_are_what_measures_mean() -> None:
    """The labels were written by hand; the meaning, told the same events, gives the same."""
    for story in STORIES:
        for late in (False, True):
            begin = date(2022, 1, 1)
            last = begin + timedelta(days=story.events[-1][0] + 5) if late else date(2029, 12, 31)
            events = [event_of(begin + timedelta(days=offset), kind) for offset, kind in story.events]
            labels = Counter(labels_of(story, late))
            for measure in measures():
                told = [str(index.answer) for index in answers(measure, events, "2020-01-01", str(last))]
                wanted = Counter({said: count for (key, said), count in labels.items() if key == measure.key})
                assert Counter(told) == wanted, (measure.key, story.events, late)


def test_small_numbers_are_suppressed(population: Path) -> None:
    shown = ebi.measure(_both(population), ["spinal_procedure_after_imaging"], by=["ethnic_category"])
    exact = ebi.measure(_both(population), ["spinal_procedure_after_imaging"], settings=Settings("none"))
    small = exact.shares.filter(pl.col("outcome").is_between(1, 7))["provider"].to_list()
    hidden = shown.shares.filter(pl.col("outcome").is_null())
    assert small and set(small) <= set(hidden["provider"])
    assert hidden["percent"].null_count() == hidden.height
    assert shown.shares["outcome"].drop_nulls().is_between(1, 7).sum() == 0


def test_numbers_have_means_and_percentiles(population: Path) -> None:
    found = ebi.measure(_both(population), settings=Settings("none")).numbers.filter(provider="all providers")
    waits = found.filter(measure="days_to_first_attendance").row(0, named=True)
    assert (waits["median"], waits["percentile_90"], waits["mean_lower_95"]) == (30, 40, None)
    cascade = found.filter(measure="attendances_after_imaging").row(0, named=True)
    assert cascade["mean_lower_95"] < cascade["mean"] < cascade["mean_upper_95"] < 1


def test_waits_are_parted_by_priority(population: Path) -> None:
    frame = pl.read_parquet(population / "outpatient.parquet")
    urgent = frame.with_columns(
        pl.when(pl.col("Sex") == "1").then(pl.lit("2")).otherwise(pl.lit("1")).alias("Priority_Type")
    )
    found = ebi.measure(urgent, ["days_to_first_attendance"], by=["priority"], settings=Settings("none"))
    by_sex, by_priority = (
        dict(found.table(name).select(pl.nth(1), "followed").iter_rows()) for name in ("by_sex", "by_priority")
    )
    assert (by_priority["2"], by_priority["1"]) == (by_sex["1"], by_sex["2"])


def test_months_that_nobody_is_followed_from_are_left_out(population: Path) -> None:
    """Their share is not 0: nobody knows it yet."""
    found = ebi.measure(_both(population), ["repeat_imaging"], settings=Settings("none"))
    every = found.table("trend").filter(provider="all providers")
    assert every["month"].max() < "2025-05" and every["followed"].min() > 0
    share = (every["outcome"] / every["followed"] * 100).round(1)
    assert every["percent"].to_list() == share.to_list()
    assert every["mean"].null_count() == 0


def test_data_end_today_whatever_lies_ahead(population: Path) -> None:
    paths = _both(population)
    early = ebi.measure(paths, ["sent_for_imaging"], settings=Settings("none"), today=date(2021, 3, 31))
    late = ebi.measure(paths, ["sent_for_imaging"], settings=Settings("none"), today=TODAY)
    assert any("have a day in the future; the data are taken to end today" in text for text in early.warnings)
    assert not late.warnings
    all_early, all_late = (each.shares.row(0, named=True) for each in (early, late))
    assert all_early["index_activity"] == all_late["index_activity"]
    assert all_early["followed"] < all_late["followed"]
    assert [each["last_day"] for each in late.run["extracts"]] == [str(LAST_DAY)] * 2
    assert [each["first_day"] for each in late.run["extracts"]] == [str(FIRST_DAY)] * 2


def test_what_extracts_lack_is_told(population: Path) -> None:
    outpatient, admitted = _both(population)
    with pytest.raises(ebi.ExtractError, match="spinal_procedure_after_imaging asks for admitted activity"):
        ebi.measure(outpatient)
    skipped = ebi.measure(outpatient, skip_unavailable=True)
    assert len(skipped.entries) == len(measures()) - 2
    assert any("spinal_procedure_after_imaging was skipped" in text for text in skipped.warnings)
    frame = pl.read_parquet(outpatient)
    with pytest.raises(ebi.ExtractError, match="no column for patient, and measures need pseudonyms"):
        ebi.measure(frame.drop("Der_Pseudo_NHS_Number"), ["did_not_attend"])
    with pytest.raises(ebi.ExtractError, match="no column for activity_date, and measures need days"):
        ebi.measure(frame.drop("Appointment_Date"), ["did_not_attend"])
    with pytest.raises(
        ebi.ExtractError, match="no extract has a column for referral_date, on which the clock of days_to_first"
    ):
        ebi.measure(frame.drop("Referral_Request_Received_Date"), ["days_to_first_attendance"])
    with pytest.raises(ebi.ExtractError, match=r"no column for first_attendance, which sent_for_imaging needs"):
        ebi.measure(frame.drop("First_Attendance"), ["sent_for_imaging"])
    with pytest.raises(ebi.ExtractError, match="no extract has a column for site"):
        ebi.measure([outpatient, admitted], by=["site"])
    with pytest.raises(ebi.UsageError, match="there is no field to group by 'consultant'"):
        ebi.measure([outpatient, admitted], by=["consultant"])
    with pytest.raises(ebi.UsageError, match="the nearest is repeat_imaging"):
        ebi.measure(outpatient, ["repeat_imagin"])
    with pytest.raises(ebi.UsageError, match="name at least one extract"):
        ebi.measure([])


def test_rows_without_person_or_day_are_counted(population: Path) -> None:
    frame = pl.read_parquet(population / "outpatient.parquet").with_row_index()
    broken = frame.with_columns(
        pl.when(pl.col("index") >= 50).then("Der_Pseudo_NHS_Number"),
        pl.when(pl.col("index") < frame.height - 30).then("Appointment_Date"),
    ).drop("index")
    found = ebi.measure(broken, ["did_not_attend"])
    assert (
        "50 rows have no value in the column Der_Pseudo_NHS_Number, which no measure can do without." in found.warnings
    )
    assert "30 rows have no value in the column Appointment_Date, which no measure can do without." in found.warnings


def test_pseudonyms_that_differ_are_told(population: Path) -> None:
    other = pl.read_parquet(population / "admitted.parquet").with_columns(
        pl.format("X{}", "Der_Pseudo_NHS_Number").alias("Der_Pseudo_NHS_Number")
    )
    found = ebi.measure([population / "outpatient.parquet", other], ["spinal_procedure_after_imaging"])
    assert any("are in both: are their pseudonyms made in the same way?" in text for text in found.warnings)
    spelt = pl.read_parquet(population / "admitted.parquet").with_columns(
        pl.format(" {} ", "Der_Pseudo_NHS_Number").alias("Der_Pseudo_NHS_Number")
    )
    assert not ebi.measure([population / "outpatient.parquet", spelt], ["spinal_procedure_after_imaging"]).warnings


def test_a_window_longer_than_the_data_is_told(population: Path) -> None:
    short = pl.read_parquet(population / "outpatient.parquet").filter(pl.col("Appointment_Date") < date(2019, 9, 1))
    found = ebi.measure(short, ["re_entry"])
    assert any("re_entry looks 730 days ahead, and the data hold 152" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('index = "2S_lower_back_imaging"', 'index = "2S_lower"', "line 5: index: there is no rule '2S_lower'"),
        ('index = "2S_lower_back_imaging"', 'index = "agee > 5"', "index: there is no field agee; did you mean age"),
        ("days = 365", "days = 0", "within: from 1 to 0 days holds no day"),
        ("days = 365", "days = 9999", "within: days is a whole number from 0 to 3660"),
        ("from = 1, days = 365, after = true", "from = 0, days = 365, after = false", "before begins with from = 1"),
        ('outcome = "2S_lower_back_imaging"\n', "", "the entry outcome is missing"),
        ('answers = ["yes", "no"]', 'answers = ["no", "no"]', r"\['no', 'no'\], but the measure gives \['yes', 'no'\]"),
        ('answers = ["yes", "no"]', 'answers = ["maybe", "no"]', "these are 'yes', 'no', 'incomplete' or numbers"),
        ('on = "2024-01-10"', 'on = "2024-13-10"', "an activity has the day that it is on"),
        ("within = ", "withing = ", "there is no entry 'withing'; the nearest is within"),
        ('key = "repeat_imaging"', 'key = "repeat_imaging"\ngives = "shares"', "there is no gives 'shares'"),
        ('key = "repeat_imaging"', 'key = "repeat_imaging"\nstart = "referral_date"', "only a measure of days has"),
    ],
)
def test_a_wrong_measure_file_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    from importlib import resources

    content = (resources.files("ebi_rules") / "data" / "measures" / "repeat_imaging.toml").read_text(encoding="utf-8")
    assert old in content
    (tmp_path / "mine.toml").write_text(content.replace(old, new, 1))
    with pytest.raises(ebi.RuleError, match=message):
        ebi.measures(tmp_path)


def test_the_page_is_current() -> None:
    """If this fails, the measures have changed: run `make docs`."""
    from ebi_rules.pathways.measure_pages import page

    assert (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8") == page()
