"""Indirect standardisation of an audit's counts, and direct standardisation of rates per person.

Strata are age bands by sex, and any other fields that case mix is adjusted for. The formulas are those of
`statistics.rates`, applied to all groups at once.
"""

from collections.abc import Collection, Sequence

import polars as pl

from ebi_rules.disclosure.rounding import WITHHELD
from ebi_rules.provider_audit.case_mix import is_thin, modelled_rates, observed_rates
from ebi_rules.provider_audit.likely_counts import likely_count
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


def expected_counts(
    counts: Counts, field: str, settings: Settings, strata: Sequence[str], excluded: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the flagged count that is expected of each value of a field: indirect standardisation.

    It is the eligible activity times the rate that its case mix would have by the standard's rates. Everything that
    goes into it is a count as it is shown, or as `likely_counts` has it, so that it reveals no more than the counts
    beside it. If the standard is all providers together, expected counts add up to the flagged count that is shown.

    Args:
        counts: The counts of the audit.
        field: The field.
        settings: The standard, and how to use strata.
        strata: The fields of case mix; if there are none, all activity is alike.
        excluded: Values that are no part of the standard, as they cannot be compared: rule, the field.

    Returns:
        One row per rule and value: rule, the field, expected (null if the total is not shown), casemix (strata or
        model).

    Raises:
        EngineError: The model is needed, and statsmodels is not installed.
    """
    totals = compared(counts.table("total"), counts).select("rule", all_base="base", all_observed="observed")
    wholes = _wholes(counts, field, totals)
    out = excluded if excluded is not None else pl.DataFrame(schema={"rule": pl.String, field: pl.String})
    totals = _without(totals, wholes.join(out, on=["rule", field], how="semi", nulls_equal=True))
    cells = _strata(counts, field, strata, counts.compared_rules)
    of_standard = cells.join(out, on=["rule", field], how="anti", nulls_equal=True)
    rates_of_strata = _rates_of_strata(counts, of_standard, settings, strata, totals)
    overall = rates_of_strata.group_by("rule").agg(overall=pl.col("flagged").sum() / pl.col("eligible").sum())
    with_rates = (
        cells.drop("flagged")
        .join(wholes, on=["rule", field], how="left", nulls_equal=True)
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
    marked = out.select("rule", field, is_out=pl.lit(True))
    joined = expected.join(marked, on=["rule", field], how="left", nulls_equal=True).join(totals, on="rule", how="left")
    scale = pl.col("all_observed") / pl.col("expected").filter(pl.col("is_out").is_null()).sum().over("rule")
    scaled = pl.when(pl.col("expected") > 0).then(pl.col("expected") * scale).otherwise(pl.col("all_observed") * 0.0)
    return joined.select("rule", field, scaled.alias("expected"), "casemix")


def _wholes(counts: Counts, field: str, totals: pl.DataFrame) -> pl.DataFrame:
    """Return the eligible count of each value of a field as it is shown: rule, the field, whole.

    Values whose count is not shown share what the others leave of the total equally. `observed` is what is flagged
    there, null if it is not shown.
    """
    column = "provider" if field == "provider" else "value"
    shown = compared(counts.table(field), counts).select("rule", pl.col(column).alias(field), "base", "observed")
    shown = shown.join(totals.drop("all_observed"), on="rule", how="left", maintain_order="left")
    left = pl.col("all_base") - pl.col("base").sum().over("rule")
    share = (left / pl.col("base").is_null().sum().over("rule")).clip(lower_bound=1)
    whole = pl.coalesce(pl.col("base").cast(pl.Float64), share, pl.lit(1.0))
    return shown.select("rule", field, "observed", whole=whole)


def _without(totals: pl.DataFrame, excluded: pl.DataFrame) -> pl.DataFrame:
    """Return totals without the values that are no part of the standard, as far as their counts are shown."""
    out = excluded.group_by("rule").agg(base=pl.col("whole").sum(), observed=stand_in(pl.col("observed")).sum())
    joined = totals.join(out, on="rule", how="left", maintain_order="left")
    return joined.select(
        "rule",
        (pl.col("all_base") - pl.col("base").fill_null(0)).clip(lower_bound=0),
        (pl.col("all_observed") - pl.col("observed").fill_null(0)).clip(lower_bound=0),
    )


def compared(table: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Add the counts that a ratio is made of: base and observed, within what a rule compares if it says so.

    Args:
        table: A table of `Counts.table`: rule, eligible, flagged and, if counted, comparable and compared.
        counts: The counts of the audit.
    """
    if not counts.compared_rules:
        return table.with_columns(base="eligible", observed="flagged")
    is_part = pl.col("rule").is_in(list(counts.compared_rules))
    return table.with_columns(
        base=pl.when(is_part).then("comparable").otherwise("eligible"),
        observed=pl.when(is_part).then("compared").otherwise("flagged"),
    )


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


def _rates_of_strata(
    counts: Counts, cells: pl.DataFrame, settings: Settings, strata: Sequence[str], totals: pl.DataFrame
) -> pl.DataFrame:
    """Return the standard's rate of every stratum: rule, the fields of case mix, eligible, flagged, rate, casemix."""
    if settings.standard is not None:
        rate = pl.col("flagged") / pl.col("eligible")
        standard = settings.standard.with_columns(rate=rate, casemix=pl.lit("strata"))
        return standard.select("rule", *strata, "eligible", "flagged", "rate", "casemix")
    exact = cells.group_by("rule", *strata, maintain_order=True).agg(pl.col("eligible", "flagged").sum())
    all_providers = exact.join(totals, on="rule", how="left", maintain_order="left").with_columns(
        likely_count(pl.col(name), pl.col(whole), ["rule"], counts.method).alias(name)
        for name, whole in (("eligible", "all_base"), ("flagged", "all_observed"))
    )
    parts = []
    for (rule,), part in all_providers.group_by("rule", maintain_order=True):
        keys = ["rule", *strata]
        part = part.sort(keys, nulls_last=True)
        exact_part = exact.filter(pl.col("rule") == rule).sort(keys, nulls_last=True)
        total = part["all_observed"][0]
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


def _strata(counts: Counts, field: str, strata: Sequence[str], compared_rules: Collection[str] = ()) -> pl.DataFrame:
    """Return exact eligible and flagged counts by rule, field and strata, with all keys as text.

    For some rules they are the counts within what the rule compares.
    """
    keys = list(dict.fromkeys(["rule", field, *strata]))
    of_rule = {"eligible": "comparable", "flagged": "compared"}
    # Rules and measures are compared after adding up, when far fewer rows are left.
    added = counts.sums.by([*keys, "measure"], [*of_rule, *of_rule.values()]).cast(dict.fromkeys(keys, pl.String))
    is_part, measure = pl.col("rule").is_in(list(compared_rules)), pl.col("measure")
    chosen = {name: pl.when(is_part).then(measure == part).otherwise(measure == name) for name, part in of_rule.items()}
    sums = [pl.col("count").filter(is_counted).sum().alias(name) for name, is_counted in chosen.items()]
    return added.filter(pl.any_horizontal(chosen.values())).group_by(keys).agg(sums)
