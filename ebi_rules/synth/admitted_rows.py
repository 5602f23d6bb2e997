"""Made-up admitted episodes or spells, with the examples of every admitted-care rule planted among them.

An example in a rule file is labelled by hand and says all that its rule asks about; a row that holds one is in scope of
that rule, or not, by its label. What other rules make of the row is not known, nor what any makes of the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ebi_rules.criteria.fields import FIELDS
from ebi_rules.rule_model.catalogue import rules
from ebi_rules.rule_model.rule import Example
from ebi_rules.synth.random_values import (
    PROVIDERS,
    Array,
    Organisations,
    adult_ages,
    background_codes,
    common_columns,
    draw,
    organisations,
)

if TYPE_CHECKING:
    from numpy.random import Generator

Codes = tuple[str, ...]

_SHARE_PLANTED = 0.25
_SHARE_CODED = 0.9
_METHODS: Mapping[str | None, float] = {
    "11": 0.22,
    "12": 0.17,
    "13": 0.14,
    "21": 0.25,
    "22": 0.05,
    "28": 0.06,
    "2A": 0.03,
    "31": 0.05,
    "82": 0.02,
    None: 0.01,
}
_CLASSES: Mapping[str | None, float] = {"1": 0.58, "2": 0.36, "3": 0.04, "4": 0.01, "5": 0.01}
_DIAGNOSES: Sequence[Codes] = (
    ("I10X",),
    ("E119", "I10X"),
    ("J449",),
    ("N390",),
    ("R074",),
    ("M170",),
    ("K409",),
    ("H269",),
    ("Z380",),
    ("O800",),
    ("A099", "E875"),
    ("S720", "W190"),
)


@dataclass(frozen=True)
class Population:
    """What all rows of one seed share: organisations, codes, and the examples planted with the rules they are of.

    The codes of the example number n are the n-th of each field, before the background's.
    """

    organisations: Organisations
    codes: Mapping[str, Sequence[Codes]]
    planted: Sequence[tuple[str, Example]]


def population(seed: int) -> Population:
    """Draw what all rows of a seed share."""
    planted = [
        (rule.key, example)
        for rule in rules()
        if rule.dataset == "admitted"
        for example in rule.examples
        if example.variant is None and example.edition is None
    ]
    background = background_codes(np.random.default_rng([seed, 10**9 + 1]), 6000)
    return Population(
        organisations=organisations(seed),
        codes={
            "procedures": [*(_codes(example, "procedures") for _, example in planted), *background],
            "diagnoses": [*(_codes(example, "diagnoses") for _, example in planted), *_DIAGNOSES],
        },
        planted=planted,
    )


def activities(rng: "Generator", start: int, rows: int, population: Population) -> pl.DataFrame:
    """Make rows with canonical columns, the numbers of their code tuples (null: none), and the truth."""
    provider = rng.choice(PROVIDERS, rows, p=population.organisations.size)
    examples = len(population.planted)
    planted = np.where(
        rng.random(rows) < _SHARE_PLANTED * population.organisations.habit[provider],
        rng.integers(0, examples, rows),
        -1,
    )
    is_private = rng.random(rows) < population.organisations.private[provider]
    numbers = {name: _numbers(rng, planted, codes, examples) for name, codes in population.codes.items()}
    age = np.where(rng.random(rows) < 0.2, rng.integers(0, 19, rows), adult_ages(rng, rows))
    columns = {
        **common_columns(rng, start, provider, is_private),
        "age": pl.Series(age),
        "admission_method": draw(rng, _METHODS, rows),
        "patient_classification": draw(rng, _CLASSES, rows),
        **numbers,
    }
    of_example = pl.Series(planted).set(pl.Series(planted < 0), None)
    for name in [name for name in columns if name in FIELDS]:
        is_asked, values = _asked_about(population, name)
        replaced = of_example.is_not_null() & pl.Series(is_asked).gather(of_example).fill_null(False)
        if replaced.any():
            given = pl.Series(values, dtype=columns[name].dtype).gather(of_example)
            columns[name] = columns[name].zip_with(~replaced, given)
    first = {
        name: pl.Series([codes[0] if codes else None for codes in population.codes[name]], dtype=pl.String)
        for name in population.codes
    }
    return pl.DataFrame(
        {
            **columns,
            "dominant_procedure": first["procedures"].gather(numbers["procedures"]),
            "spell_primary_diagnosis": first["diagnoses"].gather(numbers["diagnoses"]),
            "rule": _told(planted, [rule for rule, _ in population.planted]),
            "in_scope": _told(planted, [example.flagged for _, example in population.planted]),
            "why": _told(planted, [example.about for _, example in population.planted]),
        }
    )


def _codes(example: Example, name: str) -> Codes:
    return tuple(example.activity.codes[name])


def _numbers(rng: "Generator", planted: Array, codes: Sequence[Codes], examples: int) -> pl.Series:
    """Give the number of each row's codes: the planted example's own, or the background's; null for no code."""
    rows = len(planted)
    others = np.where(rng.random(rows) < _SHARE_CODED, rng.integers(examples, len(codes), rows), -1)
    number = pl.Series(np.where(planted >= 0, planted, others))
    empty = pl.Series([place for place, each in enumerate(codes) if not each] + [-1], dtype=number.dtype)
    return number.set(number.is_in(empty.implode()), None)


def _asked_about(population: Population, name: str) -> tuple[list[bool], list[Any]]:
    """Say for each planted example whether its rule asks about a field, and the value that the example has."""
    needed = {rule.key: name in rule.logic.fields_needed for rule in rules()}
    return (
        [needed[rule] for rule, _ in population.planted],
        [example.activity.fields.get(name) for _, example in population.planted],
    )


def _told(planted: Array, values: Sequence[Any]) -> pl.Series:
    """Give the planted example's value, null where none was planted."""
    number = pl.Series(planted)
    return pl.Series(values).gather(number.set(number < 0, None))
