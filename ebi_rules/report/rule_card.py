"""The card of a rule: what a reader should know first, with what it is uncertain about. It computes from shown counts.

The sentences say what stands out, whether it changed, who is highest and lowest, and what would change the answer.
"""

from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.signals import Variation
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS, LOW_CODING
from ebi_rules.provider_audit.two_periods import counts_by_point, yearly_change
from ebi_rules.report.audit_sentences import widest_variant
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.report_words import SIGNAL_PHRASES, axis_label, figure_text, period_label, variant_label
from ebi_rules.report.rule_charts import RuleCharts
from ebi_rules.report.rule_heatmap import FEWEST_EXPECTED
from ebi_rules.report.variation_icons import COMMON, DOWN, UNKNOWN, UP, icon, variation_of_signal
from ebi_rules.rule_model.audited_rule import AuditedRule

_RECENT = {"month": 6, "quarter": 2}
"""A signal is recent within so many months or quarters."""


@dataclass(frozen=True)
class Card:
    """What the card of a rule says.

    Attributes:
        key: The anchor of the rule's section.
        title: The rule's title.
        letters: Its letters.
        stands_out: Whether a provider or a change stands out.
        rate: The rate with its interval.
        counts: The counts behind it.
        icon: The icon of variation over time.
        change: The change against the same months a year before.
        trend: What the icon says, in words.
        extremes: The highest and the lowest provider, or why there is none.
        beyond: How many providers differ by more than chance, and by more than providers normally do.
        look_at: One sentence: what to look at.
        doubts: What would change the answer.
    """

    key: str
    title: str
    letters: str
    stands_out: bool
    rate: str
    counts: str
    icon: Markup
    change: str
    trend: str
    extremes: str
    beyond: str
    look_at: str
    doubts: tuple[str, ...]


def rule_card(charts: RuleCharts, key: str) -> Card:
    """Return the card of a rule.

    Args:
        charts: The rule with its charts.
        key: The anchor of the rule's section; empty outside a report.
    """
    audit, entry, providers, is_compared = charts.audit, charts.entry, charts.providers, charts.is_compared
    totals = audit.of_rule(audit.totals, entry.key).row(0, named=True)
    documentation = entry.counted.documentation
    kind, trend = _trend(charts.overall)
    change, ratio = _change(audit, entry.key)
    outside = providers.filter(pl.col("signal").is_in(["above_998", "below_998"]))
    return Card(
        key=key,
        title=entry.counted.title,
        letters=", ".join(each.letter for each in documentation.interventions) or entry.key,
        stands_out=(is_compared and outside.height > 0) or kind in (UP, DOWN) or ratio is not None,
        rate=_rate(totals),
        counts=f"{count_text(totals['flagged'])} in scope of {count_text(totals['eligible'])} eligible",
        icon=icon(kind, trend, audit.settings.direction),
        change=change,
        trend=trend,
        extremes=_extremes(providers, charts.variation) if is_compared else entry.fitness.sentence,
        beyond=_beyond(charts.variation) if is_compared else "",
        look_at=_look_at(providers, outside, kind, ratio, totals, is_compared, charts.variation),
        doubts=tuple(_doubts(audit, entry, providers)),
    )


