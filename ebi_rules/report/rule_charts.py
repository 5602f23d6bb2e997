"""The charts of one rule in an audit, each with what it says as its title.

The report, notebooks, files and slides draw the same charts. Tables come from the audit; nothing is counted here.
"""

from collections.abc import Sequence
from functools import cached_property

import polars as pl

from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.comparability import rules_not_compared
from ebi_rules.provider_audit.inequality_table import REFERENCE_VALUES
from ebi_rules.provider_audit.judged_series import BY, Period
from ebi_rules.provider_audit.rate_tables import UNITS
from ebi_rules.provider_audit.signals import Variation, variation_of
from ebi_rules.provider_audit.standardisation import compared
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.provider_audit.two_periods import TwoPeriods, counts_by_point, moved_by, yearly_change
from ebi_rules.report import chart_findings, count_charts, provider_charts, trend_charts
from ebi_rules.report.audit_sentences import widest_variant
from ebi_rules.report.drawing import Chart
from ebi_rules.report.report_words import (
    CHART_NAMES,
    NOT_RECORDED,
    RATE,
    axis_label,
    breakdown_title,
    field_label,
    period_label,
    with_labels,
)
from ebi_rules.report.trend_data import chosen_trend
from ebi_rules.rule_model.audited_rule import AuditedRule

BY_RATIO = ("imd_decile", "ethnic_category")
"""Breakdowns that are drawn as ratios to the rate of a reference group."""

_MOST_MULTIPLES = 9
"""At most this many providers have a small trend of their own."""


