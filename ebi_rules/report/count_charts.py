"""Bar charts of counts in an audit: activity left after each criterion, and activity in scope under each variant.

Counts are as they may be shown. A suppressed count has no bar, and `*` instead of a number.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from ebi_rules.report.axes import Axis, Names, from_zero
from ebi_rules.report.chart_style import BLUE, COMMON_EDGE, FRAME, LIGHT, ORANGE, ROW, WIDTH
from ebi_rules.report.drawing import Chart, Drawing, shortened, text_width
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.plot import Plot
from ebi_rules.report.report_words import variant_label

_BAR = 16
"""The height of a bar in pixels."""
_BOX, _HIGH, _ARROW = 440, 26, 26
"""The width and height of a box of the counts that led to a number, and the height between two, in pixels."""


def attrition(table: pl.DataFrame, phrases: Mapping[str, str], name: str) -> Chart:
    """Draw how the number in scope came about: a box for what is left after each criterion, and beside it what is not.

    Args:
        table: Has the columns criterion (text, null for all activity), left and removed (counts), one row per step.
        phrases: Criteria in words, by name.
        name: What the chart shows.
    """
    drawing, down = Drawing(), 2.0
    rows = table.select("criterion", "left", "removed").rows()
    for place, (criterion, left, removed) in enumerate(rows):
        words = phrases.get(criterion, criterion) if criterion else "all activity"
        if place:
            middle = down + _ARROW / 2
            drawing.line((_BOX / 2, down), (_BOX / 2, down + _ARROW), stroke=COMMON_EDGE, stroke_width=1.5)
            drawing.symbol((_BOX / 2, down + _ARROW - 4), "down", 5, fill=COMMON_EDGE)
            drawing.words((_BOX / 2 + 14, middle), f"{count_text(removed)} do not meet: {words}", fill=COMMON_EDGE)
            down += _ARROW
        is_last = place == len(rows) - 1
        drawing.box((1, down), _BOX, _HIGH, rx=4, fill=LIGHT, stroke=BLUE if is_last else FRAME, stroke_width=1.5)
        said = "in scope" if is_last else f"left, {words}" if place else words
        drawing.words((12, down + _HIGH / 2), shortened(said, _BOX - 110))
        drawing.words((_BOX - 12, down + _HIGH / 2), count_text(left), text_anchor="end", font_weight="bold")
        down += _HIGH
    return Chart(drawing.body, WIDTH + 60, down + 2, name)


def sensitivity(table: pl.DataFrame, name: str) -> Chart:
    """Draw what each variant flags; the variant that was counted has a colour of its own.

    Args:
        table: Has the columns variant, about (text), flagged, difference and differs (counts), one row per variant.
        name: What the chart shows.
    """
    available = table.filter(~pl.col("about").str.starts_with("not available"))
    counted = available.select((pl.col("differs") == 0) & (pl.col("difference") == 0)).to_series()
    counts = available["flagged"].to_list()
    colours = [BLUE if is_counted else ORANGE for is_counted in counted]
    x = from_zero("in scope", counts, 6)
    return _bars(x, [variant_label(name) for name in available["variant"]], counts, colours, name)


def _bars(x: Axis, names: Sequence[str], counts: Sequence[int | None], colours: Sequence[str], name: str) -> Chart:
    """Draw one bar per name, from the left edge to its count."""
    numbers = [count_text(count) for count in counts]
    room = max((text_width(number) for number in numbers), default=0) + 8
    plot = Plot(x, Names(names), (ROW + 6) * len(names), right=room)
    for place, (count, colour) in enumerate(zip(counts, colours, strict=True)):
        if count:
            corner = (plot.left, plot.y(place) - _BAR / 2)
            plot.drawing.box(corner, max(plot.x(count) - plot.left, 1), _BAR, fill=colour)
    for place, (count, number) in enumerate(zip(counts, numbers, strict=True)):
        end = plot.x(count) if count else plot.left
        plot.drawing.words((end + 4, plot.y(place)), number)
    return plot.chart(name)
