"""Charts that compare providers or groups of people: funnel, ranked rates, breakdowns and sources of referral.

They draw counts and rates as they may be shown. Every chart has its table beside it in the report.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from ebi_rules.report.axes import Linear, Logarithmic, Names, from_zero
from ebi_rules.report.chart_style import (
    BAR_PARTS,
    BLACK,
    BLUE,
    COMMON_CAUSE,
    COMMON_EDGE,
    GREY,
    NEAR_SPECIAL,
    ROW,
    SPECIAL_CAUSE,
    WIDTH,
)
from ebi_rules.report.drawing import Chart, shortened, text_width
from ebi_rules.report.plot import Plot
from ebi_rules.report.report_words import RATE, RATE_TITLE, SIGNAL_WORDS, figure_text, value_label, with_labels
from ebi_rules.statistics.count_signals import signal_limits

MOST_NAMED = 60
"""With more providers than this a ranked chart has no names; the table beside it has them."""
_LEAST_MOVED = 0.05
_MOST_MOVED = 20
"""At most this many providers are drawn with both ratios."""
_MOST_LABELS = 20
"""At most this many providers have their name in a funnel."""
_LABEL_WIDTH, _LABEL_SIZE = 200, 11
"""Of a name in a funnel or beside a slope, in pixels."""
_LEAST_RATIO = 0.1
"""Intervals of rate ratios are drawn down to this, and up to its inverse."""

_SIGNAL_SYMBOLS = {
    "above_998": ("up", SPECIAL_CAUSE),
    "above_95": ("up", NEAR_SPECIAL),
    "below_95": ("down", NEAR_SPECIAL),
    "below_998": ("down", SPECIAL_CAUSE),
    "not judged": ("cross", GREY),
}
"""The shape and colour of each signal of a funnel; other providers are grey circles."""

_FUNNEL_KEY = [
    ("as expected", "circle", COMMON_CAUSE),
    ("outside 95%", "up", NEAR_SPECIAL),
    ("outside 99.8%", "up", SPECIAL_CAUSE),
    ("not judged", "cross", GREY),
]


def drawable(providers: pl.DataFrame) -> pl.DataFrame:
    """Return the providers that a funnel shows: those with a ratio.

    Providers without eligible activity, or with a suppressed count, have none.
    """
    return with_labels(providers.filter(pl.col("standardised_ratio").is_not_null()))


def funnel(providers: pl.DataFrame, tau2: float, name: str) -> Chart:
    """Draw standardised ratios against expected numbers, with control limits; providers outside them are named.

    The group `units` has one symbol per provider, in the order of `drawable(providers)`.

    Args:
        providers: The rows of one rule in an audit's table of providers.
        tau2: The variance of the providers' true ratios, for which the limits allow.
        name: What the chart shows.
    """
    return plot_funnel(providers, tau2).chart(name)


def plot_funnel(providers: pl.DataFrame, tau2: float, anonymous: bool = False) -> Plot:
    """Paint a funnel, on which more can be painted.

    Args:
        providers: The rows of one rule in an audit's table of providers.
        tau2: The variance of the providers' true ratios, for which the limits allow.
        anonymous: Whether no provider is named.
    """
    signal = pl.when(pl.col("not_judged").is_not_null()).then(pl.lit("not judged")).otherwise("signal")
    shown = drawable(providers).select("label", "expected", "standardised_ratio", signal=signal.fill_null("within"))
    expected, ratios = shown["expected"].to_numpy(), shown["standardised_ratio"].to_numpy()
    largest = float(max(expected, default=1) or 1) * 1.05
    # Below this the limits run off the page, and there are no providers.
    smallest = max(float(min(expected, default=1) or 1) * 0.8, 0.5)
    largest = max(largest, smallest * 1.01)
    grid = np.geomspace(smallest, largest, 60)
    limits = signal_limits(grid, tau2)
    top = max(float(max(ratios, default=1)) * 1.1, float(limits["upper_998"].min() or 1) * 1.1, 1.5)  # type: ignore[arg-type]
    x = Logarithmic("number expected, given age and sex (logarithmic scale)", smallest, largest)
    plot = Plot(x, Linear("standardised ratio", 0, top, 6), height=380, legend=_FUNNEL_KEY)
    _draw_limits(plot, limits, grid, top)
    plot.drawing.line((plot.left, plot.y(1)), (plot.right, plot.y(1)), stroke=BLACK)
    # Most providers are as expected: the group has their style, and the others have their own.
    with plot.drawing.group(class_="units", fill=COMMON_CAUSE, stroke=COMMON_EDGE, stroke_width=1.5):
        for row in shown.iter_rows(named=True):
            shape, colour = _SIGNAL_SYMBOLS.get(row["signal"], ("circle", None))
            place = plot.at(row["expected"], row["standardised_ratio"])
            ratio, expected_text = figure_text(row["standardised_ratio"]), figure_text(row["expected"], 1)
            told = "" if anonymous else f"{row['label']}: ratio {ratio}, expected {expected_text}"
            edge = {"cross": colour, "circle": None}.get(shape, "white")
            plot.drawing.symbol(place, shape, 5, told, fill=colour, stroke=edge)
    if not anonymous:
        _name_outliers(plot, shown.filter(pl.col("signal").is_in(list(SIGNAL_WORDS))).to_dicts())
    return plot


def rates(providers: pl.DataFrame, name: str, figures: Sequence[str] = RATE, title: str = RATE_TITLE) -> Chart:
    """Draw each provider's figure with its 95% interval, highest first; up to 60 providers are named.

    The group `units` has one point per provider, in the order of `ranked(providers)`.

    Args:
        providers: One row per provider.
        name: What the chart shows.
        figures: The columns of the figure and of the ends of its interval.
        title: What the figure is.
    """
    figure, lower, upper = figures
    shown = ranked(providers, figure)
    values = list(shown.select("label", figure, lower, upper).iter_rows())
    if len(values) <= MOST_NAMED:
        return _intervals(values, f"{title}, with 95% interval", ROW - 3, name)
    y = from_zero(f"{title}, with 95% interval", [row[3] for row in values])
    plot = Plot(Linear("providers in order, highest first", 0, len(values) + 1), y, 320, WIDTH + 60)
    ends = [(plot.at(place, low), plot.at(place, high)) for place, (_, _, low, high) in enumerate(values, start=1)]
    plot.drawing.lines(ends, stroke=GREY)
    with plot.drawing.group(class_="units", fill=BLUE):
        for place, (_, value, _, _) in enumerate(values, start=1):
            plot.drawing.symbol(plot.at(place, value), "circle", 2.5)
    return plot.chart(name)


def moved(providers: pl.DataFrame, name: str) -> Chart | None:
    """Draw what adjusting for case mix changes: for each of the providers that it moves most, both ratios.

    Args:
        providers: The rows of one rule in an audit's table of providers.
        name: What the chart shows.

    Returns:
        The chart; None if it moves no provider by 0.05 or more.
    """
    has_both = pl.col("standardised_ratio").is_not_null() & pl.col("crude_ratio").is_not_null()
    both = with_labels(providers.filter(has_both))
    distance = (pl.col("standardised_ratio") - pl.col("crude_ratio")).abs()
    if not both.filter(distance >= _LEAST_MOVED).height:
        return None
    most = both.sort(distance, descending=True).head(_MOST_MOVED)
    rows = most.sort("standardised_ratio", descending=True).select("label", "crude_ratio", "standardised_ratio").rows()
    x = from_zero("ratio", [value for row in rows for value in row[1:]])
    legend = [("crude", "square", GREY), ("adjusted", "circle", BLUE)]
    plot = Plot(x, Names(label for label, *_ in rows), ROW * len(rows), legend=legend)
    plot.drawing.line((plot.x(1), plot.top), (plot.x(1), plot.bottom), stroke=GREY, stroke_dasharray="2 2")
    for place, (label, crude, adjusted) in enumerate(rows):
        plot.drawing.line(plot.at(crude, place), plot.at(adjusted, place), stroke=GREY, stroke_width=1.5)
        plot.drawing.symbol(plot.at(crude, place), "square", 4, fill="white", stroke=GREY, stroke_width=1.5)
        told = f"{label}: crude {figure_text(crude)}, adjusted {figure_text(adjusted)}"
        plot.drawing.symbol(plot.at(adjusted, place), "circle", 4.5, told, fill=BLUE)
    return plot.chart(name)


def ranked(providers: pl.DataFrame, figure: str = RATE[0]) -> pl.DataFrame:
    """Return the providers that have a figure, highest first; suppressed ones are left out."""
    shown = providers.filter(pl.col(figure).is_not_null())
    return with_labels(shown).sort(figure, "label", descending=[True, False])


def breakdown(
    table: pl.DataFrame, field: str, name: str, figures: Sequence[str] = RATE, title: str = RATE_TITLE
) -> Chart:
    """Draw a figure with its 95% interval for each value of a field.

    Args:
        table: One row per value of the field.
        field: The column of values.
        name: What the chart shows.
        figures: The columns of the figure and of the ends of its interval.
        title: What the figure is.
    """
    available = table.filter(pl.col(figures[0]).is_not_null())
    values = [(value_label(field, row[0]), *row[1:]) for row in available.select(field, *figures).iter_rows()]
    return _intervals(values, f"{title}, with 95% interval", ROW - 2, name)


def rate_ratios(ratios: pl.DataFrame, field: str, reference: str, name: str) -> Chart:
    """Draw the ratio of each value's rate to that of a reference, with its 95% interval.

    Args:
        ratios: One row per value, from an audit's table of inequalities: value, figure, figure_lower_95,
            figure_upper_95. Values without a ratio are left out.
        field: The field of the values.
        reference: The value that the others are compared with.
        name: What the chart shows.
    """
    columns = ("value", "figure", "figure_lower_95", "figure_upper_95")
    rows = [row for row in ratios.select(columns).iter_rows() if row[1]]
    lowest = min(0.5, *(max(low, _LEAST_RATIO) for _, _, low, _ in rows))
    highest = max(2.0, *(min(high, 1 / _LEAST_RATIO) for *_, high in rows))
    base = "the least deprived tenth" if field == "imd_decile" else value_label(field, reference)
    x = Logarithmic(f"rate ratio to {base}, with 95% interval (logarithmic scale)", lowest, highest)
    plot = Plot(x, Names(value_label(field, value) for value, *_ in rows), (ROW - 2) * len(rows))
    plot.drawing.line((plot.x(1), plot.top), (plot.x(1), plot.bottom), stroke=BLACK, stroke_dasharray="2 2")
    _draw_intervals(plot, rows)
    return plot.chart(name)


def slopes(rows: Sequence[tuple[str, float, float, bool]], spans: tuple[str, str], name: str) -> Chart:
    """Draw the rates of two years, one line per provider; those that changed beyond chance are thick and named.

    Args:
        rows: Each provider's name, its rates in the earlier and the later year, and whether it changed.
        spans: The years.
        name: What the chart shows.
    """
    y = from_zero(RATE_TITLE, [rate for row in rows for rate in row[1:3]])
    legend = [("changed beyond chance", "square", SPECIAL_CAUSE), ("no clear change", "square", COMMON_CAUSE)]
    plot = Plot(Names(spans), y, 300, WIDTH // 2, legend=legend, right=_LABEL_WIDTH)
    others = [(plot.at(0, before), plot.at(1, after)) for _, before, after, changed in rows if not changed]
    plot.drawing.lines(others, stroke=COMMON_EDGE)
    taken: list[float] = []
    for label, before, after, changed in sorted(rows, key=lambda row: row[2]):
        if not changed:
            continue
        start, end = plot.at(0, before), plot.at(1, after)
        plot.drawing.line(start, end, stroke=SPECIAL_CAUSE, stroke_width=2.5)
        told = f"{label}: {figure_text(before)}, then {figure_text(after)}"
        for at in (start, end):
            plot.drawing.symbol(at, "circle", 4, told, fill=SPECIAL_CAUSE)
        if all(abs(end[1] - other) > _LABEL_SIZE for other in taken):
            plot.drawing.words((end[0] + 8, end[1]), shortened(label, _LABEL_WIDTH))
            taken.append(end[1])
    return plot.chart(name)


def referral_sources(table: pl.DataFrame, field: str, settings: Sequence[str], name: str) -> Chart:
    """Draw the shares of settings, one bar per provider or commissioner; what is suppressed is striped, at the end.

    Args:
        table: Has the columns label, the field of settings (text) and percent (number).
        field: The field of settings.
        settings: The settings, in the order of a bar's parts.
        name: What the chart shows.
    """
    colours = dict(zip(settings, BAR_PARTS, strict=False))
    shown = table.filter(pl.col("percent") > 0)
    labels = shown["label"].unique(maintain_order=True).to_list()
    suppressed = table.filter(pl.col("percent").is_null())["label"].unique().to_list()
    legend = [(setting, "square", colours[setting]) for setting in settings]
    legend += [("striped: suppressed", "bars", GREY)] if any(label in suppressed for label in labels) else []
    plot = Plot(Linear("percent", 0, 100, 6), Names(labels), ROW * len(labels), legend=legend)
    ends = dict.fromkeys(labels, 0.0)
    order = {setting: place for place, setting in enumerate(settings)}
    rows = sorted(shown.select("label", field, "percent").iter_rows(), key=lambda row: order[row[1]])
    with plot.drawing.group(stroke="white"):
        for label, setting, percent in rows:
            start, end = plot.x(ends[label]), plot.x(ends[label] + percent)
            middle = plot.y(labels.index(label))
            plot.drawing.box((start, middle - ROW / 2 + 1), end - start, ROW - 2, fill=colours[setting])
            ends[label] += percent
    with plot.drawing.group(stroke=GREY):
        for label in labels:
            rest = plot.x(100) - plot.x(ends[label])
            if label in suppressed and rest >= 1:
                corner = (plot.x(ends[label]), plot.y(labels.index(label)) - ROW / 2 + 1)
                plot.drawing.stripes(corner, rest, ROW - 2)
    return plot.chart(name)


def _intervals(values: Sequence[tuple[Any, ...]], title: str, row: float, name: str) -> Chart:
    """Draw one row per label: a value as a point, and its interval as a line.

    Args:
        values: Labels with their value and the ends of its interval.
        title: The title of the axis.
        row: The height of a row in pixels.
        name: What the chart shows.
    """
    x = from_zero(title, [high for *_, high in values])
    plot = Plot(x, Names(label for label, *_ in values), row * len(values))
    _draw_intervals(plot, values)
    return plot.chart(name)


def _draw_intervals(plot: Plot, values: Sequence[tuple[Any, ...]]) -> None:
    """Draw each value as a point and its interval as a line, in the order of the rows."""
    ends = [(plot.at(low, place), plot.at(high, place)) for place, (_, _, low, high) in enumerate(values)]
    plot.drawing.lines(ends, stroke=GREY, stroke_width=1.5)
    with plot.drawing.group(class_="units", fill=BLUE):
        for place, (label, value, low, high) in enumerate(values):
            plot.drawing.symbol(plot.at(value, place), "circle", 4, _told(label, value, low, high))


def _told(label: str, value: float, low: float, high: float) -> str:
    return f"{label}: {figure_text(value)} ({figure_text(low)} to {figure_text(high)})"


def _draw_limits(plot: Plot, limits: pl.DataFrame, grid: np.ndarray[Any, Any], top: float) -> None:
    """Draw the curves of the 95% limits, dashed, and of the 99.8% limits, solid; they end at the edge of the chart."""
    for limit in limits.columns:
        dashes = "5 4" if limit.endswith("_95") else None
        pairs = zip(grid, limits[limit], strict=True)
        points = [plot.at(at, value) if value is not None and value <= top else None for at, value in pairs]
        plot.drawing.curve(points, stroke=GREY, stroke_width=1.2, stroke_dasharray=dashes)


def _name_outliers(plot: Plot, outside: Sequence[dict[str, Any]]) -> None:
    """Write the names of the providers farthest from a ratio of 1; a name that would cover another is left out."""

    def distance(row: dict[str, Any]) -> float:
        return -abs(float(np.log(max(row["standardised_ratio"], 0.01))))

    taken: list[tuple[float, float, float]] = []
    with plot.drawing.group(text_anchor="middle", font_size=_LABEL_SIZE):
        for row in sorted(outside, key=distance)[:_MOST_LABELS]:
            text = shortened(row["label"], _LABEL_WIDTH)
            half = text_width(text, _LABEL_SIZE) / 2
            across, down = plot.at(row["expected"], row["standardised_ratio"])
            across = min(max(across, plot.left + half), plot.right - half)
            down = min(max(down + (-12 if row["signal"].startswith("above") else 12), plot.top + 8), plot.bottom - 8)
            if all(abs(across - x) > half + other or abs(down - y) > _LABEL_SIZE for x, y, other in taken):
                plot.drawing.words((across, down), text)
                taken.append((across, down, half))
