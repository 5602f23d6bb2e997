"""How an audit counts, shows and compares: one object for everything but the extract, the rules and the grouping."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.criteria.fields import AREAS, GROUPABLE, ORGANISATIONS, PRACTITIONERS
from ebi_rules.disclosure.rounding import find_method
from ebi_rules.layouts.scope import Scope
from ebi_rules.provider_audit.benchmarks import Benchmark, Price, PublishedRate
from ebi_rules.provider_audit.merged_providers import MergedProviders
from ebi_rules.rule_model.rule_logic import DEFAULT

_UNITS = (*ORGANISATIONS, *PRACTITIONERS, *AREAS)
ADJUSTABLE = ("age_band", "sex", *(name for name in GROUPABLE if name not in ("sex", *_UNITS)))
"""Fields that case mix can be adjusted for: those with few values, which are not what is compared."""

FEWEST_ALLOWED = 5
"""The lowest value of `fewest_expected`: below it, chance alone makes a ratio of 0 or of 2 usual."""

AGE_AND_SEX = ADJUSTABLE[:2]
CASEMIX = ("auto", "strata", "model")
WINSORISED = "winsorised"
OVERDISPERSION = (WINSORISED, "shmi", "cqc", "none")
"""How differences between providers are estimated: see `statistics.count_signals.between_variance`, and, for shmi and
cqc, `statistics.funnel`."""


@dataclass(frozen=True)
class Population:
    """People, for rates per 100,000.

    Attributes:
        field: The field that names an area.
        people: One row per area, age band and sex: the field, age_band, sex, people.
    """

    field: str
    people: pl.DataFrame


DIRECTIONS = ("lower", "higher")
"""Which rates a user may call better."""


@dataclass(frozen=True)
class Settings:
    """How an audit, or a run of measures, counts, shows and compares.

    The first seven say what is counted, the others how counts are shown and compared.

    Attributes:
        variant: The variant of the rules that is counted; all variants are compared.
        months: The months to count, "2024-04" or "2024-04..2025-03"; None for all.
        providers: Codes of the providers to count; empty for all.
        areas: A CSV file that says in which PCN, borough and ICB each GP practice or LSOA is.
        skip_unavailable: Warn about rules and measures that the extract cannot answer, instead of raising an error.
        any_dataset: Allow rules for another dataset than the extract's.
        check_keys: Look for keys that are missing or repeated, which takes a warehouse a second pass.
        real_codes: Show the codes of practitioners; if not, pseudonyms that are new in every run.
        disclosure: The method of disclosure control: hes, midpoint6 or none.
        names: Providers' names by code.
        merged: Providers that merged, whose old codes are read as the new ones.
        adjust: The fields of case mix, from `ADJUSTABLE`.
        casemix: How expected counts are made from them: strata, model (logistic; needs statsmodels), or auto, which
            uses the model if strata are thin and there are fields beside age and sex.
        standard: The rates to standardise by: rule, age_band, sex, eligible, flagged. None for those of all providers.
        population: People, for rates per 100,000.
        overdispersion: How signals allow for normal differences between providers: winsorised, shmi, cqc or none.
        trim: The share of providers at each end, from 0 to below 0.5, that has little influence when these are
            estimated.
        baseline: After how many months the mean and limits of a trend are fixed; None for all.
        rebase: Months ("2024-04") in which new means and limits begin.
        most_different: A provider whose treatment functions differ from those of all others by more than this total
            variation distance, from 0 to 1, has no signal.
        least_within: A provider of whose eligible activity less than this share is within what a rule compares has no
            signal.
        compare_unfit: Compare providers also by rules that are not fit for it (`Fitness`).
        fewest_expected: The count that must be expected of a practitioner for the practitioner to be shown.
        benchmark: What activity is held against, for the table of what is above it; None for no such table.
        prices: Prices of activity by rule, in lower case, for what is above the benchmark.
        comparators: Published rates by rule, in lower case, which the report shows beside those of the audit.
        direction: Whether `lower` or `higher` rates are better, for the colours of trends; None where neither is, as in
            scope does not mean inappropriate.

    Raises:
        UsageError: A value is unknown or impossible.

    Example:
        >>> Settings(disclosure="midpoint6", months="2024-04..2025-03").scope.months
        (202404, 202503)
    """

    variant: str = DEFAULT
    months: str | None = None
    providers: tuple[str, ...] = ()
    areas: str | Path | None = None
    skip_unavailable: bool = False
    any_dataset: bool = False
    check_keys: bool = True
    real_codes: bool = False
    disclosure: str = "hes"
    names: Mapping[str, str] = field(default_factory=dict)
    merged: MergedProviders = field(default_factory=MergedProviders)
    adjust: tuple[str, ...] = AGE_AND_SEX
    casemix: str = "auto"
    standard: pl.DataFrame | None = None
    population: Population | None = None
    overdispersion: str = WINSORISED
    trim: float = 0.1
    baseline: int | None = None
    rebase: tuple[str, ...] = ()
    most_different: float = 0.5
    least_within: float = 0.1
    compare_unfit: bool = False
    fewest_expected: float = 10
    benchmark: Benchmark | None = None
    prices: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)
    comparators: Mapping[str, PublishedRate] = field(default_factory=dict)
    direction: str | None = None

    def __post_init__(self) -> None:
        find_method(self.disclosure)
        self._check_comparison()
        self._check_trend()
        Scope.of(self.months, self.providers)

    @property
    def scope(self) -> Scope:
        """The months and providers to count."""
        scope = Scope.of(self.months, self.providers)
        return replace(scope, providers=scope.providers and self.merged.with_old(scope.providers))

    def as_record(self) -> dict[str, Any]:
        """Return how counts are shown and compared, for run.json."""
        return {
            "disclosure": self.disclosure,
            "overdispersion": self.overdispersion,
            "trim": self.trim,
            "baseline": self.baseline,
            "rebase": list(self.rebase),
            "standard": "all providers" if self.standard is None else "a file",
            "population": self.population.field if self.population else None,
            "adjust": list(self.adjust),
            "casemix": self.casemix,
            "merged_providers": dict(self.merged.codes),
            "most_different": self.most_different,
            "least_within": self.least_within,
            "compare_unfit": self.compare_unfit,
            "fewest_expected": self.fewest_expected,
            "real_codes": self.real_codes,
            "benchmark": self.benchmark.as_record() if self.benchmark else None,
            "prices": sorted(self.prices),
            "comparators": sorted(self.comparators),
            "direction": self.direction,
        }

    def _check_comparison(self) -> None:
        if self.overdispersion not in OVERDISPERSION:
            raise UsageError("--overdispersion: " + unknown("method", self.overdispersion, OVERDISPERSION))
        for name in self.adjust:
            if name not in ADJUSTABLE:
                raise UsageError("--adjust: " + unknown("field of case mix", name, ADJUSTABLE))
        if not self.adjust:
            raise UsageError("--adjust: name at least one field.")
        if self.casemix not in CASEMIX:
            raise UsageError("--casemix: " + unknown("method", self.casemix, CASEMIX))
        if self.standard is not None and self.adjust != AGE_AND_SEX:
            raise UsageError("--standard has rates by age band and sex: do not use --adjust with it.")
        if self.fewest_expected < FEWEST_ALLOWED:
            raise UsageError(
                f"--fewest-expected must be at least {FEWEST_ALLOWED}: below it, a comparison of practitioners means "
                "nothing."
            )
        for flag, share in (("--most-different", self.most_different), ("--least-within", self.least_within)):
            if not 0 <= share <= 1:
                raise UsageError(f"{flag} must be a number from 0 to 1.")
        if self.prices and self.benchmark is None:
            raise UsageError("--prices is for activity above a benchmark: name one with --benchmark.")
        if not 0 <= self.trim < 0.5:
            raise UsageError("--trim must be a share from 0 to below 0.5, such as 0.1.")

    def _check_trend(self) -> None:
        if self.direction not in (None, *DIRECTIONS):
            raise UsageError("--direction: " + unknown("direction", str(self.direction), DIRECTIONS))
        if self.baseline is not None and self.baseline < 2:
            raise UsageError("--baseline must be at least 2 months.")
