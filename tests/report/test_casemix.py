"""Adjusting for case mix, by strata or by a model, recovers providers' true effects; inequalities are measured."""

import sys

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

import ebi_rules as ebi
from ebi_rules.provider_audit.case_mix import is_thin, modelled_rates, observed_rates
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.audit_result import Audit
from tests.report.made_up import audited, cube_of, made_up_audit, with_settings
from tests.report.populations import population

EVERY = ("age_band", "sex", "imd_decile", "ethnic_category")


def _error(audit: Audit, effect: np.ndarray, column: str = "standardised_ratio") -> float:
    """Return how far ratios are from the truth: the standard deviation of the differences of their logarithms."""
    differences = np.log(audit.providers.sort("provider")[column].to_numpy()) - np.log(effect)
    return float(np.std(differences))


def _settings(disclosure: str, casemix: str = "auto") -> Settings:
    return Settings(disclosure=disclosure, adjust=EVERY, casemix=casemix)


@pytest.mark.parametrize("disclosure", ["none", "hes"])
def test_both_methods_recover_the_truth(disclosure: str) -> None:
    audit, effect = population(3, 60_000)
    audit = audit.shown(disclosure)
    errors = {
        method: _error(with_settings(audit, _settings(disclosure, method)), effect) for method in ("strata", "model")
    }
    crude = _error(audit, effect, "crude_ratio")
    age_and_sex = _error(audit, effect)
    assert crude > 0.15
    assert age_and_sex > 0.15, "age and sex do not adjust for deprivation"
    assert errors["strata"] < 0.06
    assert errors["model"] < 0.06


def test_the_model_is_better_when_strata_are_thin() -> None:
    errors: dict[str, list[float]] = {"strata": [], "model": [], "auto": []}
    for seed in range(6):
        audit, effect = population(seed, 600)
        for method, of_method in errors.items():
            of_method.append(_error(with_settings(audit, _settings("hes", method)), effect))
    means = {method: float(np.mean(of_method)) for method, of_method in errors.items()}
    assert means["auto"] == means["model"]
    assert means["model"] < 0.96 * means["strata"], means


def test_auto_uses_the_model_only_for_thin_strata() -> None:
    for size, method in ((60_000, "strata"), (600, "model")):
        audit = with_settings(population(1, size)[0], _settings("hes"))
        assert set(audit.providers["casemix"]) == {method}
    assert set(population(1, 60)[0].providers["casemix"]) == {"strata"}, "only age and sex are adjusted for"


def test_the_model_is_a_logistic_regression() -> None:
    audit, _ = population(2, 3_000)
    cells = audit.exact_cube.filter(pl.col("measure").is_in(["eligible", "flagged"])).cast({"measure": pl.String})
    strata = cells.group_by(EVERY, maintain_order=True).agg(
        pl.col("count").filter(pl.col("measure") == name).sum().alias(name) for name in ("eligible", "flagged")
    )
    indicators = [np.ones(strata.height)]
    for name in EVERY:
        values = strata[name].cast(pl.String).fill_null("none")
        indicators += [(values == value).to_numpy().astype(float) for value in values.unique().sort()[1:]]
    events, sizes = strata["flagged"].to_numpy(), strata["eligible"].to_numpy()
    direct = sm.GLM(
        np.column_stack([events, sizes - events]), np.column_stack(indicators), family=sm.families.Binomial()
    ).fit()
    ours = modelled_rates(strata, EVERY, float(events.sum()), "none")
    assert np.allclose(ours.to_numpy(), direct.fittedvalues, atol=1e-5)


def test_expected_counts_add_up_to_the_shown_total() -> None:
    audit = with_settings(population(4, 2_000)[0], _settings("hes", "model"))
    total = audit.totals()["flagged"].item()
    assert audit.providers["expected"].sum() == pytest.approx(total, rel=1e-3)


def test_moved_is_the_standardised_ratio_minus_the_crude_ratio() -> None:
    table = with_settings(population(4, 20_000)[0], _settings("none")).providers
    overall = table["flagged"].sum() / table["eligible"].sum()
    crude = (table["flagged"] / table["eligible"] / overall).round(3)
    assert (table["crude_ratio"] - crude).abs().max() <= 0.0011  # type: ignore[operator]
    assert (table["moved"] - (table["standardised_ratio"] - table["crude_ratio"])).abs().max() < 1e-9  # type: ignore[operator]
    assert table["moved"].abs().max() > 0.1  # type: ignore[operator]


