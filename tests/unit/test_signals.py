"""Signals of funnels and trends, on cases worked out by hand or by other means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

import ebi_rules as ebi
from ebi_rules.pathways.measure_trend import measure_trends
from ebi_rules.provider_audit.case_mix import is_thin
from ebi_rules.provider_audit.comparability import distances
from ebi_rules.provider_audit.judged_series import CHART, Judging, judge
from ebi_rules.provider_audit.likely_counts import likely_count
from ebi_rules.provider_audit.quarters import quarter_of
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.signals import variance_of, variation_of, with_signals
from ebi_rules.statistics.count_signals import (
    between_variance,
    count_signals,
    proportion_signals,
    signal_limits,
    smallest_signal,
)
from ebi_rules.statistics.funnel import funnel
from tests.report.made_up import audited, cube_of, made_up_audit, months

ALL = "all providers"


# The probability of a count


@pytest.mark.parametrize(("tau", "first"), [(0.0, 6.91), (0.2, 7.96), (0.5, 18.5)])
def test_none_is_below_only_from_so_many_expected(tau: float, first: float) -> None:
    step = 0.01 if first < 10 else 0.1
    assert count_signals([0], [first - step], tau**2).to_list() == ["below_95"]
    assert count_signals([0], [first], tau**2).to_list() == ["below_998"]


@pytest.mark.parametrize("tau2", [0.0, 0.04, 0.25])
def test_signals_are_those_of_the_distributions(tau2: float) -> None:
    for expected in (1.0, 3.3, 10.0, 57.5, 200.0):
        counts = np.arange(0, int(expected * 4 + 20))
        law = stats.poisson(expected) if tau2 == 0 else stats.nbinom(1 / tau2, 1 / (1 + tau2 * expected))
        low, high = law.cdf(counts), law.sf(counts - 1)
        names = np.select(
            [high <= 0.001, low <= 0.001, high <= 0.025, low <= 0.025],
            ["above_998", "below_998", "above_95", "below_95"],
            default="within",
        )
        signals = count_signals(counts, np.full(counts.size, expected), tau2).fill_null("within")
        assert signals.to_list() == names.tolist()


@pytest.mark.parametrize("tau2", [0.0, 0.01, 0.3])
def test_no_count_inside_a_drawn_limit_is_signalled(tau2: float) -> None:
    expected = np.repeat(np.geomspace(1, 300, 40), 60)
    counts = np.tile(np.arange(60), 40) * np.maximum(expected // 20, 1)
    limits = signal_limits(expected, tau2)
    ratio = pl.Series(counts / expected)
    signals = count_signals(counts, expected, tau2)
    for level in ("95", "998"):
        above = (ratio >= limits[f"upper_{level}"] - 1e-9).fill_null(False)
        below = (ratio <= limits[f"lower_{level}"] + 1e-9).fill_null(False)
        wide = [f"above_{level}", "above_998"], [f"below_{level}", "below_998"]
        assert (signals.is_in(wide[0]).fill_null(False) == above).all()
        assert (signals.is_in(wide[1]).fill_null(False) == below).all()


def test_below_one_expected_nothing_is_signalled() -> None:
    assert count_signals([9, 9], [0.99, 1.0]).to_list() == [None, "above_998"]
    assert smallest_signal(0.5, 0.0, 0.998) is None


def test_proportions_are_binomial() -> None:
    # P(X >= 9 of 10) with 6 expected is 0.0464, P(X = 10) is 0.0060; P(X <= 2) is 0.0123, P(X = 0) is 0.0001.
    assert proportion_signals([9, 10, 2, 0], [10] * 4, [6.0] * 4).to_list() == [
        None,
        "above_95",
        "below_95",
        "below_998",
    ]
    # With the share itself varying as a beta distribution: the mean of binomial probabilities over its quantiles.
    size = 0.4 / (0.02 * 0.6) - 1
    shares = stats.beta(size * 0.6, size * 0.4).ppf((np.arange(20_000) + 0.5) / 20_000)
    assert 0.001 < stats.binom.sf(9, 10, shares).mean() < 0.025
    assert stats.binom.cdf(0, 10, shares).mean() < 0.001
    assert proportion_signals([10, 0], [10, 10], [6.0, 6.0], tau2=0.02).to_list() == ["above_95", "below_998"]


def test_the_variance_between_units_is_found_and_outliers_do_not_hide_it() -> None:
    rng = np.random.default_rng(4)
    expected = rng.lognormal(4, 0.5, 400)
    for tau in (0.0, 0.2, 0.5):
        true = rng.gamma(1 / tau**2, tau**2, 400) if tau else np.ones(400)
        true[:12] *= 3
        found = between_variance(rng.poisson(expected * true), expected) ** 0.5
        assert found == pytest.approx(tau, abs=0.08)


def test_winsorising_and_rounding_are_corrected_for() -> None:
    """Two units at z-scores of -2 and 2 on the square root scale: worked out by hand."""
    expected = np.array([100.0, 100.0])
    observed = (np.sqrt(100.375) + np.array([-1.0, 1.0])) ** 2 - 0.375  # z = -2 and 2
    assert between_variance(observed, expected, trim=0) == pytest.approx((8 - 1) / 100, rel=1e-6)
    assert between_variance(observed, expected, trim=0, added=2) == pytest.approx((8 - 1.02) / 100, rel=1e-6)
    # Moved in to the 10% quantile they are -1.6 and 1.6; normal scores would have a mean square of 0.6786.
    assert between_variance(observed, expected, trim=0.1) == pytest.approx((5.12 / 0.67860 - 1) / 100, rel=1e-4)


def units(observed: list[int | None], expected: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"observed": observed, "base": [10_000] * len(observed), "expected": expected})


def test_why_a_unit_is_not_judged() -> None:
    table = with_signals(units([None, 40, 3, 0], [5.0, 20.0, 0.9, 8.0]), Settings(overdispersion="none"), "hes")
    assert table["not_judged"].to_list() == ["suppressed", None, "few expected", None]
    assert table["signal"].to_list() == [None, "above_998", None, "below_998"]


def test_rounding_suppression_and_the_scale_of_the_method_are_allowed_for() -> None:
    pair = units([81, 121], [100.0, 100.0]).with_columns(not_judged=pl.lit(None, pl.String))
    by_method = {name: variance_of(pair, Settings(trim=0.0), name) for name in ("none", "hes", "midpoint6")}
    assert by_method["none"] - by_method["hes"] == pytest.approx(2 / 100 / 100)
    assert by_method["none"] - by_method["midpoint6"] == pytest.approx(35 / 12 / 100 / 100)
    roots = funnel([81, 121, 40], [100, 100, 100], overdispersion="cqc", trim=0).tau2
    three = units([81, 121, 40], [100.0] * 3).with_columns(not_judged=pl.lit(None, pl.String))
    assert variance_of(three, Settings(overdispersion="cqc", trim=0.0), "none") == pytest.approx(4 * roots)
    hidden, likely = (units([81, count], [100.0, 3.0]) for count in (None, 3))
    tau2 = [
        variance_of(each.with_columns(not_judged=pl.lit(None, pl.String)), Settings(), "hes")
        for each in (hidden, likely)
    ]
    assert tau2[0] == tau2[1] > 0


def test_what_the_report_says_of_variation() -> None:
    many = units([10, 30, 20, 55, 20, 20, 20, 20, 5, 20], [20.0] * 10)
    for method, deviation in (("winsorised", 0.38), ("none", 0.0)):
        settings = Settings(overdispersion=method)
        variation = variation_of(with_signals(many, settings, "none"), settings, "none")
        assert variation.deviation == pytest.approx(deviation, abs=0.03)
        assert variation.beyond_chance == 2
        assert variation.beyond_998 == (2 if method == "none" else 0)
        assert variation.ratio_of_median == variation.ratio_of_largest
    assert variation.ratio_of_median == pytest.approx(1.8)


# Like with like


def trusts(eye_hospital_flags: int) -> pl.DataFrame:
    """Four trusts that scan 2% and see all functions, and an eye hospital that sees eyes and scans hardly anybody."""
    rows = []
    for code in ("ZZA", "ZZB", "ZZC", "ZZD", "ZZE"):
        is_eye = code == "ZZE"
        for place in range(2_000):
            function = "130" if is_eye else ("110", "130", "300", "410")[place % 4]
            flagged = place < (eye_hospital_flags if is_eye else 40)
            rows.append((code, "U055" if flagged else None, function))
    frame = pl.DataFrame(
        rows, schema=["Der_Provider_Code", "Der_Procedure_All", "Treatment_Function_Code"], orient="row"
    )
    return frame.with_columns(
        OPA_Ident=pl.int_range(pl.len()),
        Appointment_Date=pl.date(2024, 1, 28),
        Der_Diagnosis_All=pl.lit("M545"),
        Administrative_Category=pl.lit("01"),
        Age_at_Start_of_Episode_SUS=pl.lit(45),
        Sex=pl.lit("1"),
    )


def test_an_eye_hospital_among_trusts_is_not_judged_and_is_no_part_of_the_standard() -> None:
    exact = Settings(disclosure="none", overdispersion="none")
    table = ebi.audit(trusts(0), "2S", settings=exact).providers
    eye = table.filter(provider="ZZE").row(0, named=True)
    assert eye["not_judged"] == "not comparable: other treatment functions"
    assert eye["signal"] is None
    others = table.filter(pl.col("provider") != "ZZE")
    assert others["expected"].to_list() == [40.0] * 4, "the eye hospital does not lower what is expected of others"
    assert others["signal"].null_count() == 4
    judged = ebi.audit(trusts(0), "2S", settings=replace(exact, most_different=1)).providers
    assert judged.filter(provider="ZZE")["signal"].to_list() == ["below_998"]
    assert judged["expected"].to_list() == [32.0] * 5


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_a_rule_may_say_within_what_it_compares(tmp_path: Path, engine: str) -> None:
    text = Path("ebi_rules/data/catalogue/2S_lower_back_imaging.toml").read_text(encoding="utf-8")
    within = "compare_within = \"treatment_function IN ('110', '410')\"\n\n[codes"
    (tmp_path / "rule.toml").write_text(text.replace("[codes", within, 1), encoding="utf-8")
    path = tmp_path / "opa.parquet"
    trusts(0).write_parquet(path)
    result = ebi.audit(ebi.open(path, engine=engine), tmp_path / "rule.toml", settings=Settings(disclosure="none"))
    trust = result.providers.filter(provider="ZZA").row(0, named=True)
    assert (trust["eligible"], trust["flagged"], trust["comparable"], trust["compared"]) == (2_000, 40, 1_000, 20)
    assert trust["rate_per_1000_eligible"] == 20.0
    assert trust["expected"] == 20.0
    assert trust["standardised_ratio"] == 1.0
    eye = result.providers.filter(provider="ZZE").row(0, named=True)
    assert eye["not_judged"].startswith("not comparable")


@pytest.mark.parametrize(("shared", "comparable"), [(0.30, True), (0.24, False)])
def test_half_of_the_mix_may_be_other(shared: float, comparable: bool) -> None:
    """Of a specialist's activity this share is in each of two of four functions, and the rest in a third."""
    frame = trusts(40).with_row_index()
    place = pl.int_range(pl.len()).over("Der_Provider_Code") / 2_000
    mix = (
        pl.when(place < shared)
        .then(pl.lit("110"))
        .when(place < 2 * shared)
        .then(pl.lit("300"))
        .otherwise(pl.lit("999"))
    )
    is_specialist = pl.col("Der_Provider_Code") == "ZZE"
    changed = frame.with_columns(
        Treatment_Function_Code=pl.when(is_specialist).then(mix).otherwise("Treatment_Function_Code")
    ).drop("index")
    audit = ebi.audit(changed, "2S", settings=Settings(disclosure="none"))
    distance = dict(distances(audit.tables.counts).iter_rows())["ZZE"]
    # The others have a quarter in each of four functions.
    by_hand = (abs(shared - 0.25) * 2 + 0.25 * 2 + (1 - 2 * shared)) / 2
    assert distance == pytest.approx(by_hand, abs=0.001)
    assert (by_hand <= 0.5) == comparable
    reason = audit.providers.filter(provider="ZZE")["not_judged"].item()
    assert (reason is None) == comparable


