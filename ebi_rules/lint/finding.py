"""A finding, and the interpretation of a rule that a check looks at."""

from collections.abc import Iterator
from dataclasses import dataclass

from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_logic import DEFAULT

ERROR, WARNING, NOTE = "error", "warning", "note"
"""An error is certainly wrong, a warning probably is, and a note is something to know."""

Place = tuple[str, ...]
"""The path of keys to an entry of a rule file: codes, opcs, lumbar_spine."""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        severity: `ERROR`, `WARNING` or `NOTE`.
        check: The name of the check.
        place: The path of keys to the entry.
        line: The line of the entry.
        text: What is wrong, and what to do.
    """

    severity: str
    check: str
    place: Place
    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.severity}: {'.'.join(self.place) or 'the file'}: {self.text} [{self.check}]"


@dataclass(frozen=True)
class UnplacedFinding:
    """A finding whose line is not known yet; the attributes are those of `Finding`."""

    severity: str
    check: str
    place: Place
    text: str


@dataclass(frozen=True)
class Interpretation:
    """One interpretation of a rule, with its place in the file.

    Attributes:
        rule: The interpretation.
        base: The edition as designed, which a variant changes.
        place: The path of keys to its table.
    """

    rule: Rule
    base: Rule
    place: Place

    @property
    def is_variant(self) -> bool:
        """Whether it is a variant."""
        return self.rule is not self.base

    @property
    def is_as_written(self) -> bool:
        """Whether it keeps what a source wrote, even if wrong: as_published, as_ported."""
        return self.rule.variant_name.startswith("as_")


def interpretations(rule: Rule) -> Iterator[Interpretation]:
    """Return every interpretation of a rule: the rule itself, its variants, its editions and their variants."""
    for place, edition in [((), rule), *((("editions", name), other) for name, other in rule.editions.items())]:
        for name, variant in edition.interpretations.items():
            yield Interpretation(variant, edition, place if name == DEFAULT else (*place, "variants", name))
