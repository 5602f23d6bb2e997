"""Charts over time: rates by month with XmR limits, and the stages of a flow by quarter.

The page's script draws the trend of a single provider; `drawTrend` in script.js paints what `trend` paints here.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from ebi_rules.report.axes import Names, from_zero
from ebi_rules.report.chart_style import (
    BLACK,
    BLUE,
    COMMON_CAUSE,
    COMMON_EDGE,
    GREY,
    SPECIAL_CAUSE,
    VERMILION,
    WIDTH,
)
from ebi_rules.report.drawing import Chart, Point, in_rows, shortened, text_width
from ebi_rules.report.plot import Key, Plot
from ebi_rules.report.report_words import RATE, RATE_TITLE, axis_label, figure_text
from ebi_rules.report.variation_icons import DOWN, UP, colour_of

HEIGHT = 260
"""The height of a trend, in pixels."""

KINDS = {
    "no signal": ("circle", COMMON_CAUSE),
    "high": ("up", SPECIAL_CAUSE),
    "low": ("down", SPECIAL_CAUSE),
    "incomplete": ("cross", COMMON_EDGE),
}
"""The shape and colour of each kind of month, where neither direction is better."""


def kinds_of(direction: str | None) -> Mapping[str, tuple[str, str]]:
    """Return the shape and colour of each kind of month.

    Args:
        direction: `lower` or `higher` if that is better; None where neither is.
    """
    colours = {"high": colour_of(UP, direction), "low": colour_of(DOWN, direction)}
    return {kind: (shape, colours.get(kind, colour)) for kind, (shape, colour) in KINDS.items()}


def key_of(direction: str | None) -> list[Key]:
    """Return the key of a trend."""
    words = {"no signal": "usual variation", "high": "unusually high", "low": "unusually low"}
    return [(words[kind], *drawn) for kind, drawn in kinds_of(direction).items() if kind in words]


_RATE = RATE[0]
SYMBOL_SIZE = 4.5
"""Half the width of a month's symbol, in pixels."""


def trend(
    series: pl.DataFrame,
    name: str,
    figure: str = RATE[0],
    title: str = RATE_TITLE,
    points: Sequence[str] = (),
    start: str | None = None,
    direction: str | None = None,
) -> Chart:
    """Draw the rate by month or quarter, its mean and limits, and its signals.

    A suppressed point is a gap. An incomplete month or quarter is a cross, without a signal.

    Args:
        series: One series of an audit's trend: month or quarter, mean, lower, upper, signal, partial, and the figure.
        name: What the chart shows.
        figure: The column to draw.
        title: The title of the vertical axis.
        points: All months or quarters of the axis; by default those of the series.
        start: The month in which the policy begins, which has a line of its own; None for guidance.
        direction: `lower` or `higher` if that is better; None where neither is.
    """
    kinds = kinds_of(direction)
    period = "quarter" if "quarter" in series.columns else "month"
    every = list(points or series[period])
    columns = series.select(period, figure, "mean", "lower", "upper", "signal", "partial").rows()
    by_point = {row[0]: row[1:] for row in columns}
    drawn = [by_point.get(point, (None,) * 4 + (None, False)) for point in every]
    y = from_zero(title, [value for row in drawn for value in row[:4]])
    plot = Plot(Names(axis_label(point) for point in every), y, HEIGHT, upright=True, legend=key_of(direction))
    for place, style in (
        (2, {"stroke": GREY, "stroke_width": 1.2, "stroke_dasharray": "5 4"}),
        (3, {"stroke": GREY, "stroke_width": 1.2, "stroke_dasharray": "5 4"}),
        (1, {"stroke": BLACK}),
        (0, {"stroke": COMMON_EDGE, "stroke_width": 1.5}),
    ):
        plot.drawing.curve(_points(plot, [row[place] for row in drawn]), **style)
    usual = {"fill": COMMON_CAUSE, "stroke": COMMON_EDGE, "stroke_width": 1.5}
    with plot.drawing.group(class_="units", **usual):
        for at, (point, row) in enumerate(zip(every, drawn, strict=True)):
            if row[0] is not None:
                kind = _kind(row[4], row[5])
                shape, colour = kinds[kind]
                told = f"{axis_label(point)}: {figure_text(row[0])}" + ("" if kind == "no signal" else f", {kind}")
                plot.drawing.symbol(plot.at(at, row[0]), shape, SYMBOL_SIZE, told, **_differing(shape, colour))
    begins = [place for place, point in enumerate(every) if start and point[-7:] >= start]
    if begins and begins[0] > 0:
        _draw_start(plot, begins[0])
    return plot.chart(name)


