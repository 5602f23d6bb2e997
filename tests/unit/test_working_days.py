"""Working days: Monday to Friday without England's bank holidays; the fast way gives what the slow one gives."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.pathways.definitions import measure
from ebi_rules.pathways.working_days import UNKNOWN, bank_holidays, count_working_days, known_years, working_days
from ebi_rules.statements.measure_sql import measure_statement
from tests.engines.evaluators import SQL_ENGINES

EPOCH = date(1970, 1, 1)


def test_every_year_has_its_bank_holidays() -> None:
    """Eight a year, on weekdays; one more in 2023, and two in 2022."""
    first, last = known_years()
    for year in range(first.year, last.year + 1):
        days = [day for day in bank_holidays() if day.year == year]
        assert len(days) == 8 + {2022: 2, 2023: 1}.get(year, 0)
        assert all(day.weekday() < 5 for day in days)


def test_many_pairs_are_counted_as_one_is() -> None:
    rng = np.random.default_rng(1)
    first, last = known_years()
    span = (last - first).days
    begins = [first + timedelta(days=int(day)) for day in rng.integers(-30, span + 30, 3_000)]
    ends = [begin + timedelta(days=int(days)) for begin, days in zip(begins, rng.integers(-5, 60, 3_000), strict=True)]
    fast = count_working_days(*(np.array([(day - EPOCH).days for day in days]) for days in (begins, ends)))
    assert fast.tolist() == [working_days(*pair) for pair in zip(begins, ends, strict=True)]
    assert {UNKNOWN, 0} < set(fast.tolist())


@pytest.fixture
def seen() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "OPA_Ident": [1, 2, 3, 4],
            "Der_Pseudo_NHS_Number": ["a", "b", "c", "d"],
            "Appointment_Date": [date(2024, 5, 10)] * 4,
            "Referral_Request_Received_Date": [date(2024, 3, 28), *[date(2024, 4, 10)] * 3],
            "Triaged": [date(2024, 4, 4), date(2024, 4, 16), date(2024, 4, 10), None],
            "Treatment_Function_Code": "650",
            "First_Attendance": "1",
            "Attendance_Status": "5",
            "Der_Procedure_All": None,
            "Der_Diagnosis_All": None,
        },
        schema_overrides={"Der_Procedure_All": pl.String, "Der_Diagnosis_All": pl.String},
    )


def test_triage_is_measured_where_a_column_has_its_day(seen: pl.DataFrame) -> None:
    opened = ebi.open(seen, columns={"triage_date": "Triaged"})
    result = ebi.run_measures(opened, "days_to_triage", settings=ebi.Settings(disclosure="none"))
    row = result.shares.row(0, named=True)
    assert (row["index_activity"], row["followed"], row["outcome"]) == (4, 3, 1), (
        "3 days, 4 days, the same day, unknown"
    )


def test_it_is_run_only_if_it_is_named(seen: pl.DataFrame) -> None:
    opened = ebi.open(seen, columns={"triage_date": "Triaged"})
    result = ebi.run_measures(opened, settings=ebi.Settings(disclosure="none", skip_unavailable=True))
    assert "days_to_triage" not in [each["key"] for each in result.run["measures"]]
    with pytest.raises(ebi.ExtractError, match="no extract has a column for triage_date"):
        ebi.run_measures(seen, "days_to_triage")


def test_sql_says_that_it_does_not_count_working_days() -> None:
    assert SQL_ENGINES
    with pytest.raises(ebi.UsageError, match="use ebi-rules measure"):
        ebi.measure_sql("days_to_triage", "duckdb", {"ncdr-opa": "opa"})
    to_the_activity = replace(measure("days_to_triage"), end=None)
    with pytest.raises(ebi.UsageError, match="use ebi-rules measure"):
        measure_statement(to_the_activity, "duckdb", [])
