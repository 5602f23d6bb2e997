"""A finding, and the reading of a rule that a check looks at."""

from collections.abc import Iterator
from dataclasses import dataclass

from ebi_rules.rule_model.rule import DEFAULT, Rule

ERROR, WARNING, NOTE = "error", "warning", "note"
"""An error is certainly wrong, a warning most likely is; a note is something to know."""

Place = tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """What a check found: `check` is its name, `place` the path of keys to the entry, `text` what and the repair."""

    severity: str
    check: str
    place: Place
    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.severity}: {'.'.join(self.place) or 'the file'}: {self.text} [{self.check}]"


@dataclass(frozen=True)
class Told:
    """A finding before its line is looked up."""

    severity: str
    check: str
    place: Place
    text: str


@dataclass(frozen=True)
class Reading:
    """One reading of a rule, with its place in the file; `base` is the edition's own, which a variant changes."""

    rule: Rule
    base: Rule
    place: Place

    @property
    def is_variant(self) -> bool:
        return self.rule is not self.base

    @property
    def is_as_written(self) -> bool:
        """Whether the reading keeps what a source wrote, right or wrong."""
        return self.rule.variant_name.startswith("as_")


def readings(rule: Rule) -> Iterator[Reading]:
    """Give every reading of a rule: the rule itself, its variants, its editions and their variants."""
    for place, edition in [((), rule), *((("editions", name), other) for name, other in rule.editions.items())]:
        for name, reading in edition.readings().items():
            yield Reading(reading, edition, place if name == DEFAULT else (*place, "variants", name))