def multiples(
    series: Sequence[tuple[str, pl.DataFrame]], points: Mapping[str, Sequence[str]], name: str, direction: str | None
) -> Chart:
    """Draw the trends of several providers as small charts of one scale.

    Args:
        series: Each provider's name and trend, by month or by quarter.
        points: All months and all quarters of the axes, by period.
        name: What the chart shows.
        direction: `lower` or `higher` if that is better; None where neither is.
    """
    kinds = kinds_of(direction)
    columns = [_RATE, "mean", "lower", "upper"]
    y = from_zero("", [value for _, rows in series for column in columns for value in rows[column]], 3)
    charts = []
    for label, rows in series:
        period = "quarter" if "quarter" in rows.columns else "month"
        every = list(points[period])
        by_point = {row[0]: row[1:] for row in rows.select(period, *columns, "signal", "partial").rows()}
        drawn = [by_point.get(point, (None,) * 5 + (False,)) for point in every]
        labels = [point[-7:-3] if place in (0, len(every) - 1) else "" for place, point in enumerate(every)]
        plot = Plot(Names(labels), y, 90, WIDTH // 3 - 30, heading=shortened(label, WIDTH // 3 - 40))
        for place, dashes in ((1, None), (2, "3 3"), (3, "3 3")):
            curve = _points(plot, [row[place] for row in drawn])
            plot.drawing.curve(curve, stroke=GREY if dashes else BLACK, stroke_width=1, stroke_dasharray=dashes)
        plot.drawing.curve(_points(plot, [row[0] for row in drawn]), stroke=COMMON_EDGE, stroke_width=1.2)
        for at, row in enumerate(drawn):
            kind = _kind(row[4], row[5])
            if row[0] is not None and kind in ("high", "low"):
                shape, colour = kinds[kind]
                plot.drawing.symbol(plot.at(at, row[0]), shape, 4, fill=colour)
        charts.append(plot.chart(label))
    return in_rows(charts, columns=3).named(name)


def drawn_key(direction: str | None) -> dict[str, object]:
    """Return the key of a trend as SVG text, and the top of what is drawn below it, for the page's script."""
    plot = Plot(Names([]), Names([]), HEIGHT, legend=key_of(direction))
    return {"key": plot.drawing.body.partition("<rect")[0], "top": plot.top}


def waits(table: pl.DataFrame, name: str) -> Chart:
    """Draw the median and the 90th percentile of days by month.

    Args:
        table: One provider's rows: month, median, percentile_90 (null where too few are followed).
        name: What the chart shows.
    """
    styles = {"median": ("circle", BLUE), "percentile_90": ("square", VERMILION)}
    y = from_zero("days waited", [*table["median"], *table["percentile_90"]])
    legend = [("median", *styles["median"]), ("90th percentile", *styles["percentile_90"])]
    plot = Plot(Names(axis_label(month) for month in table["month"]), y, HEIGHT, upright=True, legend=legend)
    for column, (shape, colour) in styles.items():
        points = _points(plot, table[column].to_list())
        plot.drawing.curve(points, stroke=colour, stroke_width=1.5)
        with plot.drawing.group(fill=colour):
            for point in points:
                if point:
                    plot.drawing.symbol(point, shape, 3.5)
    return plot.chart(name)


def by_quarter(table: pl.DataFrame, quarters: Sequence[str], name: str) -> Chart:
    """Draw how many of 100 pathways reach each stage, by the quarter in which they begin: one small chart per stage.

    Args:
        table: Has the columns quarter, stage (text) and per_100_pathways (number, null if suppressed).
        quarters: All quarters of the axis, in order.
        name: What the chart shows.
    """
    shown = table.filter(pl.col("per_100_pathways").is_not_null())
    charts = []
    for (stage,), rows in shown.partition_by("stage", as_dict=True, maintain_order=True).items():
        values: Mapping[str, float] = dict(rows.select("quarter", "per_100_pathways").iter_rows())
        y = from_zero("per 100", values.values(), 4)
        axis = Names(axis_label(quarter) for quarter in quarters)
        plot = Plot(axis, y, 110, WIDTH // 3 - 30, upright=True, heading=str(stage))
        points = _points(plot, [values.get(quarter) for quarter in quarters])
        plot.drawing.curve(points, stroke=BLUE, stroke_width=1.5)
        with plot.drawing.group(fill=BLUE):
            for point in points:
                if point:
                    plot.drawing.symbol(point, "circle", 2.5)
        charts.append(plot.chart(str(stage)))
    return in_rows(charts, columns=3).named(name)


def as_labels(column: str) -> pl.Expr:
    """Return a column of months or quarters as an axis shows them."""
    return pl.col(column).map_elements(axis_label, return_dtype=pl.String)


def _points(plot: Plot, values: Sequence[float | None]) -> list[Point | None]:
    return [None if value is None else plot.at(place, value) for place, value in enumerate(values)]


def _kind(signal: str | None, is_incomplete: bool) -> str:
    """Return the kind of a month: one of `KINDS`."""
    if is_incomplete:
        return "incomplete"
    if signal is None:
        return "no signal"
    return "high" if "above" in signal or "up" in signal else "low"


def _differing(shape: str, colour: str) -> dict[str, str]:
    """Return in what a symbol differs from that of usual variation."""
    if shape == "circle":
        return {}
    return {"fill": colour} if shape == "cross" else {"fill": colour, "stroke": "white"}


def _draw_start(plot: Plot, place: int) -> None:
    """Draw a line at the point in which a policy begins, with a label."""
    across, words = plot.x(place), "the policy begins"
    plot.drawing.line((across, plot.top), (across, plot.bottom), stroke=BLACK, stroke_dasharray="2 2")
    is_right = across + text_width(words) + 4 <= plot.right
    anchor = "start" if is_right else "end"
    plot.drawing.words((across + (4 if is_right else -4), plot.top + 8), words, text_anchor=anchor)
