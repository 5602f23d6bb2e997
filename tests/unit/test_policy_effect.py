"""Before and after: a change that is there is found, one that is not is hardly ever, and odd input is refused."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

import ebi_rules as ebi
from ebi_rules.provider_audit.policy_effect import BEFORE, OTHERS, TREATED, Change
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.effect_page import effect_sentences
from ebi_rules.statistics.interrupted_series import SeriesFit, interrupted_series
from tests.report.situations import PROVIDERS, made_up_audit

RULE = "2S_lower_back_imaging"
AT = "2023-10"
"""Month 18 of the made-up data."""


def _values(seed: int, months: int, at: int, alike: float, effect: float = 1.0, mean: float = 200) -> np.ndarray:
    """Return rates from Poisson counts with a season, errors that are alike in neighbouring months, and an effect."""
    rng = np.random.default_rng(seed)
    errors = [rng.normal(0, 0.06)]
    for _ in range(months - 1):
        errors.append(alike * errors[-1] + rng.normal(0, 0.06 * np.sqrt(1 - alike**2)))
    times = np.arange(months)
    usual = mean * np.exp(0.1 * np.sin(2 * np.pi * times / 12) + np.array(errors))
    return np.maximum(rng.poisson(usual * np.where(times >= at, effect, 1.0)), 0.5) / mean


def _series(seed: int, months: int, at: int, alike: float, effect: float = 1.0) -> SeriesFit:
    return interrupted_series(_values(seed, months, at, alike, effect), np.ones(months), list(range(months)), at)


@pytest.mark.parametrize(
    ("alike", "sets"),
    [(0.3, 150), *(pytest.param(alike, 1500, marks=pytest.mark.long) for alike in (0.0, 0.2, 0.4))],
)
def test_no_change_is_hardly_ever_called_one(alike: float, sets: int) -> None:
    fits = [_series(seed, 36, 24, alike) for seed in range(sets)]
    wide = 0.035 if sets < 1000 else 0.02
    for name in ("average", "level", "slope"):
        assert np.mean([getattr(fit, name).p < 0.05 for fit in fits]) == pytest.approx(0.055, abs=wide), name
    assert abs(np.mean([np.log(fit.average.ratio) for fit in fits])) < 0.02


@pytest.mark.parametrize("sets", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_a_change_is_estimated_and_found_as_often_as_was_said(sets: int) -> None:
    smallest = float(np.median([_series(seed, 36, 24, 0.2).average.smallest for seed in range(40)]))
    fits = [_series(seed, 36, 24, 0.2, effect=smallest) for seed in range(sets)]
    assert np.exp(np.mean([np.log(fit.average.ratio) for fit in fits])) == pytest.approx(smallest, rel=0.02)
    assert np.mean([fit.average.lower <= smallest <= fit.average.upper for fit in fits]) > 0.9
    assert np.mean([fit.average.p < 0.05 for fit in fits]) == pytest.approx(0.8, abs=0.1)


def test_with_the_autocorrelation_known_it_is_generalised_least_squares() -> None:
    fit = _series(4, 48, 30, 0.4, effect=0.8)
    values = _values(4, 48, 30, 0.4, 0.8)
    times = np.arange(48.0)
    after = (times >= 30).astype(float)
    waves = [wave(2 * np.pi * k * times / 12) for k in (1, 2) for wave in (np.sin, np.cos)]
    design = np.column_stack([np.ones(48), (times - times.mean()) / 12, after, after * (times - 30) / 12, *waves])
    alike = fit.autocorrelation ** np.abs(np.subtract.outer(times, times))
    gls = sm.GLS(np.log(values), design, sigma=alike).fit()
    assert fit.level.ratio == pytest.approx(np.exp(gls.params[2]), rel=1e-6)
    assert fit.slope.ratio == pytest.approx(np.exp(gls.params[3]), rel=1e-6)
    assert np.log(fit.fitted) == pytest.approx(gls.fittedvalues, abs=1e-6)
    # At most as many degrees of freedom as there are months to spare: the interval is at least as wide.
    low, high = np.exp(gls.conf_int()[2])
    assert fit.level.lower <= low * 1.001 and fit.level.upper >= high * 0.999


@pytest.fixture(scope="module")
def fallen() -> ebi.Audit:
    """Ten of twenty providers have two thirds from month 18 on."""
    return made_up_audit(0.1, later=np.where(np.arange(PROVIDERS) < 10, 0.66, 1.0), changes=18)


def test_a_fall_is_found_among_those_that_changed(fallen: ebi.Audit) -> None:
    treated = tuple(f"ZZ{place:02}" for place in range(10))
    effect = ebi.compare(fallen, Change(AT, immature=0, treated=treated)).effect
    assert effect.begins == {RULE: AT} and effect.notes == {RULE: ()}
    average = effect.series.filter(figure="average")
    assert average.select("group", "compared_with").rows() == [(TREATED, BEFORE), (TREATED, OTHERS)]
    for row in average.iter_rows(named=True):
        assert row["p"] < 0.01 and row["lower"] < 0.66 < row["upper"] < 1, row
    trend = effect.series.filter(figure="trend", compared_with=OTHERS).row(0, named=True)
    assert trend["lower"] < 1 < trend["upper"], "they ran alike before"
    periods = effect.periods
    total = periods.row(0, named=True)
    assert total["provider"] == ALL_PROVIDERS and 0.78 < total["ratio"] < 0.9
    each = {row["provider"]: row for row in periods.filter(pl.col("ratio").is_not_null()).iter_rows(named=True)}
    for code, row in each.items():
        if code in treated:
            assert row["ratio_lower_95"] < 0.66 * 1.15 and row["ratio"] < 0.85, code
    assert {"ZZ00", "ZZ19"} <= set(periods["provider"])


def test_two_periods_have_the_same_months(fallen: ebi.Audit) -> None:
    effect = ebi.compare(fallen, Change(AT, immature=1, phase_in=2)).effect
    row = effect.periods.row(0, named=True)
    months = fallen.trend.filter(provider=ALL_PROVIDERS).filter(~pl.col("partial")).sort("month")
    late = months["month"].to_list()[:-1]
    after = [month for month in late if month >= "2023-12"][-12:]
    before = [f"{int(month[:4]) - (1 if month < '2024-10' else 2)}{month[4:]}" for month in after]
    for ends, name in ((before, "before"), (after, "after")):
        counts = months.filter(pl.col("month").is_in(ends))
        assert row[f"flagged_{name}"] == counts["flagged"].sum()
        assert row[f"rate_{name}"] == pytest.approx(
            counts["flagged"].sum() / counts["eligible"].sum() * 1000, abs=0.001
        )
    used = effect.months.filter("used")["month"]
    assert "2023-10" not in used and "2023-11" not in used and months["month"][-1] not in used


def test_months_left_out_are_gaps(fallen: ebi.Audit) -> None:
    effect = ebi.compare(fallen, Change(AT, immature=0, exclude=("2022-08..2022-10",))).effect
    left_out = effect.months.filter(~pl.col("used"))
    assert left_out["month"].to_list() == ["2022-08", "2022-09", "2022-10"]
    assert left_out["fitted"].null_count() == 3 and left_out["rate"].null_count() == 0
    assert effect.series["months_before"][0] == 15


def test_few_months_are_compared_as_two_periods_alone(fallen: ebi.Audit) -> None:
    result = ebi.compare(fallen, Change("2024-08"))
    assert result.series.is_empty() and result.effect.months.is_empty()
    assert re.match(r"28 months before and \d after: a series needs 12 on each side", result.effect.notes[RULE][0])
    assert result.periods["ratio"][0] is not None
    assert "Only two periods" in result.effect.notes[RULE][0]


def test_more_immature_months_than_there_are_leave_none(fallen: ebi.Audit) -> None:
    few = sorted(fallen.trend.filter(provider=ALL_PROVIDERS)["month"])[:8]
    cube = fallen.exact_cube.filter(pl.col("month").is_in(few) | pl.col("month").is_null())
    effect = ebi.compare(ebi.audit_cube(cube, "2S"), Change(few[4], immature=12)).effect
    assert "0 months before and 0 after" in effect.notes[RULE][0]
    assert effect.periods["ratio"].is_null().all()


def test_rare_counts_have_no_series(fallen: ebi.Audit) -> None:
    rare = ebi.compare(made_up_audit(0.0004, changes=18, rows=60), Change(AT, immature=0))
    assert "too few in scope by month" in rare.effect.notes[RULE][0]
    assert rare.periods["not_compared"].drop_nulls().len() > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"at": "July"}, "write a month such as 2025-07"),
        ({"at": "2023-13"}, "write a month"),
        ({"at": "2019-01"}, "the data have whole months from 2022-04 to 2025-0"),
        ({"at": "2031-01"}, "so nothing is before or after"),
        ({"at": AT, "phase_in": -1}, "--phase-in must be"),
        ({"at": AT, "immature": 13}, "--immature must be"),
        ({"at": AT, "exclude": ("2020",)}, "--exclude-months 2020"),
        ({"at": AT, "exclude": ("2021-01..2020-01",)}, "--exclude-months"),
        ({"at": AT, "treated": ("QQQ",)}, "no provider 'QQQ'"),
        ({"at": AT, "controls": ("2T",)}, "no rule '2T'.*counted too"),
        ({}, "name the month of the change with --at"),
    ],
)
def test_wrong_input_is_refused(fallen: ebi.Audit, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ebi.UsageError, match=message):
        ebi.compare(fallen, Change(**wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"months": list(range(20)), "begins": 12},
        {"months": list(range(30)), "begins": 15, "rates": [0.0] * 30},
        {"months": list(range(30)), "begins": 15, "weights": [0.0] * 30},
    ],
)
def test_impossible_series_are_refused(wrong: dict[str, object]) -> None:
    length = len(wrong["months"])  # type: ignore[arg-type]
    with pytest.raises(ebi.InvalidInputError):
        interrupted_series(**{"rates": [1.0] * length, "weights": [1.0] * length, **wrong})  # type: ignore[arg-type]


def test_what_is_written_says_what_and_not_why(fallen: ebi.Audit, tmp_path: Path) -> None:
    result = ebi.compare(fallen, Change(AT, immature=0))
    result.write(tmp_path / "out")
    result.write(tmp_path / "out", force=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "periods.csv",
        "series.csv",
        "months.csv",
        "run.json",
        "report.html",
    }
    page = (tmp_path / "out" / "report.html").read_text()
    assert "what changed at that time, not why" in page and "Rate by month before and after" in page
    sentences = effect_sentences(result.effect, RULE)
    assert "That is more than chance explains" in sentences[1]
    for sentence in sentences:
        assert sentence in page
    assert result.run["compared"]["at"] == {RULE: AT}
    assert repr(result) == f"Comparison before and after: {RULE} at {AT}"
