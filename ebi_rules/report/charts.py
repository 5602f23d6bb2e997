"""Charts of an audit, as altair charts over counts as they may be shown.

Every chart has its table beside it. Colours are from the Okabe-Ito set and differ in lightness; what colour says, shape
says too.
"""

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import polars as pl

from ebi_rules.criteria.fields import FIELDS
from ebi_rules.provider_audit.settings import OVERDISPERSION
from ebi_rules.statistics.funnel import Funnel, ratio_limits

BLUE, ORANGE, BLACK, GREY = "#0072B2", "#E69F00", "#000000", "#767676"
PARTS = (BLUE, "#56B4E9", ORANGE, BLACK, "#CC79A7", "#BBBBBB")
"""Colours of the parts of a bar, neighbours of which differ in lightness."""
WIDTH = 640
_ROW = 20
MOST_NAMED = 60
"""With more providers than this a ranked chart names none: the table beside it does."""
_MOST_LABELS = 20

Chart = alt.Chart | alt.LayerChart | alt.FacetChart

FIELD_LABELS = {"imd_decile": "deprivation", "age_band": "age"}
"""What a field is called where its own name would not do."""

SIGNAL_WORDS = {
    "above_998": "above 99.8%",
    "above_95": "above 95%",
    "below_95": "below 95%",
    "below_998": "below 99.8%",
    "above_limit": "above the limit",
    "below_limit": "below the limit",
    "trend_up": "rising trend",
    "trend_down": "falling trend",
    "two_of_three_above": "two of three high",
    "two_of_three_below": "two of three low",
    "shift_above": "shift upwards",
    "shift_below": "shift downwards",
}
"""Signals of funnels and of trends, as a reader would say them."""


def labelled(table: pl.DataFrame) -> pl.DataFrame:
    """Add `label`, a provider's name, or its code where it has none."""
    code = pl.col("provider").fill_null("not recorded")
    if "provider_name" not in table.columns:
        return table.with_columns(label=code)
    return table.with_columns(label=pl.coalesce("provider_name", code))


def drawable(providers: pl.DataFrame) -> pl.DataFrame:
    """Give the providers that a funnel draws: those with a ratio, so neither suppressed nor without any eligible."""
    return labelled(providers.filter(pl.col("standardised_ratio").is_not_null()))


def value_label(field: str, value: str | None) -> str:
    """Give a value of a field as a reader would say it: its meaning in the data dictionary, where that is known."""
    if value is None:
        return "not recorded"
    meaning = FIELDS[field].meanings.get(value) if field in FIELDS else None
    return f"{value} {meaning}" if meaning else value


def attrition(table: pl.DataFrame, words: Mapping[str, str]) -> alt.LayerChart:
    """Draw how much activity is left after each criterion, with the number at each bar's end.

    The first criterion commonly leaves one row in hundreds, so the scale is logarithmic, from 1.
    """
    shown = table.select(
        pl.col("criterion").fill_null("all activity").replace(dict(words)),
        pl.col("left").fill_null(1).clip(lower_bound=1).alias("drawn"),
        pl.lit(1).alias("base"),
        number=_number("left"),
    )
    scale = alt.Scale(type="log", domainMin=1)
    x = alt.X(
        "drawn:Q", title="activity left (logarithmic scale)", scale=scale, axis=alt.Axis(format="~s", tickCount=6)
    )
    y = alt.Y("criterion:N", sort=None, title=None)
    bars = alt.Chart(shown).mark_bar(color=BLUE).encode(x=x, x2="base:Q", y=y)
    return _with_numbers(bars, x, y)


def sensitivity(table: pl.DataFrame) -> alt.LayerChart:
    """Draw what each reading flags, the one that was counted in a colour of its own."""
    answered = table.filter(~pl.col("about").str.starts_with("not available"))
    shown = answered.select(
        "variant",
        pl.col("flagged").fill_null(0),
        number=_number("flagged"),
        counted=(pl.col("differs") == 0) & (pl.col("difference") == 0),
    )
    x = alt.X("flagged:Q", title="in scope", axis=alt.Axis(tickCount=6))
    y = alt.Y("variant:N", sort=None, title=None)
    colour = alt.condition(alt.datum.counted, alt.value(BLUE), alt.value(ORANGE))
    return _with_numbers(alt.Chart(shown).mark_bar().encode(x=x, y=y, color=colour), x, y)