def test_little_within_what_is_compared_is_not_judged(tmp_path: Path) -> None:
    text = Path("ebi_rules/data/catalogue/2S_lower_back_imaging.toml").read_text(encoding="utf-8")
    within = "compare_within = \"treatment_function IN ('110', '410')\"\n\n[codes"
    (tmp_path / "rule.toml").write_text(text.replace("[codes", within, 1), encoding="utf-8")
    settings = Settings(disclosure="none", most_different=1)
    few = pl.when(pl.col("Der_Provider_Code") == "ZZE", pl.int_range(pl.len()).over("Der_Provider_Code") < 199)
    frame = trusts(0).with_columns(
        few.then(pl.lit("110")).otherwise("Treatment_Function_Code").alias("Treatment_Function_Code")
    )
    reason = ebi.audit(frame, tmp_path / "rule.toml", settings=settings).providers.filter(provider="ZZE")["not_judged"]
    assert reason.to_list() == ["not comparable: little of its activity is compared"]


def test_case_mix_can_be_adjusted_for_treatment_function() -> None:
    settings = Settings(disclosure="none", adjust=("treatment_function",), casemix="strata", most_different=1)
    frame = trusts(0).with_columns(
        Der_Procedure_All=pl.when(pl.col("Treatment_Function_Code") == "110").then(pl.lit("U055"))
    )
    table = ebi.audit(frame, "2S", settings=settings).providers
    assert table["expected"].to_list() == [500.0] * 4 + [0.0]


