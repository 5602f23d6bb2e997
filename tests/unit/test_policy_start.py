"""A policy begins in a month: headline counts are from then on, everything else is about all months."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.rule_model.catalogue import open_policy
from tests.unit.small_rule import rule_text

BY_MONTH = {"2024-04": 20, "2024-05": 30, "2024-06": 40}
"""How many scans are in scope in each month; of each month 100 appointments are made up."""


@pytest.fixture
def frame() -> pl.DataFrame:
    days = [date(int(month[:4]), int(month[5:]), 1 + place % 28) for month in BY_MONTH for place in range(100)]
    codes = ["||U055" if place < scans else "||U132" for scans in BY_MONTH.values() for place in range(100)]
    return pl.DataFrame(
        {
            "OPA_Ident": range(300),
            "Der_Provider_Code": [f"ZZ{place % 3}" for place in range(300)],
            "Appointment_Date": days,
            "Der_Procedure_All": codes,
            "Der_Diagnosis_All": "||M545",
        }
    )


def rule_file(folder: Path, start: str = 'start = "2024-05"') -> Path:
    path = folder / "x.toml"
    path.write_text(rule_text(head=start))
    return path


def test_the_headline_is_from_the_start_on(frame: pl.DataFrame, tmp_path: Path) -> None:
    audit = ebi.audit(frame, rule_file(tmp_path), settings=ebi.Settings(disclosure="none"))
    assert audit.totals().select("since", "activity", "eligible", "flagged").row(0) == ("2024-05", None, 200, 70)
    assert audit.before_policy.select("eligible", "flagged").row(0) == (100, 20)
    assert audit.providers["flagged"].sum() == 90, "comparisons use all months"
    months = audit.trend.filter(provider=ALL_PROVIDERS)
    assert months.select("month", "policy", "flagged").rows() == [
        ("2024-04", "before the policy", 20),
        ("2024-05", None, 30),
        ("2024-06", None, 40),
    ]


def test_a_rule_without_a_start_counts_all_months(frame: pl.DataFrame, tmp_path: Path) -> None:
    audit = ebi.audit(frame, rule_file(tmp_path, start=""), settings=ebi.Settings(disclosure="none"))
    assert audit.totals().select("since", "activity", "eligible", "flagged").row(0) == (None, 300, 300, 90)
    assert audit.before_policy.is_empty()
    assert "policy" not in audit.trend.columns


@pytest.mark.parametrize(("start", "since", "before"), [("2030-01", (0, 0), (300, 90)), ("2000-01", (300, 90), (0, 0))])
def test_a_start_outside_the_extract(
    frame: pl.DataFrame, tmp_path: Path, start: str, since: tuple[int, int], before: tuple[int, int]
) -> None:
    audit = ebi.audit(frame, rule_file(tmp_path, f'start = "{start}"'), settings=ebi.Settings(disclosure="none"))
    assert audit.totals().select("eligible", "flagged").row(0) == since
    assert audit.before_policy.select("eligible", "flagged").row(0) == before


def test_without_days_all_activity_is_counted(frame: pl.DataFrame, tmp_path: Path) -> None:
    undated = frame.drop("Appointment_Date")
    audit = ebi.audit(undated, rule_file(tmp_path), settings=ebi.Settings(disclosure="none"))
    assert audit.totals().select("since", "eligible", "flagged").row(0) == (None, 300, 90)


@pytest.mark.parametrize("start", ["2024", "2024-13", "May 2024"])
def test_a_start_is_a_month(tmp_path: Path, start: str) -> None:
    with pytest.raises(ebi.RuleError, match="this must be a month"):
        ebi.rules(rule_file(tmp_path, f'start = "{start}"'))


def test_north_west_london_begins_in_july_2025() -> None:
    assert {rule.documentation.start for rule in open_policy("nwl-msk-imaging")} == {"2025-07"}


@pytest.mark.parametrize(("start", "lines"), [("2024-05", 1), ("2024-04", 0), ("2000-01", 0)])
def test_the_report_shows_where_a_policy_begins(frame: pl.DataFrame, tmp_path: Path, start: str, lines: int) -> None:
    rules = rule_file(tmp_path, start=f'start = "{start}"')
    audit = ebi.audit(frame, rules, settings=ebi.Settings(disclosure="none"))
    audit.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("the policy begins" in page) == bool(lines)
    sentence = "The policy began in May 2024. Before it, 20 of 100 eligible activities would have been in scope."
    assert (sentence in page) == bool(lines)
