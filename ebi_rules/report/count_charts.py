"""Bar charts of counts in an audit: activity left after each criterion, and activity in scope under each variant.

Counts are as they may be shown. A suppressed count has no bar, and `*` instead of a number.
"""

from collections.abc import Mapping

import altair as alt
import polars as pl

from ebi_rules.report.chart_style import BLACK, BLUE, ORANGE, ROW, WIDTH


def attrition(table: pl.DataFrame, phrases: Mapping[str, str]) -> alt.LayerChart:
    """Draw how much activity is left after each criterion, with the number at the end of each bar.

    The first criterion often leaves one row in hundreds, so the scale is logarithmic and starts at 1.

    Args:
        table: Has the columns criterion (text, null for all activity) and left (count), one row per step.
        phrases: Criteria in words, by name.
    """
    shown = table.select(
        pl.col("criterion").fill_null("all activity").replace(dict(phrases)),
        pl.col("left").fill_null(1).clip(lower_bound=1).alias("drawn"),
        pl.lit(1).alias("base"),
        number=_number_text("left"),
    )
    scale = alt.Scale(type="log", domainMin=1)
    axis = alt.Axis(format="~s", tickCount=6)
    x = alt.X("drawn:Q", title="activity left (logarithmic scale)", scale=scale, axis=axis)
    y = alt.Y("criterion:N", sort=None, title=None)
    bars = alt.Chart(shown).mark_bar(color=BLUE).encode(x=x, x2="base:Q", y=y)
    return _with_numbers(bars, x, y)


def sensitivity(table: pl.DataFrame) -> alt.LayerChart:
    """Draw what each variant flags; the variant that was counted has a colour of its own.

    Args:
        table: Has the columns variant, about (text), flagged, difference and differs (counts), one row per variant.
    """
    available = table.filter(~pl.col("about").str.starts_with("not available"))
    shown = available.select(
        "variant",
        pl.col("flagged").fill_null(0),
        number=_number_text("flagged"),
        counted=(pl.col("differs") == 0) & (pl.col("difference") == 0),
    )
    x = alt.X("flagged:Q", title="in scope", axis=alt.Axis(tickCount=6))
    y = alt.Y("variant:N", sort=None, title=None)
    colour = alt.condition(alt.datum.counted, alt.value(BLUE), alt.value(ORANGE))
    return _with_numbers(alt.Chart(shown).mark_bar().encode(x=x, y=y, color=colour), x, y)


def _number_text(column: str) -> pl.Expr:
    text = pl.col(column).map_elements(lambda count: f"{count:,}", return_dtype=pl.String)
    return pl.when(pl.col(column).is_null()).then(pl.lit("*")).otherwise(text)


def _with_numbers(bars: alt.Chart, x: alt.X, y: alt.Y) -> alt.LayerChart:
    numbers = bars.mark_text(align="left", dx=4).encode(x=x, y=y, text="number:N", color=alt.value(BLACK))
    chart: alt.LayerChart = (bars + numbers).properties(width=WIDTH, height={"step": ROW + 6})
    return chart
