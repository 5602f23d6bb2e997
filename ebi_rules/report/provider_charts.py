"""Charts that compare providers or groups of people: funnel, ranked rates, breakdowns and sources of referral.

They draw counts and rates as they may be shown. Every chart has its table beside it in the report.
"""

from collections.abc import Sequence

import altair as alt
import numpy as np
import polars as pl

from ebi_rules.report.chart_style import BAR_PARTS, BLACK, BLUE, GREY, ORANGE, ROW, SKY, VERMILION, WIDTH, Chart
from ebi_rules.report.report_words import value_label, with_labels
from ebi_rules.statistics.count_signals import signal_limits

MOST_NAMED = 60
"""With more providers than this a ranked chart has no names; the table beside it has them."""
_MOST_LABELS = 20
"""At most this many providers have their name in a funnel."""

RATE = ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95")
RATE_TITLE = "in scope per 1,000 eligible"

_SIGNALS = ("within", "above_95", "above_998", "below_95", "below_998", "not judged")
"""The signals of a funnel, in the order of their colours and shapes."""
_SIGNAL_COLOURS = (BLUE, ORANGE, VERMILION, SKY, BLACK, GREY)
_SIGNAL_SHAPES = ("circle", "triangle-up", "triangle-up", "triangle-down", "triangle-down", "cross")


def drawable(providers: pl.DataFrame) -> pl.DataFrame:
    """Return the providers that a funnel shows: those with a ratio.

    Providers without eligible activity, or with a suppressed count, have none.
    """
    return with_labels(providers.filter(pl.col("standardised_ratio").is_not_null()))


def funnel(providers: pl.DataFrame, tau2: float) -> Chart:
    """Draw standardised ratios against expected numbers, with control limits; providers outside them are named.

    The mark `units` has one symbol per provider, in the order of `drawable(providers)`.

    Args:
        providers: The rows of one rule in an audit's table of providers.
        tau2: The variance of the providers' true ratios, for which the limits allow.
    """
    signal = pl.when(pl.col("not_judged").is_not_null()).then(pl.lit("not judged")).otherwise("signal")
    columns = ["label", "expected", "standardised_ratio", signal.fill_null("within").alias("signal")]
    shown = drawable(providers).select(columns)
    largest = float(shown["expected"].max() or 1) * 1.05  # type: ignore[arg-type]
    # Below this the limits run off the page, and there are no providers.
    smallest = max(float(shown["expected"].min() or 1) * 0.8, 0.5)  # type: ignore[arg-type]
    grid = np.geomspace(smallest, max(largest, smallest * 1.01), 60)
    limits = signal_limits(grid, tau2).with_columns(expected=pl.Series(grid))
    top = max(float(shown["standardised_ratio"].max() or 1) * 1.1, float(limits["upper_998"].min() or 1) * 1.1, 1.5)  # type: ignore[arg-type]
    x = alt.X(
        "expected:Q",
        title="number expected, given age and sex (logarithmic scale)",
        scale=alt.Scale(type="log", nice=False, domain=[smallest, largest]),
        axis=alt.Axis(format="~s", tickCount=6),
    )
    scale = alt.Scale(domain=[0, top], clamp=True)
    y = alt.Y("y:Q", title="standardised ratio", scale=scale, axis=alt.Axis(tickCount=6))
    centre = alt.Chart(pl.DataFrame({"y": [1.0]})).mark_rule(color=BLACK, strokeWidth=1).encode(y=y)
    points = shown.with_columns(y=pl.col("standardised_ratio"))
    signal_colours = alt.Scale(domain=list(_SIGNALS), range=list(_SIGNAL_COLOURS))
    signal_shapes = alt.Scale(domain=list(_SIGNALS), range=list(_SIGNAL_SHAPES))
    units = (
        alt.Chart(points, name="units")
        .mark_point(filled=True, size=80, stroke="white", strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            color=alt.Color("signal:N", scale=signal_colours, legend=None),
            shape=alt.Shape("signal:N", scale=signal_shapes, legend=None),
            tooltip=["label:N", "expected:Q", "y:Q"],
        )
    )
    has_signal = ~pl.col("signal").is_in(["within", "not judged"])
    outside = _named_outliers(points.filter(has_signal), largest)
    is_above = pl.col("signal").str.starts_with("above")
    names = [
        alt.Chart(part).mark_text(fontSize=11, dy=dy, limit=200).encode(x=x, y=y, text="label:N")
        for part, dy in ((outside.filter(is_above), -9), (outside.filter(~is_above), 13))
    ]
    return alt.layer(_limit_curves(limits, x, y), centre, units, *names).properties(width=WIDTH, height=380)