# Trends


def points(counts: list[int | None], **columns: list[bool]) -> pl.DataFrame:
    size = len(counts)
    return pl.DataFrame(
        {
            "start": months(size),
            "value": [None if count is None else float(count) for count in counts],
            "unit": [1.0] * size,
            "count": [0 if count is None else count for count in counts],
            "hidden": columns.get("hidden", [False] * size),
            "partial": columns.get("partial", [False] * size),
            "thin": columns.get("thin", [False] * size),
        },
        schema_overrides={"value": pl.Float64},
    )


def judged(counts: list[int | None], method: str = "none", **columns: list[bool]) -> str:
    chart = judge(points(counts, **columns), Judging("month", method, Settings()))
    assert chart.columns == list(CHART)
    return str(chart["judged"][0])


@pytest.mark.parametrize(
    ("counts", "method", "expected"),
    [
        ([4, 6] * 6, "none", "by month"),  # A mean of 5.
        ([4, 5] * 6, "none", "too few to judge"),
        ([11, 13] * 6, "hes", "by month"),  # A mean of 12.
        ([10, 13] * 6, "hes", "too few to judge"),
        ([11, 13] * 6, "midpoint6", "by month"),
        ([10, 13] * 6, "midpoint6", "too few to judge"),
        ([0, 40] * 6, "none", "by month"),  # Half of the months are above 0.
        ([0, 0, 40] * 4, "none", "too few to judge"),
        ([9] * 12, "none", "too few to judge"),  # Nothing moves.
        ([9] * 11 + [30], "none", "too few to judge"),  # Screening leaves nothing that moves.
        ([8, 9] * 5 + [8], "none", "needs 1 more month"),
        ([8, 9] * 4, "none", "needs 4 more months"),
        ([8, None, 9] * 6, "none", "by month"),
        ([8, None, 9] * 5, "none", "needs 2 more months"),
    ],
)
def test_where_a_trend_has_limits(counts: list[int | None], method: str, expected: str) -> None:
    assert judged(counts, method) == expected


