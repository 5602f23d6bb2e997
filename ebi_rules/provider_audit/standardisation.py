"""Indirect standardisation over an audit's cube, and direct standardisation by a population's people.

Strata are age bands by sex, and what else case mix is adjusted for. Formulas are those of `rates`; here they are worked
out for all groups at once.
"""

from collections.abc import Sequence

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.case_mix import controlled_or_stand_in, is_thin, modelled_rates, observed_rates
from ebi_rules.provider_audit.settings import AGE_AND_SEX, Population, Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.statistics import rates

PER_PEOPLE = 100_000


def expected_counts(counts: Counts, field: str, settings: Settings) -> pl.DataFrame:
    """Give the number in scope that is expected of each group: rule, the field, expected, casemix (strata or model).

    It is the sum over strata of the group's eligible times the standard's rate. When the standard is all providers
    together, its numbers in scope are taken as disclosure control would show them, and expected numbers add up to the
    total that is shown: they tell nothing more of a number in scope. Raises `EngineError` for want of statsmodels.
    """
    strata = list(settings.adjust)
    cells = _strata(counts, field, strata)
    rate = _rates_of_strata(counts, cells, settings)
    by_rule = rate.group_by("rule").agg(overall=pl.col("flagged").sum() / pl.col("eligible").sum())
    found = (
        cells.drop("flagged")
        .join(rate.drop("eligible", "flagged"), on=["rule", *strata], how="left", nulls_equal=True)
        .join(by_rule, on="rule", how="left")
    )
    known = pl.when(pl.col("rate").is_finite()).then("rate").otherwise("overall").fill_nan(0)
    found = found.group_by("rule", field).agg(
        expected=(pl.col("eligible") * known).sum(), casemix=pl.col("casemix").max()
    )
    if settings.standard is not None:
        return found
    totals = counts.table("total").select("rule", shown=pl.col("flagged"))
    scale = (pl.col("shown") / pl.col("expected").sum().over("rule")).fill_nan(0)
    return found.join(totals, on="rule", how="left").select(
        "rule", field, (pl.col("expected") * scale).alias("expected"), "casemix"
    )


def _rates_of_strata(counts: Counts, cells: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Give the rate of every stratum, by rule: rule, the fields of case mix, eligible, flagged, rate, casemix."""
    strata = list(settings.adjust)
    if settings.standard is not None:
        given = settings.standard.with_columns(rate=pl.col("flagged") / pl.col("eligible"), casemix=pl.lit("strata"))
        return given.select("rule", *strata, "eligible", "flagged", "rate", "casemix")
    totals = dict(counts.table("total").select("rule", stand_in(pl.col("flagged"))).iter_rows())
    parts = []
    reference = cells.group_by("rule", *strata, maintain_order=True).agg(pl.col("eligible", "flagged").sum())
    for (rule,), part in reference.group_by("rule", maintain_order=True):
        part = part.sort(strata, nulls_last=True)
        by_model = settings.casemix == "model" or (
            settings.casemix == "auto" and settings.adjust != AGE_AND_SEX and is_thin(part, counts.method)
        )
        if by_model:
            rate = modelled_rates(part, strata, float(totals[rule]), counts.method)
        else:
            rate = observed_rates(part, counts.method)
        shown = controlled_or_stand_in(pl.col("flagged"), counts.method)
        parts.append(part.with_columns(shown, rate.alias("rate"), casemix=pl.lit("model" if by_model else "strata")))
    empty = reference.with_columns(rate=pl.lit(None, pl.Float64), casemix=pl.lit(None, pl.String)).clear()
    return pl.concat(parts) if parts else empty


def population_rates(counts: Counts, population: Population) -> pl.DataFrame:
    """Give rates per 100,000 people, crude and directly standardised to the European Standard Population of 2013.

    Columns: rule, the field, flagged, people, rate_per_100000, standardised_rate_per_100000, standardised_lower_95,
    standardised_upper_95. People are those of the ages that the rule's eligible activity has, an age band counting when
    any activity in it is eligible. The standardised rate is null below 10 in scope, and where a band has no people.
    """
    field = population.field
    column = "provider" if field == "provider" else "value"
    shown = counts.table(field).select("rule", pl.col(column).alias(field), "flagged", f"flagged{WITHHELD}")
    cells = (
        _strata(counts, field, ["age_band", "sex"])
        .group_by("rule", field, "age_band")
        .agg(pl.col("eligible", "flagged").sum())
    )
    bands = (
        cells.filter((pl.col("eligible") > 0) & pl.col("age_band").is_not_null()).select("rule", "age_band").unique()
    )
    people = population.people.group_by(field, "age_band").agg(pl.col("people").sum())
    strata = bands.join(people, on="age_band", how="inner")
    strata = strata.join(cells, on=["rule", field, "age_band"], how="left").with_columns(pl.col("flagged").fill_null(0))
    rows = []
    for rule, area, flagged, withheld in (
        shown.join(strata.select("rule", field).unique(), on=["rule", field]).sort("rule", field).iter_rows()
    ):
        part = strata.filter((pl.col("rule") == rule) & (pl.col(field) == area))
        total = int(part["people"].sum())
        rows.append((rule, area, flagged, total, *_rates(part, flagged, total), withheld))
    schema = {
        "rule": pl.String,
        field: pl.String,
        "flagged": pl.Int64,
        "people": pl.Int64,
        "rate_per_100000": pl.Float64,
        "standardised_rate_per_100000": pl.Float64,
        "standardised_lower_95": pl.Float64,
        "standardised_upper_95": pl.Float64,
        f"flagged{WITHHELD}": pl.Boolean,
    }
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


def _strata(counts: Counts, field: str, strata: Sequence[str]) -> pl.DataFrame:
    """Give exact eligible and flagged by rule, field and strata, as text."""
    keys = list(dict.fromkeys(["rule", field, *strata]))
    measures = [pl.col("count").filter(pl.col("measure") == name).sum().alias(name) for name in ("eligible", "flagged")]
    cube = counts.cube.filter(pl.col("measure").is_in(["eligible", "flagged"]))
    return cube.group_by(keys).agg(measures).cast(dict.fromkeys(keys, pl.String))
