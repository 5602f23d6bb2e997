"""Inequalities in an audit: rates by deprivation, ethnic category, sex and age compared, and what is missing."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from ebi_rules.cube import AGE_BANDS
from ebi_rules.provider_audit.rate_tables import rates_by_field
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import STAND_IN, Counts
from ebi_rules.provider_audit.table_columns import PER
from ebi_rules.statistics.inequality_indices import NONE, Index, rate_ratio, relative_index, slope_index

CHARACTERISTICS = ("imd_decile", "ethnic_category", "sex", "age_band")
NOT_KNOWN = {"ethnic_category": ("Z", "99"), "sex": ("0", "9")}
"""Codes that say that a characteristic is not known or was not stated."""

_MOST, _LEAST = "1", "10"
_COMPARED = {"ethnic_category": "A", "sex": "1", "age_band": "45-49"}
"""The value that others are compared with: White British, male, and an age in the middle of life."""

_SCHEMA = {
    "rule": pl.String,
    "characteristic": pl.String,
    "basis": pl.String,
    "comparison": pl.String,
    "value": pl.String,
    "compared_with": pl.String,
    "figure": pl.Float64,
    "figure_lower_95": pl.Float64,
    "figure_upper_95": pl.Float64,
}


def inequality_table(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Give, for every rule and characteristic that was counted, how unequal rates are and how much is not recorded.

    Columns: rule, characteristic (imd_decile, ethnic_category, sex, age_band), basis (crude, or standardised for the
    other fields of case mix), comparison, value, compared_with, figure, figure_lower_95, figure_upper_95. Compared are
    `percent_missing` of eligible activity, always there (a suppressed count is taken for 4); `slope_index` (per 1,000
    eligible, most less least deprived) and `relative_index` over deprivation deciles; `rate_ratio` of a value against
    another, for deciles 1 against 10. Where a count behind a figure is suppressed there is no figure.
    """
    tables = {name: rates_by_field(counts, name, settings) for name in CHARACTERISTICS if name in counts.fields}
    rows = [
        (entry.key, name, *row)
        for name, table in tables.items()
        for entry in counts.audited
        for row in _of_characteristic(table.filter(rule=entry.key), name, counts.total(entry.key, "eligible")[0])
    ]
    order = {entry.key: place for place, entry in enumerate(counts.audited)}
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row").fill_nan(None)
    figures = [name for name in _SCHEMA if name.startswith("figure")]
    return table.sort(pl.col("rule").replace_strict(order, default=0), maintain_order=True).with_columns(
        pl.col(figures).round(3)
    )


Row = tuple[str, str, str | None, str | None, float, float, float]


def _of_characteristic(table: pl.DataFrame, name: str, eligible: int | None) -> Iterator[Row]:
    unknown = pl.col(name).is_null() | pl.col(name).is_in(list(NOT_KNOWN.get(name, ())))
    yield "crude", "percent_missing", None, None, *_missing(table.filter(unknown)["eligible"], eligible)
    known = table.filter(~unknown)
    for basis, rates in _rates(known).items():
        if name == "imd_decile":
            yield from _of_deprivation(basis, rates.sort(pl.col(name).cast(pl.Int64)))
        else:
            yield from _against(basis, rates, name, _COMPARED[name])


def _missing(missing: pl.Series, eligible: int | None) -> tuple[float, float, float]:
    """Give the percentage of eligible activity without the characteristic; a suppressed count of it counts as 4."""
    nothing = float("nan")
    if not eligible:
        return nothing, nothing, nothing
    count = min(int(missing.fill_null(STAND_IN).sum()), eligible)
    return round(count / eligible * 100, 1), nothing, nothing


def _rates(known: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Give rates per 1,000 with what their variance is made of, crude and, where there are any, standardised.

    `relative` is the variance of a rate's logarithm, 1 / events. A standardised rate is the ratio times the overall.
    """
    key = known.columns[1]
    flagged, eligible = pl.col("flagged"), pl.col("eligible")
    shown = known.with_columns(hidden=flagged.is_null() | eligible.is_null())
    crude = shown.select(key, eligible, flagged, "hidden", rate=flagged / eligible * PER, relative=1 / flagged)
    bases = {"crude": crude}
    if "expected" in known.columns:
        overall = known.select(pl.col("flagged").sum() / pl.col("eligible").sum()).item()
        rate = pl.col("flagged") / pl.col("expected") * overall * PER
        bases["standardised"] = shown.select(key, eligible, flagged, "hidden", rate=rate, relative=1 / flagged)
    return bases


def _of_deprivation(basis: str, rates: pl.DataFrame) -> Iterator[Row]:
    deciles = rates.columns[0]
    whole = not rates["hidden"].any() and rates.height > 1 and bool((rates["eligible"] > 0).all())
    # The variance of a Poisson count is its mean: half an event stands in for none.
    events = np.maximum(rates["flagged"].fill_null(0).to_numpy().astype(float), 0.5)
    values = rates["rate"].fill_null(0).to_numpy()
    variances = (np.maximum(values, values.mean() * 1e-9) ** 2) / events
    people = rates["eligible"].fill_null(0).to_numpy()
    for measure, index in (("slope_index", slope_index), ("relative_index", relative_index)):
        yield basis, measure, None, None, *_figures(index(values, variances, people) if whole else NONE)
    by_decile = {row[deciles]: row for row in rates.iter_rows(named=True)}
    yield basis, "rate_ratio", _MOST, _LEAST, *_figures(_ratio(by_decile.get(_MOST), by_decile.get(_LEAST)))


def _against(basis: str, rates: pl.DataFrame, name: str, compared_with: str) -> Iterator[Row]:
    by_value = {row[name]: row for row in rates.iter_rows(named=True)}
    order = [band for band in AGE_BANDS if band in by_value] if name == "age_band" else sorted(by_value)
    for value in order:
        if value != compared_with:
            ratio = _ratio(by_value[value], by_value.get(compared_with))
            yield basis, "rate_ratio", value, compared_with, *_figures(ratio)


def _ratio(one: dict[str, float] | None, other: dict[str, float] | None) -> Index:
    if one is None or other is None or one["hidden"] or other["hidden"] or not one["eligible"] or not other["eligible"]:
        return NONE
    return rate_ratio(one["rate"], one["relative"], other["rate"], other["relative"])


def _figures(index: Index) -> tuple[float, float, float]:
    return index.value, index.lower, index.upper
