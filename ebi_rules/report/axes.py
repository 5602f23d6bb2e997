"""Axes of charts: where a value stands between two ends, and which values are named.

An axis knows no pixels: a place on it is a share, from 0 at its start to 1 at its end.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

Label = tuple[float, str]
"""A place on an axis, as a share, and the text beside it."""

_STEPS = (1, 2, 5, 10)
_FEW, _SOME = 3, 6
"""A logarithmic axis with few powers of ten names 2 and 5 as well, and with few of these some values in equal steps."""
_ROOM = 1.2
"""An axis may name this many times as many values as were asked for, where a larger step would name far fewer."""


class Axis(ABC):
    """One side of a chart.

    Attributes:
        title: What the axis shows, with its unit; empty for none.
        labels: The values that are named.
        runs_down: Whether a vertical axis starts at the top.
    """

    title: str
    labels: Sequence[Label]
    runs_down = False

    @abstractmethod
    def share(self, value: float) -> float:
        """Return the place of a value; what lies beyond an end stands at the end."""


class Linear(Axis):
    """Equal steps between two ends."""

    def __init__(
        self, title: str, lowest: float, highest: float, most_labels: int = 8, step: float | None = None
    ) -> None:
        """Name round numbers from one end to the other.

        Args:
            title: What the axis shows.
            lowest: The value at its start.
            highest: The value at its end.
            most_labels: About how many values are named.
            step: The difference between these; by default it follows from their number.
        """
        self.title = title
        self._lowest, self._span = lowest, (highest - lowest) or 1
        step = step or round_step(self._span, most_labels)
        first, last = math.ceil(lowest / step - 1e-9), math.floor(highest / step + 1e-9)
        self.labels = [(self.share(at * step), number_text(at * step, step)) for at in range(first, last + 1)]

    def share(self, value: float) -> float:
        return min(max((value - self._lowest) / self._span, 0), 1)


class Logarithmic(Axis):
    """Equal steps for equal ratios between two positive ends."""

    def __init__(self, title: str, lowest: float, highest: float) -> None:
        self.title = title
        self._lowest, self._span = math.log10(lowest), (math.log10(highest) - math.log10(lowest)) or 1
        powers = range(math.floor(self._lowest), math.ceil(math.log10(highest)) + 1)
        for factors in ((1,), (1, 2, 5)):
            values = [factor * 10.0**power for power in powers for factor in factors]
            named = [value for value in values if lowest <= value <= highest]
            if len(named) >= _FEW:
                self.labels = [(self.share(value), number_text(value, value)) for value in named]
                return
        step = round_step(highest - lowest, _SOME)
        values = [at * step for at in range(math.ceil(lowest / step), math.floor(highest / step) + 1)]
        self.labels = [(self.share(value), number_text(value, step)) for value in values]

    def share(self, value: float) -> float:
        return min(max((math.log10(value) - self._lowest) / self._span, 0), 1) if value > 0 else 0


class Names(Axis):
    """A row or column for each of some names; the value of a name is its place, from 0."""

    runs_down = True

    def __init__(self, names: Iterable[str], title: str = "") -> None:
        self.title = title
        self.names = list(names)
        self.labels = [(self.share(place), name) for place, name in enumerate(self.names)]

    def share(self, value: float) -> float:
        return (value + 0.5) / max(len(self.names), 1)


def from_zero(title: str, values: Iterable[float | None], most_labels: int = 8) -> Linear:
    """Return an axis from 0 to a round number at or above all values.

    Args:
        title: What the axis shows.
        values: The values; None is left out.
        most_labels: About how many values are named.
    """
    largest = max((value for value in values if value is not None), default=0) or 1
    step = round_step(largest, most_labels)
    return Linear(title, 0, math.ceil(largest / step - 1e-9) * step, step=step)


def round_step(span: float, most: int) -> float:
    """Return the least of 1, 2 and 5, times a power of ten, of which about `most` fit in a span.

    Example:
        >>> round_step(37, 8), round_step(0.9, 6)
        (5, 0.2)
    """
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(factor * power for factor in _STEPS if factor * power * most * _ROOM >= span)
    return int(step) if step >= 1 else step


def number_text(value: float, step: float) -> str:
    """Return a number as an axis names it, with the decimals that its step needs.

    Example:
        >>> number_text(12000, 2000), number_text(0.4, 0.2)
        ('12,000', '0.4')
    """
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{decimals}f}"
