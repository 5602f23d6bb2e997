"""Pictures as SVG text: small, without links or scripts, readable where a browser has no network.

A chart library was tried and took 0.1 s a chart, most of an audit's time; see docs/design.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

from ebi_rules._support.atomic_output import whole_file

Point = tuple[float, float]
"""A place in pixels from the top left: across, then down."""

FONT_SIZE = 12

_WIDTHS = {
    222: "ijl'|",
    278: " !,./:;I[\\]ft",
    333: "()-`r",
    500: "ckJsvxyz",
    667: "ABEKPSVXY&",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm%",
    944: "W",
}
_WIDTH_OF = {letter: width / 1000 for width, letters in _WIDTHS.items() for letter in letters}
_USUAL_WIDTH = 0.556
"""Widths of letters in Arial, in parts of the size; most letters and all digits have the usual one."""

_WIDER = 1.2
"""Where there is no Arial, letters may be so many times as wide."""

_TITLE_SIZE, _TITLE_LINE, _TITLE_EDGE, _NARROWEST_TITLE = 15, 20, 6, 320
"""Of a finding above a chart, in pixels: letters, lines, the room around it, and the least width of its lines."""

_STRIPE = 4
"""Stripes of a hatched box are this far apart, in pixels."""

_SYMBOLS = {
    "circle": "M{r},0A{r},{r},0,1,1,-{r},0A{r},{r},0,1,1,{r},0Z",
    "square": "M-{r},-{r}H{r}V{r}H-{r}Z",
    "up": "M0,-{t}L{t},{r}H-{t}Z",
    "down": "M0,{t}L{t},-{r}H-{t}Z",
    "bars": "M-{r},-{r}V{r}M0,-{r}V{r}M{r},-{r}V{r}",
    "cross": "M-{r},-{r}L{r},{r}M-{r},{r}L{r},-{r}",
}


@dataclass(frozen=True)
class Chart:
    """A picture with a name.

    Attributes:
        body: The SVG elements.
        width: Its width in pixels.
        height: Its height in pixels.
        name: What it shows, for those who hear it read.
        finding: What it says, in a sentence: its title. Empty for none.
    """

    body: str
    width: float
    height: float
    name: str = ""
    finding: str = ""

    def svg(self) -> Markup:
        """Return the chart as SVG text, without its finding, which a page writes above it.

        Example:
            >>> picture = Chart('<rect width="4" height="4"/>', 10, 5, "A square").svg()
            >>> picture.startswith("<svg"), 'aria-label="A square"' in picture
            (True, True)
        """
        width, height = _number(self.width), _number(self.height)
        return Markup(
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(self.name)}" '
            f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'font-family="Arial, sans-serif" font-size="{FONT_SIZE}">{self.body}</svg>'
        )

    def named(self, name: str) -> "Chart":
        """Return the same chart under another name."""
        return replace(self, name=name)

    def saying(self, finding: str) -> "Chart":
        """Return the same chart with a finding."""
        return replace(self, finding=finding)

    def titled(self) -> "Chart":
        """Return the chart with its finding written above it, for a slide or a file by itself."""
        if not self.finding:
            return self
        drawing = Drawing()
        width = max(self.width, _NARROWEST_TITLE)
        lines = wrapped(self.finding, width - 2 * _TITLE_EDGE, _TITLE_SIZE)
        for place, line in enumerate(lines):
            at = (_TITLE_EDGE, _TITLE_LINE * (place + 0.6))
            drawing.words(at, line, font_size=_TITLE_SIZE, font_weight="bold")
        top = _TITLE_LINE * len(lines) + _TITLE_EDGE
        drawing.chart(self, (0, top))
        return Chart(drawing.body, width, self.height + top, self.name, self.finding)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the chart as an SVG file, with its finding as its title.

        Raises:
            UsageError: The file exists, and it was not asked to be replaced.
        """
        with whole_file(Path(path), force) as target:
            target.write_text(f"{self.titled().svg()}\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        return str(self.titled().svg())

    def __repr__(self) -> str:
        return f"<Chart: {self.name}>"


class Drawing:
    """Collects the elements of a picture, in the order in which they are painted."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    @property
    def body(self) -> str:
        """The elements as SVG text."""
        return "".join(self._parts)

    @contextmanager
    def group(self, **attributes: object) -> Iterator[None]:
        """Paint what follows in one group, whose attributes it shares."""
        self._parts.append(f"<g{_attributes(attributes)}>")
        yield
        self._parts.append("</g>")

    def line(self, start: Point, end: Point, **attributes: object) -> None:
        """Paint a straight line."""
        (x1, y1), (x2, y2) = start, end
        self._element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, **attributes})

    def lines(self, ends: Iterable[tuple[Point, Point]], **attributes: object) -> None:
        """Paint many straight lines in one style as one path."""
        parts = [f"M{_number(x1)},{_number(y1)}L{_number(x2)},{_number(y2)}" for (x1, y1), (x2, y2) in ends]
        if parts:
            self._element("path", {"d": "".join(parts), "fill": "none", **attributes})

    def curve(self, points: Iterable[Point | None], **attributes: object) -> None:
        """Paint a line through points, broken where one is missing; a point by itself is a short dash."""
        parts = []
        for run in map(_without_middles, _runs(points)):
            ends = run if len(run) > 1 else [(run[0][0] - 2, run[0][1]), (run[0][0] + 2, run[0][1])]
            parts.append("M" + "L".join(f"{_number(x)},{_number(y)}" for x, y in ends))
        if parts:
            self._element("path", {"d": "".join(parts), "fill": "none", **attributes})

    def area(self, points: Iterable[Point], **attributes: object) -> None:
        """Paint the area inside points."""
        path = "L".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._element("path", {"d": f"M{path}Z", **attributes})

    def box(self, corner: Point, width: float, height: float, **attributes: object) -> None:
        """Paint a rectangle, from its upper left corner."""
        self._element("rect", {"x": corner[0], "y": corner[1], "width": width, "height": height, **attributes})

    def stripes(self, corner: Point, width: float, height: float, **attributes: object) -> None:
        """Paint a rectangle of upright stripes, which stands for what is not shown."""
        left, top = corner
        across = [left + _STRIPE * (place + 0.5) for place in range(max(int(width / _STRIPE), 1))]
        path = "".join(f"M{_number(x)},{_number(top)}v{_number(height)}" for x in across)
        self._element("path", {"d": path, "fill": "none", **attributes})

    def words(self, at: Point, text: str, **attributes: object) -> None:
        """Write a text; by default it begins at the point, which is at half its height."""
        if text:
            self._element("text", {"x": at[0], "y": at[1], "dy": ".35em", **attributes}, str(escape(text)))

    def symbol(self, at: Point, shape: str, size: float, tooltip: str = "", **attributes: object) -> None:
        """Paint a symbol around a point.

        Args:
            at: Its centre.
            shape: circle, square, up, down (triangles), bars or cross.
            size: Half its width, in pixels.
            tooltip: What is shown to a pointer over it; empty for nothing.
            attributes: Its colours.
        """
        inside = f"<title>{escape(tooltip)}</title>" if tooltip else ""
        if shape == "circle":
            self._element("circle", {"cx": at[0], "cy": at[1], "r": size, **attributes}, inside)
            return
        place = f"translate({_number(at[0])},{_number(at[1])})"
        self._element("path", {"d": symbol_path(shape, size), "transform": place, **attributes}, inside)

    def chart(self, chart: Chart, at: Point) -> None:
        """Paint a chart inside this one."""
        with self.group(transform=f"translate({_number(at[0])},{_number(at[1])})"):
            self._parts.append(chart.body)

    def _element(self, tag: str, attributes: dict[str, object], inside: str = "") -> None:
        end = f">{inside}</{tag}>" if inside else "/>"
        self._parts.append(f"<{tag}{_attributes(attributes)}{end}")


@cache
def symbol_path(shape: str, size: float) -> str:
    """Return the outline of a symbol around the point 0,0."""
    return _SYMBOLS[shape].format(r=_number(size), t=_number(size * 1.25))


def in_rows(charts: Sequence[Chart], columns: int, gap: float = 16) -> Chart:
    """Return charts of one size as one chart, side by side in rows."""
    drawing = Drawing()
    across, down = charts[0].width + gap, charts[0].height + gap
    for place, chart in enumerate(charts):
        drawing.chart(chart, (place % columns * across, place // columns * down))
    rows = -(-len(charts) // columns)
    return Chart(drawing.body, min(len(charts), columns) * across - gap, rows * down - gap)


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return how wide a text may be in pixels.

    Example:
        >>> round(text_width("in scope"))
        54
    """
    return sum(_WIDTH_OF.get(letter, _USUAL_WIDTH) for letter in text) * size * _WIDER


def wrapped(text: str, width: float, size: float = FONT_SIZE) -> list[str]:
    """Return a text as lines that are no wider than a number of pixels; a longer word has a line to itself.

    Example:
        >>> wrapped("Royal Infirmary is highest", 120)
        ['Royal Infirmary is', 'highest']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def shortened(text: str, width: float) -> str:
    """Return a text that is no wider than a number of pixels, cut at its end if need be.

    Example:
        >>> shortened("Royal Infirmary", 72)
        'Royal Infi…'
    """
    if text_width(text) <= width:
        return text
    kept = text
    while kept and text_width(kept + "…") > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def _runs(points: Iterable[Point | None]) -> Iterator[list[Point]]:
    run: list[Point] = []
    for point in points:
        if point is not None:
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _without_middles(run: list[Point]) -> list[Point]:
    """Leave out points between two others on one level: the line is the same."""
    kept = [
        point
        for place, point in enumerate(run)
        if not 0 < place < len(run) - 1 or not run[place - 1][1] == point[1] == run[place + 1][1]
    ]
    return kept if len(kept) > 1 else run


def _attributes(attributes: dict[str, object]) -> str:
    texts = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value is not None)
    return "".join(f' {name}="{_number(value) if isinstance(value, float) else value}"' for name, value in texts)


def _number(value: float) -> str:
    """Return a number of pixels with one decimal, and without one where it is whole."""
    return f"{value:.1f}".removesuffix(".0")
