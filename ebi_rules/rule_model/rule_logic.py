"""The logic of a rule: what evaluators, engines and SQL statements need, and nothing of its documentation."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ebi_rules.criteria.nodes import (
    Criterion,
    NamedCodes,
    NamedImagingCodes,
    code_atoms,
    fields_needed,
    imaging_lists,
    lists_named,
)

DEFAULT = "default"
"""The name of a rule as designed, beside its variants."""


@dataclass(frozen=True, eq=False)
class RuleLogic:
    """One interpretation of one rule: named criteria over an activity, all of which must hold.

    Attributes:
        key: The rule's key, which is also the name of its flag.
        dataset: A key of `DATASETS`.
        edition_name: The date of the coding, for example "2023-12".
        variant_name: The name of the interpretation, `DEFAULT` for the rule as designed.
        criteria: Criteria by name, in the order of the attrition table.
        eligible: The names of the criteria that make the denominator.
        compare_within: The activity within which providers are compared, a criterion about fields; None for all that
            is eligible.
    """

    key: str
    dataset: str
    edition_name: str
    variant_name: str
    criteria: Mapping[str, Criterion]
    eligible: tuple[str, ...]
    compare_within: Criterion | None = None

    @cached_property
    def fields_needed(self) -> tuple[str, ...]:
        """The canonical fields that the criteria ask about, each once."""
        return tuple(dict.fromkeys(name for criterion in self.criteria.values() for name in fields_needed(criterion)))

    @cached_property
    def lists(self) -> Mapping[str, NamedCodes]:
        """The code lists that the criteria name, by name."""
        return {codes.name: codes for codes in self.code_lists()}

    def code_lists(self, code_field: str | None = None) -> tuple[NamedCodes, ...]:
        """Return the code lists that the criteria name, each once: those of one field of codes, or all."""
        atoms = (atom for criterion in self.criteria.values() for atom in code_atoms(criterion))
        chosen = (atom for atom in atoms if code_field in (None, atom.code_field))
        return tuple(dict.fromkeys(codes for atom in chosen for codes in lists_named(atom)))

    def imaging_lists(self) -> tuple[NamedImagingCodes, ...]:
        """Return the lists of imaging codes that the criteria name, NICIP and SNOMED CT apart, each once."""
        named = (codes for criterion in self.criteria.values() for codes in imaging_lists(criterion))
        return tuple(dict.fromkeys(named))

    def names_of_lists(self) -> set[str]:
        """Return the names of all lists that the criteria name."""
        return {*(named.name for named in self.code_lists()), *(named.name for named in self.imaging_lists())}

    @cached_property
    def content_hash(self) -> str:
        """A hash of the meaning: it changes when a criterion, a code, a denominator or what is compared changes."""
        compared = () if self.compare_within is None else (self.compare_within,)
        meaning = (self.key, self.edition_name, self.variant_name, self.eligible, dict(self.criteria), *compared)
        return hashlib.sha256(repr(meaning).encode()).hexdigest()


def criteria_of(rules: Iterable[RuleLogic]) -> list[Criterion]:
    """Return the criteria of several rules, each once."""
    return list(dict.fromkeys(criterion for rule in rules for criterion in rule.criteria.values()))
