"""The card of a rule: what a reader should know first, with what it is uncertain about. It computes from shown counts.

The sentences say what stands out, whether it changed, who is highest and lowest, and what would change the answer.
"""

import math
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.comparability import rules_not_compared
from ebi_rules.provider_audit.shown_counts import stand_in
from ebi_rules.provider_audit.signals import Variation, variation_of
from ebi_rules.provider_audit.standardisation import compared
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS, LOW_CODING
from ebi_rules.report.audit_sentences import widest_variant
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.report_words import SIGNAL_WORDS, figure_text, with_labels
from ebi_rules.report.trend_charts import axis_label
from ebi_rules.report.trend_data import chosen_trend
from ebi_rules.report.variation_icons import COMMON, DOWN, UNKNOWN, UP, icon, variation_of_signal
from ebi_rules.rule_model.audited_rule import AuditedRule

FEWEST_EXPECTED = 10
"""A provider with fewer expected is not named as the highest or the lowest."""

_FEWEST_OF_A_CHANGE = 10
"""A change is not told of fewer in scope in either year."""
_YEAR = 12
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
        beyond: How many providers lie beyond chance, and beyond the usual spread.
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


def rule_card(
    audit: AuditTables, entry: AuditedRule, providers: pl.DataFrame, variation: Variation, is_compared: bool, key: str
) -> Card:
    """Return the card of a rule.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        providers: The rule's rows of the table of providers, with labels.
        variation: How much providers vary.
        is_compared: Whether providers are compared by the rule.
        key: The anchor of the rule's section.
    """
    totals = audit.totals.filter(pl.col("rule") == entry.key).row(0, named=True)
    documentation = entry.counted.documentation
    series = chosen_trend(audit, entry.key, ALL_PROVIDERS)
    kind, trend = _trend(series)
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
        extremes=_extremes(providers, variation) if is_compared else entry.fitness.sentence,
        beyond=_beyond(variation) if is_compared else "",
        look_at=_look_at(providers, outside, kind, ratio, totals, is_compared, variation),
        doubts=tuple(_doubts(audit, entry, providers)),
    )


def card_alone(audit: AuditTables, entry: AuditedRule, key: str) -> Card:
    """Return the card of a rule outside a report.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        key: The anchor of the rule's section.
    """
    providers = with_labels(audit.providers.filter(pl.col("rule") == entry.key))
    variation = variation_of(compared(providers, audit.counts), audit.settings, audit.counts.method)
    is_compared = entry.key not in rules_not_compared(audit.counts, audit.settings)
    return rule_card(audit, entry, providers, variation, is_compared, key)


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
    period = "quarter" if "quarter" in series.columns else "month"
    recent = series.filter(~pl.col("partial"))[-_RECENT[period] :].filter(pl.col("signal").is_not_null())
    if not recent.height:
        return COMMON, "over time: usual variation, no sign of a change in the last six months"
    latest = recent.row(-1, named=True)
    when = axis_label(latest[period])
    return variation_of_signal(latest["signal"]), f"over time: {SIGNAL_WORDS[latest['signal']]}, {when}"


