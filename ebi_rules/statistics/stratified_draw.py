"""Draw a stratified sample: which strata there are, and how many cases of each."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

FEWEST_IN_STRATUM = 2
"""Cases of each stratum, so that its variance can be estimated."""
OTHERS = "other providers"
"""The part of a stratum's name for providers that are too small for one of their own."""

Cell = tuple[str, str | None]
"""What made the rule flag an activity, and its provider."""


@dataclass(frozen=True)
class NamedStratum:
    """A stratum.

    Attributes:
        name: Its name.
        provider: The provider, if it has only one.
    """

    name: str
    provider: str | None = None


def strata_of(cells: Mapping[Cell, int], cases: int) -> dict[Cell, NamedStratum]:
    """Return the stratum of each cell.

    The strata are alternatives within providers, with as many providers apart, from the largest on, as the sample can
    give two cases or more each; then the rest are one. Where even that is too many, alternatives are not kept apart.

    Args:
        cells: How many activities each alternative has at each provider.
        cases: How many cases the sample has.

    Example:
        >>> cells = {("the rule", "ZZ1"): 90, ("the rule", "ZZ2"): 20, ("the rule", "ZZ3"): 5}
        >>> [stratum.name for stratum in strata_of(cells, 8).values()]
        ['the rule, ZZ1', 'the rule, other providers', 'the rule, other providers']
    """
    most = max(cases // (2 * FEWEST_IN_STRATUM), 1)
    for named in _divisions(cells):
        sizes = Counter[str]()
        for cell, size in cells.items():
            sizes[named[cell].name] += size
        if len(sizes) <= most and min(sizes.values()) >= FEWEST_IN_STRATUM:
            return named
    return dict.fromkeys(cells, NamedStratum("all"))


def _divisions(cells: Mapping[Cell, int]) -> Iterator[dict[Cell, NamedStratum]]:
    """Yield divisions, the finest first."""
    by_provider = Counter[str]()
    for (_, provider), size in cells.items():
        if provider is not None:
            by_provider[provider] += size
    largest_first = sorted(by_provider, key=lambda provider: (-by_provider[provider], provider))
    for is_apart in (True, False):
        for kept in range(len(largest_first), -1, -1):
            own = set(largest_first[:kept])
            yield {
                (alternative, provider): _named(alternative if is_apart else "", provider if provider in own else None)
                for alternative, provider in cells
            }


def _named(alternative: str, provider: str | None) -> NamedStratum:
    return NamedStratum(", ".join(part for part in (alternative, provider or OTHERS) if part), provider)


def allotted(sizes: Sequence[int], cases: int) -> list[int]:
    """Share a number of cases out in proportion to sizes: at least two each, at most what is there.

    Args:
        sizes: How many each stratum has, at least two.
        cases: How many cases, at least two for each stratum and at most the sum of the sizes.

    Example:
        >>> allotted([900, 90, 10], 20)
        [16, 2, 2]
    """
    whole = sum(sizes)
    counts = [max(FEWEST_IN_STRATUM, math.floor(cases * size / whole)) for size in sizes]
    while (left := cases - sum(counts)) != 0:
        step = 1 if left > 0 else -1
        may = [
            place
            for place, size in enumerate(sizes)
            if (counts[place] < size if step > 0 else counts[place] > FEWEST_IN_STRATUM)
        ]
        place = max(may, key=lambda place: step * (cases * sizes[place] / whole - counts[place]))
        counts[place] += step
    return counts
