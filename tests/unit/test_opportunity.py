"""Activity above a benchmark: what chance explains is left out, intervals cover the truth, and files are read whole."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import integrate, stats

import ebi_rules as ebi
from ebi_rules.provider_audit.benchmarks import Benchmark, read_benchmark, read_prices, read_rates
from ebi_rules.statistics.opportunity import excess
from tests.report.situations import PROVIDERS, made_up_audit


def _simulate(sets: int, units: int, size: float, spread: float, seed: int) -> tuple[float, float, float]:
    """Return the simple and the modelled excess over the true one, and how often the interval has the truth."""
    rng = np.random.default_rng(seed)
    simple = modelled = true = 0.0
    covered = 0
    for _ in range(sets):
        expected = rng.gamma(2, size / 2, units) + 2
        ratios = rng.lognormal(-(spread**2) / 2, spread, units)
        observed = rng.poisson(expected * ratios)
        scale = observed.sum() / expected.sum()
        expected, ratios = expected * scale, ratios / scale
        truth = float((expected * np.maximum(ratios - np.quantile(ratios, 0.25), 0)).sum())
        found = excess(observed, expected, share=0.25)
        crude = float(np.quantile(observed / expected, 0.25))
        simple += float(np.maximum(observed - crude * expected, 0).sum())
        modelled += found.total[0]
        true += truth
        covered += found.total[1] <= truth <= found.total[2]
    return simple / true, modelled / true, covered / sets


@pytest.mark.parametrize(
    ("units", "size", "spread"),
    [(40, 20, 0.2), *(pytest.param(*each, marks=pytest.mark.long) for each in ((20, 20, 0.4), (200, 100, 0.2)))],
)
def test_chance_is_not_sold_as_opportunity(units: int, size: float, spread: float) -> None:
    simple, modelled, covered = _simulate(120, units, size, spread, seed=3)
    assert simple > 1.03, "the simple difference has chance in it"
    assert 0.9 < modelled < 1.06
    assert covered > 0.9


def test_without_differences_hardly_anything_is_above() -> None:
    rng = np.random.default_rng(1)
    expected = np.full(100, 50.0)
    observed = rng.poisson(expected)
    found = excess(observed, expected, share=0.25)
    simple = np.maximum(observed - np.quantile(observed, 0.25), 0).sum()
    assert found.total[0] < simple / 3
    assert found.total[1] < 0.02 * observed.sum()


def test_an_excess_over_a_target_is_that_of_the_formula() -> None:
    """For one spread at a time the excess has a closed form; over spreads it is integrated with their likelihoods."""
    observed, expected, target = np.array([30.0, 12.0, 20.0, 18.0]), np.full(4, 20.0), 0.95
    overall = observed.sum() / expected.sum()

    def likelihood(spread: float) -> float:
        shape, rate = (overall / spread) ** 2, overall / spread**2
        return float(np.exp(stats.nbinom.logpmf(observed, shape, rate / (rate + expected)).sum()))

    def above(spread: float, unit: int) -> float:
        shape, rate = (overall / spread) ** 2 + observed[unit], overall / spread**2 + expected[unit]
        upper, one_more = (stats.gamma.sf(target, order, scale=1 / rate) for order in (shape, shape + 1))
        return float(expected[unit] * (shape / rate * one_more - target * upper))

    weight = integrate.quad(likelihood, 0.005, 1.505)[0]
    found = excess(observed, expected, ratio=target)
    for unit in range(4):
        exact = integrate.quad(lambda s, unit=unit: likelihood(s) * above(s, unit), 0.005, 1.505)[0] / weight
        assert found.units[0][unit] == pytest.approx(exact, rel=0.06, abs=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"observed": [], "expected": [], "ratio": 1.0},
        {"observed": [1], "expected": [0], "ratio": 1.0},
        {"observed": [-1], "expected": [1], "ratio": 1.0},
        {"observed": [1], "expected": [1]},
        {"observed": [1], "expected": [1], "ratio": 1.0, "share": 0.5},
        {"observed": [1], "expected": [1], "share": 1.0},
    ],
)
def test_impossible_input_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ebi.InvalidInputError):
        excess(**wrong)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def audit() -> ebi.Audit:
    share = np.full(PROVIDERS, 0.05)
    share[7] = 0.15
    return made_up_audit(share)


def _with(audit: ebi.Audit, **settings: object) -> ebi.Audit:
    from dataclasses import replace

    return ebi.Audit(replace(audit.tables, settings=replace(audit.settings, **settings)))  # type: ignore[arg-type]


def test_the_table_adds_up_and_says_whose_it_is(audit: ebi.Audit) -> None:
    assert "opportunity" not in audit.tables.by_file()
    above = _with(audit, benchmark=read_benchmark("median")).tables.by_file()["opportunity"]
    total, units = above.row(0, named=True), above[1:]
    assert total["provider"] == "all providers" and total["benchmark"] == "the median of providers' rates"
    assert units["above_benchmark"].sum() == pytest.approx(total["above_benchmark"], abs=0.05 * units.height)
    assert units["observed"].sum() == total["observed"]
    first = units.sort("above_benchmark").row(-1, named=True)
    assert first["provider"] == "ZZ07"
    assert first["above_lower_95"] < first["above_benchmark"] < first["above_upper_95"]
    assert first["above_benchmark"] > 0.8 * total["above_benchmark"]
    assert (units["above_benchmark"] >= 0).all() and total["above_with_chance"] > total["above_benchmark"]
    # A ratio shrinks towards that of all.
    assert 1 < first["shrunk_ratio"] < first["standardised_ratio"]


def test_a_target_is_a_rate(audit: ebi.Audit) -> None:
    total = audit.totals().row(0, named=True)
    target = total["rate_per_1000_eligible"] * 1.5
    above = _with(audit, benchmark=Benchmark(target=target)).tables.by_file()["opportunity"]
    assert above["benchmark_rate_per_1000"][0] == pytest.approx(target, rel=0.001)
    assert above["benchmark_ratio"][0] == pytest.approx(1.5, rel=0.01)
    assert above.filter(pl.col("above_benchmark") > 1)["provider"].to_list() == ["all providers", "ZZ07"]


def test_costs_are_those_of_months_with_a_price(audit: ebi.Audit, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("rule,price,from,to\n2S,£200,,2023-12\n2S,100,2024-01,2024-12\n")
    priced = _with(audit, benchmark=read_benchmark("p25"), prices=read_prices(path)).tables.by_file()["opportunity"]
    total = priced.row(0, named=True)
    months = audit.trend.filter(provider="all providers").select("month", pl.col("flagged").fill_null(0))
    early, late = (
        months.filter(condition)["flagged"].sum() / months["flagged"].sum()
        for condition in (pl.col("month") <= "2023-12", pl.col("month").str.starts_with("2024"))
    )
    assert total["percent_priced"] == pytest.approx((early + late) * 100, abs=0.06)
    assert total["cost_above"] == pytest.approx(total["above_benchmark"] * (early * 200 + late * 100), rel=0.01)
    assert 0 < total["cost_lower_95"] < total["cost_above"] < total["cost_upper_95"]


def test_the_report_says_it_in_words_and_never_calls_it_a_saving(audit: ebi.Audit, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("rule,rate_per_1000,source\n2S_lower_back_imaging,40,A board of 2024 (its own list)\n")
    shown = _with(audit, benchmark=read_benchmark(str(path)), comparators=read_rates(path))
    shown.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Activity above the benchmark" in page and "part of that is chance" in page
    assert "40 per 1,000 (A board of 2024 (its own list))" in page
    assert "Published rate: 40.0 per 1,000" in page
    assert "saving" not in page.lower()
    shown.write(tmp_path / "out")
    assert (tmp_path / "out" / "opportunity.csv").is_file()
    assert shown.star_schema(tmp_path / "star") > 0


def test_what_cannot_be_compared_has_no_rows(audit: ebi.Audit) -> None:
    few = ebi.Settings(benchmark=read_benchmark("p25"))
    rows = audit.exact_cube.filter(pl.col("provider").is_in(["ZZ01", "ZZ02", "ZZ03"]) | pl.col("provider").is_null())
    small = ebi.audit_cube(rows, "2S", few)
    assert small.tables.by_file()["opportunity"].height == 0
    assert (
        _with(audit, benchmark=Benchmark(rates={"2t": read_benchmark("5").rate_of(())}))
        .tables.by_file()[  # type: ignore[dict-item]
            "opportunity"
        ]
        .is_empty()
    )


def test_rates_of_rules_that_are_not_audited_are_told(audit: ebi.Audit, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("rule,rate_per_1000,source\n2S,40,X\n2SS,30,X\n")
    shown = _with(audit, comparators=read_rates(path), benchmark=Benchmark(rates=read_rates(path)))
    expected = "not used, as no such rule is audited: 2ss."
    assert [text for text in shown.tables.warnings if "not used" in text] == [
        f"--benchmark: {expected}",
        f"--comparators: {expected}",
    ]


def test_two_names_of_one_rule_are_told(audit: ebi.Audit, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("rule,rate_per_1000,source\n2S,40,X\n2S_lower_back_imaging,30,X\n")
    shown = _with(audit, comparators=read_rates(path))
    assert [text for text in shown.tables.warnings if "one rule" in text] == [
        "--comparators: 2s_lower_back_imaging and 2s are one rule; 2s_lower_back_imaging is used."
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p0", "from p1 to p99"),
        ("p100", "from p1 to p99"),
        ("q25", "name a percentile"),
        ("0", "above 0 and below 1,000"),
        ("1000", "above 0 and below 1,000"),
        ("nan", "above 0 and below 1,000"),
    ],
)
def test_wrong_benchmarks_are_errors(text: str, message: str) -> None:
    with pytest.raises(ebi.UsageError, match=message):
        read_benchmark(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rule,price\n2S,1\n", "has no column from"),
        ("rule,price,from,to\n2S,free,,\n", "1 of the cells in price"),
        ("rule,price,from,to\n2S,0,,\n", "1 of the cells in price"),
        ("rule,price,from,to\n2S,1,April,\n", "1 of the cells in from"),
        ("rule,price,from,to\n2S,1,,2024-04\n2s,2,2024-04,\n", "two prices for the same month"),
        ("rule,price,from,to\n,1,,\n", "needs a rule"),
        ("rule,price,from,to\n  ,1,,\n", "needs a rule"),
        ("rule,price,from,to\n2S,1,2024-04-15,\n", "1 of the cells in from"),
        ("rule,price,from,to\n2S,1,2024-05,2024-04\n", "last month is before its first"),
    ],
)
def test_wrong_prices_are_errors(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(content)
    with pytest.raises(ebi.UsageError, match=message):
        read_prices(tmp_path / "prices.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rule,rate_per_1000\n2S,1\n", "has no column source"),
        ("rule,rate_per_1000,source\n2S,many,X\n", "1 of the cells in rate_per_1000"),
        ("rule,rate_per_1000,source\n2S,1,\n", "needs a rule and a source"),
        ("rule,rate_per_1000,source\n2S,1, \n", "needs a rule and a source"),
        ("rule,rate_per_1000,source\n2S,1,X\n2s,2,X\n", "is there twice"),
        ("rule,rate_per_1000,source\n2S,1,X\n2s,1,Y\n", "is there twice"),
    ],
)
def test_wrong_rates_are_errors(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(content)
    with pytest.raises(ebi.UsageError, match=message):
        read_rates(tmp_path / "rates.csv")


def test_prices_without_a_benchmark_are_an_error() -> None:
    with pytest.raises(ebi.UsageError, match="name one with --benchmark"):
        ebi.Settings(prices={"2s": ()})
