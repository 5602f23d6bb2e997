"""Made-up admitted episodes or spells, some with an example of an admitted-care rule.

Examples in rule files are labelled by hand and contain all fields that their rule needs. So a row with an example is in
scope of that rule, or not, by the example's label. Whether the row is in scope of other rules is not known, nor is
anything known of rows without an example.
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
"""The codes of a row, in order."""

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
    """What all rows of one seed share.

    Attributes:
        organisations: The providers.
        codes: Lists of codes by field, from which rows draw: first those of the examples, in the same order.
        planted: The examples, each with the key of its rule.
    """

    organisations: Organisations
    codes: Mapping[str, Sequence[Codes]]
    planted: Sequence[tuple[str, Example]]


def population(seed: int) -> Population:
    """Return what all rows of a seed share."""
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
    """Return rows, and their truth.

    Args:
        rng: The random numbers.
        start: The number of the first row.
        rows: How many rows.
        population: What all rows of the seed share.

    Returns:
        Columns by canonical field; for procedures and diagnoses, the number of the row's codes in `population.codes`
        (null for no codes). And the truth: rule, in_scope, why; null in rows without an example.
    """
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
    example_number = pl.Series(planted).set(pl.Series(planted < 0), None)
    for name in [name for name in columns if name in FIELDS]:
        is_needed, values = _example_values(population, name)
        is_replaced = example_number.is_not_null() & pl.Series(is_needed).gather(example_number).fill_null(False)
        if is_replaced.any():
            example_values = pl.Series(values, dtype=columns[name].dtype).gather(example_number)
            columns[name] = columns[name].zip_with(~is_replaced, example_values)
    first_codes = {
        name: pl.Series([codes[0] if codes else None for codes in lists], dtype=pl.String)
        for name, lists in population.codes.items()
    }
    return pl.DataFrame(
        {
            **columns,
            "dominant_procedure": first_codes["procedures"].gather(numbers["procedures"]),
            "spell_primary_diagnosis": first_codes["diagnoses"].gather(numbers["diagnoses"]),
            "rule": _example_labels(planted, [rule for rule, _ in population.planted]),
            "in_scope": _example_labels(planted, [example.flagged for _, example in population.planted]),
            "why": _example_labels(planted, [example.about for _, example in population.planted]),
        }
    )


def _codes(example: Example, name: str) -> Codes:
    return tuple(example.activity.codes[name])


def _numbers(rng: "Generator", planted: Array, codes: Sequence[Codes], examples: int) -> pl.Series:
    """Return the number of each row's codes: the example's, or drawn from the others; null for no codes."""
    rows = len(planted)
    drawn = np.where(rng.random(rows) < _SHARE_CODED, rng.integers(examples, len(codes), rows), -1)
    number = pl.Series(np.where(planted >= 0, planted, drawn))
    empty = pl.Series([place for place, row_codes in enumerate(codes) if not row_codes] + [-1], dtype=number.dtype)
    return number.set(number.is_in(empty.implode()), None)


def _example_values(population: Population, field: str) -> tuple[list[bool], list[Any]]:
    """Return whether the rule of each example needs a field, and the example's value."""
    needs_field = {rule.key: field in rule.logic.fields_needed for rule in rules()}
    is_needed = [needs_field[rule] for rule, _ in population.planted]
    return is_needed, [example.activity.fields.get(field) for _, example in population.planted]


def _example_labels(planted: Array, values: Sequence[Any]) -> pl.Series:
    """Return the value of each row's example; null in rows without an example."""
    number = pl.Series(planted)
    return pl.Series(values).gather(number.set(number < 0, None))
