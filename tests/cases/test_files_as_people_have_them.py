"""Every file in `fixtures/cases`: read right, or refused with what is wrong and how to mend it.

Unless a case says otherwise, 349 activities are in scope of 1,434 eligible, and 191 as the script was published.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.input_files import read_names, read_population

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
ALL = "all providers"
EXACT = ebi.Settings(disclosure="none")


@dataclass(frozen=True)
class Right:
    """What is right for a case.

    Attributes:
        counts: How much is in scope, and how much is eligible.
        published: How much is in scope as the script was published; None for a saved cube.
        warns: What a warning says; empty if there is none.
        refused: What the error says, if the file is refused.
        source: The file or folder to open.
    """

    counts: tuple[int, int] = (349, 1434)
    published: int | None = 191
    warns: str = ""
    refused: str = ""
    source: str = "opa.parquet"


RIGHT = {
    # One row has no sex and no category, which is why pandas wrote the others as 1.0.
    "01-pandas-float-codes": Right((349, 1435), 190, "2,352 rows have a short code", source="opa.csv"),
    "02-r-write-csv-NA": Right(source="opa.csv"),
    "03-utf16": Right(source="opa.csv"),
    "03c-cp1252": Right(refused="encoding UTF-8. .*--encoding windows-1252", source="opa.csv"),
    "04b-sqlcmd-footer": Right(
        refused="1 line with fewer cells than its headings, first in line 2,403", source="opa.csv"
    ),
    "05-pipe-text": Right(source="HES_OP_201819.txt"),
    "05b-semicolon-csv": Right(source="opa.csv"),
    "07b-date-dmy2": Right(source="opa.csv"),
    "07i-date-int-yyyymmdd": Right(),
    "07j-date-categorical": Right(),
    "07k-dmy-us-ambiguous": Right((155, 613), 83, "day and month cannot be told apart", source="opa.csv"),
    "08-sentinel-dates": Right(warns="3 rows have a date before 1990 or after the month"),
    "08b-sentinel-1900": Right(warns="3 rows have a date before 1990 or after the month"),
    "10b-provider-3-5": Right(warns="--merge-providers FILE"),
    "11a-codes-json": Right(refused=r"looks like a list, as JSON or Python writes it"),
    "11b-codes-pylist": Right(refused=r"looks like a list, as JSON or Python writes it"),
    "11d-codes-caret": Right((0, 1434), 0, "procedures: 605 rows have a malformed first code"),
    "11e-codes-slash": Right((0, 1434), 0, "procedures: 605 rows have a malformed first code"),
    "11f-codes-tab": Right(),
    "11g-codes-newline": Right(),
    "11i-codes-quoted": Right(),
    "11j-codes-with-title": Right(refused="something written beside them"),
    "11k-codes-hyphen": Right((0, 1434), 0, "procedures: 605 rows have a malformed first code"),
    "21-provider-missed-submission": Right((1407, 5694), 724),
    "22-months-missing-for-all": Right((1306, 5330), 671),
    "23-first-month-partial": Right((1383, 5607), 703),
    "30-spark-folder": Right(source="opa"),
    "31a-drift-large": Right(source="opa"),
    # One of the two files has no diagnoses at all.
    "31b-drift-null": Right((515, 2040), 31, source="opa"),
    "31c-drift-int32": Right(source="opa"),
    "31d-drift-extra": Right(source="opa"),
    "31f-drift-case": Right(source="opa"),
    "31g-drift-dict": Right(source="opa"),
    "31h-drift-ns": Right(source="opa"),
    "32a-utc-midnights": Right(warns="has times in UTC; the day that counts is that in London"),
    "32b-london-midnights": Right(),
    "32c-text-utc": Right(source="opa.csv"),
    "40b-sql-age-text-decimal": Right(),
    # One age in ten is the text NULL.
    "40c-sql-age-NA": Right((322, 1296), 177),
    "40f-sql-admin-int": Right(warns="2,400 rows have a short code"),
    "40g-sql-admin-double": Right(warns="2,400 rows have a short code"),
    "40h-sql-nbsp": Right(),
    "51a-hes-nn-nopad": Right(source="hes.parquet"),
    "51b-hes-opertn-nounder": Right(source="hes.parquet"),
    "51c-hes-3-char-only": Right(refused="cannot tell U05.4 from U05.1", source="hes.parquet"),
    "60-ssms-unquoted-commas": Right(
        refused="605 lines with more cells than its headings, first in line 2", source="opa.csv"
    ),
    "62b-cube-utf16": Right(published=None, source="cube.csv"),
    "62e-cube-NA": Right(published=None, source="cube.csv"),
    "63-names-cp1252": Right(),
    "64-population-ons-labels": Right(),
    "66-header-blanks": Right(source="opa.csv"),
    "67-age-decimal": Right(refused="2,400 rows have a value that is not a whole number .* completed years"),
}
NOT_READ_BY_SQL = ("07i-date-int-yyyymmdd", "07j-date-categorical")


def test_every_case_has_an_answer() -> None:
    assert sorted(RIGHT) == sorted(path.name for path in CASES.iterdir() if path.is_dir())


@cache
def audited(case: str, engine: str = "polars", variant: str = "default") -> ebi.Audit:
    """Return the audit of a case."""
    path = CASES / case / RIGHT[case].source
    settings = ebi.Settings(disclosure="none", variant=variant)
    if path.name == "cube.csv":
        return ebi.audit_cube(path, "2S", settings)
    return ebi.audit(ebi.open(path, engine=engine), "2S", settings=settings)


def counts(audit: ebi.Audit) -> tuple[int, int]:
    """Return how much is in scope, and how much is eligible."""
    flagged, eligible = audit.totals().select("flagged", "eligible").row(0)
    return flagged, eligible


@pytest.mark.parametrize("case", RIGHT)
def test_it_is_read_right_or_refused(case: str) -> None:
    right = RIGHT[case]
    if right.refused:
        with pytest.raises(ebi.ExtractError, match=right.refused) as error:
            audited(case)
        assert "U055" not in str(error.value)
        return
    audit = audited(case)
    assert counts(audit) == right.counts
    if right.warns:
        assert any(right.warns in text for text in audit.warnings), audit.warnings
    else:
        assert audit.warnings == ()
    if right.published is not None:
        assert audited(case, variant="as_published").totals()["flagged"].to_list() == [right.published]


@pytest.mark.needs("DuckDB")
@pytest.mark.parametrize("case", [case for case, right in RIGHT.items() if right.source.endswith(("parquet", "opa"))])
def test_the_engine_duckdb_counts_and_warns_alike(case: str) -> None:
    right = RIGHT[case]
    if case in NOT_READ_BY_SQL:
        with pytest.raises(ebi.ExtractError, match=r"Appointment_Date .* not a date"):
            audited(case, "duckdb")
    elif right.refused:
        # What a cell looks like stays in the warehouse.
        words = "malformed first code" if case.startswith("11") else right.refused
        with pytest.raises(ebi.ExtractError, match=words):
            audited(case, "duckdb")
    else:
        ours, other = audited(case), audited(case, "duckdb")
        assert counts(other) == right.counts
        assert sorted(other.warnings) == sorted(ours.warnings)


def test_names_in_a_windows_code_page_are_refused_by_that_word() -> None:
    with pytest.raises(ebi.UsageError, match="is not in the encoding UTF-8"):
        read_names(CASES / "63-names-cp1252" / "names.csv")


def test_labels_of_the_office_for_national_statistics_are_read() -> None:
    population = read_population(CASES / "64-population-ons-labels" / "pop.csv")
    assert population.people.filter(age_band="0-4", sex="1")["people"].to_list() == [10_000]


@pytest.mark.parametrize("case", ["08-sentinel-dates", "08b-sentinel-1900"])
def test_stray_dates_make_no_month(case: str) -> None:
    months = audited(case).trend["month"].unique()
    assert months.min() == "2023-01"
    assert months.max() == "2024-02"


def test_a_first_month_that_is_partial_is_marked_and_not_judged() -> None:
    trend = audited("23-first-month-partial").trend.filter(provider=ALL)
    assert trend.filter("partial")["month"].to_list() == ["2022-01"]
    assert trend["mean"].to_list()[0] is None
    assert trend["mean"].null_count() == 1


@pytest.mark.parametrize("case", ["21-provider-missed-submission", "22-months-missing-for-all"])
def test_months_that_nobody_sent_are_gaps(case: str) -> None:
    trend = audited(case).trend
    gaps = trend.filter(eligible=0)
    assert gaps.height >= 2
    assert gaps["rate_per_1000_eligible"].null_count() == gaps["mean"].null_count() == gaps.height
    series = trend.filter(provider=gaps["provider"][-1])
    assert series["month"].n_unique() == series.height == 24
    means = series.filter(pl.col("eligible") > 0, ~pl.col("partial"))
    assert means["mean"].n_unique() == 1
    assert means["mean"][0] == pytest.approx(means["rate_per_1000_eligible"].mean(), rel=0.001)


@pytest.mark.parametrize("case", ["32a-utc-midnights", "32b-london-midnights", "32c-text-utc"])
def test_the_day_is_that_in_london(case: str) -> None:
    """Midnight of 1 June is 23:00 of 31 May in UTC: every activity is on the first of a month."""
    days = audited(case).exact_cube.filter(measure="last_date")["count"]
    assert {day % 100 for day in days} == {1}


def test_a_windows_code_page_is_read_when_it_is_named() -> None:
    extract = ebi.open(CASES / "03c-cp1252" / "opa.csv", encoding="windows-1252")
    assert counts(ebi.audit(extract, "2S", settings=EXACT)) == (349, 1434)