def test_up_to_a_third_of_a_trend_may_be_hidden() -> None:
    counts: list[int | None] = [20, 22, 19] * 4
    assert judged(counts, "hes", hidden=[True, False, False] * 4) == "by month"
    assert judged(counts, "hes", hidden=[True, False, False] * 3 + [True, True, False]) == "too few to judge"


def test_partial_and_thin_months_are_in_no_mean() -> None:
    counts: list[int | None] = [90, 8, 9, 10, 8, 9, 10, 8, 9, 10, 8, 9, 10, 90]
    mask = [True] + [False] * 12 + [True]
    for name in ("partial", "thin"):
        chart = judge(points(counts, **{name: mask}), Judging("month", "none", Settings()))
        assert chart["mean"].drop_nulls().unique().to_list() == [9.0]
        assert chart["signal"].to_list()[0] is None
        assert chart["signal"].to_list()[-1] is None
        assert (chart["mean"][0] is None) == (name == "partial")


def trend_audit(flagged: list[list[int]], method: str = "none") -> ebi.Audit:
    """Return the audit of providers with these counts by month, of 1,000 eligible each."""
    names, size = [f"Z{place}" for place in range(len(flagged))], len(flagged[0])
    cells = {
        "provider": [name for name in names for _ in range(size)],
        "month": months(size) * len(names),
        "age_band": ["45-49"] * size * len(names),
        "sex": ["1"] * size * len(names),
    }
    entries = audited(1)
    counts = np.array([flagged]).reshape(1, -1)
    return made_up_audit(
        cube_of(entries, cells, np.full(counts.shape, 1_000), counts), entries, Settings(disclosure=method)
    )


