"""The sentences of an audit's report: about a rule's counts, its funnel and trend, and about the method.

They describe tables that are already under disclosure control, and compute nothing.
"""

from collections.abc import Sequence

import polars as pl

from ebi_rules.cube import AuditedRule
from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.rate_trend import FEWEST_MONTHS
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.report_words import SIGNAL_WORDS, with_labels
from ebi_rules.statistics.funnel import Funnel
from ebi_rules.translate.english import month_name

_MOST_NAMED = 8


def period(audit: AuditTables) -> str:
    """Return which months, and how many providers and rules, the report covers."""
    months = audit.counts.months
    providers = audit.providers["provider"].n_unique()
    when = f"{month_name(months[0])} to {month_name(months[-1])}" if months else "no months known"
    return f"{when}; {_several(providers, 'provider')}; {_several(len(audit.audited), 'rule')}."


def headline(totals: dict[str, object], providers: pl.DataFrame) -> str:
    """Return the result of one rule in a line.

    Args:
        totals: The rule's row of all providers together.
        providers: The rule's rows of the table of providers.
    """
    high, low = (providers.filter(pl.col("signal") == signal).height for signal in ("above_998", "below_998"))
    rate = totals["rate_per_1000_eligible"]
    per = f", {rate:.1f} per 1,000" if isinstance(rate, float) else ""
    return f"{count_text(totals['flagged'])} in scope{per}; {high} above and {low} below the 99.8% limits"