def funnel(providers: pl.DataFrame, found: Funnel, overdispersion: str) -> Chart:
    """Draw standardised ratios against expected numbers, within their limits; those beyond have their name.

    The mark `units` has one symbol a provider, in the order of `drawable(providers)`.
    """
    shown = drawable(providers).select("label", "expected", "standardised_ratio", pl.col("signal").fill_null("within"))
    largest = float(shown["expected"].max() or 1) * 1.05  # type: ignore[arg-type]
    # Below this the limits run off the page, and no unit is there.
    smallest = max(float(shown["expected"].min() or 1) * 0.8, 0.5)  # type: ignore[arg-type]
    grid = np.geomspace(smallest, max(largest, smallest * 1.01), 60)
    limits = ratio_limits(grid, found.tau2, OVERDISPERSION[overdispersion]).with_columns(expected=pl.Series(grid))
    top = max(float(shown["standardised_ratio"].max() or 1) * 1.1, float(limits["upper_998"].min() or 1) * 1.1, 1.5)  # type: ignore[arg-type]
    x = alt.X(
        "expected:Q",
        title="number expected, given age and sex (logarithmic scale)",
        scale=alt.Scale(type="log", nice=False, domain=[smallest, largest]),
        axis=alt.Axis(format="~s", tickCount=6),
    )
    y = alt.Y(
        "y:Q", title="standardised ratio", scale=alt.Scale(domain=[0, top], clamp=True), axis=alt.Axis(tickCount=6)
    )
    lines = limits.unpivot(index="expected", variable_name="limit", value_name="y").with_columns(
        level=pl.col("limit").str.extract(r"_(\d+)$").replace({"95": "95% limits", "998": "99.8% limits"})
    )
    dash = alt.StrokeDash(
        "level:N", legend=None, scale=alt.Scale(domain=["95% limits", "99.8% limits"], range=[[5, 4], [1, 0]])
    )
    curves = (
        alt.Chart(lines)
        .mark_line(color=GREY, strokeWidth=1.2, clip=True)
        .encode(x=x, y=y, detail="limit:N", strokeDash=dash)
    )
    centre = alt.Chart(pl.DataFrame({"y": [1.0]})).mark_rule(color=BLACK, strokeWidth=1).encode(y=y)
    points = shown.with_columns(y=pl.col("standardised_ratio"))
    order = ["within", "above_95", "above_998", "below_95", "below_998"]
    colours = alt.Scale(domain=order, range=[BLUE, ORANGE, "#D55E00", "#56B4E9", BLACK])
    shapes = alt.Scale(domain=order, range=["circle", "triangle-up", "triangle-up", "triangle-down", "triangle-down"])
    units = (
        alt.Chart(points, name="units")
        .mark_point(filled=True, size=80, stroke="white", strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            color=alt.Color("signal:N", scale=colours, legend=None),
            shape=alt.Shape("signal:N", scale=shapes, legend=None),
            tooltip=["label:N", "expected:Q", "y:Q"],
        )
    )
    far = _labels(points.filter(pl.col("signal") != "within"), largest)
    above = pl.col("signal").str.starts_with("above")
    names = [
        alt.Chart(part).mark_text(fontSize=11, dy=dy, limit=200).encode(x=x, y=y, text="label:N")
        for part, dy in ((far.filter(above), -9), (far.filter(~above), 13))
    ]
    return alt.layer(curves, centre, units, *names).properties(width=WIDTH, height=380)


RATE = ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95")
RATE_TITLE = "in scope per 1,000 eligible"


