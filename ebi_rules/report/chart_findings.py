"""What each chart of an audit says, in one sentence: its title. The sentences describe figures that may be shown.

A sentence states what the figures are and what chance explains; it does not say why.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from ebi_rules.provider_audit.inequality_table import NOT_KNOWN, REFERENCE_VALUES
from ebi_rules.provider_audit.judged_series import RARE
from ebi_rules.provider_audit.signals import Variation
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.report_words import RATE, SIGNAL_PHRASES, axis_label, figure_text, value_label, variant_label

FEWEST_COMPARED = 3
"""With fewer units than this there is nothing to say about how they vary."""


def of_attrition(steps: pl.DataFrame, phrases: Mapping[str, str]) -> str:
    """Say how many of all activities are in scope, and which step leaves out most.

    Args:
        steps: criterion (null for all activity), left, removed (counts), one row per step.
        phrases: Criteria in words, by name.
    """
    total, in_scope = count_text(steps["left"][0]), count_text(steps["left"][-1])
    text = f"{in_scope} of {total} activities are in scope"
    largest = steps.filter(pl.col("removed") > 0).sort("removed", descending=True).head(1)
    for criterion, removed in largest.select("criterion", "removed").iter_rows():
        text += f"; “{phrases.get(criterion, criterion)}” leaves out the most, {count_text(removed)}"
    return text


def of_funnel(units: pl.DataFrame, variation: Variation, noun: str = "provider") -> str:
    """Say which units are outside the 99.8% limits.

    Args:
        units: label, standardised_ratio and signal, one row per unit.
        variation: How much they vary.
        noun: What a unit is called.
    """
    if variation.judged < FEWEST_COMPARED:
        return f"Fewer than {FEWEST_COMPARED} {noun}s can be judged"
    outside = units.filter(pl.col("signal").is_in(["above_998", "below_998"]))
    if not outside.height:
        return f"None of {variation.judged} {noun}s is outside the 99.8% limits"
    farthest = outside.sort(pl.col("standardised_ratio").log().abs(), descending=True).row(0, named=True)
    times = f"{figure_text(farthest['standardised_ratio'], 1)} times the number expected"
    if outside.height == 1:
        return f"{farthest['label']} is outside the 99.8% limits, with {times}"
    who = f"{outside.height} of {variation.judged} {noun}s are outside the 99.8% limits"
    return f"{who}; {farthest['label']} is farthest, with {times}"


def of_rates(
    providers: pl.DataFrame, figure: str = RATE[0], what: str = "Crude rates", unit: str = " per 1,000 eligible"
) -> str:
    """Say which figures are highest and lowest.

    Args:
        providers: label and the figure, highest first.
        figure: The column of the figure.
        what: What the figures are, in the plural, at the start of a sentence.
        unit: Their unit.
    """
    labels, figures = providers["label"].to_list(), [figure_text(value, 1) for value in providers[figure]]
    return f"{what} run from {figures[-1]}{unit} ({labels[-1]}) to {figures[0]}{unit} ({labels[0]})"


def of_adjustment(providers: pl.DataFrame) -> str:
    """Say whose ratio the adjustment for case mix changes most.

    Args:
        providers: label, crude_ratio and standardised_ratio of providers that have both.
    """
    distance = (pl.col("standardised_ratio") - pl.col("crude_ratio")).abs()
    most = providers.sort(distance, descending=True).row(0, named=True)
    crude, adjusted = (figure_text(most[name]) for name in ("crude_ratio", "standardised_ratio"))
    return f"Adjustment changes the ratio of {most['label']} most: from {crude} to {adjusted}"


def of_trend(series: pl.DataFrame, who: str) -> str:
    """Say whether a rate shows a sign of change, and the latest one.

    Args:
        series: One series of an audit's trend.
        who: Whose rate it is, at the start of a sentence.
    """
    judged = str(series["judged"][0])
    if judged == RARE:
        return f"{who}: too few to judge the rate over time"
    if not judged.startswith("by "):
        return f"{who}: a trend {judged} before it can be judged"
    signals = series.filter(pl.col("signal").is_not_null(), ~pl.col("partial"))
    if not signals.height:
        return f"{who}: no sign of change beyond normal variation"
    latest = signals.row(-1, named=True)
    when = axis_label(latest["quarter" if "quarter" in series.columns else "month"])
    return f"{who}: the latest sign of change is {SIGNAL_PHRASES[latest['signal']]}, {when}"


def of_multiples(series: Sequence[pl.DataFrame]) -> str:
    """Say how many of the providers that are drawn show a sign of change."""
    changed = sum(each.filter(pl.col("signal").is_not_null(), ~pl.col("partial")).height > 0 for each in series)
    if len(series) == 1:
        return f"The one provider drawn shows {'a' if changed else 'no'} sign of change"
    verb = "show" if changed > 1 else "shows"
    return f"{changed or 'None'} of the {len(series)} providers drawn {verb} a sign of change"


def of_change(changed: Sequence[str], providers: int) -> str:
    """Say which providers' rates changed in a year beyond chance.

    Args:
        changed: Their names.
        providers: How many providers are compared with the year before.
    """
    if not changed:
        return f"No change in a year beyond chance at any of {providers} providers (99.8% limits)"
    if len(changed) == 1:
        return f"Of {providers} providers, {changed[0]} changed in a year beyond chance (99.8% limits)"
    return f"{len(changed)} of {providers} providers changed in a year beyond chance (99.8% limits)"


def of_variants(variants: pl.DataFrame, widest: Mapping[str, object] | None) -> str:
    """Say how far the count depends on the interpretation of the rule.

    Args:
        variants: The rule's rows of the table of variants.
        widest: The row of the variant that decides most activities differently; None if none does.
    """
    if widest is None:
        return "Every variant of the rule that can be counted gives the same count"
    counted = variants.filter((pl.col("differs") == 0) & (pl.col("difference") == 0))["flagged"]
    now = count_text(counted[0]) if counted.len() else "the count shown"
    name, count = variant_label(widest["variant"]), count_text(widest["flagged"])
    return f"Under the variant “{name}” the count would be {count} instead of {now}"


def of_values(table: pl.DataFrame, field: str, figure: str = RATE[0], what: str = "rate per 1,000 eligible") -> str:
    """Say for which value of a field a figure is highest, and for which lowest.

    Args:
        table: The field and the figure, one row per value.
        field: The field.
        figure: The column of the figure.
        what: What it is.
    """
    is_known = pl.col(field).is_not_null() & ~pl.col(field).is_in(list(NOT_KNOWN.get(field, ())))
    shown = table.filter(is_known, pl.col(figure).is_not_null()).sort(figure)
    ends = [f"{value_label(field, row[field])} ({figure_text(row[figure], 1)})" for row in shown.to_dicts()]
    if len(ends) <= 1:
        return "Too few values to compare"
    return f"The {what} is highest for {ends[-1]} and lowest for {ends[0]}"


def of_rate_ratios(ratios: pl.DataFrame, field: str) -> str:
    """Say how the most deprived compare with the least, or how many groups differ from the reference group.

    Args:
        ratios: value, figure, figure_lower_95, figure_upper_95, one row per value.
        field: The field of the values.
    """
    figures = ratios.filter(pl.col("figure").is_not_null())
    if field == "imd_decile":
        first = figures.filter(value="1").rows(named=True)
        if not first:
            return "The most deprived tenth has too few to compare"
        row = first[0]
        ratio, low, high = (figure_text(row[name]) for name in ("figure", "figure_lower_95", "figure_upper_95"))
        is_clear = row["figure_lower_95"] > 1 or row["figure_upper_95"] < 1
        start = "" if is_clear else "No clear difference by deprivation: "
        start += "the most deprived tenth of areas has" if start else "The most deprived tenth of areas has"
        return f"{start} {ratio} ({low} to {high}) times the rate of the least deprived"
    differ = figures.filter((pl.col("figure_lower_95") > 1) | (pl.col("figure_upper_95") < 1)).height
    reference = value_label(field, REFERENCE_VALUES[field])
    return f"The 95% intervals of {differ or 'none'} of {figures.height} groups exclude 1, the rate of {reference}"


def of_sources(shares: pl.DataFrame, field: str) -> str:
    """Say which setting asked for most.

    Args:
        shares: The field and percent, one row per setting, of all units together.
        field: The field of settings.
    """
    shown = shares.filter(pl.col("percent").is_not_null()).sort("percent", descending=True)
    if not shown.height:
        return "Every share is suppressed"
    text = f"{shown[field][0]} asked for {figure_text(shown['percent'][0], 1)}% of it"
    return f"{text}, the largest share shown" if shown.height < shares.height else f"{text}, the largest share"
