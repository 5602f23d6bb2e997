"""Indirect standardisation of an audit's counts, and direct standardisation of rates per person.

Strata are age bands by sex, and any other fields that case mix is adjusted for. The formulas are those of
`statistics.rates`, applied to all groups at once.
"""

from collections.abc import Sequence

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.case_mix import is_thin, modelled_rates, observed_rates
from ebi_rules.provider_audit.likely_counts import likely_count
from ebi_rules.provider_audit.settings import AGE_AND_SEX, Population, Settings
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.statistics import rates

PER_PEOPLE = 100_000
"""Rates of a population are per 100,000 people."""

_POPULATION_RATES = (
    "rate_per_100000",
    "standardised_rate_per_100000",
    "standardised_lower_95",
    "standardised_upper_95",
)


def expected_counts(counts: Counts, field: str, settings: Settings, strata: Sequence[str]) -> pl.DataFrame:
    """Return the flagged count that is expected of each value of a field: indirect standardisation.

    It is the eligible activity times the rate that its case mix would have by the standard's rates. Everything that
    goes into it is a count as it is shown, or as `likely_counts` has it, so that it reveals no more than the counts
    beside it. If the standard is all providers together, expected counts add up to the flagged count that is shown.

    Args:
        counts: The counts of the audit.
        field: The field.
        settings: The standard, and how to use strata.
        strata: The fields of case mix; if there are none, all activity is alike.

    Returns:
        One row per rule and value: rule, the field, expected (null if the total is not shown), casemix (strata or
        model).

    Raises:
        EngineError: The model is needed, and statsmodels is not installed.
    """
    totals = counts.table("total").select("rule", all_eligible="eligible", all_flagged="flagged")
    cells = _strata(counts, field, strata)
    rates_of_strata = _rates_of_strata(counts, cells, settings, strata)
    overall = rates_of_strata.group_by("rule").agg(overall=pl.col("flagged").sum() / pl.col("eligible").sum())
    with_rates = (
        cells.drop("flagged")
        .join(_wholes(counts, field, totals), on=["rule", field], how="left", nulls_equal=True)
        .join(rates_of_strata.drop("eligible", "flagged"), on=["rule", *strata], how="left", nulls_equal=True)
        .join(overall, on="rule", how="left")
    )
    rate = pl.when(pl.col("rate").is_finite()).then("rate").otherwise("overall").fill_nan(0)
    likely = likely_count(pl.col("eligible"), pl.col("whole"), ["rule", field], counts.method)
    rate_of_mix = ((pl.col("likely") * rate).sum() / pl.col("likely").sum()).fill_nan(0)
    expected = (
        with_rates.with_columns(likely=likely)
        .group_by("rule", field)
        .agg(expected=pl.col("whole").first() * rate_of_mix, casemix=pl.col("casemix").max())
    )
    if settings.standard is not None:
        return expected
    scale = pl.col("all_flagged") / pl.col("expected").sum().over("rule")
    scaled = pl.when(pl.col("expected") > 0).then(pl.col("expected") * scale).otherwise(pl.col("all_flagged") * 0.0)
    joined = expected.join(totals, on="rule", how="left")
    return joined.select("rule", field, scaled.alias("expected"), "casemix")


def _wholes(counts: Counts, field: str, totals: pl.DataFrame) -> pl.DataFrame:
    """Return the eligible count of each value of a field as it is shown: rule, the field, whole.

    Values whose count is not shown share what the others leave of the total equally.
    """
    column = "provider" if field == "provider" else "value"
    shown = counts.table(field).select("rule", pl.col(column).alias(field), "eligible")
    shown = shown.join(totals, on="rule", how="left", maintain_order="left")
    left = pl.col("all_eligible") - pl.col("eligible").sum().over("rule")
    share = (left / pl.col("eligible").is_null().sum().over("rule")).clip(lower_bound=1)
    return shown.select("rule", field, whole=pl.coalesce(pl.col("eligible").cast(pl.Float64), share, pl.lit(1.0)))


