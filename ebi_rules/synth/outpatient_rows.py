"""Made-up outpatient appointments, some with imaging of the low back: in scope of the guidance, or nearly.

What is in scope is decided when a row is made, without the rule engine. The codes and their meanings come from the
source of the rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ebi_rules.synth.random_values import (
    PROVIDERS,
    Array,
    Organisations,
    adult_ages,
    background_codes,
    common_columns,
    organisations,
)

if TYPE_CHECKING:
    from numpy.random import Generator

Codes = tuple[str, ...]
"""The codes of a row, in order."""

_RULE = "2S_lower_back_imaging"

_PLANTED: Sequence[tuple[str, float, bool, Sequence[Codes]]] = (
    ("CT or MRI of the spine", 0.010, True, [("U054",), ("U055",), ("U055", "Y981"), ("Y981", "U055", "Z664")]),
    (
        "other imaging, lumbar site later",
        0.008,
        True,
        [
            ("U135", "Z665"),
            ("U133", "Y981", "Z665"),
            ("U132", "O162"),
            ("U136", "Z665"),
            ("U211", "Z665"),
            ("U212", "O162"),
            ("U216", "Z665"),
            ("U217", "O162"),
            ("Y973", "U217", "Z665"),
        ],
    ),
    ("other imaging, lumbar site first", 0.001, True, [("Z665", "U135"), ("O162", "U211")]),
    ("near miss: imaging without a site", 0.010, False, [("U135",), ("U133", "Y981"), ("U217",)]),
    ("near miss: imaging of another site", 0.010, False, [("U135", "Z663"), ("U133", "Z846"), ("U211", "Z901")]),
    ("near miss: lumbar site without imaging", 0.004, False, [("W903", "Z665"), ("A521", "Z665"), ("X384", "O162")]),
    ("near miss: other imaging", 0.008, False, [("U052",), ("U051",), ("U131", "Z665"), ("U134", "Z665")]),
)
"""Scenarios: what is planted, its share of activity at a usual provider, whether its codes are in scope, its codes."""

_CANCERS: Sequence[Codes] = (("C509",), ("C61X",), ("M545", "C795"), ("D05X",), ("D480",), ("Z080", "C340"), ("D099",))
_DIAGNOSES: Sequence[Codes] = (("M545",), ("M544", "I10X"), ("M511",), ("D360",), ("E119", "E780", "J849"), ("G551",))


@dataclass(frozen=True)
class Population:
    """What all rows of one seed share.

    Attributes:
        organisations: The providers.
        codes: Lists of codes by field, from which rows draw.
        planted_at: For each scenario, the places of its codes among the procedures.
        cancer_at: The places of cancers among the diagnoses.
    """

    organisations: Organisations
    codes: Mapping[str, Sequence[Codes]]
    planted_at: Sequence[range]
    cancer_at: range


def population(seed: int) -> Population:
    """Return what all rows of a seed share."""
    procedures: list[Codes] = background_codes(np.random.default_rng([seed, 10**9 + 1]), 3000)
    planted_at = []
    for _, _, _, forms in _PLANTED:
        planted_at.append(range(len(procedures), len(procedures) + len(forms)))
        procedures += forms
    diagnoses = [*_DIAGNOSES, *_CANCERS]
    return Population(
        organisations=organisations(seed),
        codes={"procedures": procedures, "diagnoses": diagnoses},
        planted_at=planted_at,
        cancer_at=range(len(_DIAGNOSES), len(diagnoses)),
    )


def activities(rng: "Generator", start: int, rows: int, population: Population) -> pl.DataFrame:
    """Return rows, and their truth.

    Args:
        rng: The random numbers.
        start: The number of the first row.
        rows: How many rows.
        population: What all rows of the seed share.

    Returns:
        Columns by canonical field; for procedures and diagnoses, the number of the row's codes in `population.codes`
        (null for no codes). And the truth: rule, in_scope, why.
    """
    provider = rng.choice(PROVIDERS, rows, p=population.organisations.size)
    procedures, planted = _plant(rng, provider, population)
    has_diagnosis = rng.random(rows) < np.where(planted >= 0, 0.35, 0.08)
    has_cancer = has_diagnosis & (rng.random(rows) < 0.06)
    diagnosis = np.where(
        has_cancer,
        rng.integers(population.cancer_at.start, population.cancer_at.stop, rows),
        rng.integers(0, len(_DIAGNOSES), rows),
    )
    age = np.where(rng.random(rows) < 0.12, rng.integers(0, 19, rows), adult_ages(rng, rows))
    age_known = rng.random(rows) > 0.004
    is_private = rng.random(rows) < population.organisations.private[provider]
    has_codes_in_scope = np.isin(planted, _in_scope_scenarios())
    return pl.DataFrame(
        {
            **common_columns(rng, start, provider, is_private),
            "age": pl.Series(age).set(pl.Series(~age_known), None),
            "procedures": pl.Series(procedures).set(pl.Series(procedures < 0), None),
            "diagnoses": pl.Series(diagnosis).set(pl.Series(~has_diagnosis), None),
            "rule": pl.Series([_RULE, None]).gather(np.where(planted >= 0, 0, 1)),
            "in_scope": has_codes_in_scope & age_known & (age >= 19) & ~has_cancer & ~is_private,
            "why": _reasons(planted, age, age_known, has_cancer, is_private),
        }
    )


def _plant(rng: "Generator", provider: Array, population: Population) -> tuple[Array, Array]:
    """Return the number of each row's procedures and of its scenario, -1 for none."""
    rows = len(provider)
    background = population.planted_at[0].start
    procedures = np.where(rng.random(rows) < 0.28, rng.integers(0, background, rows), -1)
    shares = np.array([share for _, share, _, _ in _PLANTED])
    chance = rng.random(rows) / population.organisations.habit[provider]
    planted = np.searchsorted(np.cumsum(shares), chance, side="right")
    planted = np.where(planted < len(shares), planted, -1)
    for scenario, places in enumerate(population.planted_at):
        is_planted = planted == scenario
        procedures[is_planted] = rng.integers(places.start, places.stop, int(is_planted.sum()))
    return procedures, planted


def _in_scope_scenarios() -> list[int]:
    return [place for place, (_, _, in_scope, _) in enumerate(_PLANTED) if in_scope]


def _reasons(planted: Array, age: Array, age_known: Array, has_cancer: Array, is_private: Array) -> pl.Series:
    """Return for each row what was planted, or which exclusion was planted with it."""
    names = [name for name, _, _, _ in _PLANTED]
    reasons = np.select(
        [planted < 0, ~np.isin(planted, _in_scope_scenarios()), ~age_known, age < 19, has_cancer, is_private],
        np.array([0, 1, 2, 3, 4, 5]),
        default=6,
    )
    labels = ["nothing planted", "near miss", "age not recorded", "child", "cancer", "private patient"]
    # A row in scope and a near miss have the name of the scenario, which comes after the six labels.
    index = np.where((reasons == 6) | (reasons == 1), planted + 6, reasons)
    return pl.Series([*labels, *names]).gather(index)
