"""The sentences of an audit's report: about a rule's counts, its funnel and trend, and about the method.

They describe tables that are already under disclosure control, and compute nothing.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ebi_rules.disclosure.release_ledger import COMBINING, INTERNAL
from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.comparability import rules_not_compared
from ebi_rules.provider_audit.judged_series import RARE
from ebi_rules.provider_audit.signals import NOT_JUDGED, Variation
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.report_words import SIGNAL_PHRASES, variant_label, with_labels
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.translate.english import month_name

_MOST_NAMED = 8
_FEWEST_COMPARED = 3
"""With fewer providers than this there is nothing to say about how they vary."""


def period(audit: AuditTables) -> str:
    """Return which months, and how many providers and rules, the report covers."""
    months = audit.counts.months
    providers = audit.providers["provider"].n_unique()
    when = f"{month_name(months[0])} to {month_name(months[-1])}" if months else "no months known"
    return f"{when}; {_several(providers, 'provider')}; {_several(len(audit.audited), 'rule')}."


def headline(totals: dict[str, object], providers: pl.DataFrame, is_compared: bool) -> str:
    """Return the result of one rule in a line.

    Args:
        totals: The rule's row of all providers together.
        providers: The rule's rows of the table of providers.
        is_compared: Whether providers are compared by the rule.
    """
    high, low = (providers.filter(pl.col("signal") == signal).height for signal in ("above_998", "below_998"))
    rate = totals["rate_per_1000_eligible"]
    per = f", {rate:.1f} per 1,000" if isinstance(rate, float) else ""
    if not is_compared:
        return f"{count_text(totals['flagged'])} in scope{per}; providers are not compared"
    return f"{count_text(totals['flagged'])} in scope{per}; {high} above and {low} below the 99.8% limits"


def summary(audit: AuditTables, entry: AuditedRule, totals: dict[str, object], providers: pl.DataFrame) -> list[str]:
    """Return the result of one rule, for someone who reads no further.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        totals: The rule's row of all providers together.
        providers: The rule's rows of the table of providers.
    """
    months = [month for month in audit.counts.months if month >= (totals["since"] or "")]  # type: ignore[operator]
    when = f"From {month_name(months[0])} to {month_name(months[-1])}, " if months else ""
    rate, lower, upper = (totals[name] for name in ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95"))
    per = f": {rate:.1f} per 1,000 (95% interval {lower:.1f} to {upper:.1f})" if isinstance(rate, float) else ""
    flagged, eligible = count_text(totals["flagged"]), count_text(totals["eligible"])
    sentences = [
        f"{when}{flagged} of {eligible} eligible activities were in scope of this guidance at "
        f"{_several(providers.height, 'provider')}{per}."
    ]
    sentences += _before_policy(audit, entry)
    labelled = with_labels(providers)
    for signal, side in (("above_998", "higher"), ("below_998", "lower")):
        names = labelled.filter(pl.col("signal") == signal)["label"].to_list()
        if names:
            rate_words = f"a {side} rate" if len(names) == 1 else f"{side} rates"
            sentences.append(
                f"{_joined(names, _MOST_NAMED)} had {rate_words} than we would expect, even allowing for normal "
                f"differences between providers and for patients' {casemix_fields(audit)} (outside the 99.8% limits)."
            )
    widest = widest_variant(audit, entry)
    if widest is not None:
        sentences.append(
            f"Under another interpretation of the rule, “{variant_label(widest['variant'])}”, the count changes from "
            f"{flagged} to {count_text(widest['flagged'])}; {count_text(widest['differs'])} activities are decided "
            "differently."
        )
    return sentences


def widest_variant(audit: AuditTables, entry: AuditedRule) -> dict[str, Any] | None:
    """Return the row of the variant that decides most activities differently; None if none does."""
    variants = audit.sensitivity.filter(pl.col("rule") == entry.key, pl.col("differs").fill_null(0) > 0)
    return variants.sort("differs", descending=True).row(0, named=True) if variants.height else None


def _before_policy(audit: AuditTables, entry: AuditedRule) -> list[str]:
    """Return how much was in scope before a policy began."""
    rows = audit.before_policy.filter(pl.col("rule") == entry.key, pl.col("eligible").ne_missing(0))
    return [
        f"The policy began in {month_name(str(entry.start))}. Before it, {count_text(row['flagged'])} of "
        f"{count_text(row['eligible'])} eligible activities would have been in scope. Comparisons, trends and the "
        "tables below include activity before the policy."
        for row in rows.iter_rows(named=True)
    ]


def funnel_words(audit: AuditTables, entry: AuditedRule, providers: pl.DataFrame, variation: Variation) -> list[str]:
    """Return how to read a funnel, how much providers vary, and what is not in it; or why there is none.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        providers: A rule's rows of the table of providers.
        variation: How much they vary.
    """
    if entry.key in rules_not_compared(audit.counts, audit.settings):
        return [f"Providers are not compared by this rule. {entry.fitness.sentence}"]
    sentences = [
        "Each symbol is a provider. It shows the actual number divided by the number expected for patients of that "
        f"{casemix_fields(audit)}. Triangles mark providers outside the limits: by chance alone, about 1 in 20 would "
        "fall outside the dashed lines (95%) and 1 in 500 outside the solid lines (99.8%)."
    ]
    sentences += variation_words(audit, variation)
    for reason, explanation in NOT_JUDGED.items():
        count = providers.filter(pl.col("not_judged") == reason).height
        if count:
            sentences.append(f"Not judged: {_several(count, 'provider')} ({explanation}).")
    none = providers.filter(pl.col("eligible") == 0).height
    if none:
        sentences.append(f"Not drawn: {_several(none, 'provider')} without eligible activity.")
    return sentences


def variation_words(audit: AuditTables, variation: Variation) -> list[str]:
    """Return how much providers vary, and how far apart one must be to have a signal."""
    if variation.judged < _FEWEST_COMPARED:
        return [f"{_several(variation.judged, 'provider')} can be judged: too few to say how much providers vary."]
    verb = "is" if variation.beyond_998 == 1 else "are"
    beyond = f"{variation.beyond_998 or 'None'} of {variation.judged} providers {verb} outside the 99.8% limits"
    if audit.settings.overdispersion == "none":
        sentences = [f"{beyond}, which allow for chance alone and not for normal differences between providers."]
    elif variation.tau2 > 0:
        sentences = [
            f"Rates vary between providers by more than chance: their true ratios have a standard deviation of about "
            f"{variation.deviation:.2f}. The limits allow for this. {beyond}; if the limits allowed for chance alone, "
            f"{variation.beyond_chance or 'none'} would be."
        ]
    else:
        sentences = [f"Rates vary between providers no more than chance would make them. {beyond}."]
    if variation.ratio_of_median is not None and variation.ratio_of_largest is not None:
        sentences.append(
            f"To be outside the 99.8% limits, a provider of median size needs a ratio of "
            f"{variation.ratio_of_median:.2f} or more, and the largest provider {variation.ratio_of_largest:.2f}. A "
            "provider inside the limits may still be different."
        )
    return sentences


def trend_words(audit: AuditTables, series: pl.DataFrame) -> list[str]:
    """Return how to read a trend, and its latest signal.

    Args:
        audit: The tables of the audit.
        series: A rule's trend of all providers together, by month or by quarter.
    """
    if not audit.counts.months:
        return ["The extract has no dates, so there is no trend."]
    sentences = [_judged_words(series)]
    sentences += [
        f"{month_name(month)} is incomplete: it is drawn as a cross and not judged."
        for month in audit.counts.partial_months
    ]
    return sentences


def _judged_words(series: pl.DataFrame) -> str:
    """Return whether a trend has limits, and its latest signal."""
    judged = str(series["judged"][0]) if series.height else RARE
    if judged == RARE:
        return "The numbers are too small to judge a trend by month or by quarter: the points are shown without limits."
    if judged.startswith("needs"):
        return f"The points are shown without limits: a trend {judged} of data before it can be judged."
    signals = series.filter(pl.col("signal").is_not_null())
    what = "there is no sign of a change beyond normal variation"
    if signals.height:
        latest = signals.row(-1, named=True)
        when = month_name(latest["month"]) if "month" in latest else latest["quarter"]
        what = f"the latest sign of a change is {SIGNAL_PHRASES[latest['signal']]}, {when}"
    reason = " By month the numbers are too small to judge." if "quarter" in series.columns else ""
    return (
        f"The line is the rate {judged}; the dashed lines are the limits of its normal variation (XmR chart, Making "
        f"Data Count).{reason} For all providers together, {what}."
    )


def method(audit: AuditTables) -> Sequence[str]:
    """Return how the figures were computed, with sources."""
    settings = audit.settings
    spread = {
        "winsorised": "the variance between providers is estimated from z-scores on the square root scale, with the "
        f"outer {settings.trim:.0%} at each end moved in and a correction for that (after Spiegelhalter, 2005)",
        "shmi": "the variance between providers is estimated as for SHMI (Spiegelhalter 2005 and 2012), "
        f"leaving out {settings.trim:.0%} of providers at each end",
        "cqc": "the variance between providers is estimated as by the CQC (Spiegelhalter, 2005), with the outer "
        f"{settings.trim:.0%} at each end moved in",
        "none": "they allow for chance alone",
    }[settings.overdispersion]
    return [
        "Disclosure control: " + " ".join([ABOUT[settings.disclosure], *control_words(settings.disclosure)]),
        "Rates are per 1,000 eligible activities; their intervals are exact Poisson limits below 10 in scope and "
        "Byar's approximation from there (PHE Technical Guide, 2018).",
        f"Ratios are indirectly standardised by {casemix_fields(audit)}{_casemix_methods(audit)}. They compare each "
        "provider with the standard, not two providers with each other. In the table of providers, moved is how far "
        "that moves a provider: the ratio less the crude ratio.",
        "Funnel signals go by the probability of the count: a count as high, or as low, with a probability of at most "
        "0.025 (95%) or 0.001 (99.8%) is outside the limits. Counts are Poisson, or gamma-Poisson where providers "
        f"vary by more than chance; {spread}. Below 1 expected there is no signal.",
        "Trends are XmR charts: the mean and 2.66 times the mean moving range, ranges above 3.267 times their mean "
        "left out once. Signals: beyond a limit; seven points rising or falling; two of three near a limit; seven on "
        "one side. A month without eligible activity is a gap. Where numbers are small by month, quarters are used.",
        f"What standardisation does not see: {_unadjusted(audit)}severity, referral, what is provided elsewhere, and "
        "how fully a provider codes. A rate is of activity, and one patient may have several.",
    ]


def control_words(method: str) -> list[str]:
    """Return what a reader must know about a method of disclosure control beside what it does to a count."""
    if method == "none":
        return [INTERNAL]
    return [
        "Every rate, interval, limit and signal is calculated from the counts shown, so that none reveals more than "
        "they do. Where counts that add up would reveal a suppressed one, the most detailed table is hidden. In "
        "trends a suppressed count stands in as 4.",
        COMBINING,
        INTERNAL,
    ]


def casemix_fields(audit: AuditTables) -> str:
    """Return the fields of case mix in words."""
    words = {"age_band": "age", "imd_decile": "deprivation decile"}
    names = [words.get(name, name.replace("_", " ")) for name in audit.settings.adjust]
    return _joined(names)


def _casemix_methods(audit: AuditTables) -> str:
    """Return whether expected numbers come from strata or from a model."""
    pairs = audit.providers.select("rule", "casemix").drop_nulls().unique(maintain_order=True)
    method_of_rule = dict(pairs.iter_rows())
    modelled = [rule for rule, casemix in method_of_rule.items() if casemix == "model"]
    if not modelled:
        return ", stratum by stratum"
    which = ""
    if len(modelled) < len(method_of_rule):
        which = f" for {_joined(modelled, _MOST_NAMED)}, and stratum by stratum for the others"
    return f", by a logistic model with an effect of each value and no interactions{which}, as strata are thin"


def _unadjusted(audit: AuditTables) -> str:
    return "" if "imd_decile" in audit.settings.adjust else "deprivation, "


def _joined(names: Sequence[str], most: int | None = None) -> str:
    """Return names as "a, b and c"; those beyond `most` are only counted."""
    shown = list(names[:most])
    if len(shown) < len(names):
        shown.append(f"{len(names) - len(shown)} others")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _several(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
