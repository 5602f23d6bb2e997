"""Indirect standardisation of an audit's counts, and direct standardisation of rates per person.

Strata are age bands by sex, and any other fields that case mix is adjusted for. The formulas are those of
`statistics.rates`, applied to all groups at once.
"""

from collections.abc import Sequence

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.case_mix import controlled_or_stand_in, is_thin, modelled_rates, observed_rates
from ebi_rules.provider_audit.settings import AGE_AND_SEX, Population, Settings
from ebi_rules.provider_audit.shown_counts import Counts, stand_in
from ebi_rules.statistics import rates

PER_PEOPLE = 100_000
"""Rates of a population are per 100,000 people."""

_POPULATION_RATES = (
    "rate_per_100000",
    "standardised_rate_per_100000",
    "standardised_lower_95",
    "standardised_upper_95",
)


def expected_counts(counts: Counts, field: str, settings: Settings) -> pl.DataFrame:
    """Return the flagged count that is expected of each value of a field: indirect standardisation.

    It is the sum over strata of the eligible activity times the standard's rate. If the standard is all providers
    together, its flagged counts are used as disclosure control would show them, and the expected counts add up to the
    total that is shown: so they reveal nothing more about a flagged count.

    Args:
        counts: The counts of the audit.
        field: The field.
        settings: The fields of case mix, the standard, and how to use them.

    Returns:
        One row per rule and value: rule, the field, expected, casemix (strata or model).

    Raises:
        EngineError: The model is needed, and statsmodels is not installed.
    """
    strata = list(settings.adjust)
    cells = _strata(counts, field, strata)
    rates_of_strata = _rates_of_strata(counts, cells, settings)
    overall = rates_of_strata.group_by("rule").agg(overall=pl.col("flagged").sum() / pl.col("eligible").sum())
    with_rates = (
        cells.drop("flagged")
        .join(rates_of_strata.drop("eligible", "flagged"), on=["rule", *strata], how="left", nulls_equal=True)
        .join(overall, on="rule", how="left")
    )
    rate = pl.when(pl.col("rate").is_finite()).then("rate").otherwise("overall").fill_nan(0)
    expected = with_rates.group_by("rule", field).agg(
        expected=(pl.col("eligible") * rate).sum(), casemix=pl.col("casemix").max()
    )
    if settings.standard is not None:
        return expected
    totals = counts.table("total").select("rule", shown=pl.col("flagged"))
    scale = (pl.col("shown") / pl.col("expected").sum().over("rule")).fill_nan(0)
    scaled = (pl.col("expected") * scale).alias("expected")
    return expected.join(totals, on="rule", how="left").select("rule", field, scaled, "casemix")


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


def _rates_of_strata(counts: Counts, cells: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return the standard's rate of every stratum: rule, the fields of case mix, eligible, flagged, rate, casemix."""
    strata = list(settings.adjust)
    if settings.standard is not None:
        rate = pl.col("flagged") / pl.col("eligible")
        standard = settings.standard.with_columns(rate=rate, casemix=pl.lit("strata"))
        return standard.select("rule", *strata, "eligible", "flagged", "rate", "casemix")
    totals = dict(counts.table("total").select("rule", stand_in(pl.col("flagged"))).iter_rows())
    all_providers = cells.group_by("rule", *strata, maintain_order=True).agg(pl.col("eligible", "flagged").sum())
    parts = []
    for (rule,), part in all_providers.group_by("rule", maintain_order=True):
        part = part.sort(strata, nulls_last=True)
        if _uses_model(part, settings, counts.method):
            casemix, rate_of_stratum = "model", modelled_rates(part, strata, float(totals[rule]), counts.method)
        else:
            casemix, rate_of_stratum = "strata", observed_rates(part, counts.method)
        shown = controlled_or_stand_in(pl.col("flagged"), counts.method)
        parts.append(part.with_columns(shown.alias("flagged"), rate_of_stratum.alias("rate"), casemix=pl.lit(casemix)))
    empty = all_providers.with_columns(rate=pl.lit(None, pl.Float64), casemix=pl.lit(None, pl.String)).clear()
    return pl.concat(parts) if parts else empty


def _uses_model(strata: pl.DataFrame, settings: Settings, method: str) -> bool:
    """Return whether the rates of a rule's strata come from the model."""
    if settings.casemix == "auto":
        return settings.adjust != AGE_AND_SEX and is_thin(strata, method)
    return settings.casemix == "model"


def _strata_with_people(counts: Counts, population: Population) -> pl.DataFrame:
    """Return the exact flagged count and the people of each area and age band: rule, the field, age_band, ..."""
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
    exact = strata["flagged"].sum()
    if flagged < rates.FEWEST_FOR_DIRECT or not exact or (strata["people"] == 0).any():
        return crude, None, None, None
    weights = [rates.EUROPEAN_STANDARD_BANDS[band] for band in strata["age_band"].to_list()]
    events = (strata["flagged"] * (flagged / exact)).to_numpy()
    direct = rates.directly_standardised_rate(events, strata["people"].to_numpy(), weights, PER_PEOPLE)
    return crude, *(round(rate, 1) for rate in direct)


def _strata(counts: Counts, field: str, strata: Sequence[str]) -> pl.DataFrame:
    """Return exact eligible and flagged counts by rule, field and strata, with all keys as text."""
    keys = list(dict.fromkeys(["rule", field, *strata]))
    measures = ("eligible", "flagged")
    sums = [pl.col("count").filter(pl.col("measure") == name).sum().alias(name) for name in measures]
    cube = counts.cube.filter(pl.col("measure").is_in(measures))
    return cube.group_by(keys).agg(sums).cast(dict.fromkeys(keys, pl.String))