def _change(audit: AuditTables, rule: str) -> tuple[str, float | None]:
    """Return the change of the rate against the same months a year before, and the ratio if it is beyond chance."""
    months = audit.trend.filter(pl.col("rule") == rule, pl.col("provider") == ALL_PROVIDERS, ~pl.col("partial")).select(
        "month", flagged=stand_in(pl.col("flagged")), eligible=stand_in(pl.col("eligible"))
    )
    before = months.with_columns((pl.col("month").str.slice(0, 4).cast(pl.Int64) + 1).alias("year")).select(
        pl.format("{}{}", "year", pl.col("month").str.slice(4)).alias("month"), "flagged", "eligible"
    )
    both = months.join(before, on="month", suffix="_before").sort("month").tail(_YEAR)
    if not both.height:
        return "change in a year: needs thirteen months of data", None
    now, then, eligible, eligible_then = (
        int(both[name].sum()) for name in ("flagged", "flagged_before", "eligible", "eligible_before")
    )
    span = f"{axis_label(both['month'][0])} to {axis_label(both['month'][-1])}"
    if min(now, then) < _FEWEST_OF_A_CHANGE or not eligible or not eligible_then:
        return "change in a year: too few to say", None
    ratio = (now / eligible) / (then / eligible_then)
    error = math.sqrt(1 / now + 1 / then)
    low, high = (100 * (ratio * math.exp(sign * 1.96 * error) - 1) for sign in (-1, 1))
    change = 100 * (ratio - 1)
    text = f"{_signed(change)} against the year before ({_signed(low)} to {_signed(high)}; {span})"
    return text, ratio if low > 0 or high < 0 else None


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
        return f"fewer than two providers have {FEWEST_EXPECTED} expected: none is named"
    if not variation.beyond_chance and not variation.beyond_998:
        return f"{enough.height} providers with at least {FEWEST_EXPECTED} expected: none can be told apart"
    low, high = enough.row(0, named=True), enough.row(-1, named=True)
    return f"highest: {_ratio(high)}; lowest: {_ratio(low)}"


def _ratio(row: dict[str, object]) -> str:
    figures = [
        figure_text(float(str(row[name])), 2) for name in ("standardised_ratio", "ratio_lower_95", "ratio_upper_95")
    ]
    return f"{row['label']} {figures[0]} ({figures[1]} to {figures[2]})"


def _beyond(variation: Variation) -> str:
    if not variation.judged:
        return "no provider can be judged"
    lie = "lies" if variation.beyond_chance == 1 else "lie"
    return (
        f"of {variation.judged} providers judged, {variation.beyond_chance} {lie} beyond chance and "
        f"{variation.beyond_998} beyond the usual spread"
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
        return "Too few are in scope to say anything: add months, or look at more providers together."
    if is_compared and outside.height:
        farthest = outside.sort((pl.col("standardised_ratio").log().abs()), descending=True).row(0, named=True)
        side = "more" if float(farthest["standardised_ratio"]) > 1 else "less"
        others = f", and at {outside.height - 1} more beyond the usual spread" if outside.height > 1 else ""
        return (
            f"Look at {farthest['label']}, which does {side} than its patients' case mix explains "
            f"({figure_text(farthest['standardised_ratio'], 1)} times what is expected){others}: first at its coding."
        )
    if kind in (UP, DOWN):
        word = "rose" if kind == UP else "fell"
        return f"No provider stands out, but the rate {word} beyond its usual variation: look at what changed then."
    if ratio is not None:
        word = "more" if ratio > 1 else "less"
        return f"No provider stands out; over a year there is {word} of it than chance explains."
    low = _low_coding(providers)
    if low:
        who = _named(low)
        return f"No provider stands out, but {who} few procedures: look first at their coding, as rates depend on it."
    has_providers, has_trend = is_compared and variation.judged > 0, kind != UNKNOWN
    if has_providers and has_trend:
        return "Nothing stands out: providers and months vary as usual. The level is the question, not the spread."
    if has_providers:
        return "No provider stands out; the numbers are too small to judge months."
    if not is_compared:
        months = "Nothing stands out over time" if has_trend else "The numbers are too small to judge months"
        return f"{months}; providers are not compared by this rule."
    if has_trend:
        return "Nothing stands out over time; the numbers are too small to judge providers."
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
        doubts.append(
            f"interpretation: read as {str(widest['variant']).replace('_', ' ')}, {count_text(widest['differs'])} are "
            f"decided otherwise ({count_text(widest['flagged'])} in scope)"
        )
    if low := _low_coding(providers):
        share = f"procedures on less than {LOW_CODING:.0%} of the usual share"
        doubts.append(f"coding: {_named(low)} {share}")
    return doubts
