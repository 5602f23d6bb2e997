"""A star schema of an audit for Power BI or Fabric: facts, dimensions and a data dictionary as parquet.

Facts are the audit's tables, after all disclosure control, at the grains that the tables have and no finer. Totals over
all providers stand in tables of their own, since rounded counts do not add up to them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules.disclosure.rounding import SUPPRESSED, WITHHELD
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.table_columns import ALL_MONTHS, ALL_PROVIDERS, SUPPRESSIBLE
from ebi_rules.provider_audit.table_files import mark, shown_columns

NOT_RECORDED = "not recorded"
STATUS = "_status"
"""A count has a second column with this ending: shown, suppressed or withheld."""

_STATUS_MEANING = "whether the count beside it is shown, suppressed (1 to 7) or withheld to protect another count"
_TOTALS = {"provider": ALL_PROVIDERS, "month": ALL_MONTHS}
_APRIL = 4

MEANINGS: Mapping[str, str] = {
    "above_benchmark": "activities above the benchmark, without what chance explains",
    "above_lower_95": "lower end of its 95% interval",
    "above_upper_95": "upper end of its 95% interval",
    "above_with_chance": "the simple difference to the benchmark, in which chance is included",
    "benchmark": "what activity is held against, in words",
    "benchmark_rate_per_1000": "the benchmark as a rate per 1,000 for the overall case mix",
    "benchmark_ratio": "the benchmark as a ratio to the number expected",
    "cost_above": "what is above the benchmark at the user's prices",
    "cost_lower_95": "lower end of its 95% interval",
    "cost_upper_95": "upper end of its 95% interval",
    "observed": "activities in scope that are compared",
    "percent_priced": "percentage of what is in scope in months with a price",
    "shrunk_ratio": "mean of the true ratio, given the counts of all units",
    "rule": "key of the rule; see dim_rule",
    "provider": "code of the provider; see dim_provider",
    "provider_name": "name of the provider",
    "month": "calendar month; see dim_month",
    "quarter": "three months; as a text from the first to the last",
    "since": "the month from which a policy applies",
    "activity": "activity of the dataset",
    "eligible": "activity to which the guidance could apply: the denominator",
    "flagged": "activity in scope of the guidance; this does not mean inappropriate",
    "rate_per_1000_eligible": "in scope per 1,000 eligible",
    "expected": "the number in scope expected of patients of the same case mix",
    "standardised_ratio": "in scope divided by expected",
    "crude_ratio": "the rate divided by the rate of all providers",
    "moved": "how far adjustment moved the ratio",
    "casemix": "how the expected number was worked out",
    "lower_95": "95% funnel limit of the ratio, below",
    "upper_95": "95% funnel limit of the ratio, above",
    "lower_998": "99.8% funnel limit of the ratio, below",
    "upper_998": "99.8% funnel limit of the ratio, above",
    "signal": "beyond which limit the figure lies; empty for none",
    "not_judged": "why a provider is not judged; empty if it is",
    "undiagnosed": "in scope without any diagnosis, so that no exclusion by diagnosis could apply",
    "percent_undiagnosed": "the same as a percentage of those in scope",
    "percent_within": "percentage of the activity within what the rule compares",
    "comparable": "eligible activity within what the rule compares",
    "compared": "in scope within what the rule compares",
    "low_coding": "whether far less activity has a procedure code than elsewhere",
    "step": "the place of the criterion, from 0 for all activity",
    "criterion": "the criterion; empty for all activity",
    "left": "activity that meets this criterion and all before it",
    "removed": "activity that met all before it, and not this criterion",
    "mean": "the mean of the trend",
    "lower": "the lower limit of the trend",
    "upper": "the upper limit of the trend",
    "partial": "whether the data do not cover all of the month or quarter",
    "judged": "how the series is judged",
    "policy": "the month or quarter in which the policy begins",
    "variant": "another interpretation of the rule; default is the rule as designed",
    "difference": "in scope under the variant, less in scope under the rule as designed",
    "differs": "activity to which the variant gives another answer",
    "about": "what the variant is",
    "procedures_per_activity": "mean number of procedure codes",
    "diagnoses_per_activity": "mean number of diagnosis codes",
    "characteristic": "sex, age, deprivation or ethnic category",
    "basis": "crude or standardised",
    "comparison": "which figure: the percentage not recorded, a rate ratio, or an index of inequality",
    "value": "the group",
    "compared_with": "the group that it is compared with",
    "figure": "the figure",
    "level": "overall, or by which field the units are",
    "unit": "code of the unit",
    "of": "of what the share is: eligible or in scope",
    "count": "activity with this setting",
    "of_all": "activity of the unit",
    "percent": "the first as a percentage of the second",
    "area": "code of the area",
    "people": "people in the area",
    "rate_per_100000": "in scope per 100,000 people",
    "standardised_rate_per_100000": "the same, standardised to the European Standard Population of 2013",
}
_ENDINGS = {"_lower_95": "lower end of the 95% interval of the figure before it", "_upper_95": "upper end of it"}
_SHARE = "percent_"


def star_schema(audit: AuditTables) -> dict[str, pl.DataFrame]:
    """Return the tables of the star schema by name: facts, dimensions, and the data dictionary."""
    facts = dict(_facts(audit))
    tables = {**facts, **_dimensions(audit, facts)}
    fields = audit.counts.fields
    words = [
        (name, column, str(table.schema[column]), meaning(column, fields))
        for name, table in tables.items()
        for column in table.columns
    ]
    dictionary = pl.DataFrame(words, schema=["table", "column", "type", "meaning"], orient="row")
    return {**tables, "data_dictionary": dictionary}


def write_star_schema(audit: AuditTables, folder: Path) -> int:
    """Write the tables as parquet, and return their number."""
    tables = star_schema(audit)
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    return len(tables)


def meaning(column: str, fields: tuple[str, ...]) -> str:
    """Return what a column contains.

    Args:
        column: The column's name.
        fields: The fields that were counted.

    Raises:
        UsageError: Nobody has written it down.

    Example:
        >>> meaning("flagged_status", ())
        'whether the count beside it is shown, suppressed (1 to 7) or withheld to protect another count'
    """
    known = {**MEANINGS, **_OF_DIMENSIONS, **{field: field.replace("_", " ") for field in fields}}
    if column in known:
        return known[column]
    if column.endswith(STATUS):
        return _STATUS_MEANING
    for ending, words in _ENDINGS.items():
        if column.endswith(ending):
            return words
    if column.startswith(_SHARE):
        return "percentage of activity: " + column.removeprefix(_SHARE).replace("_", " ")
    raise UsageError(f"no meaning is written down for the column {column}.")


def _facts(audit: AuditTables) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each table as a fact, and its totals as another."""
    yield "fact_overall", _with_status(audit.totals)
    for name, table in audit.by_file().items():
        labels = [column for column in _TOTALS if column in table.columns]
        is_total = pl.any_horizontal(pl.lit(False), *(pl.col(each).eq_missing(_TOTALS[each]) for each in labels))
        recorded = table.with_columns(pl.col(*labels).fill_null(NOT_RECORDED)) if labels else table
        yield f"fact_{name}", _with_status(recorded.filter(~is_total))
        totals = recorded.filter(is_total)
        if totals.height:
            yield f"fact_{name}_all", _with_status(totals)