def rates(providers: pl.DataFrame, figures: Sequence[str] = RATE, title: str = RATE_TITLE) -> Chart:
    """Draw each provider's figure with its 95% interval, highest first; up to 60 providers are named.

    The mark `units` has one point per provider, in the order of `ranked(providers)`.

    Args:
        providers: One row per provider.
        figures: The columns of the figure and of the ends of its interval.
        title: What the figure is.
    """
    figure, lower, upper = figures
    shown = ranked(providers, figure).with_row_index("rank", offset=1)
    axis_title = f"{title}, with 95% interval"
    lower_end = f"{lower}:Q"
    upper_end = f"{upper}:Q"
    if shown.height <= MOST_NAMED:
        y = alt.Y("label:N", sort=None, title=None)
        x = alt.X(f"{figure}:Q", title=axis_title, axis=alt.Axis(tickCount=8))
        bars = alt.Chart(shown).mark_rule(color=GREY).encode(x=alt.X(lower_end, title=axis_title), x2=upper_end, y=y)
        points = alt.Chart(shown, name="units").mark_point(filled=True, size=50, color=BLUE).encode(x=x, y=y)
        named: alt.LayerChart = (bars + points).properties(width=WIDTH, height={"step": ROW - 3})
        return named
    order = alt.X(
        "rank:Q",
        title="providers in order, highest first",
        axis=alt.Axis(tickCount=8),
        scale=alt.Scale(nice=False, domain=[0, shown.height + 1]),
    )
    spans = alt.Chart(shown).mark_rule(color=GREY).encode(x=order, y=alt.Y(lower_end, title=axis_title), y2=upper_end)
    dots = alt.Chart(shown, name="units").mark_point(filled=True, size=18, color=BLUE).encode(x=order, y=f"{figure}:Q")
    unnamed: alt.LayerChart = (spans + dots).properties(width=WIDTH + 60, height=320)
    return unnamed


def ranked(providers: pl.DataFrame, figure: str = RATE[0]) -> pl.DataFrame:
    """Return the providers that have a figure, highest first; suppressed ones are left out."""
    shown = providers.filter(pl.col(figure).is_not_null())
    return with_labels(shown).sort(figure, "label", descending=[True, False])


def breakdown(
    table: pl.DataFrame, field: str, figures: Sequence[str] = RATE, title: str = RATE_TITLE
) -> alt.LayerChart:
    """Draw a figure with its 95% interval for each value of a field.

    Args:
        table: One row per value of the field.
        field: The column of values.
        figures: The columns of the figure and of the ends of its interval.
        title: What the figure is.
    """
    figure, lower, upper = figures
    available = table.filter(pl.col(figure).is_not_null())
    labels = [value_label(field, value) for value in available[field]]
    shown = available.with_columns(label=pl.Series(labels, dtype=pl.String))
    x = alt.X(f"{lower}:Q", title=f"{title}, with 95% interval", axis=alt.Axis(tickCount=8))
    y = alt.Y("label:N", sort=None, title=None)
    bars = alt.Chart(shown).mark_rule(color=GREY, strokeWidth=2).encode(x=x, x2=f"{upper}:Q", y=y)
    points = alt.Chart(shown).mark_point(filled=True, size=60, color=BLUE).encode(x=f"{figure}:Q", y=y)
    chart: alt.LayerChart = (bars + points).properties(width=WIDTH, height={"step": ROW - 2})
    return chart


def referral_sources(table: pl.DataFrame, field: str, settings: Sequence[str]) -> Chart:
    """Draw the shares of settings, one bar per provider or commissioner; a suppressed share is a gap.

    Args:
        table: Has the columns label, the field of settings (text) and percent (number).
        field: The field of settings.
        settings: The settings, in the order of a bar's parts.
    """
    places = {name: place for place, name in enumerate(settings)}
    place = pl.col(field).replace_strict(places, default=99)
    # If a part is suppressed the others keep their width, so a bar may end before 100.
    shown = table.filter(pl.col("percent") > 0).with_columns(place=place)
    colour = alt.Color(
        f"{field}:N",
        title=None,
        sort=list(settings),
        legend=alt.Legend(orient="top", columns=3, labelLimit=320, columnPadding=36),
        scale=alt.Scale(domain=list(settings), range=list(BAR_PARTS[: len(settings)])),
    )
    scale = alt.Scale(domain=[0, 100], clamp=True)
    x = alt.X("percent:Q", title="percent", stack="zero", scale=scale, axis=alt.Axis(tickCount=6))
    y = alt.Y("label:N", sort=None, title=None)
    bars = alt.Chart(shown).mark_bar(stroke="white", strokeWidth=1)
    bars = bars.encode(x=x, y=y, color=colour, order=alt.Order("place:Q"))
    chart: Chart = bars.properties(width=WIDTH, height={"step": ROW})
    return chart


def _limit_curves(limits: pl.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    """Draw the curves of the 95% limits, dashed, and of the 99.8% limits, solid."""
    level = pl.col("limit").str.extract(r"_(\d+)$").replace({"95": "95% limits", "998": "99.8% limits"})
    lines = limits.unpivot(index="expected", variable_name="limit", value_name="y").with_columns(level=level)
    dashes = alt.Scale(domain=["95% limits", "99.8% limits"], range=[[5, 4], [1, 0]])
    dash = alt.StrokeDash("level:N", legend=None, scale=dashes)
    line = alt.Chart(lines).mark_line(color=GREY, strokeWidth=1.2, clip=True)
    curves: alt.Chart = line.encode(x=x, y=y, detail="limit:N", strokeDash=dash)
    return curves


def _named_outliers(outside: pl.DataFrame, largest: float) -> pl.DataFrame:
    """Return the providers to name in a funnel: those farthest from a ratio of 1, moved inside the picture."""
    distance = (pl.col("standardised_ratio").clip(lower_bound=0.01).log()).abs()
    inside = pl.col("expected").clip(upper_bound=largest * 0.93)
    return outside.sort(distance, descending=True).head(_MOST_LABELS).with_columns(expected=inside)