class RuleCharts:
    """The charts of one rule; each is None where too little may be shown to draw it.

    Attributes:
        audit: The tables of the audit.
        entry: The rule.
        providers: The rule's rows of the table of providers, with labels.
        is_compared: Whether providers are compared by the rule.
    """

    def __init__(self, audit: AuditTables, entry: AuditedRule) -> None:
        self.audit, self.entry = audit, entry
        self.providers = with_labels(audit.of_rule(audit.providers, entry.key))
        self.is_compared = entry.key not in rules_not_compared(audit.counts, audit.settings)
        self._title = entry.counted.title

    @cached_property
    def variation(self) -> Variation:
        """How much providers vary."""
        return self._variation(self.providers)

    @cached_property
    def overall(self) -> pl.DataFrame:
        """The trend of all providers together, by month or by quarter."""
        return chosen_trend(self.audit, self.entry.key, ALL_PROVIDERS)

    @cached_property
    def yearly(self) -> dict[str | None, TwoPeriods]:
        """How the rate of each provider changed in a year: of those whose counts by month, or by quarter, are shown."""
        changes: dict[str | None, TwoPeriods] = {}
        for table in (self.audit.trend, self.audit.trends.quarters):
            of_rule = self.audit.of_rule(table, self.entry.key).filter(~_is_one_of([ALL_PROVIDERS, *changes]))
            for provider, counts in counts_by_point(of_rule).items():
                change = yearly_change(counts, self.audit.counts.method, only_shown=True)
                if isinstance(change, TwoPeriods):
                    changes[provider] = change
        return changes

    @cached_property
    def phrases(self) -> dict[str, str]:
        """The rule's criteria in words."""
        documentation = self.entry.counted.documentation
        return {name: documentation.phrase(name) for name in self.entry.counted.criteria}

    @cached_property
    def steps(self) -> pl.DataFrame:
        """The activity left after each criterion, over all providers."""
        return self.audit.of_rule(self.audit.attrition, self.entry.key).filter(provider=ALL_PROVIDERS)

    def attrition(self) -> Chart | None:
        """Draw how the number in scope came about."""
        if not self.entry.has_steps:
            return None
        chart = count_charts.attrition(self.steps, self.phrases, self._name("attrition"))
        return chart.saying(chart_findings.of_attrition(self.steps, self.phrases))

    def funnel(self) -> Chart | None:
        """Draw standardised ratios against expected numbers."""
        if not provider_charts.drawable(self.providers).height:
            return None
        chart = provider_charts.funnel(self.providers, self.variation.tau2, self._name("funnel"))
        return chart.saying(chart_findings.of_funnel(self.providers, self.variation)) if self.is_compared else chart

    def rates(self) -> Chart | None:
        """Draw crude rates, ranked."""
        ranked = provider_charts.ranked(self.providers)
        if not ranked.height:
            return None
        chart = provider_charts.rates(self.providers, self._name("rates"))
        return chart.saying(chart_findings.of_rates(ranked))

    def adjusted(self) -> Chart | None:
        """Draw what adjusting for case mix changes."""
        chart = provider_charts.moved(self.providers, self._name("adjusted"))
        if chart is None:
            return None
        has_both = pl.col("standardised_ratio").is_not_null() & pl.col("crude_ratio").is_not_null()
        return chart.saying(chart_findings.of_adjustment(self.providers.filter(has_both)))

    def trend(self, provider: str | None = ALL_PROVIDERS) -> Chart | None:
        """Draw the rate over time of one provider, or of all; None also where most points are suppressed."""
        series = self.overall if provider == ALL_PROVIDERS else chosen_trend(self.audit, self.entry.key, provider)
        drawn = series.filter(pl.col("eligible").is_null() | (pl.col("eligible") > 0))[RATE[0]]
        if not drawn.len() or drawn.count() * 2 < drawn.len():
            return None
        period = period_label(series)
        points = self.audit.counts.quarters if period == "quarter" else self.audit.counts.months
        who = self._label(provider)
        name = self._name("trend", period=period, who=who)
        direction = self.audit.settings.direction
        chart = trend_charts.trend(series, name, points=points, start=self.entry.start, direction=direction)
        return chart.saying(chart_findings.of_trend(series, f"{who[:1].upper()}{who[1:]}"))

    def multiples(self) -> Chart | None:
        """Draw the trends of the providers with the latest signals, then of the largest."""
        found: list[tuple[str, int, str | None, pl.DataFrame]] = []
        tables: dict[Period, pl.DataFrame] = {"month": self.audit.trend, "quarter": self.audit.trends.quarters}
        is_signal = pl.col("signal").is_not_null() & ~pl.col("partial")
        for period, table in tables.items():
            judged = self.audit.of_rule(table, self.entry.key).filter(
                pl.col("judged") == BY[period], pl.col("provider") != ALL_PROVIDERS
            )
            series = judged.group_by("provider", maintain_order=True).agg(
                latest=pl.col(period).filter(is_signal).max().str.slice(-len("2024-04")).fill_null(""),
                flagged=pl.col("flagged").sum(),
                is_drawn=pl.col(RATE[0]).count() * 2 >= pl.len(),
            )
            shown = series.filter("is_drawn").select("latest", "flagged", "provider")
            found += [(*row, judged) for row in shown.iter_rows()]
        if not found:
            return None
        found.sort(key=lambda each: each[:2], reverse=True)
        shown_series = [
            (self._label(provider), judged.filter(pl.col("provider").eq_missing(provider)))
            for _, _, provider, judged in found[:_MOST_MULTIPLES]
        ]
        points = {"month": self.audit.counts.months, "quarter": self.audit.counts.quarters}
        chart = trend_charts.multiples(shown_series, points, self._name("multiples"), self.audit.settings.direction)
        return chart.saying(chart_findings.of_multiples([each for _, each in shown_series]))

    def change(self) -> Chart | None:
        """Draw the rates of the latest year and of the year before, by provider."""
        if len(self.yearly) < chart_findings.FEWEST_COMPARED:
            return None
        rows = [(self._label(code), *change.rates, change.stands_out) for code, change in self.yearly.items()]
        chart = provider_charts.slopes(rows, self._spans(), self._name("change"))
        changed = [label for label, _, _, stands_out in rows if stands_out]
        return chart.saying(chart_findings.of_change(changed, len(rows)))

    def sensitivity(self) -> Chart:
        """Draw what each variant of the rule flags."""
        variants = self.audit.of_rule(self.audit.sensitivity, self.entry.key)
        chart = count_charts.sensitivity(variants, self._name("sensitivity"))
        return chart.saying(chart_findings.of_variants(variants, widest_variant(self.audit, self.entry)))

    def breakdown(self, field: str) -> Chart | None:
        """Draw a breakdown by a field: a funnel of units, ratios to a reference group, or rates."""
        table = self.audit.of_rule(self.audit.by_field(field), self.entry.key)
        table = table.filter(pl.col("eligible").fill_null(1) > 0)
        if field in UNITS:
            return self._funnel_of_units(table, field)
        if field in BY_RATIO and (ratios := self._ratios(field)) is not None:
            chart = provider_charts.rate_ratios(
                ratios, field, REFERENCE_VALUES[field], self._name("ratios", by=_by(field))
            )
            return chart.saying(chart_findings.of_rate_ratios(ratios, field))
        if not 0 < table[RATE[0]].count() <= provider_charts.MOST_NAMED:
            return None
        chart = provider_charts.breakdown(table, field, self._name("breakdown", by=_by(field)))
        return chart.saying(chart_findings.of_values(table, field))

    def _ratios(self, field: str) -> pl.DataFrame | None:
        """Return ratios to a reference group, adjusted for the other fields of case mix where possible."""
        table = self.audit.of_rule(self.audit.inequalities, self.entry.key).filter(
            characteristic=field, comparison="rate_ratio"
        )
        for basis in ("standardised", "crude"):
            shown = table.filter(pl.col("basis") == basis, pl.col("figure") > 0)
            if shown.height:
                return shown
        return None

    def _funnel_of_units(self, table: pl.DataFrame, field: str) -> Chart | None:
        units = with_labels(table.rename({field: "provider"}))
        if not provider_charts.drawable(units).height:
            return None
        variation = self._variation(units)
        chart = provider_charts.funnel(units, variation.tau2, self._name("funnel_by", by=_by(field)))
        return chart.saying(chart_findings.of_funnel(units, variation, field_label(field)))

    def _spans(self) -> tuple[str, str]:
        """Return the two years as an axis names them: from the first month that any provider has to the last."""
        months = [month for change in self.yearly.values() for point in change.points for month in point.split(" to ")]
        years = [[moved_by(month, years) for month in (min(months), max(months))] for years in (-1, 0)]
        before, latest = (" to ".join(map(axis_label, year)) for year in years)
        return before, latest

    def _variation(self, units: pl.DataFrame) -> Variation:
        counts = self.audit.counts
        return variation_of(compared(units, counts), self.audit.settings, counts.method)

    def _label(self, provider: str | None) -> str:
        if provider == ALL_PROVIDERS:
            return "all providers"
        return self.audit.settings.names.get(provider, provider) if provider else NOT_RECORDED

    def _name(self, chart: str, **words: str) -> str:
        return CHART_NAMES[chart].format(title=self._title, **words)


def _is_one_of(providers: Sequence[str | None]) -> pl.Expr:
    named = pl.col("provider").is_in([code for code in providers if code is not None]).fill_null(False)
    return named | pl.col("provider").is_null() if None in providers else named


def _by(field: str) -> str:
    return breakdown_title(field).lower()
