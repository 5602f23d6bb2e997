"""Bar charts of counts in an audit: activity left after each criterion, and activity in scope under each variant.

Counts are as they may be shown. A suppressed count has no bar, and `*` instead of a number.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from ebi_rules.report.axes import Axis, Logarithmic, Names, from_zero
from ebi_rules.report.chart_style import BLUE, ORANGE, ROW
from ebi_rules.report.drawing import Chart, text_width
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.plot import Plot

_BAR = 16
"""The height of a bar in pixels."""


def attrition(table: pl.DataFrame, phrases: Mapping[str, str], name: str) -> Chart:
    """Draw how much activity is left after each criterion, with the number at the end of each bar.

    The first criterion often leaves one row in hundreds, so the scale is logarithmic and starts at 1.

    Args:
        table: Has the columns criterion (text, null for all activity) and left (count), one row per step.
        phrases: Criteria in words, by name.
        name: What the chart shows.
    """
    names = [phrases.get(name, name) if name else "all activity" for name in table["criterion"]]
    counts = table["left"].to_list()
    most = max((count for count in counts if count), default=1)
    x = Logarithmic("activity left (logarithmic scale)", 1, max(most, 10))
    return _bars(x, names, counts, [BLUE] * len(names), name)


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
    return _bars(x, available["variant"].to_list(), counts, colours, name)


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