def summary(audit: AuditTables, entry: AuditedRule, totals: dict[str, object], providers: pl.DataFrame) -> list[str]:
    """Return the result of one rule, for someone who reads no further.

    Args:
        audit: The tables of the audit.
        entry: The rule.
        totals: The rule's row of all providers together.
        providers: The rule's rows of the table of providers.
    """
    months = audit.counts.months
    when = f"From {month_name(months[0])} to {month_name(months[-1])}, " if months else ""
    rate, lower, upper = (totals[name] for name in ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95"))
    per = f": {rate:.1f} per 1,000 (95% interval {lower:.1f} to {upper:.1f})" if isinstance(rate, float) else ""
    flagged, eligible = count_text(totals["flagged"]), count_text(totals["eligible"])
    sentences = [
        f"{when}{flagged} of {eligible} eligible activities were in scope of this guidance at "
        f"{_several(providers.height, 'provider')}{per}."
    ]
    labelled = with_labels(providers)
    for signal, side in (("above_998", "more"), ("below_998", "less")):
        names = labelled.filter(pl.col("signal") == signal)["label"].to_list()
        if names:
            sentences.append(
                f"{_joined(names, _MOST_NAMED)} had {side} in scope than chance and the usual spread between providers "
                "explain (beyond the 99.8% limits), allowing for ages and sexes of patients."
            )
    if not labelled.filter(pl.col("signal").is_in(["above_998", "below_998"])).height:
        sentences.append("No provider shown lies beyond the 99.8% limits, given the ages and sexes of its patients.")
    variants = audit.sensitivity.filter(pl.col("rule") == entry.key, pl.col("differs").fill_null(0) > 0)
    if variants.height:
        widest = variants.sort("differs", descending=True).row(0, named=True)
        sentences.append(
            f"The answer hangs on the reading of the rule: under {widest['variant']} it is "
            f"{count_text(widest['flagged'])} in scope, and {count_text(widest['differs'])} activities are judged "
            "otherwise."
        )
    return sentences


def funnel_words(audit: AuditTables, providers: pl.DataFrame, fitted: Funnel) -> list[str]:
    """Return how to read a funnel, and what it leaves out.

    Args:
        audit: The tables of the audit.
        providers: A rule's rows of the table of providers.
        fitted: The funnel of the same rows.
    """
    standard = "all providers together" if audit.settings.standard is None else "the standard given"
    sentences = [
        "Each symbol is a provider: how many were in scope, over how many would be if its patients, by "
        f"{_casemix_fields(audit)}, "
        f"had the rates of {standard}. Beyond the dashed lines lie 5% of providers by chance, beyond the solid "
        "ones 0.2%. Triangles lie beyond."
    ]
    if fitted.tau2 > 0:
        sentences.append(
            f"Providers differ by more than chance (dispersion {fitted.phi:.1f}, where chance alone gives about "
            f"1), as they do in most indicators of care; the limits allow for the usual spread "
            f"(between-provider standard deviation {fitted.tau2**0.5:.2f} on their scale)."
        )
    elif audit.settings.overdispersion == "none":
        sentences.append("The limits are exact Poisson limits: they allow for chance alone.")
    else:
        sentences.append(
            "Providers differ by no more than chance would have them; the limits are exact Poisson limits."
        )
    hidden = providers.filter(pl.col("flagged").is_null() | pl.col("eligible").is_null()).height
    if hidden:
        sentences.append(f"Not drawn: {_several(hidden, 'provider')} with a suppressed count.")
    none = providers.filter(pl.col("eligible") == 0).height
    if none:
        sentences.append(f"Not drawn: {_several(none, 'provider')} without eligible activity.")
    return sentences


def trend_words(audit: AuditTables, series: pl.DataFrame) -> list[str]:
    """Return how to read a trend, and its latest signal.

    Args:
        audit: The tables of the audit.
        series: A rule's trend of all providers together.
    """
    if not audit.counts.months:
        return ["The extract has no dates, so there is no trend."]
    sentences = []
    judged = series.filter(~pl.col("partial"))
    if judged.height < FEWEST_MONTHS:
        sentences.append(f"There are fewer than {FEWEST_MONTHS} whole months: too few for limits.")
    elif judged["mean"].null_count() == judged.height:
        sentences.append("Too many months are suppressed for limits.")
    else:
        signals = judged.filter(pl.col("signal").is_not_null())
        latest = signals.tail(1).row(0, named=True) if signals.height else None
        what = "there is no signal of special cause"
        if latest:
            word = SIGNAL_WORDS[latest["signal"]]
            what = f"the latest signal of special cause is {word} in {month_name(latest['month'])}"
        sentences.append(
            f"The line is the rate by month, dashed lines are the limits of its usual variation (XmR chart, "
            f"Making Data Count). For all providers together {what}."
        )
    sentences += [
        f"{month_name(month)} is partial: it is drawn as a cross and not judged."
        for month in audit.counts.partial_months
    ]
    return sentences


def method(audit: AuditTables) -> Sequence[str]:
    """Return how the figures were computed, with sources."""
    settings = audit.settings
    spread = {
        "shmi": "additive random effects on the logarithm of the ratio (Spiegelhalter 2005 and 2012, as for SHMI), "
        f"with {settings.trim:.0%} of providers at each end left out when the spread is estimated",
        "cqc": "additive random effects on the square root of the ratio (Spiegelhalter 2005, as used by the CQC), "
        f"with {settings.trim:.0%} of providers at each end pulled in when the spread is estimated",
        "none": "exact Poisson limits, without allowance for overdispersion",
    }[settings.overdispersion]
    return [
        "Disclosure control: "
        + ABOUT[settings.disclosure]
        + (
            ""
            if settings.disclosure == "none"
            else " Every rate, interval, limit and signal is worked out from the "
            "counts shown, so that none tells more than they do; where counts that add up would give a small one away, "
            "the finest table is withheld. In limits and means a suppressed count stands in as 4."
        ),
        "Rates are per 1,000 eligible activities; their intervals are exact Poisson limits below 10 in scope and "
        "Byar's approximation from there (PHE Technical Guide, 2018).",
        f"Ratios are indirectly standardised by {_casemix_fields(audit)}{_casemix_methods(audit)}. They compare each "
        "provider with the standard, not two providers with each other. In the table of providers, moved is how far "
        "that moves a provider: the ratio less the crude ratio.",
        f"Funnel limits: {spread}.",
        "Trends are XmR charts: the mean and 2.66 times the mean moving range, ranges above 3.267 times their mean "
        "left out once. Signals: beyond a limit; seven points rising or falling; two of three near a limit; seven on "
        "one side. A provider without activity in a month counts as 0 there.",
        f"What standardisation does not see: {_unadjusted(audit)}severity, referral, what is provided elsewhere, and "
        "how fully a provider codes. A rate is of activity, and one patient may have several.",
    ]


def _casemix_fields(audit: AuditTables) -> str:
    """Return the fields of case mix in words."""
    words = {"age_band": "five-year age band", "imd_decile": "deprivation decile"}
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