def rates(providers: pl.DataFrame, figures: Sequence[str] = RATE, told: str = RATE_TITLE) -> Chart:
    """Draw each provider's figure with its 95% interval, highest first, named where there are up to 60.

    `figures` are the columns of the figure and the ends of its interval. The mark `units` has one point a provider, in
    that order.
    """
    figure, lower, upper = figures
    shown = ranked(providers, figure).with_row_index("rank", offset=1)
    title = f"{told}, with 95% interval"
    if shown.height <= MOST_NAMED:
        y = alt.Y("label:N", sort=None, title=None)
        x = alt.X(f"{figure}:Q", title=title, axis=alt.Axis(tickCount=8))
        bars = alt.Chart(shown).mark_rule(color=GREY).encode(x=alt.X(f"{lower}:Q", title=title), x2=f"{upper}:Q", y=y)
        points = alt.Chart(shown, name="units").mark_point(filled=True, size=50, color=BLUE).encode(x=x, y=y)
        named: alt.LayerChart = (bars + points).properties(width=WIDTH, height={"step": _ROW - 3})
        return named
    along = alt.X(
        "rank:Q",
        title="providers in order, highest first",
        axis=alt.Axis(tickCount=8),
        scale=alt.Scale(nice=False, domain=[0, shown.height + 1]),
    )
    spans = alt.Chart(shown).mark_rule(color=GREY).encode(x=along, y=alt.Y(f"{lower}:Q", title=title), y2=f"{upper}:Q")
    dots = alt.Chart(shown, name="units").mark_point(filled=True, size=18, color=BLUE).encode(x=along, y=f"{figure}:Q")
    crowded: alt.LayerChart = (spans + dots).properties(width=WIDTH + 60, height=320)
    return crowded


def ranked(providers: pl.DataFrame, figure: str = RATE[0]) -> pl.DataFrame:
    """Give the providers whose figure is shown, highest first; a suppressed one has no rank."""
    given = providers.filter(pl.col(figure).is_not_null())
    return labelled(given).sort(figure, "label", descending=[True, False])


def breakdown(table: pl.DataFrame, field: str, figures: Sequence[str] = RATE, told: str = RATE_TITLE) -> alt.LayerChart:
    """Draw a figure with its 95% interval by the values of a field."""
    figure, lower, upper = figures
    given = table.filter(pl.col(figure).is_not_null())
    shown = given.with_columns(label=pl.Series([value_label(field, value) for value in given[field]], dtype=pl.String))
    y = alt.Y("label:N", sort=None, title=None)
    bars = (
        alt.Chart(shown)
        .mark_rule(color=GREY, strokeWidth=2)
        .encode(
            x=alt.X(f"{lower}:Q", title=f"{told}, with 95% interval", axis=alt.Axis(tickCount=8)), x2=f"{upper}:Q", y=y
        )
    )
    points = alt.Chart(shown).mark_point(filled=True, size=60, color=BLUE).encode(x=f"{figure}:Q", y=y)
    layered: alt.LayerChart = (bars + points).properties(width=WIDTH, height={"step": _ROW - 2})
    return layered


def who_asked(table: pl.DataFrame, settings: Sequence[str]) -> Chart:
    """Draw the shares of referral settings in each unit, one bar a unit; what is suppressed is a gap.

    `table` has label, referral_setting, percent; `settings` are in the order of the bars' parts.
    """
    order = pl.col("referral_setting").replace_strict({name: place for place, name in enumerate(settings)}, default=99)
    # Where a part is suppressed the others keep their width, so a bar may end before 100.
    shown = table.filter(pl.col("percent") > 0).with_columns(place=order)
    colour = alt.Color(
        "referral_setting:N",
        title=None,
        sort=list(settings),
        legend=alt.Legend(orient="top", columns=3, labelLimit=320, columnPadding=36),
        scale=alt.Scale(domain=list(settings), range=list(PARTS[: len(settings)])),
    )
    bars = (
        alt.Chart(shown)
        .mark_bar(stroke="white", strokeWidth=1)
        .encode(
            x=alt.X(
                "percent:Q",
                title="percent",
                stack="zero",
                scale=alt.Scale(domain=[0, 100], clamp=True),
                axis=alt.Axis(tickCount=6),
            ),
            y=alt.Y("label:N", sort=None, title=None),
            color=colour,
            order=alt.Order("place:Q"),
        )
    )
    sized: Chart = bars.properties(width=WIDTH, height={"step": _ROW})
    return sized


