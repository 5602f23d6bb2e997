"""The chart of waits: the share of people seen by week, with its interval and how many are at risk."""

import polars as pl

from ebi_rules.report.axes import Linear
from ebi_rules.report.chart_style import BLACK, BLUE, GREY
from ebi_rules.report.drawing import Chart, Point
from ebi_rules.report.plot import Plot
from ebi_rules.report.report_words import figure_text

_HEIGHT = 260
_MOST_WEEKS = 13
"""About how many weeks are named, and have their number at risk."""
_LINE = 16


def seen_by_week(weeks: pl.DataFrame, name: str, standard_days: int) -> Chart:
    """Draw the share seen by week, with its 95 % interval, those still waiting, and the standard.

    Below each week that is named stands how many are known to wait still.

    Args:
        weeks: One unit's rows of `wait_tables.seen_by_week`, at least one.
        name: What the chart shows.
        standard_days: The standard, in days: a line.
    """
    last = max(int(str(weeks["week"].max())), -(-standard_days // 7), 1)
    x = Linear("weeks of waiting", 0, last, _MOST_WEEKS)
    legend = [("seen, with 95% interval", "circle", BLUE), ("still waiting", "square", GREY)]
    plot = Plot(x, Linear("per cent", 0, 100, step=20), _HEIGHT, legend=legend, right=12)
    rows = weeks.select(
        "week", "percent_seen", "percent_seen_lower_95", "percent_seen_upper_95", "percent_waiting", "at_risk"
    ).rows()
    # A share stays as it is until the next week: steps.
    low, high = (_steps(plot, [(row[0], row[place]) for row in rows], last) for place in (2, 3))
    plot.drawing.area([*low, *reversed(high)], fill=BLUE, opacity=0.18)
    waiting = [(row[0], row[4]) for row in rows if row[4] is not None]
    plot.drawing.curve(_steps(plot, waiting, last), stroke=GREY, stroke_width=1.5, stroke_dasharray="5 3")
    plot.drawing.curve(_steps(plot, [(row[0], row[1]) for row in rows], last), stroke=BLUE, stroke_width=2)
    with plot.drawing.group(fill=BLUE):
        for week, seen, lower, upper, _, _ in rows:
            told = f"week {week}: {figure_text(seen, 1)}% seen ({figure_text(lower, 1)} to {figure_text(upper, 1)})"
            plot.drawing.symbol(plot.at(week, seen), "circle", 2.5, told)
    standard = plot.x(standard_days / 7)
    plot.drawing.line((standard, plot.top), (standard, plot.bottom), stroke=BLACK, stroke_dasharray="2 2")
    words, on_right = f"{standard_days} days", standard < plot.right - 70
    plot.drawing.words(
        (standard + (4 if on_right else -4), plot.top + 8), words, text_anchor="start" if on_right else "end"
    )
    return _with_numbers_at_risk(plot, x, {row[0]: row[5] for row in rows}, name)


def _steps(plot: Plot, points: list[tuple[int, float]], last: int) -> list[Point]:
    """Return a line that keeps each value until the next point."""
    drawn: list[Point] = []
    for place, (week, value) in enumerate(points):
        drawn.append(plot.at(week, value))
        until = points[place + 1][0] if place + 1 < len(points) else min(week + 1, last)
        drawn.append(plot.at(until, value))
    return drawn


def _with_numbers_at_risk(plot: Plot, x: Linear, at_risk: dict[int, int | None], name: str) -> Chart:
    """Write how many are at risk under the weeks that are named."""
    chart = plot.chart(name)
    below = chart.height + _LINE / 2
    plot.drawing.words((plot.left, below), "known to be waiting at the beginning of that day:", fill=GREY)
    with plot.drawing.group(text_anchor="middle"):
        for share, text in x.labels:
            week = round(float(text.replace(",", "")))
            if week in at_risk:
                across = plot.left + share * (plot.right - plot.left)
                number = at_risk[week]
                plot.drawing.words((across, below + _LINE), "*" if number is None else f"{number:,}")
    return Chart(plot.drawing.body, chart.width, chart.height + 2 * _LINE + 4, name)