def test_rare_months_are_judged_by_quarter() -> None:
    audit = trend_audit([[3, 1, 5, 2] * 9, [0, 1, 0, 0] * 9])
    assert audit.trend.filter(provider="Z0")["judged"].unique().to_list() == ["by quarter"]
    assert audit.trend.filter(provider="Z1")["judged"].unique().to_list() == ["too few to judge"]
    quarters = audit.trend_quarters.filter(provider="Z0")
    assert quarters["quarter"].to_list()[:2] == ["2023-01 to 2023-03", "2023-04 to 2023-06"]
    assert quarters["flagged"].to_list()[:4] == [9, 6, 10, 8]
    assert quarters["eligible"].unique().to_list() == [3_000]
    assert quarters["judged"].unique().to_list() == ["by quarter"]
    values = quarters["rate_per_1000_eligible"].to_numpy()
    assert quarters["mean"][0] == pytest.approx(values.mean(), abs=0.001)
    assert quarters["upper"][0] == pytest.approx(values.mean() + 2.66 * np.abs(np.diff(values)).mean(), abs=0.002)
    assert "Z1" not in audit.trend_quarters.filter(judged="by quarter")["provider"].to_list()


def test_a_quarter_that_is_not_whole_is_not_judged() -> None:
    audit = trend_audit([[3, 1, 5, 2] * 9 + [3]])
    quarters = audit.trend_quarters.filter(provider="Z0")
    assert quarters.filter("partial")["quarter"].to_list() == [quarter_of("2026-01")]
    few = trend_audit([[3, 1, 5, 2] * 6])
    assert few.trend.filter(provider="Z0")["judged"].unique().to_list() == ["needs 4 more quarters"]


def test_a_measure_leaves_months_with_few_followed_out_of_its_limits() -> None:
    flagged = [10, 12, 11, 9] * 4
    audit = trend_audit([flagged])
    cube = audit.exact_cube.cast({"month": pl.String, "measure": pl.String})
    is_few = (pl.col("month") == "2023-05") & (pl.col("measure") == "eligible")
    counts = audit.tables.counts
    for count, thin in ((333, True), (334, False)):
        cut = cube.with_columns(count=pl.when(is_few).then(count).otherwise("count"))
        changed = type(counts)(cut.cast(counts.exact_cube.schema), counts.audited, counts.method)
        trend = measure_trends(changed, Settings(disclosure="none")).months.filter(provider="Z0")
        shares = (trend["outcome"] / trend["followed"] * 100).to_numpy()
        used = np.delete(shares, 4) if thin else shares
        assert trend["mean"][0] == pytest.approx(used.mean(), abs=0.006), count


