"""How an audit's counts are shown and compared; none of it touches what was counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.disclosure.rounding import find_method

if TYPE_CHECKING:
    from ebi_rules.statistics.funnel import Overdispersion

ADJUSTABLE = ("age_band", "sex", "imd_decile", "ethnic_category")
"""Fields by which case mix may be adjusted for."""

FEWEST_ALLOWED = 5
"""The least that `fewest_expected` may be: with fewer, chance alone makes a ratio of 0 or of 2 usual."""

AGE_AND_SEX = ADJUSTABLE[:2]
CASEMIX = ("auto", "strata", "model")
OVERDISPERSION: Mapping[str, "Overdispersion | None"] = {"shmi": "shmi", "cqc": "cqc", "none": None}


@dataclass(frozen=True)
class Population:
    """People by area, age band and sex, for rates per 100,000: `field` says what an area is."""

    field: str
    people: pl.DataFrame


@dataclass(frozen=True)
class Settings:
    """How to show and compare.

    `disclosure` is the method of disclosure control (hes, midpoint6, none). `names` are providers' names by code.
    `standard` has the rates to standardise by (rule, age_band, sex, eligible, flagged), None for those of all providers
    together. `population` gives rates per 100,000 people. `overdispersion` is shmi, cqc or none, with the share `trim`
    at each end left out of it. `baseline` fixes a trend's mean and limits after so many months; `rebase` are months
    (2024-04) in which new ones begin. `adjust` are the fields of case mix (`ADJUSTABLE`); `casemix` says how expected
    numbers come from them: strata, model (logistic; statsmodels), or auto, the model where strata are thin and fields
    beside age and sex were asked for. `fewest_expected` is what must be expected in scope of a practitioner to be
    shown; their codes are pseudonyms of one run, unless `real_codes`. Raises `UsageError` for an unknown method or
    field.
    """

    disclosure: str = "hes"
    names: Mapping[str, str] = field(default_factory=dict)
    standard: pl.DataFrame | None = None
    population: Population | None = None
    overdispersion: str = "shmi"
    trim: float = 0.1
    baseline: int | None = None
    rebase: tuple[str, ...] = ()
    adjust: tuple[str, ...] = AGE_AND_SEX
    casemix: str = "auto"
    fewest_expected: float = 10
    real_codes: bool = False

    def __post_init__(self) -> None:
        find_method(self.disclosure)
        if self.overdispersion not in OVERDISPERSION:
            raise UsageError("--overdispersion: " + unknown("method", self.overdispersion, OVERDISPERSION))
        for name in self.adjust:
            if name not in ADJUSTABLE:
                raise UsageError("--adjust: " + unknown("field of case mix", name, ADJUSTABLE))
        if not self.adjust:
            raise UsageError("--adjust: name at least one field.")
        if self.casemix not in CASEMIX:
            raise UsageError("--casemix: " + unknown("way", self.casemix, CASEMIX))
        if self.standard is not None and self.adjust != AGE_AND_SEX:
            raise UsageError("--standard has rates by age band and sex: leave --adjust out.")
        if self.fewest_expected < FEWEST_ALLOWED:
            raise UsageError(f"--fewest-expected: at least {FEWEST_ALLOWED}, or comparing practitioners means nothing.")
        if not 0 <= self.trim < 0.5:
            raise UsageError("--trim: a share from 0 to below 0.5, such as 0.1.")
        if self.baseline is not None and self.baseline < 2:
            raise UsageError("--baseline: at least 2 months.")
