"""The title of a chart states what its figures are, and calls a change or a difference only what a test would."""

import re

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.disclosure.rounding import control
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.provider_audit.two_periods import TwoPeriods, counts_by_point, yearly_change
from ebi_rules.report.chart_findings import of_change, of_multiples
from ebi_rules.report.provider_charts import referral_sources, slopes
from tests.report.made_up import months
from tests.report.populations import population
from tests.report.situations import PROVIDERS, made_up_audit


@pytest.fixture(scope="module")
def outlier() -> ebi.Audit:
    """One provider has three times the share of the others, and all have twice as much in the last year."""
    share = np.full(PROVIDERS, 0.1)
    share[7] = 0.3
    return made_up_audit(share, later=2.0)


def test_the_funnel_names_who_is_outside(outlier: ebi.Audit) -> None:
    row = outlier.providers.filter(provider="ZZ07").row(0, named=True)
    finding = outlier.chart("funnel").finding
    times = f"{row['standardised_ratio']:.1f} times the number expected"
    assert finding == f"ZZ07 is outside the 99.8% limits, with {times}"
    assert made_up_audit().chart("funnel").finding == f"None of {PROVIDERS} providers is outside the 99.8% limits"


def test_the_rates_and_the_steps_have_their_figures(outlier: ebi.Audit) -> None:
    rates = outlier.providers.sort("rate_per_1000_eligible", "provider", descending=[False, True])
    ends = [f"{rates['rate_per_1000_eligible'][place]:.1f} per 1,000 eligible" for place in (0, -1)]
    finding = outlier.chart("rates").finding
    assert finding == f"Crude rates run from {ends[0]} ({rates['provider'][0]}) to {ends[1]} (ZZ07)"
    total = outlier.totals().row(0, named=True)
    expected = f"{total['flagged']:,} of {total['activity']:,} activities are in scope; “imaging of the spine” leaves"
    assert outlier.chart("attrition").finding.startswith(expected)


def test_a_change_that_is_there_is_found_everywhere(outlier: ebi.Audit) -> None:
    assert re.search(r"the latest sign of change is \D+, \w{3} 20\d\d", outlier.chart("trend").finding)
    changed = re.match(r"(\d+) of (\d+) providers changed in a year beyond chance", outlier.chart("change").finding)
    assert changed and int(changed[1]) == int(changed[2]) >= PROVIDERS - 2
    assert re.match(r"\d+ of the \d+ providers drawn show a sign of change", outlier.chart("multiples").finding)


def test_the_rates_of_two_years_are_those_of_their_months(outlier: ebi.Audit) -> None:
    shown = outlier.trend.filter(pl.col("provider") == "ZZ07", ~pl.col("partial")).sort("month")
    counts = counts_by_point(outlier.tables.trend)["ZZ07"]
    change = yearly_change(counts, outlier.tables.counts.method, only_shown=True)
    assert isinstance(change, TwoPeriods)
    before = shown.filter(pl.col("month").is_in([_year_before(month) for month in change.points]))
    latest = shown.filter(pl.col("month").is_in(change.points))
    assert before.height == latest.height == len(change.points) >= 11
    for rate, year in zip(change.rates, (before, latest), strict=True):
        assert rate == pytest.approx(year["flagged"].sum() / year["eligible"].sum() * 1000)
    assert change.points == tuple(shown["month"][-len(change.points) :])
    assert change.ratio().value == pytest.approx(change.rates[1] / change.rates[0])


def _year_before(month: str) -> str:
    return f"{int(month[:4]) - 1}{month[4:]}"


def _series(flagged: np.ndarray, eligible: int) -> dict[str, tuple[int | None, int | None]]:
    points = months(len(flagged))
    return {point: (control(int(count), "hes"), eligible) for point, count in zip(points, flagged, strict=True)}


def test_no_change_is_hardly_ever_called_one() -> None:
    """Rounded counts of series without a change: 5 % may be beyond chance, and 0.2 % stand out."""
    rng = np.random.default_rng(5)
    changes = [yearly_change(_series(rng.poisson(20, 24), 400), "hes", only_shown=True) for _ in range(1_000)]
    compared = [change for change in changes if isinstance(change, TwoPeriods)]
    assert len(compared) > 970
    assert 0.03 < np.mean([change.is_beyond_chance for change in compared]) < 0.06
    assert np.mean([change.stands_out for change in compared]) < 0.005
    assert all(change.is_beyond_chance for change in compared if change.stands_out)


