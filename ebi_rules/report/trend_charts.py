"""Charts over time: rates by month with XmR limits, and the stages of a flow by quarter."""

from collections.abc import Sequence

import altair as alt
import polars as pl

from ebi_rules.report.chart_style import BLACK, BLUE, GREY, VERMILION, WIDTH, Chart
from ebi_rules.report.provider_charts import RATE, RATE_TITLE

_KINDS = ("no signal", "high", "low", "incomplete")
"""The kinds of months, in the order of their shapes and colours."""
_KIND_SHAPES = ("circle", "triangle-up", "triangle-down", "cross")
_KIND_COLOURS = (BLUE, VERMILION, BLACK, GREY)


def trend(
    series: pl.DataFrame,
    figure: str = RATE[0],
    title: str = RATE_TITLE,
    points: Sequence[str] = (),
    start: str | None = None,
) -> Chart:
    """Draw the rate by month or quarter, its mean and limits, and its signals.

    A suppressed point is a gap. An incomplete month or quarter is a cross, without a signal.

    Args:
        series: One series of an audit's trend: month or quarter, mean, lower, upper, signal, partial, and the figure.
        figure: The column to draw.
        title: The title of the vertical axis.
        points: All months or quarters of the axis; by default those of the series.
        start: The month in which the policy begins, which has a line of its own; None for guidance.
    """
    period = "quarter" if "quarter" in series.columns else "month"
    kind = (
        pl.when("partial")
        .then(pl.lit("incomplete"))
        .when(pl.col("signal").is_null())
        .then(pl.lit("no signal"))
        .when(pl.col("signal").str.contains("above|up"))
        .then(pl.lit("high"))
        .otherwise(pl.lit("low"))
    )
    shown = series.select(month=period, rate=pl.col(figure), mean="mean", lower="lower", upper="upper", kind=kind)
    axis = pl.DataFrame({"month": points or series[period]}, schema={"month": pl.String})
    every = axis.join(shown, on="month", how="left", maintain_order="left")
    chart = trend_chart(every.with_columns(pl.col("month").map_elements(axis_label, return_dtype=pl.String)), title)
    begins = [point for point in axis["month"] if start and point[-7:] >= start]
    if not begins or begins[0] == axis["month"][0]:
        return chart
    return alt.layer(chart, _start_of_policy(axis_label(begins[0]))).properties(width=WIDTH)


def _start_of_policy(point: str) -> Chart:
    """Draw a line at the point in which a policy begins, with a label."""
    base = alt.Chart(pl.DataFrame({"month": [point], "label": ["the policy begins"]})).encode(x="month:O")
    text = base.mark_text(align="left", dx=4, dy=8, color=BLACK).encode(y=alt.value(0), text="label:N")
    return alt.layer(base.mark_rule(color=BLACK, strokeDash=[2, 2]), text)


def waits(table: pl.DataFrame) -> Chart:
    """Draw the median and the 90th percentile of days by month.

    Args:
        table: One provider's rows: month, median, percentile_90 (null where too few are followed).
    """
    names = {"median": "median", "percentile_90": "90th percentile"}
    long = table.select("month", **{word: pl.col(name) for name, word in names.items()}).unpivot(
        index="month", variable_name="figure", value_name="days"
    )
    colour = alt.Scale(domain=list(names.values()), range=[BLUE, VERMILION])
    shape = alt.Scale(domain=list(names.values()), range=["circle", "square"])
    line = alt.Chart(long).encode(
        x=alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-90, labelOverlap=True)),
        y=alt.Y("days:Q", title="days waited", scale=alt.Scale(zero=True)),
        color=alt.Color("figure:N", title=None, scale=colour, legend=alt.Legend(orient="top")),
    )
    points = line.mark_point(filled=True, size=40).encode(
        shape=alt.Shape("figure:N", title=None, scale=shape, legend=alt.Legend(orient="top"))
    )
    return alt.layer(line.mark_line(strokeWidth=1.5), points).properties(width=WIDTH, height=260)


def axis_label(point: str) -> str:
    """Return a month or quarter as an axis shows it.

    Example:
        >>> axis_label("2024-04"), axis_label("2024-04 to 2024-06")
        ('2024-04', '2024-04 to 06')
    """
    return f"{point[:7]} to {point[-2:]}" if len(point) > len("2024-04") else point


def trend_chart(data: pl.DataFrame, title: str = RATE_TITLE) -> Chart:
    """Return the trend chart of the columns month, rate, mean, lower, upper, kind; the frame may be empty."""
    base = alt.Chart(data)
    x = alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-90, labelOverlap=True))
    y = alt.Y("rate:Q", title=title, scale=alt.Scale(zero=True))
    limits = [
        base.mark_line(color=GREY, strokeDash=[5, 4], strokeWidth=1.2).encode(x=x, y=alt.Y(f"{end}:Q"))
        for end in ("lower", "upper")
    ]
    mean = base.mark_line(color=BLACK, strokeWidth=1).encode(x=x, y="mean:Q")
    line = base.mark_line(color=BLUE, strokeWidth=1.5).encode(x=x, y=y)
    shapes = alt.Scale(domain=list(_KINDS), range=list(_KIND_SHAPES))
    colours = alt.Scale(domain=list(_KINDS), range=list(_KIND_COLOURS))
    points = (
        base.mark_point(filled=True, size=60, stroke="white", strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            tooltip=["month:O", alt.Tooltip("rate:Q", format=".2f"), "kind:N"],
            shape=alt.Shape("kind:N", legend=None, scale=shapes),
            color=alt.Color("kind:N", legend=None, scale=colours),
        )
        .transform_filter("isValid(datum.rate)")
    )
    return alt.layer(*limits, mean, line, points).properties(width=WIDTH, height=260)


def by_quarter(table: pl.DataFrame) -> Chart:
    """Draw how many of 100 pathways reach each stage, by the quarter in which they begin: one small chart per stage.

    Args:
        table: Has the columns quarter, stage (text) and per_100_pathways (number, null if suppressed).
    """
    shown = table.filter(pl.col("per_100_pathways").is_not_null())
    stages = shown["stage"].unique(maintain_order=True).to_list()
    dots = alt.OverlayMarkDef(color=BLUE, size=22)
    lines = (
        alt.Chart(shown)
        .mark_line(color=BLUE, strokeJoin="round", point=dots)
        .encode(
            x=alt.X("quarter:O", title=None, axis=alt.Axis(labelAngle=-90, labelOverlap=True)),
            y=alt.Y("per_100_pathways:Q", title="per 100", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4)),
            facet=alt.Facet("stage:N", title=None, sort=stages, columns=3),
        )
    )
    chart: Chart = lines.properties(width=WIDTH // 3 - 20, height=110).resolve_scale(y="independent")
    return chart