def _with_status(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table with a status beside each count, instead of marks of what is withheld."""
    statuses = {SUPPRESSED: "suppressed", f"{SUPPRESSED}{SUPPRESSED}": "withheld"}
    counts = [name for name in table.columns if f"{name}{WITHHELD}" in table.columns and name in SUPPRESSIBLE]
    marked = table.with_columns(
        mark(table, name).replace(statuses).fill_null("shown").alias(f"{name}{STATUS}") for name in counts
    )
    return marked.select(shown_columns(marked))


_OF_DIMENSIONS = {
    "title": "the title of the intervention",
    "letters": "the programme's letters",
    "edition": "the date of the coding",
    "fitness": "what the rule may be used for",
    "fitness_reason": "why",
    "name": "the provider's name, or its code",
    "first_day": "the first day of the month",
    "financial_year": "April to March",
}


def _dimensions(audit: AuditTables, facts: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    rules = [
        {
            "rule": entry.key,
            "title": entry.counted.title,
            "letters": ", ".join(each.letter for each in entry.counted.documentation.interventions),
            "edition": entry.counted.edition_name,
            "variant": entry.counted.variant_name,
            "fitness": entry.fitness.use,
            "fitness_reason": entry.fitness.reason,
        }
        for entry in audit.audited
    ]
    units, months = _keys(facts, "provider"), _keys(facts, "month")
    names = [audit.settings.names.get(code, code) for code in units]
    first = pl.col("month").str.to_date("%Y-%m", strict=False).alias("first_day")
    year = first.dt.year()
    begins = pl.when(first.dt.month() < _APRIL).then(year - 1).otherwise(year)
    return {
        "dim_rule": pl.DataFrame(rules),
        "dim_provider": pl.DataFrame({"provider": units, "name": names}, schema=_texts("provider", "name")),
        "dim_month": pl.DataFrame({"month": months}, schema=_texts("month")).with_columns(
            first, pl.format("{}/{}", begins, (begins + 1).cast(pl.String).str.slice(2)).alias("financial_year")
        ),
    }


def _keys(facts: Mapping[str, pl.DataFrame], column: str) -> list[str]:
    """Return the values of a key in all facts, in order, without the label of a total."""
    found = {value for table in facts.values() if column in table.columns for value in table[column]}
    return sorted(found - {_TOTALS[column]})


def _texts(*columns: str) -> dict[str, type[pl.String]]:
    return dict.fromkeys(columns, pl.String)
