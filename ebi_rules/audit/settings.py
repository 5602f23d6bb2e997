"""How an audit's counts are shown and compared; none of it touches what was counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from ebi_rules.audit.disclosure import find_method
from ebi_rules.errors import UsageError, unknown

if TYPE_CHECKING:
    from ebi_rules.audit.funnel import Overdispersion

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
    (2024-04) in which new ones begin. Raises `UsageError` for an unknown method.
    """

    disclosure: str = "hes"
    names: Mapping[str, str] = field(default_factory=dict)
    standard: pl.DataFrame | None = None
    population: Population | None = None
    overdispersion: str = "shmi"
    trim: float = 0.1
    baseline: int | None = None
    rebase: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        find_method(self.disclosure)
        if self.overdispersion not in OVERDISPERSION:
            raise UsageError("--overdispersion: " + unknown("method", self.overdispersion, OVERDISPERSION))
        if not 0 <= self.trim < 0.5:
            raise UsageError("--trim: a share from 0 to below 0.5, such as 0.1.")
        if self.baseline is not None and self.baseline < 2:
            raise UsageError("--baseline: at least 2 months.")