def _rate(totals: dict[str, object]) -> str:
    rate, low, high = (totals[name] for name in ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95"))
    if not isinstance(rate, float) or not isinstance(low, float) or not isinstance(high, float):
        return "too few to show a rate"
    return f"{figure_text(rate, 1)} per 1,000 ({figure_text(low, 1)} to {figure_text(high, 1)})"


def _trend(series: pl.DataFrame) -> tuple[str, str]:
    """Return the variation of the latest months or quarters, and what it is in words."""
    judged = str(series["judged"][0]) if series.height else ""
    if not judged.startswith("by "):
        return UNKNOWN, "over time: not judged, as the numbers are small or the months few"
    period = period_label(series)
    recent = series.filter(~pl.col("partial"))[-_RECENT[period] :].filter(pl.col("signal").is_not_null())
    if not recent.height:
        return COMMON, "over time: usual variation, no sign of a change in the last six months"
    latest = recent.row(-1, named=True)
    when = axis_label(latest[period])
    return variation_of_signal(latest["signal"]), f"over time: {SIGNAL_PHRASES[latest['signal']]}, {when}"


def _change(audit: AuditTables, rule: str) -> tuple[str, float | None]:
    """Return the change of the rate against the same months a year before, and the ratio if it is beyond chance."""
    series = audit.of_rule(audit.trend, rule).filter(provider=ALL_PROVIDERS)
    change = yearly_change(counts_by_point(series).get(ALL_PROVIDERS, {}), audit.counts.method)
    if isinstance(change, str):
        return f"change in a year: {change}", None
    ratio = change.ratio()
    percent, low, high = (_signed(100 * (value - 1)) for value in (ratio.value, ratio.lower, ratio.upper))
    span = f"{axis_label(change.points[0])} to {axis_label(change.points[-1])}"
    text = f"{percent} against the year before ({low} to {high}; {span})"
    return text, ratio.value if change.is_beyond_chance else None


def _signed(percent: float) -> str:
    rounded = round(percent)
    return "0%" if rounded == 0 else f"{'+' if rounded > 0 else '−'}{abs(rounded)}%"


def _extremes(providers: pl.DataFrame, variation: Variation) -> str:
    """Return the highest and the lowest of providers with enough expected, or that none can be told apart."""
    enough = providers.filter(
        pl.col("expected") >= FEWEST_EXPECTED,
        pl.col("standardised_ratio").is_not_null(),
        pl.col("not_judged").is_null(),
    ).sort("standardised_ratio")
    if enough.height < 2:
        return f"highest and lowest: fewer than two providers have an expected number of {FEWEST_EXPECTED} or more"
    if not variation.beyond_chance and not variation.beyond_998:
        return f"highest and lowest: none of the {enough.height} largest providers can be told apart"
    low, high = enough.row(0, named=True), enough.row(-1, named=True)
    of_whom = f"of {enough.height} providers with at least {FEWEST_EXPECTED} expected"
    return f"{of_whom}, highest: {_ratio(high)}; lowest: {_ratio(low)}"


def _ratio(row: dict[str, object]) -> str:
    figures = [
        figure_text(float(str(row[name])), 2) for name in ("standardised_ratio", "ratio_lower_95", "ratio_upper_95")
    ]
    return f"{row['label']} {figures[0]} ({figures[1]} to {figures[2]})"


def _beyond(variation: Variation) -> str:
    if not variation.judged:
        return "no provider can be judged"
    differ = "differs" if variation.beyond_chance == 1 else "differ"
    by_chance, normally = variation.beyond_chance or "none", variation.beyond_998 or "none"
    return (
        f"of {variation.judged} providers judged, {by_chance} {differ} by more than chance, and {normally} by more "
        "than providers normally do"
    )


def _look_at(
    providers: pl.DataFrame,
    outside: pl.DataFrame,
    kind: str,
    ratio: float | None,
    totals: dict[str, object],
    is_compared: bool,
    variation: Variation,
) -> str:
    """Return the one thing to look at: who stands out, else a change, else that there is none."""
    if not isinstance(totals["rate_per_1000_eligible"], float):
        return "Too few are in scope to say anything. Add months, or look at more providers together."
    if is_compared and outside.height:
        farthest = outside.sort((pl.col("standardised_ratio").log().abs()), descending=True).row(0, named=True)
        side = "more" if float(farthest["standardised_ratio"]) > 1 else "less"
        others = {1: "", 2: " One more provider stands out."}.get(
            outside.height, f" {outside.height - 1} more providers stand out."
        )
        return (
            f"Look at {farthest['label']}, which does {side} than its patients' case mix explains "
            f"({figure_text(farthest['standardised_ratio'], 1)} times the number expected). Check its coding "
            f"first.{others}"
        )
    if kind in (UP, DOWN):
        word = "rose" if kind == UP else "fell"
        return f"No provider stands out, but the rate {word} by more than usual. Look at what changed at that time."
    if ratio is not None:
        word = "rose" if ratio > 1 else "fell"
        return f"No provider stands out. In a year the rate {word} by more than chance explains."
    low = _low_coding(providers)
    if low:
        who = _named(low)
        return f"No provider stands out, but {who} few procedures. Check that coding first: rates depend on it."
    has_providers, has_trend = is_compared and variation.judged > 0, kind != UNKNOWN
    if has_providers and has_trend:
        return "Nothing stands out: providers and months vary as usual. Ask whether the overall rate is right."
    if has_providers:
        return "No provider stands out. The numbers are too small to judge months."
    if not is_compared:
        months = "Nothing stands out over time" if has_trend else "The numbers are too small to judge months"
        return f"{months}. This rule does not compare providers."
    if has_trend:
        return "Nothing stands out over time. The numbers are too small to judge providers."
    return "The numbers are too small to judge providers or months."


def _low_coding(providers: pl.DataFrame) -> list[str]:
    """Return the providers with far fewer procedure codes than others."""
    if "low_coding" not in providers.columns:
        return []
    return providers.filter(pl.col("low_coding").fill_null(False))["label"].to_list()


def _named(labels: list[str]) -> str:
    """Return providers as the subject of a sentence that goes on with what they code."""
    if len(labels) == 1:
        return f"{labels[0]} codes"
    return f"{' and '.join(labels)} code" if len(labels) == 2 else f"{len(labels)} providers code"


def _doubts(audit: AuditTables, entry: AuditedRule, providers: pl.DataFrame) -> list[str]:
    """Return what would change the answer: another interpretation, incomplete coding."""
    doubts = []
    widest = widest_variant(audit, entry)
    if widest is not None:
        flagged, differs = (count_text(widest[name]) for name in ("flagged", "differs"))
        doubts.append(
            f"interpretation: under the variant “{variant_label(widest['variant'])}”, {flagged} would be in scope, and "
            f"{differs} are decided differently"
        )
    if low := _low_coding(providers):
        share = f"procedures for less than {LOW_CODING:.0%} of the usual share of activity"
        doubts.append(f"coding: {_named(low)} {share}")
    return doubts
