"""Choose which part of an extract to count: some months, some providers.

Engines filter by it while they read the extract, before they do anything else. This module filters nothing itself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ebi_rules._support.errors import ExtractError, UsageError
from ebi_rules.criteria.nodes import Criterion, CriterionError, In
from ebi_rules.layouts.binding import Binding

_MONTH = re.compile(r"([0-9]{4})-?(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Scope:
    """The months and providers to count.

    Attributes:
        months: The first and last month, as numbers such as 202404; None for all.
        providers: The provider codes in normal form; None for all.
        since: The first month to count, with all activity that has no plausible date before it; None for all.
    """

    months: tuple[int, int] | None = None
    providers: tuple[str, ...] | None = None
    since: int | None = None

    @classmethod
    def of(cls, months: str | None, providers: Iterable[str]) -> "Scope":
        """Return the scope that a user asks for.

        Args:
            months: One month (2024-04) or a range (2024-04..2025-03); None for all.
            providers: Provider codes in any case; none for all.

        Raises:
            UsageError: The months or the codes are malformed.

        Example:
            >>> Scope.of("2024-04..2025-03", ["rj1"])
            Scope(months=(202404, 202503), providers=('RJ1',), since=None)
        """
        codes = tuple(dict.fromkeys(code.replace(" ", "").upper() for code in providers))
        scope = cls(_read_months(months) if months else None, codes or None)
        try:
            scope.provider_criterion()
        except CriterionError as error:
            raise UsageError(f"--provider: {error}") from None
        return scope

    def check(self, binding: Binding) -> None:
        """Raise `ExtractError` if the extract lacks a column that this scope requires."""
        for name, restriction in (("activity_date", self.months or self.since), ("provider", self.providers)):
            if restriction and not binding.fields.get(name):
                raise ExtractError(f"this extract has no column for {name}. {binding.why_lacking(name)}")

    def provider_criterion(self) -> Criterion | None:
        """Return the criterion that the provider is one of these, None when all are counted."""
        return In("provider", self.providers) if self.providers else None

    def as_record(self) -> dict[str, object]:
        """Return the scope as it is recorded in run.json."""
        return {"months": self.months, "providers": self.providers}


EVERYTHING = Scope()


def read_month(text: str, flag: str) -> int:
    """Return a month as a number.

    Args:
        text: The month, 2024-04 or 202404.
        flag: The option that it comes from, for the error.

    Raises:
        UsageError: It is no month.

    Example:
        >>> read_month("2024-04", "--recount-from")
        202404
    """
    match = _MONTH.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{flag} {text}: write a month such as 2024-04.")
    return int(match[1] + match[2])


def _read_months(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    matches = [_MONTH.fullmatch(part.strip()) for part in (first, last if dots else first)]
    if not all(matches):
        raise UsageError(f"--months {text}: write 2024-04 or 2024-04..2025-03.")
    numbers = [int(match[1] + match[2]) for match in matches if match]
    if numbers[0] > numbers[1]:
        raise UsageError(f"--months {text}: the first month is after the last.")
    return numbers[0], numbers[1]