def test_a_model_without_events_or_people_returns_the_rate() -> None:
    strata = pl.DataFrame({"age_band": ["45-49", "65-69"], "eligible": [10, 0], "flagged": [0, 0]})
    assert modelled_rates(strata, ["age_band"], 0.0, "none").to_list() == [0.0, 0.0]
    assert observed_rates(strata).to_list()[0] == 0.0
    assert is_thin(strata)
    assert not is_thin(strata.clear())


def test_a_model_without_statsmodels_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.api", None)
    audit = with_settings(population(4, 200)[0], _settings("hes"))
    with pytest.raises(ebi.EngineError, match=r"pip install 'ebi-rules\[model\]', or use --casemix strata"):
        _ = audit.providers


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"adjust": ("age",)}, "--adjust: there is no field of case mix 'age'; the nearest is age_band"),
        ({"adjust": ()}, "--adjust: name at least one field"),
        ({"casemix": "modell"}, "--casemix: there is no method 'modell'; the nearest is model"),
        ({"standard": pl.DataFrame(), "adjust": ("sex",)}, "--standard has rates by age band and sex"),
    ],
)
def test_wrong_settings_are_errors(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ebi.UsageError, match=message):
        Settings(**wrong)  # type: ignore[arg-type]


def test_inequalities_are_measured_and_missing_values_counted() -> None:
    audit = population(6, 40_000)[0].shown("none")
    table = audit.inequalities
    assert table["characteristic"].unique(maintain_order=True).to_list() == [
        "imd_decile",
        "ethnic_category",
        "sex",
        "age_band",
    ]
    by_decile = audit.grouped("imd_decile")
    rates = by_decile["flagged"] / by_decile["eligible"]
    deprived = table.filter(characteristic="imd_decile")
    rows = {
        (row["comparison"], row["basis"]): row for row in deprived.iter_rows(named=True) if row["value"] in (None, "1")
    }
    assert deprived.filter(comparison="rate_ratio", basis="crude")["value"].to_list() == list("123456789")
    ratio = rows["rate_ratio", "crude"]
    assert (ratio["value"], ratio["compared_with"]) == ("1", "10")
    assert ratio["figure"] == pytest.approx(rates[0] / rates[9], abs=0.001)
    assert rows["slope_index", "standardised"]["figure_lower_95"] > 0
    share = (by_decile["eligible"] / by_decile["eligible"].sum()).to_numpy()
    line = sm.WLS(rates.to_numpy(), sm.add_constant(np.cumsum(share) - share / 2), weights=share).fit()
    intercept, slope = line.params
    assert rows["relative_index", "crude"]["figure"] == pytest.approx(intercept / (intercept + slope), abs=0.001)
    assert rows["slope_index", "crude"]["figure"] == pytest.approx(-slope * 1000, abs=0.001)
    ethnic = table.filter(characteristic="ethnic_category")
    missing = ethnic.filter(comparison="percent_missing")["figure"].item()
    none = audit.grouped("ethnic_category").filter(pl.col("ethnic_category").is_null())["eligible"].item()
    assert missing == pytest.approx(none / audit.totals()["eligible"].item() * 100, abs=0.05)
    assert ethnic.filter(comparison="rate_ratio", basis="standardised")["value"].to_list() == ["H", "N"]


def test_no_index_is_calculated_if_a_decile_is_suppressed() -> None:
    deciles = [str(place) for place in range(1, 11)]
    cells = {
        "provider": ["Z1"] * 10,
        "month": ["2024-01"] * 10,
        "age_band": ["45-49"] * 10,
        "sex": ["1"] * 10,
        "imd_decile": deciles,
    }
    entries = audited(1)
    cube = cube_of(entries, cells, np.full((1, 10), 1000), np.array([[40, 35, 30, 28, 25, 3, 20, 18, 15, 12]]))
    table = made_up_audit(cube, entries).inequalities.filter(characteristic="imd_decile")
    figures = {
        (*row[:2], row[2] or ""): row[3] for row in table.select("comparison", "basis", "value", "figure").rows()
    }
    assert figures["slope_index", "crude", ""] is None
    assert figures["relative_index", "standardised", ""] is None
    assert figures["rate_ratio", "crude", "1"] is not None
    assert figures["rate_ratio", "crude", "6"] is None
    assert figures["percent_missing", "crude", ""] == 0
