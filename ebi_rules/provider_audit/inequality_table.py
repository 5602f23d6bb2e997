"""The inequality table of an audit: rates compared by deprivation, ethnic category, sex and age, and missing values.

It only compares rates: it does not explain the differences.
"""

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
"""Codes for a characteristic that is not known or was not stated."""

REFERENCE_VALUES = {"imd_decile": "10", "ethnic_category": "A", "sex": "1", "age_band": "45-49"}
"""The value that others are compared with: least deprived, White British, male, and an age in the middle of life."""

_FIGURES = ("figure", "figure_lower_95", "figure_upper_95")
_TEXTS = ("rule", "characteristic", "basis", "comparison", "value", "compared_with")
_SCHEMA = {**dict.fromkeys(_TEXTS, pl.String), **dict.fromkeys(_FIGURES, pl.Float64)}

_Row = dict[str, float | None]
"""The rate of one value of a characteristic, with what belongs to it."""

Comparison = tuple[str, str, str | None, str | None, float, float, float]
"""A row of the table from `basis` on: basis, comparison, value, compared_with, and the figures."""


def inequality_table(counts: Counts, settings: Settings) -> pl.DataFrame:
    """Return how unequal rates are, and how much is not recorded, for every rule and characteristic that was counted.

    Args:
        counts: The counts that may be shown.
        settings: How to compare.

    Returns:
        One row per comparison: rule, characteristic (imd_decile, ethnic_category, sex, age_band), basis (crude, or
        standardised for the other fields of case mix), comparison, value, compared_with, figure, figure_lower_95,
        figure_upper_95. The comparisons are:

        - `percent_missing`: the percentage of eligible activity without the characteristic, in every table. A
          suppressed count counts as 4.
        - `slope_index` (per 1,000 eligible, most deprived minus least deprived) and `relative_index`: over deprivation
          deciles.
        - `rate_ratio`: of each other value to that in `REFERENCE_VALUES`.

        If a count behind a figure is suppressed, the figure is null.
    """
    tables = {name: rates_by_field(counts, name, settings) for name in CHARACTERISTICS if name in counts.fields}
    rows = [
        (entry.key, name, *comparison)
        for name, table in tables.items()
        for entry in counts.audited
        for comparison in _comparisons(table.filter(rule=entry.key), name, counts.total(entry.key, "eligible")[0])
    ]
    rule_order = {entry.key: place for place, entry in enumerate(counts.audited)}
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row").fill_nan(None)
    table = table.sort(pl.col("rule").replace_strict(rule_order, default=0), maintain_order=True)
    return table.with_columns(pl.col(_FIGURES).round(3))


def _comparisons(table: pl.DataFrame, name: str, eligible: int | None) -> Iterator[Comparison]:
    """Compare the rates of one rule by one characteristic; `eligible` is the rule's total."""
    is_unknown = pl.col(name).is_null() | pl.col(name).is_in(list(NOT_KNOWN.get(name, ())))
    yield "crude", "percent_missing", None, None, *_percent_missing(table.filter(is_unknown)["eligible"], eligible)
    for basis, rates in _rates_by_basis(table.filter(~is_unknown)).items():
        if name == "imd_decile":
            yield from _over_deciles(basis, rates.sort(pl.col(name).cast(pl.Int64)))
        yield from _with_reference(basis, rates, name, REFERENCE_VALUES[name])


def _percent_missing(missing: pl.Series, eligible: int | None) -> tuple[float, float, float]:
    """Return the percentage of eligible activity without the characteristic; a suppressed count counts as 4."""
    nothing = float("nan")
    if not eligible:
        return nothing, nothing, nothing
    count = min(int(missing.fill_null(STAND_IN).sum()), eligible)
    return round(count / eligible * 100, 1), nothing, nothing


def _rates_by_basis(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return rates per 1,000 with the terms of their variance: crude and, if the table has them, standardised.

    A standardised rate is the standardised ratio times the overall rate. `relative` is the variance of a rate's
    logarithm, 1 / events.
    """
    name = table.columns[1]
    flagged, eligible = pl.col("flagged"), pl.col("eligible")
    is_hidden = flagged.is_null() | eligible.is_null()
    rates = {"crude": flagged / eligible * PER}
    if "expected" in table.columns:
        overall = table.select(flagged.sum() / eligible.sum()).item()
        rates["standardised"] = flagged / pl.col("expected") * overall * PER
    return {
        basis: table.select(name, eligible, flagged, hidden=is_hidden, rate=rate, relative=1 / flagged)
        for basis, rate in rates.items()
    }


def _over_deciles(basis: str, rates: pl.DataFrame) -> Iterator[Comparison]:
    """Return the indices of inequality over deprivation deciles, in their order."""
    is_shown = not rates["hidden"].any() and not rates["rate"].has_nulls()
    is_complete = is_shown and rates.height > 1 and bool((rates["eligible"] > 0).all())
    # The variance of a Poisson count is its mean: half an event stands in for none.
    events = np.maximum(rates["flagged"].fill_null(0).to_numpy().astype(float), 0.5)
    values = rates["rate"].fill_null(0).to_numpy()
    mean = values.mean() if values.size else 0.0
    variances = (np.maximum(values, mean * 1e-9) ** 2) / events
    eligible = rates["eligible"].fill_null(0).to_numpy()
    for comparison, index in (("slope_index", slope_index), ("relative_index", relative_index)):
        yield basis, comparison, None, None, *_figures(index(values, variances, eligible) if is_complete else NONE)


def _with_reference(basis: str, rates: pl.DataFrame, name: str, reference: str) -> Iterator[Comparison]:
    """Compare the rate of each value with that of the reference value."""
    by_value = {row[name]: row for row in rates.iter_rows(named=True)}
    orders = {"age_band": AGE_BANDS, "imd_decile": [str(decile) for decile in range(1, 11)]}
    values = [value for value in orders.get(name, sorted(by_value)) if value in by_value]
    for value in values:
        if value != reference:
            ratio = _ratio(by_value[value], by_value.get(reference))
            yield basis, "rate_ratio", value, reference, *_figures(ratio)


def _ratio(row: _Row | None, reference: _Row | None) -> Index:
    """Compare two rates; NONE if one is hidden or was not worked out, as it is where too little was expected."""
    figures: list[float] = []
    for side in (row, reference):
        if side is None or side["hidden"] or not side["eligible"]:
            return NONE
        rate, relative_error = side["rate"], side["relative"]
        if rate is None or relative_error is None:
            return NONE
        figures += [rate, relative_error]
    return rate_ratio(*figures)


def _figures(index: Index) -> tuple[float, float, float]:
    return index.value, index.lower, index.upper
