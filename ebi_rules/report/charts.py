"""Charts of the report, as altair charts and as SVG text that stands in the page.

Every chart has its table beside it; colours are from the Okabe-Ito set and differ in lightness.
"""

from collections.abc import Mapping

import altair as alt
import polars as pl

_BLUE, _ORANGE = "#0072B2", "#E69F00"
_WIDTH = 620
_ROW = 20
MOST_PROVIDERS = 40

Chart = alt.Chart | alt.LayerChart


def rates(providers: pl.DataFrame) -> alt.Chart:
    """Draw the rate per 1,000 eligible of each provider, highest first; the 40 highest where there are more."""
    shown = (
        providers.drop_nulls("rate_per_1000_eligible")
        .sort("rate_per_1000_eligible", "flagged", descending=True)
        .head(MOST_PROVIDERS)
        .with_columns(pl.col("provider").fill_null("not recorded"))
    )
    return _bars(
        shown,
        alt.X("rate_per_1000_eligible:Q", title="flagged per 1,000 eligible", axis=alt.Axis(tickCount=8)),
        alt.Y("provider:N", sort=None, title=None),
    )


def attrition(table: pl.DataFrame, words: Mapping[str, str]) -> alt.LayerChart:
    """Draw how much activity is left after each criterion, with the number at each bar's end.

    The first criterion commonly leaves one row in hundreds, so the scale is logarithmic, from 1.
    """
    shown = table.with_columns(
        pl.col("criterion").fill_null("all activity").replace(dict(words)),
        pl.col("left").clip(lower_bound=1).alias("drawn"),
        pl.lit(1).alias("base"),
    )
    scale = alt.Scale(type="log", domainMin=1)
    x = alt.X(
        "drawn:Q", title="activity left (logarithmic scale)", scale=scale, axis=alt.Axis(format="~s", tickCount=6)
    )
    y = alt.Y("criterion:N", sort=None, title=None)
    bars = alt.Chart(shown).mark_bar(color=_BLUE).encode(x=x, x2="base:Q", y=y)
    return _with_numbers(bars, x, y, "left")


def sensitivity(table: pl.DataFrame) -> alt.LayerChart:
    """Draw what each reading flags, the rule's own in a colour of its own."""
    shown = table.drop_nulls("flagged")
    x = alt.X("flagged:Q", title="flagged", axis=alt.Axis(tickCount=6))
    y = alt.Y("variant:N", sort=None, title=None)
    colour = alt.condition(alt.datum.variant == "default", alt.value(_BLUE), alt.value(_ORANGE))
    return _with_numbers(alt.Chart(shown).mark_bar().encode(x=x, y=y, color=colour), x, y, "flagged")


def svg(chart: Chart, name: str) -> str:
    """Give a chart as SVG text to stand in a page; `name` is its text alternative."""
    import vl_convert

    # Browsers may draw letters wider than the width that was measured here: leave room at both ends.
    styled = chart.configure(
        font="Arial, sans-serif",
        padding={"left": 36, "right": 48, "top": 4, "bottom": 4},
        axis=alt.AxisConfig(labelFontSize=12, titleFontSize=12, labelLimit=260, grid=False),
    )
    drawn = str(vl_convert.vegalite_to_svg(styled.to_dict()))
    start = drawn.index("<svg")
    return f'{drawn[start : start + 4]} role="img" aria-label="{name}"{drawn[start + 4 :]}'


def _bars(data: pl.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    bars = alt.Chart(data).mark_bar(color=_BLUE).encode(x=x, y=y)
    sized: alt.Chart = bars.properties(width=_WIDTH, height={"step": _ROW})
    return sized


def _with_numbers(bars: alt.Chart, x: alt.X, y: alt.Y, number: str) -> alt.LayerChart:
    text = bars.mark_text(align="left", dx=4, color="black").encode(
        x=x, y=y, text=alt.Text(f"{number}:Q", format=","), color=alt.value("black")
    )
    sized: alt.LayerChart = (bars + text).properties(width=_WIDTH, height={"step": _ROW + 6})
    return sized