def population_rates(counts: Counts, population: Population) -> pl.DataFrame:
    """Return rates per 100,000 people, crude and directly standardised to the European Standard Population of 2013.

    The people counted are those of the ages that can be eligible: an age band counts if any activity in it is eligible.

    Args:
        counts: The counts of the audit.
        population: The people.

    Returns:
        One row per rule and area: rule, the field, flagged, people, rate_per_100000, standardised_rate_per_100000,
        standardised_lower_95, standardised_upper_95. The standardised rate is null below 10 flagged, and if a band has
        no people.

    Source:
        Eurostat (2013); see `statistics.rates.directly_standardised_rate`.
    """
    field = population.field
    column = "provider" if field == "provider" else "value"
    shown = counts.table(field).select("rule", pl.col(column).alias(field), "flagged", f"flagged{WITHHELD}")
    strata = _strata_with_people(counts, population)
    strata = strata.join(shown.select("rule", field, whole="flagged"), on=["rule", field], how="left").with_columns(
        flagged=likely_count(pl.col("flagged"), pl.col("whole"), ["rule", field], counts.method)
    )
    areas = strata.select("rule", field).unique()
    rows = []
    for rule, area, flagged, is_withheld in shown.join(areas, on=["rule", field]).sort("rule", field).iter_rows():
        strata_of_area = strata.filter((pl.col("rule") == rule) & (pl.col(field) == area))
        people = int(strata_of_area["people"].sum())
        rows.append((rule, area, flagged, people, *_rates(strata_of_area, flagged, people), is_withheld))
    schema = {
        **dict.fromkeys(("rule", field), pl.String),
        **dict.fromkeys(("flagged", "people"), pl.Int64),
        **dict.fromkeys(_POPULATION_RATES, pl.Float64),
        f"flagged{WITHHELD}": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").fill_nan(None)


def _rates_of_strata(counts: Counts, cells: pl.DataFrame, settings: Settings, strata: Sequence[str]) -> pl.DataFrame:
    """Return the standard's rate of every stratum: rule, the fields of case mix, eligible, flagged, rate, casemix."""
    if settings.standard is not None:
        rate = pl.col("flagged") / pl.col("eligible")
        standard = settings.standard.with_columns(rate=rate, casemix=pl.lit("strata"))
        return standard.select("rule", *strata, "eligible", "flagged", "rate", "casemix")
    totals = counts.table("total").select("rule", all_eligible="eligible", all_flagged="flagged")
    exact = cells.group_by("rule", *strata, maintain_order=True).agg(pl.col("eligible", "flagged").sum())
    all_providers = exact.join(totals, on="rule", how="left", maintain_order="left").with_columns(
        likely_count(pl.col(name), pl.col(f"all_{name}"), ["rule"], counts.method).alias(name)
        for name in ("eligible", "flagged")
    )
    parts = []
    for (rule,), part in all_providers.group_by("rule", maintain_order=True):
        keys = ["rule", *strata]
        part = part.sort(keys, nulls_last=True)
        exact_part = exact.filter(pl.col("rule") == rule).sort(keys, nulls_last=True)
        total = part["all_flagged"][0]
        if total is not None and strata and _uses_model(part, settings):
            sized = exact_part.with_columns(part["eligible"])
            casemix, rate_of_stratum = "model", modelled_rates(sized, strata, float(total), counts.method)
        else:
            casemix, rate_of_stratum = "strata", observed_rates(part)
        parts.append(part.with_columns(rate_of_stratum.alias("rate"), casemix=pl.lit(casemix)))
    empty = all_providers.with_columns(rate=pl.lit(None, pl.Float64), casemix=pl.lit(None, pl.String)).clear()
    rates_of_strata = pl.concat(parts) if parts else empty
    return rates_of_strata.select("rule", *strata, "eligible", "flagged", "rate", "casemix")


def _uses_model(strata: pl.DataFrame, settings: Settings) -> bool:
    """Return whether the rates of a rule's strata come from the model."""
    if settings.casemix == "auto":
        return settings.adjust != AGE_AND_SEX and is_thin(strata)
    return settings.casemix == "model"


def _strata_with_people(counts: Counts, population: Population) -> pl.DataFrame:
    """Return the flagged count and people of areas by age band: rule, the field, age_band, flagged, people."""
    keys = ["rule", population.field, "age_band"]
    cells = _strata(counts, population.field, ["age_band", "sex"])
    cells = cells.group_by(keys).agg(pl.col("eligible", "flagged").sum())
    has_eligible = (pl.col("eligible") > 0) & pl.col("age_band").is_not_null()
    bands = cells.filter(has_eligible).select("rule", "age_band").unique()
    people = population.people.group_by(population.field, "age_band").agg(pl.col("people").sum())
    strata = bands.join(people, on="age_band", how="inner").join(cells, on=keys, how="left")
    return strata.with_columns(pl.col("flagged").fill_null(0))


def _rates(strata: pl.DataFrame, flagged: int | None, people: int) -> tuple[float | None, ...]:
    """Return the crude and the standardised rate of one area, scaled to the flagged count that is shown."""
    if flagged is None or not people:
        return None, None, None, None
    crude = round(flagged / people * PER_PEOPLE, 1)
    total = strata["flagged"].sum()
    if flagged < rates.FEWEST_FOR_DIRECT or not total or (strata["people"] == 0).any():
        return crude, None, None, None
    weights = [rates.EUROPEAN_STANDARD_BANDS[band] for band in strata["age_band"].to_list()]
    events = (strata["flagged"] * (flagged / total)).to_numpy()
    direct = rates.directly_standardised_rate(events, strata["people"].to_numpy(), weights, PER_PEOPLE)
    return crude, *(round(rate, 1) for rate in direct)


def _strata(counts: Counts, field: str, strata: Sequence[str]) -> pl.DataFrame:
    """Return exact eligible and flagged counts by rule, field and strata, with all keys as text."""
    keys = list(dict.fromkeys(["rule", field, *strata]))
    measures = ("eligible", "flagged")
    sums = [pl.col("count").filter(pl.col("measure") == name).sum().alias(name) for name in measures]
    cube = counts.exact_cube.filter(pl.col("measure").is_in(measures))
    return cube.group_by(keys).agg(sums).cast(dict.fromkeys(keys, pl.String))