def test_what_cannot_be_compared_says_why() -> None:
    flat = np.full(24, 20)
    assert yearly_change(_series(flat[:12], 400), "hes") == "needs thirteen months of data"
    hidden = np.where(np.arange(24) == 3, 2, flat)
    assert yearly_change(_series(hidden, 400), "hes", only_shown=True) == "some counts are suppressed"
    assert isinstance(yearly_change(_series(hidden, 400), "hes"), TwoPeriods)
    assert yearly_change(_series(np.zeros(24), 400), "none") == "too few to say"


def test_quarters_are_compared_where_months_are_suppressed() -> None:
    """Months of six cannot be shown; quarters of eighteen can, and change threefold."""
    share = np.full(PROVIDERS, 0.03)
    audit = made_up_audit(share, later=3.0)
    months_shown = audit.tables.trend.filter(pl.col("provider") != ALL_PROVIDERS)["flagged"]
    assert months_shown.has_nulls()
    assert audit.chart("change").finding.startswith(f"{PROVIDERS} of {PROVIDERS} providers changed")


def test_deprivation_and_ethnicity_are_ratios_to_a_group() -> None:
    audit = population(6, 40_000)[0].shown("none")
    ratios = audit.inequalities.filter(characteristic="imd_decile", comparison="rate_ratio", basis="standardised")
    row = ratios.filter(value="1").row(0, named=True)
    figures = [f"{row[name]:.2f}" for name in ("figure", "figure_lower_95", "figure_upper_95")]
    chart = audit.chart("imd_decile")
    assert chart.finding == (
        f"The most deprived tenth of areas has {figures[0]} ({figures[1]} to {figures[2]}) times the rate of the least "
        "deprived"
    )
    assert chart.body.count("<title>") == ratios.height == 9
    assert "the least deprived tenth" in chart.body
    ethnic = audit.chart("ethnic_category")
    assert ethnic.finding.endswith("of 2 groups exclude 1, the rate of A White: British")
    assert re.match(r"The rate per 1,000 eligible is highest for [12] (fe)?male", audit.chart("sex").finding)


def test_a_suppressed_share_is_striped() -> None:
    rows = {"label": ["all"] * 3, "setting": ["GP", "consultant", "other"]}
    shown = referral_sources(pl.DataFrame({**rows, "percent": [50.0, 30.0, 20.0]}), "setting", rows["setting"], "x")
    hidden = referral_sources(pl.DataFrame({**rows, "percent": [50.0, None, None]}), "setting", rows["setting"], "x")
    assert "suppressed" not in shown.body and "suppressed" in hidden.body
    stripes = re.findall(r'd="((?:M[\d.]+,[\d.]+v18)+)"', hidden.body)
    assert len(stripes) == 1 and stripes[0].count("M") == pytest.approx(320 / 4, abs=2)
    assert not re.search(r'd="((?:M[\d.]+,[\d.]+v18)+)"', shown.body)


def test_slopes_name_who_changed_alone() -> None:
    body = slopes([("Old Clinic", 10.0, 11.0, False), ("New Clinic", 5.0, 20.0, True)], ("then", "now"), "x").body
    assert ">New Clinic</text>" in body and ">Old Clinic</text>" not in body


def test_numbers_agree_with_their_verbs() -> None:
    assert of_change([], 9) == "No change in a year beyond chance at any of 9 providers (99.8% limits)"
    assert of_change(["ZZ1"], 9) == "Of 9 providers, ZZ1 changed in a year beyond chance (99.8% limits)"
    quiet = pl.DataFrame({"signal": [None]}, schema={"signal": pl.String}).with_columns(partial=False)
    loud = quiet.with_columns(signal=pl.lit("above_limit"))
    assert of_multiples([quiet]) == "The one provider drawn shows no sign of change"
    assert of_multiples([quiet, loud]) == "1 of the 2 providers drawn shows a sign of change"
    assert of_multiples([quiet, quiet]) == "None of the 2 providers drawn shows a sign of change"
    assert of_multiples([loud, loud]) == "2 of the 2 providers drawn show a sign of change"


def test_a_chart_by_itself_has_its_finding_as_its_title(outlier: ebi.Audit) -> None:
    chart = outlier.chart("funnel")
    words = re.sub(r"<[^>]+>", " ", chart.titled().body)
    assert all(word in words for word in chart.finding.split())
    assert chart.titled().height > chart.height
    assert "99.8% limits, with" not in re.sub(r"<[^>]+>", " ", chart.body)
