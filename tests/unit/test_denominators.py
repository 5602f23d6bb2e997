"""What a rate before and after a change is divided by: a change that moves eligible activity too is seen by days."""

from calendar import monthrange
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.denominators import DAYS, PEOPLE, Denominator, read_denominator
from ebi_rules.provider_audit.policy_effect import BEFORE, Change
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS

RULE = "2S_lower_back_imaging"
MONTHS = [f"{2022 + place // 12}-{place % 12 + 1:02}" for place in range(48)]
AT = "2024-01"


@pytest.fixture(scope="module")
def fewer() -> ebi.Audit:
    """From January 2024 on there are 0.7 times as many scans a day, in scope and not."""
    rng = np.random.default_rng(4)
    rows = []
    for month in MONTHS:
        days = monthrange(int(month[:4]), int(month[5:]))[1]
        for provider in ("ZZ1", "ZZ2"):
            eligible = rng.poisson(100 * days * (0.7 if month >= AT else 1))
            flagged = rng.binomial(eligible, 0.1)
            key = (provider, month, "45-49", "1")
            rows += [(None, *key, "activity", None, eligible), (RULE, *key, "eligible", None, eligible)]
            rows += [(RULE, *key, "flagged", None, flagged)]
    names = ["rule", "provider", "month", "age_band", "sex", "measure", "item", "count"]
    return ebi.audit_cube(pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None), "2S")


def _average(audit: ebi.Audit, per: Denominator) -> dict[str, float]:
    effect = ebi.compare(audit, Change(AT, immature=0, per=per)).effect
    return effect.series.row(
        by_predicate=(pl.col("figure") == "average") & (pl.col("compared_with") == BEFORE), named=True
    )


def test_a_change_that_moves_what_is_eligible_shows_by_days_alone(fewer: ebi.Audit) -> None:
    by_eligible, by_days = _average(fewer, Denominator()), _average(fewer, Denominator(DAYS))
    assert by_eligible["lower"] < 1 < by_eligible["upper"]
    assert by_days["upper"] < 0.9 and by_days["lower"] < 0.7 < by_days["upper"]


def test_rates_are_per_the_unit_that_is_said(fewer: ebi.Audit) -> None:
    people = dict.fromkeys(MONTHS, 50_000.0)
    for per, unit in (
        (Denominator(), "1,000 eligible"),
        (Denominator(DAYS), "day"),
        (_of(people), "1,000 people and year"),
    ):
        effect = ebi.compare(fewer, Change(AT, immature=0, per=per)).effect
        total = effect.periods.filter(provider=ALL_PROVIDERS).row(0, named=True)
        assert total["rate_per"] == unit == effect.months["rate_per"][0]
        counts = fewer.trend.filter(provider=ALL_PROVIDERS).filter(pl.col("month").str.starts_with("2025"))
        base = {
            "1,000 eligible": counts["eligible"].sum() / 1000,
            "day": 365,
            "1,000 people and year": 50 * 365 / 365.25,
        }
        assert total["rate_after"] == pytest.approx(counts["flagged"].sum() / base[unit], abs=0.001)
        month = effect.months.filter(month="2024-02").row(0, named=True)
        flagged = counts_of(fewer, "2024-02")
        of_month = {"1,000 eligible": flagged[1] / 1000, "day": 29, "1,000 people and year": 50 * 29 / 365.25}
        assert month["rate"] == pytest.approx(flagged[0] / of_month[unit], abs=0.001)


def counts_of(audit: ebi.Audit, month: str) -> tuple[int, int]:
    row = audit.trend.filter(provider=ALL_PROVIDERS, month=month).row(0, named=True)
    return row["flagged"], row["eligible"]


def test_people_who_are_always_as_many_give_what_days_give(fewer: ebi.Audit) -> None:
    by_people = _average(fewer, _of(dict.fromkeys(MONTHS, 50_000.0)))
    by_days = _average(fewer, Denominator(DAYS))
    assert by_people == by_days
    growing = {month: 50_000.0 * 1.001**place for place, month in enumerate(MONTHS)}
    assert _average(fewer, _of(growing))["ratio"] == pytest.approx(by_days["ratio"], rel=0.02)


def _of(people: dict[str, float]) -> Denominator:
    return Denominator(PEOPLE, people)


def test_people_who_are_not_known_in_a_month_are_refused(fewer: ebi.Audit) -> None:
    with pytest.raises(ebi.UsageError, match=r"no people for 2022-01 and 46 more months, which are compared"):
        _average(fewer, _of({"2024-06": 1.0}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("month,people\n2024-13,5\n", "write a month such as 2024-04"),
        (
            "month,people\n2024-04,x\n2024-05,-1\n2024-06,inf\n2024-07,0\n",
            "4 of the cells in people are not numbers above 0",
        ),
        ("month,people\n2024-04,5\n202404,6\n", "the month 2024-04 is there twice"),
        ("month,count\n2024-04,5\n", "has no column people"),
        ("month,people\n", "there is no month|no rows"),
        ("month,people\n,5\n", "write a month"),
    ],
)
def test_a_wrong_file_of_people_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "people.csv").write_text(text)
    with pytest.raises(ebi.UsageError, match=message):
        read_denominator(str(tmp_path / "people.csv"))


def test_a_file_of_people_is_read_and_another_word_refused(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("Month;People\n2024-04;50000\n")
    assert read_denominator(str(tmp_path / "people.csv")).people == {"2024-04": 50000}
    with pytest.raises(ebi.UsageError, match="--per weeks: name eligible, days, or a CSV file"):
        read_denominator("weeks")
