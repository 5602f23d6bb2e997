"""What part of an extract is counted: some months, some providers. It is asked of the scan, before anything else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ebi_rules._support.errors import ExtractError, UsageError
from ebi_rules.criteria.nodes import Criterion, CriterionError, In
from ebi_rules.layouts.binding import Binding

_MONTH = re.compile(r"([0-9]{4})-?(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Scope:
    """Months from the first to the last, as numbers such as 202404, and codes of providers; None for all of them."""

    months: tuple[int, int] | None = None
    providers: tuple[str, ...] | None = None

    @classmethod
    def of(cls, months: str | None, providers: Iterable[str]) -> "Scope":
        """Read what a user says: 2024-04, 2024-04..2025-03, and codes of providers. Raises `UsageError`."""
        codes = tuple(dict.fromkeys(code.replace(" ", "").upper() for code in providers))
        scope = cls(_read_months(months) if months else None, codes or None)
        try:
            scope.provider_criterion()
        except CriterionError as error:
            raise UsageError(f"--provider: {error}") from None
        return scope

    def check(self, binding: Binding) -> None:
        """Raise `ExtractError` where an extract has no column for what is asked."""
        for name, asked in (("activity_date", self.months), ("provider", self.providers)):
            if asked and not binding.fields.get(name):
                raise ExtractError(f"this extract has no column for {name}. {binding.why_lacking(name)}")

    def provider_criterion(self) -> Criterion | None:
        """Give the criterion that the provider is one of those asked for, None when all are."""
        return In("provider", self.providers) if self.providers else None

    def as_record(self) -> dict[str, object]:
        """Give what is asked for run.json."""
        return {"months": self.months, "providers": self.providers}


EVERYTHING = Scope()


def _read_months(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    found = [_MONTH.fullmatch(part.strip()) for part in (first, last if dots else first)]
    if not all(found):
        raise UsageError(f"--months {text}: write 2024-04, or 2024-04..2025-03.")
    numbers = [int(match[1] + match[2]) for match in found if match]
    if numbers[0] > numbers[1]:
        raise UsageError(f"--months {text}: the first month is after the last.")
    return numbers[0], numbers[1]
