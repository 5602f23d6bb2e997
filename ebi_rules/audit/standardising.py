"""Indirect standardisation over an audit's cube, and direct standardisation by a population's people.

Strata are age bands by sex. Formulas are those of `rates`; here they are worked out for all groups at once.
"""

import polars as pl

from ebi_rules.audit import rates
from ebi_rules.audit.counts import Counts, stand_in
from ebi_rules.audit.disclosure import WITHHELD, controlled
from ebi_rules.audit.settings import Population

_STRATA = ("age_band", "sex")
PER_PEOPLE = 100_000


def expected(counts: Counts, field: str, standard: pl.DataFrame | None) -> pl.DataFrame:
    """Give the number in scope that is expected of each group: rule, the field, expected.

    It is the sum over strata of the group's eligible times the standard's rate. When the standard is all providers
    together, its numbers in scope are taken as disclosure control would show them, and expected numbers add up to the
    total that is shown: they tell nothing more of a number in scope.
    """
    cells = _strata(counts, field)
    if standard is None:
        reference = cells.group_by("rule", *_STRATA).agg(pl.col("eligible", "flagged").sum())
        reference = reference.with_columns(stand_in(controlled(pl.col("flagged"), counts.method)).alias("flagged"))
    else:
        reference = standard
    by_rule = reference.group_by("rule").agg(overall=pl.col("flagged").sum() / pl.col("eligible").sum())
    rate = reference.select("rule", *_STRATA, rate=pl.col("flagged") / pl.col("eligible"))
    joined = cells.join(rate, on=["rule", *_STRATA], how="left", nulls_equal=True).join(by_rule, on="rule", how="left")
    known = pl.when(pl.col("rate").is_finite()).then("rate").otherwise("overall").fill_nan(0)
    found = joined.group_by("rule", field).agg(expected=(pl.col("eligible") * known).sum())
    if standard is not None:
        return found
    totals = counts.table("total").select("rule", shown=pl.col("flagged"))
    scale = (pl.col("shown") / pl.col("expected").sum().over("rule")).fill_nan(0)
    return found.join(totals, on="rule", how="left").select(
        "rule", field, (pl.col("expected") * scale).alias("expected")
    )


def by_population(counts: Counts, population: Population) -> pl.DataFrame:
    """Give rates per 100,000 people, crude and directly standardised to the European Standard Population of 2013.

    Columns: rule, the field, flagged, people, rate_per_100000, standardised_rate_per_100000, standardised_lower_95,
    standardised_upper_95. People are those of the ages that the rule's eligible activity has, an age band counting when
    any activity in it is eligible. The standardised rate is null below 10 in scope, and where a band has no people.
    """
    field = population.field
    column = "provider" if field == "provider" else "value"
    shown = counts.table(field).select("rule", pl.col(column).alias(field), "flagged", f"flagged{WITHHELD}")
    cells = _strata(counts, field).group_by("rule", field, "age_band").agg(pl.col("eligible", "flagged").sum())
    bands = (
        cells.filter((pl.col("eligible") > 0) & pl.col("age_band").is_not_null()).select("rule", "age_band").unique()
    )
    people = population.people.group_by(field, "age_band").agg(pl.col("people").sum())
    strata = bands.join(people, on="age_band", how="inner")
    strata = strata.join(cells, on=["rule", field, "age_band"], how="left").with_columns(pl.col("flagged").fill_null(0))
    rows = []
    for rule, area, flagged, withheld in shown.join(strata.select("rule", field).unique(), on=["rule", field]).sort(
        "rule", field).iter_rows():  # fmt: skip
        part = strata.filter((pl.col("rule") == rule) & (pl.col(field) == area))
        total = int(part["people"].sum())
        rows.append((rule, area, flagged, total, *_rates(part, flagged, total), withheld))
    schema = {"rule": pl.String, field: pl.String, "flagged": pl.Int64, "people": pl.Int64,
              "rate_per_100000": pl.Float64, "standardised_rate_per_100000": pl.Float64,
              "standardised_lower_95": pl.Float64, "standardised_upper_95": pl.Float64,
              f"flagged{WITHHELD}": pl.Boolean}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").fill_nan(None)


def _rates(strata: pl.DataFrame, flagged: int | None, people: int) -> tuple[float | None, ...]:
    """Give the crude and the standardised rate of one area, in proportion to the number in scope that is shown."""
    if flagged is None or not people:
        return None, None, None, None
    crude = round(flagged / people * PER_PEOPLE, 1)
    exact = strata["flagged"].sum()
    if flagged < rates.FEWEST_FOR_DIRECT or not exact or (strata["people"] == 0).any():
        return crude, None, None, None
    weights = [rates.EUROPEAN_STANDARD_BANDS[band] for band in strata["age_band"].to_list()]
    events = (strata["flagged"] * (flagged / exact)).to_numpy()
    direct = rates.directly_standardised_rate(events, strata["people"].to_numpy(), weights, PER_PEOPLE)
    return crude, *(round(rate, 1) for rate in direct)


def _strata(counts: Counts, field: str) -> pl.DataFrame:
    """Give exact eligible and flagged by rule, field, age band and sex, as text."""
    measures = [pl.col("count").filter(pl.col("measure") == name).sum().alias(name) for name in ("eligible", "flagged")]
    cube = counts.cube.filter(pl.col("measure").is_in(["eligible", "flagged"]))
    return (
        cube.group_by("rule", field, *_STRATA).agg(measures).cast(dict.fromkeys(("rule", field, *_STRATA), pl.String))
    )