# What expected counts are made of


def test_suppressed_strata_share_what_others_leave() -> None:
    frame = pl.DataFrame({"unit": ["a"] * 4 + ["b"] * 2, "count": [22, 3, 1, 0, 2, 5], "all": [30] * 4 + [None] * 2})
    shares = frame.select(n=likely_count(pl.col("count"), pl.col("all"), ["unit"], "hes"))["n"].to_list()
    assert shares == [20.0, 5.0, 5.0, 0.0, 4.0, 4.0]
    assert frame.select(n=likely_count(pl.col("count"), pl.col("all"), ["unit"], "none"))["n"].to_list() == [
        22,
        3,
        1,
        0,
        2,
        5,
    ]


def test_expected_counts_add_up_to_what_is_shown_in_scope() -> None:
    audit = trend_audit([[30] * 4, [50] * 4, [22] * 4], "hes")
    total = audit.totals()["flagged"].item()
    assert audit.providers["expected"].sum() == pytest.approx(total, abs=0.2)


def test_three_providers_of_500_497_and_3() -> None:
    """The exact denominators of the large ones and the total gave the small one away."""

    def providers(sizes: list[int]) -> pl.DataFrame:
        codes = [f"Z{place}" for place in range(3)]
        cells = {"provider": codes, "month": ["2024-01"] * 3, "age_band": ["45-49"] * 3, "sex": ["1"] * 3}
        entries = audited(1)
        eligible = np.array([sizes])
        return made_up_audit(cube_of(entries, cells, eligible, eligible // 2), entries).providers

    tables = [
        providers(sizes).select("expected", "standardised_ratio", "upper_998")
        for sizes in ([500, 497, 3], [500, 496, 4])
    ]
    assert tables[0].equals(tables[1])
    assert tables[0]["expected"].null_count() == 1


def test_rounded_counts_near_the_mean_are_on_neither_side_of_it() -> None:
    """Counts of 20 and 25, rounded to 5: with a mean of 20.36, those of 20 are no run below it."""
    counts: list[int | None] = [25, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 15, 25]
    shift = ["shift_below"] * 11
    plain = judge(points(counts), Judging("month", "none", Settings()))["signal"].to_list()
    assert plain[1:12] == shift
    rounded = judge(points(counts), Judging("month", "hes", Settings()))["signal"].to_list()
    assert "shift_below" not in rounded


# Constants of disclosure control and case mix


@pytest.mark.parametrize(("providers", "is_shown"), [(10, True), (11, False)])
def test_a_suppressed_count_keeps_three_possible_values(providers: int, is_shown: bool) -> None:
    """One in scope each and a total shown as 10, which is 8 to 12: 10 providers have 1 to 3 each, 11 only 1 or 2."""
    total = trend_audit([[1]] * providers, "hes").totals()["flagged"].item()
    assert (total == 10) == is_shown
    assert (total is None) != is_shown


@pytest.mark.parametrize(("eligible", "expected"), [([900, 100], False), ([890, 110], True)])
def test_strata_are_thin_above_a_tenth(eligible: list[int], expected: bool) -> None:
    assert is_thin(pl.DataFrame({"eligible": eligible, "flagged": [40, 7]})) == expected
    assert not is_thin(pl.DataFrame({"eligible": eligible, "flagged": [40, 8]}))


def test_a_suppressed_month_counts_as_4_in_the_mean() -> None:
    audit = trend_audit([[20, 15, 20, 3] * 6], "hes")
    assert audit.trend.filter(provider="Z0")["mean"][0] == pytest.approx((20 + 15 + 20 + 4) / 4, abs=0.001)
