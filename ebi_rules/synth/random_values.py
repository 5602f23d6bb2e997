"""Random values that every made-up extract needs: organisations, days with seasons, ages, and coded values.

All of them depend on the seed alone. Organisation codes begin with ZZ, which we assume no real NHS organisation uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.random import Generator

Array = np.ndarray[Any, np.dtype[Any]]

PROVIDERS = 32
"""The number of providers."""
_BIRDS = """
    Avocet Bittern Brambling Bullfinch Chiffchaff Coot Cormorant Curlew Dipper Dunlin Fieldfare Firecrest Gannet
    Goldcrest Guillemot Kestrel Kittiwake Lapwing Nuthatch Osprey Pintail Plover Ptarmigan Redshank Redstart Sanderling
    Siskin Stonechat Turnstone Wheatear Whimbrel Yellowhammer
"""
"""Names of made-up providers: no NHS organisation is called so."""

_FIRST_DAY, _DAYS = date(2023, 4, 1), 3 * 365

_VALUES: Mapping[str, Mapping[str | None, float]] = {
    "sex": {"1": 0.43, "2": 0.56, "9": 0.005, "0": 0.005},
    "attendance_status": {"5": 0.80, "6": 0.02, "3": 0.075, "2": 0.05, "4": 0.04, "7": 0.005, "0": 0.005, None: 0.005},
    "referral_source": {"03": 0.55, "05": 0.15, "04": 0.05, "01": 0.05, "11": 0.08, "14": 0.05, "97": 0.05, None: 0.02},
    "priority": {"1": 0.75, "2": 0.15, "3": 0.08, None: 0.02},
    "treatment_function": {
        "812": 0.12,
        "110": 0.15,
        "108": 0.02,
        "191": 0.02,
        "410": 0.05,
        "650": 0.10,
        "300": 0.30,
        "130": 0.12,
        "502": 0.12,
    },
    "ethnic_category": {
        "A": 0.65,
        "B": 0.01,
        "C": 0.05,
        "H": 0.04,
        "J": 0.03,
        "M": 0.02,
        "N": 0.04,
        "Z": 0.10,
        "99": 0.03,
        None: 0.03,
    },
}
"""Shares of values by field, roughly as in a national outpatient extract."""
_CATEGORIES: Mapping[str | None, float] = {"01": 0.95, "03": 0.01, "98": 0.005, "99": 0.005, None: 0.03}


@dataclass(frozen=True)
class Organisations:
    """The providers of one seed.

    Attributes:
        names: Made-up names.
        size: Shares of all activity, which add up to one.
        habit: How many times as much activity in scope as usual a provider has.
        private: Shares of activity that is private.
    """

    names: tuple[str, ...]
    size: Array
    habit: Array
    private: Array


def organisations(seed: int) -> Organisations:
    """Return the providers of a seed."""
    rng = np.random.default_rng([seed, 10**9])
    birds = np.random.default_rng([seed, 10**9, 1]).permutation(_BIRDS.split())
    kinds = ["Hospitals", "Community Trust", "Clinics", "Infirmary"] * (PROVIDERS // 4)
    names = tuple(f"{bird} {kind} (made up)" for bird, kind in zip(birds, kinds, strict=True))
    return Organisations(
        names=names,
        size=rng.dirichlet(np.full(PROVIDERS, 3.0)),
        habit=rng.lognormal(0.0, 0.45, PROVIDERS),
        private=rng.beta(1, 30, PROVIDERS),
    )


def common_columns(rng: "Generator", start: int, provider: Array, private: Array) -> dict[str, pl.Series]:
    """Draw the key, day, organisations, person and coded values of rows.

    Args:
        rng: The random numbers.
        start: The number of the first row.
        provider: The number of each row's provider.
        private: Whether each row is private activity.

    Returns:
        Columns by canonical field.
    """
    rows = len(provider)
    return {
        "id": pl.Series(np.arange(start, start + rows, dtype=np.int64) + 10_000_000),
        "activity_date": _days(rng, rows),
        "provider": pl.Series(provider_codes()).gather(provider),
        "site": pl.Series(provider_codes()).gather(provider)
        + pl.Series(["01", "02", "03"]).gather(rng.integers(0, 3, rows)),
        "commissioner": pl.Series([f"ZZC{place}" for place in range(6)]).gather(provider % 6),
        "gp_practice": pl.Series([f"ZZ{place:04d}" for place in range(400)]).gather(rng.integers(0, 400, rows)),
        "consultant": pl.Series([f"ZZC{place:05d}" for place in range(900)]).gather(rng.integers(0, 900, rows)),
        "lsoa": pl.Series([f"ZZ{place:07d}" for place in range(2000)]).gather(rng.integers(0, 2000, rows)),
        "patient": pl.Series(rng.integers(0, 2**40, rows)).cast(pl.String).str.pad_start(13, "0"),
        "administrative_category": draw(rng, _CATEGORIES, rows).set(pl.Series(private), "02"),
        **{name: draw(rng, shares, rows) for name, shares in _VALUES.items()},
    }


def background_codes(rng: "Generator", count: int) -> list[tuple[str, ...]]:
    """Draw lists of one to six codes that look like OPCS-4 codes; some may be no real code."""
    letters = np.array(list("ABEFGHJKLMNPQRSTVWX"))
    return [
        tuple(f"{letter}{rng.integers(1, 99):02d}{rng.integers(1, 10)}" for letter in rng.choice(letters, size))
        for size in rng.integers(1, 7, count)
    ]


def _days(rng: "Generator", rows: int) -> pl.Series:
    """Draw days with seasons: few at weekends and around New Year, more in spring and autumn."""
    days = np.arange(_DAYS)
    weekday = (days + _FIRST_DAY.weekday()) % 7
    day_of_year = (days + 90) % 365
    weights = np.where(weekday < 5, 1.0, 0.08) * (1 + 0.12 * np.cos((day_of_year - 60) / 365 * 4 * np.pi))
    weights = weights * np.where((day_of_year > 355) | (day_of_year < 3), 0.45, 1.0) * (1 + days / _DAYS * 0.1)
    offsets = pl.Series(rng.choice(_DAYS, rows, p=weights / weights.sum()))
    calendar = pl.date_range(_FIRST_DAY, _FIRST_DAY + timedelta(days=_DAYS - 1), eager=True)
    return calendar.gather(offsets)


def adult_ages(rng: "Generator", rows: int) -> Array:
    """Draw ages from 19 to 104 years."""
    return np.clip(rng.normal(58, 19, rows), 19, 104).astype(np.int64)


def draw(rng: "Generator", shares: Mapping[str | None, float], rows: int) -> pl.Series:
    """Draw values.

    Args:
        rng: The random numbers.
        shares: The share of each value; they need not add up to one.
        rows: How many values.
    """
    weights = np.array(list(shares.values()))
    return pl.Series(list(shares), dtype=pl.String).gather(rng.choice(len(weights), rows, p=weights / weights.sum()))


def provider_codes() -> list[str]:
    """Return the made-up codes of the providers.

    Example:
        >>> provider_codes()[:2]
        ['ZZ0', 'ZZ1']
    """
    characters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return [f"ZZ{character}" for character in characters[:PROVIDERS]]
