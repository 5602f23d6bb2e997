"""What changed when a policy began: two periods by provider, and the series of months before and after.

All figures come from the counts that an audit may show. They say what changed at that time, not why.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.disclosure.rounding import ROUNDING_VARIANCE
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.denominators import PER_ELIGIBLE, Denominator
from ebi_rules.provider_audit.judged_series import MOST_HIDDEN
from ebi_rules.provider_audit.shown_counts import STAND_IN
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS, PER
from ebi_rules.provider_audit.two_periods import (
    Counts,
    EligibleCounts,
    TwoPeriods,
    compare_periods,
    counts_by_point,
    moved_by,
)
from ebi_rules.statistics.interrupted_series import FEWEST_MONTHS, Effect, SeriesFit, interrupted_series

TREATED, OTHERS = "treated providers", "other providers"
BEFORE = "the months before"
_USUAL_MONTHS, _MOST_ALIKE = 30, 0.5
"""With fewer months, or more autocorrelation, too many series without a change are called changed."""
FEWEST_A_MONTH = 10
"""With fewer in scope a month on average, months are too few for a series."""

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_LONGEST = 12
FIGURES = {
    "average": "mean change over the months after",
    "level": "change at once",
    "slope": "change of the yearly trend",
    "trend": "yearly trend before",
}
"""What a series gives, in words."""
_EFFECT = ("ratio", "lower", "upper", "p", "smallest")
_PERIODS = {
    "rule": pl.String,
    "provider": pl.String,
    "months": pl.Int64,
    "flagged_before": pl.Int64,
    "flagged_after": pl.Int64,
    **dict.fromkeys(("rate_before", "rate_after", "ratio", "ratio_lower_95", "ratio_upper_95"), pl.Float64),
    "rate_per": pl.String,
    "not_compared": pl.String,
}
_SERIES = {
    **dict.fromkeys(("rule", "group", "compared_with", "figure"), pl.String),
    **dict.fromkeys(_EFFECT, pl.Float64),
    "months_before": pl.Int64,
    "months_after": pl.Int64,
    "autocorrelation": pl.Float64,
}
_MONTHS = {
    **dict.fromkeys(("rule", "group", "month"), pl.String),
    **dict.fromkeys(("rate", "fitted", "without_the_change"), pl.Float64),
    "rate_per": pl.String,
    "used": pl.Boolean,
}


@dataclass(frozen=True)
class Change:
    """When something changed, and which months tell.

    Attributes:
        at: The first month with the change, "2025-07"; None for the start of each rule's policy.
        phase_in: How many months from it on are left out, as the change came gradually.
        immature: How many of the last months are left out: they are not complete yet, which looks like success.
        exclude: Months to leave out, such as "2020-03..2021-06".
        treated: The providers that changed; the others are the comparison group. Empty for all.
        controls: Keys or aliases of rules that should not change.
        per: By what the activity in scope is divided. Where a change can move what is eligible, such as the number of
            scans, divide by days or people.

    Raises:
        UsageError: A month or a number is wrong.
    """

    at: str | None = None
    phase_in: int = 0
    immature: int = 2
    exclude: tuple[str, ...] = ()
    treated: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    per: Denominator = PER_ELIGIBLE

    def __post_init__(self) -> None:
        if self.at is not None and not _MONTH.fullmatch(self.at):
            raise UsageError(f"--at {self.at}: write a month such as 2025-07.")
        for option, number in (("--phase-in", self.phase_in), ("--immature", self.immature)):
            if not 0 <= number <= _LONGEST:
                raise UsageError(f"{option} must be a number of months from 0 to {_LONGEST}.")
        for span in self.exclude:
            first, last = _span(span)
            if not (_MONTH.fullmatch(first) and _MONTH.fullmatch(last) and first <= last):
                raise UsageError(f"--exclude-months {span}: write a month or a range such as 2020-03..2021-06.")

    def is_excluded(self, month: str) -> bool:
        """Return whether a month is left out by name."""
        return any(first <= month <= last for first, last in map(_span, self.exclude))


@dataclass(frozen=True)
class PolicyEffect:
    """The tables of a comparison before and after.

    Attributes:
        change: When what changed.
        begins: The first month with the change, by rule.
        periods: One row per rule and provider: the later months and the same months before, their counts and rates per
            `rate_per`, the ratio with its 95% interval, or why they are not compared.
        series: One row per rule, group, comparison and figure (`FIGURES`): ratio, lower, upper (95%), p, smallest (the
            fall, as a ratio, that the months would show with 80% probability), months_before and months_after.
        months: One row per rule, group and month: the rate, the fitted one, that without the change, and whether the
            month is used.
        notes: What could not be done, by rule.
    """

    change: Change
    begins: Mapping[str, str]
    periods: pl.DataFrame
    series: pl.DataFrame
    months: pl.DataFrame
    notes: Mapping[str, tuple[str, ...]]

    @property
    def by_file(self) -> dict[str, pl.DataFrame]:
        """The tables by the names of their files."""
        return {"periods": self.periods, "series": self.series, "months": self.months}


def policy_effect(audit: AuditTables, change: Change) -> PolicyEffect:
    """Compare the months before and after a change.

    Args:
        audit: The tables of an audit that counted both.
        change: When what changed.

    Raises:
        UsageError: The month is outside the data, or a rule or provider is unknown, or no rule has a start.
    """
    keys = [entry.key for entry in audit.audited]
    names = {
        name.lower(): entry.key for entry in audit.audited for name in (entry.key, *entry.rule.documentation.aliases)
    }
    for name in change.controls:
        if name.lower() not in names:
            raise UsageError("--control-rule: " + unknown("rule", name, keys) + " It must be counted too, with --rule.")
    controls = [names[name.lower()] for name in change.controls]
    providers = set(audit.trend["provider"].drop_nulls()) - {ALL_PROVIDERS}
    for code in change.treated:
        if code not in providers:
            raise UsageError("--treated: " + unknown("provider", code, sorted(providers)))
    begins: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    periods: list[tuple[Any, ...]] = []
    series: list[tuple[Any, ...]] = []
    months: list[tuple[Any, ...]] = []
    for entry in audit.audited:
        at = change.at or entry.start
        if entry.key in controls or at is None:
            continue
        begins[entry.key] = at
        rule = _RuleEffect(audit, entry.key, change, at)
        periods += rule.periods()
        for rows, points in rule.series(controls):
            series += rows
            months += points
        notes[entry.key] = tuple(rule.notes)
    if not begins:
        raise UsageError("name the month of the change with --at: none of these rules has a start of its own.")
    return PolicyEffect(
        change,
        begins,
        pl.DataFrame(periods, schema=_PERIODS, orient="row"),
        pl.DataFrame(series, schema=_SERIES, orient="row"),
        pl.DataFrame(months, schema=_MONTHS, orient="row"),
        notes,
    )


class _RuleEffect:
    """Compare one rule before and after."""

    def __init__(self, audit: AuditTables, rule: str, change: Change, at: str) -> None:
        self._audit, self._rule, self._change = audit, rule, change
        trend = audit.of_rule(audit.trend, rule)
        every = sorted(trend.filter(pl.col("provider") == ALL_PROVIDERS, ~pl.col("partial"))["month"])
        if not every or not every[0] < at <= every[-1]:
            first, last = (every[0], every[-1]) if every else ("none", "none")
            raise UsageError(
                f"--at {at}: the data have whole months from {first} to {last}, so nothing is before or after."
            )
        kept = every[: max(len(every) - change.immature, 0)]
        changed = [month for month in kept if month >= _later(at, change.phase_in) and not change.is_excluded(month)]
        self._every, self._at = every, at
        self._before = [month for month in kept if month < at and not change.is_excluded(month)]
        self._after = changed
        self._counts = counts_by_point(trend)
        self._per = change.per
        self._per.require([*self._before, *self._after])
        self.notes: list[str] = []

    def periods(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of two periods, all providers first."""
        pairs = self._pairs()
        codes = [ALL_PROVIDERS, *sorted((code for code in self._counts if code != ALL_PROVIDERS), key=str)]
        for code in codes:
            counts = self._over(self._counts[code])
            shared = {after: before for after, before in pairs.items() if {after, before} <= counts.keys()}
            found: TwoPeriods | str = "needs the same month before"
            if shared:
                only_shown = code != ALL_PROVIDERS
                found = compare_periods(counts, shared, self._audit.counts.method, only_shown)
            if isinstance(found, str):
                yield (self._rule, code, len(shared), *(None,) * 7, self._per.unit, found)
                continue
            ratio = found.ratio()
            rates = (rate / PER * self._per.scale for rate in found.rates)
            figures = [round(value, 3) for value in (*rates, ratio.value, ratio.lower, ratio.upper)]
            yield self._rule, code, len(shared), *found.counts, *figures, self._per.unit, None

    def series(self, controls: Sequence[str]) -> Iterator[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
        """Yield the rows of each series and of its months; a note where there can be none."""
        if min(len(self._before), len(self._after)) < FEWEST_MONTHS:
            self.notes.append(
                f"{len(self._before)} months before and {len(self._after)} after: a series needs {FEWEST_MONTHS} on "
                "each side. Only two periods are compared."
            )
            return
        treated = self._change.treated
        group = TREATED if treated else ALL_PROVIDERS
        rates = self._rates(self._group(treated) if treated else self._counts[ALL_PROVIDERS], group)
        if rates is None:
            return
        yield self._fitted(group, BEFORE, *rates)
        others = {key: self._other_rule(key) for key in controls}
        if treated:
            rest = [code for code in self._counts if code not in (*treated, ALL_PROVIDERS)]
            others = {OTHERS: self._group(rest), **others}
        for name, counts in others.items():
            control = self._rates(counts, name)
            if control is not None:
                ratios, variances = rates[0] / control[0], rates[1] + control[1]
                yield self._fitted(group, name, ratios, variances)[0], []

    def _pairs(self) -> dict[str, str]:
        """Return the latest months after, up to a year, each with the same month before the change."""
        pairs = {}
        for month in self._after[-_LONGEST:]:
            for years in range(1, 20):
                earlier = moved_by(month, -years)
                if earlier in self._before:
                    pairs[month] = earlier
                    break
        return pairs

    def _group(self, providers: Sequence[str | None]) -> EligibleCounts:
        """Add up the counts of providers by month; a suppressed one counts as 4."""
        total: dict[str, tuple[int | None, int | None]] = {}
        for code in providers:
            for month, (flagged, eligible) in self._counts[code].items():
                before = total.get(month, (0, 0))
                added = (STAND_IN if count is None else count for count in (flagged, eligible))
                first, second = ((old or 0) + new for old, new in zip(before, added, strict=True))
                total[month] = (first, second)
        return total

    def _over(self, counts: EligibleCounts) -> Counts:
        """Return counts over the denominator that was chosen."""
        return {month: (flagged, self._per.of(month, eligible)) for month, (flagged, eligible) in counts.items()}

    def _other_rule(self, key: str) -> EligibleCounts:
        return counts_by_point(self._audit.of_rule(self._audit.trend, key)).get(ALL_PROVIDERS, {})

    def _rates(
        self, of_eligible: EligibleCounts, name: str
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
        """Return the rates of the used months and the variances of their logarithms; a note if months are too few."""
        counts = self._over(of_eligible)
        used = [counts.get(month, (0, self._per.of(month, 0))) for month in (*self._before, *self._after)]
        hidden = sum(flagged is None or eligible is None for flagged, eligible in used)
        pairs = np.array([[STAND_IN if count is None else count for count in pair] for pair in used], dtype=np.float64)
        if hidden > MOST_HIDDEN * len(used) or pairs[:, 0].mean() < FEWEST_A_MONTH or np.any(pairs[:, 1] <= 0):
            self.notes.append(
                f"{name}: too few in scope by month for a series (at least {FEWEST_A_MONTH} on average). Only two "
                "periods are compared."
            )
            return None
        flagged, base = np.maximum(pairs[:, 0], 0.5), pairs[:, 1]
        usual = base * flagged.sum() / base.sum()
        return flagged / base * self._per.scale, 1 / usual + ROUNDING_VARIANCE[self._audit.counts.method] / usual**2

    def _fitted(
        self, group: str, compared_with: str, rates: np.ndarray[Any, Any], variances: np.ndarray[Any, Any]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        numbers = [_number(month) for month in (*self._before, *self._after)]
        fit = interrupted_series(rates, 1 / variances, numbers, _number(self._after[0]))
        if len(numbers) < _USUAL_MONTHS or fit.autocorrelation > _MOST_ALIKE:
            self.notes.append(
                f"{group}, compared with {compared_with}: the months are few, or very alike, so that the intervals are "
                "a little too narrow (5 to 10% of series without a change are called changed, instead of 5%)."
            )
        spans = (len(self._before), len(self._after), round(fit.autocorrelation, 2))
        rows = [(self._rule, group, compared_with, name, *_shown(getattr(fit, name)), *spans) for name in FIGURES]
        return rows, self._months(group, rates, fit)

    def _months(self, group: str, rates: np.ndarray[Any, Any], fit: SeriesFit) -> list[tuple[Any, ...]]:
        used = {month: place for place, month in enumerate((*self._before, *self._after))}
        of_eligible = self._group(self._change.treated) if group == TREATED else self._counts[ALL_PROVIDERS]
        counts = self._over(of_eligible)
        rows = []
        for month in self._every:
            place = used.get(month)
            figures: tuple[float | None, ...]
            if place is not None:
                without = float(fit.without[place]) if month in self._after else None
                figures = (float(rates[place]), float(fit.fitted[place]), without)
            else:
                flagged, base = counts.get(month, (None, None))
                rate = flagged / base * self._per.scale if flagged is not None and base else None
                figures = (rate, None, None)
            shown = [None if figure is None else round(figure, 3) for figure in figures]
            rows.append((self._rule, group, month, *shown, self._per.unit, place is not None))
        return rows


def _shown(effect: Effect) -> tuple[float, ...]:
    return (*(round(getattr(effect, name), 3) for name in _EFFECT[:3]), round(effect.p, 4), round(effect.smallest, 3))


def _span(text: str) -> tuple[str, str]:
    first, _, last = text.partition("..")
    return first, last or first


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:7]) - 1


def _later(month: str, months: int) -> str:
    number = _number(month) + months
    return f"{number // 12}-{number % 12 + 1:02}"