def trend(series: pl.DataFrame, figure: str = RATE[0], told: str = RATE_TITLE) -> Chart:
    """Draw one series of `Audit.trend`: the rate by month, its mean and limits, and its signals.

    A suppressed month is a gap; a partial last month is hollow and not judged. `figure` is the column drawn, and `told`
    says what it is.
    """
    shown = series.select(
        "month",
        rate=pl.col(figure),
        mean="mean",
        lower="lower",
        upper="upper",
        kind=pl.when("partial")
        .then(pl.lit("partial month"))
        .when(pl.col("signal").is_null())
        .then(pl.lit("no signal"))
        .when(pl.col("signal").str.contains("above|up"))
        .then(pl.lit("high"))
        .otherwise(pl.lit("low")),
    )
    return trend_spec(shown, told)


def trend_spec(data: pl.DataFrame, told: str = RATE_TITLE) -> Chart:
    """Give the trend chart of columns month, rate, mean, lower, upper, kind."""
    base = alt.Chart(data)
    x = alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-90, labelOverlap=True))
    y = alt.Y("rate:Q", title=told, scale=alt.Scale(zero=True))
    limits = [
        base.mark_line(color=GREY, strokeDash=[5, 4], strokeWidth=1.2).encode(x=x, y=alt.Y(f"{end}:Q"))
        for end in ("lower", "upper")
    ]
    mean = base.mark_line(color=BLACK, strokeWidth=1).encode(x=x, y="mean:Q")
    line = base.mark_line(color=BLUE, strokeWidth=1.5).encode(x=x, y=y)
    kinds = ["no signal", "high", "low", "partial month"]
    points = (
        base.mark_point(filled=True, size=60, stroke="white", strokeWidth=0.5)
        .encode(
            x=x,
            y=y,
            tooltip=["month:O", alt.Tooltip("rate:Q", format=".2f"), "kind:N"],
            shape=alt.Shape(
                "kind:N",
                legend=None,
                scale=alt.Scale(domain=kinds, range=["circle", "triangle-up", "triangle-down", "cross"]),
            ),
            color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[BLUE, "#D55E00", BLACK, GREY])),
        )
        .transform_filter("isValid(datum.rate)")
    )
    return alt.layer(*limits, mean, line, points).properties(width=WIDTH, height=260)


def by_quarter(table: pl.DataFrame) -> Chart:
    """Draw how many of 100 pathways come to each stage by the quarter in which they begin, a small chart a stage."""
    shown = table.filter(pl.col("per_100_pathways").is_not_null())
    stages = shown["stage"].unique(maintain_order=True).to_list()
    dots = alt.OverlayMarkDef(color=BLUE, size=22)
    drawn = (
        alt.Chart(shown)
        .mark_line(color=BLUE, strokeJoin="round", point=dots)
        .encode(
            x=alt.X("quarter:O", title=None, axis=alt.Axis(labelAngle=-90, labelOverlap=True)),
            y=alt.Y("per_100_pathways:Q", title="per 100", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4)),
            facet=alt.Facet("stage:N", title=None, sort=stages, columns=3),
        )
    )
    sized: Chart = drawn.properties(width=WIDTH // 3 - 20, height=110).resolve_scale(y="independent")
    return sized


def _labels(far: pl.DataFrame, largest: float) -> pl.DataFrame:
    """Give the names to write into a funnel: those farthest from 1, and none that would leave the picture."""
    distance = (pl.col("standardised_ratio").clip(lower_bound=0.01).log()).abs()
    return (
        far.sort(distance, descending=True)
        .head(_MOST_LABELS)
        .with_columns(expected=pl.col("expected").clip(upper_bound=largest * 0.93))
    )


def _number(column: str) -> pl.Expr:
    text = pl.col(column).map_elements(lambda count: f"{count:,}", return_dtype=pl.String)
    return pl.when(pl.col(column).is_null()).then(pl.lit("*")).otherwise(text)


def _with_numbers(bars: alt.Chart, x: alt.X, y: alt.Y) -> alt.LayerChart:
    text = bars.mark_text(align="left", dx=4).encode(x=x, y=y, text="number:N", color=alt.value(BLACK))
    sized: alt.LayerChart = (bars + text).properties(width=WIDTH, height={"step": _ROW + 6})
    return sized
