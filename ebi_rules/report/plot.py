"""A chart's frame: two axes around a rectangle, in which marks are painted at values."""

from collections.abc import Sequence
from itertools import pairwise

from ebi_rules.report.axes import Axis, Label
from ebi_rules.report.chart_style import BLACK, FRAME, WIDTH
from ebi_rules.report.drawing import FONT_SIZE, Chart, Drawing, Point, shortened, text_width

_TICK, _SPACE, _LINE = 5, 4, 18
"""In pixels: a tick, the space around texts, and the height of a line of text."""
_MOST_LABEL = 320
"""A label wider than this is cut, in pixels."""
_CLOSEST = 1.15
"""Upright labels stand at least this far apart, in heights of a letter; others are left out."""

Key = tuple[str, str, str]
"""What a legend says of a mark: its words, its shape and its colour."""


class Plot:
    """A chart to be painted.

    Attributes:
        drawing: What paints the marks; the axes are painted already.
        left: The left edge of the rectangle, in pixels; likewise right, top and bottom.
    """

    def __init__(
        self,
        x: Axis,
        y: Axis,
        height: float,
        width: float = WIDTH,
        upright: bool = False,
        right: float = 0,
        legend: Sequence[Key] = (),
        heading: str = "",
    ) -> None:
        """Paint the axes.

        Args:
            x: The axis across.
            y: The axis up, or down.
            height: The height of the rectangle in pixels.
            width: The width of the rectangle in pixels.
            upright: Whether the labels of the axis across are turned by a right angle.
            right: Room to the right of the rectangle, in pixels.
            legend: What the marks mean, written above the rectangle.
            heading: What a small chart among others shows, written above all.
        """
        self.drawing = Drawing()
        self._x, self._y = x, y
        names = [(share, shortened(text, _MOST_LABEL)) for share, text in y.labels]
        widest = max((text_width(text) for _, text in names), default=0)
        self.left = round(widest + _TICK + 2 * _SPACE + (_LINE if y.title else 0), 1)
        self.top = self._legend(legend, self.left + width) + _SPACE * 2 + (_LINE if heading else 0)
        self.right, self.bottom = self.left + width, self.top + height
        self.drawing.words(((self.left + self.right) / 2, _LINE / 2), heading, text_anchor="middle")
        ends = max((text_width(text) / 2 for share, text in x.labels if share > 0.9), default=0)
        self._room = max(right, FONT_SIZE if upright else ends, _SPACE)
        self._height = self.bottom + _SPACE
        self.drawing.box((self.left, self.top), width, height, fill="none", stroke=FRAME)
        self._label_across(upright)
        self._label_down(names)

    def x(self, value: float) -> float:
        """Return how far to the right a value stands, in pixels."""
        return self.left + self._x.share(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return how far down a value stands, in pixels."""
        share = self._y.share(value)
        return self.top + (share if self._y.runs_down else 1 - share) * (self.bottom - self.top)

    def at(self, x: float, y: float) -> Point:
        """Return the place of two values."""
        return self.x(x), self.y(y)

    def chart(self, name: str) -> Chart:
        """Return what was painted."""
        return Chart(self.drawing.body, self.right + self._room, self._height, name)

    def _legend(self, keys: Sequence[Key], width: float) -> float:
        """Write what the marks mean, and return the height that this takes."""
        left, line = float(_SPACE), 0
        for words, shape, colour in keys:
            wide = text_width(words) + 2 * _LINE
            if left + wide > width and left > _SPACE:
                left, line = float(_SPACE), line + 1
            middle = _LINE * (line + 0.5)
            self.drawing.symbol((left + 6, middle), shape, 5, fill=colour, stroke=colour)
            self.drawing.words((left + 16, middle), words)
            left += wide
        return _LINE * (line + 1) if keys else 0

    def _label_across(self, upright: bool) -> None:
        space = _CLOSEST * FONT_SIZE / (self.right - self.left)
        labels = _apart(self._x.labels, space) if upright else _not_touching(self._x.labels, self.right - self.left)
        self._height = self.bottom + _TICK + _SPACE
        if upright:
            self._height += max((text_width(text) for _, text in labels), default=0)
        elif labels:
            self._height += _LINE - _SPACE
        with self.drawing.group(stroke=FRAME):
            for share, _ in labels:
                across = self.left + share * (self.right - self.left)
                self.drawing.line((across, self.bottom), (across, self.bottom + _TICK))
        with self.drawing.group(text_anchor="end" if upright else "middle"):
            for share, text in labels:
                across = self.left + share * (self.right - self.left)
                below = self.bottom + _TICK + (_SPACE if upright else _LINE / 2)
                turned = f"rotate(-90 {across:.1f} {below:.1f})" if upright else None
                self.drawing.words((across, below), text, transform=turned)
        if self._x.title:
            middle = ((self.left + self.right) / 2, self._height + _LINE / 2)
            self.drawing.words(middle, self._x.title, text_anchor="middle")
            self._height += _LINE

    def _label_down(self, labels: Sequence[Label]) -> None:
        height = self.bottom - self.top
        places = [self.top + (share if self._y.runs_down else 1 - share) * height for share, _ in labels]
        with self.drawing.group(stroke=FRAME):
            for place in places:
                self.drawing.line((self.left - _TICK, place), (self.left, place))
        with self.drawing.group(text_anchor="end"):
            for place, (_, text) in zip(places, labels, strict=True):
                self.drawing.words((self.left - _TICK - _SPACE, place), text)
        if self._y.title:
            middle = (_LINE / 2, (self.top + self.bottom) / 2)
            turned = f"rotate(-90 {middle[0]:.1f} {middle[1]:.1f})"
            self.drawing.words(middle, self._y.title, text_anchor="middle", transform=turned, fill=BLACK)


def _apart(labels: Sequence[Label], space: float) -> list[Label]:
    """Return every label, or every second, third and so on, so that neighbours have some space between them."""
    between = min((after[0] - before[0] for before, after in pairwise(labels)), default=1)
    every = max(1, -int(-space // between))
    return list(labels[::every])


def _not_touching(labels: Sequence[Label], width: float) -> list[Label]:
    """Return the labels, from the left, that do not touch the one before; empty ones are none."""
    kept: list[Label] = []
    free = -width
    for share, text in labels:
        half = text_width(text) / 2
        if text and share * width - half >= free:
            kept.append((share, text))
            free = share * width + half + _SPACE
    return kept
