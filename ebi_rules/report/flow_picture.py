"""Draw a flow: stages as bars side by side, step after step, and between them bands as wide as those who go on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import polars as pl

from ebi_rules.pathways.flow import BEGINS, IN_VIEW, LOST, Flow
from ebi_rules.pathways.flow_moves import FURTHER
from ebi_rules.provider_audit.shown_counts import STAND_IN
from ebi_rules.report.charts import GREY, Chart
from ebi_rules.report.page_tables import counted

_STEP, _LAST, _BAR, _TALL, _GAP = 150, 130, 12, 420, 14
_SMALLEST_NAMED = 9
"""A bar that is less tall than this has no name beside it: the table has."""
_POINTS = 24

_STAGES = ("#0072B2", "#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442")
_OTHERS = {BEGINS: GREY, LOST: "#555555", IN_VIEW: "#BBBBBB", FURTHER: "#D8D8D8"}

Node = tuple[int, str]
Move = tuple[int, str, str, int]


@dataclass(frozen=True)
class _Bar:
    """Where a stage at a step stands."""

    left: float
    top: float
    tall: float


def flow_picture(moved: pl.DataFrame, places: Mapping[Node, int | None], flow: Flow) -> Chart:
    """Draw the moves of all providers, or of one: `moved` has step, from, to, pathways, as they may be shown.

    `places` says how many come to each stage at each step. A suppressed count is drawn as 4 and told as `*`.
    """
    rows = moved.select("step", "from", "to", pl.col("pathways").fill_null(STAND_IN)).rows()
    order = [BEGINS, *(stage.name for stage in flow.stages if not stage.ends), FURTHER, *flow.ends]
    bars = _placed(_sizes(rows), order)
    wide = _STEP * max(step for step, _ in bars) + _LAST
    deep = max(bar.top + bar.tall for bar in bars.values())
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, wide], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[deep, 0], nice=False))
    colours = _colours(flow)
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    points = pl.DataFrame(list(_bands(rows, bars, order)), schema=["band", "to", "x", "y", "y2"], orient="row")
    bands = (
        alt.Chart(points)
        .mark_area(opacity=0.4)
        .encode(x=x, y=y, y2="y2:Q", detail="band:N", color=alt.Color("to:N", scale=scale, legend=None))
    )
    blocks = _blocks(bars, places)
    drawn = (
        alt.Chart(blocks)
        .mark_rect()
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=alt.Color("stage:N", scale=scale, legend=None))
    )
    tall = blocks.filter(pl.col("y2") - pl.col("y") >= _SMALLEST_NAMED)
    names = alt.Chart(tall.with_columns(x=pl.col("x2") + 4, y=pl.mean_horizontal("y", "y2"))).encode(
        x=x, y=y, text="label:N"
    )
    halo = names.mark_text(align="left", baseline="middle", fontSize=11, stroke="white", strokeWidth=3)
    words = names.mark_text(align="left", baseline="middle", fontSize=11)
    return alt.layer(bands, drawn, halo, words).properties(
        width=wide, height=deep, view=alt.ViewBackground(stroke=None)
    )


def _sizes(rows: Sequence[Move]) -> dict[Node, int]:
    """Give the size of each stage at each step: of suppressed counts more may go on than come, or fewer."""
    into: dict[Node, int] = {}
    out: dict[Node, int] = {}
    for step, one, other, count in rows:
        out[step, one] = out.get((step, one), 0) + count
        into[step + 1, other] = into.get((step + 1, other), 0) + count
    return {node: max(into.get(node, 0), out.get(node, 0)) for node in {**out, **into}}


def _colours(flow: Flow) -> dict[str, str]:
    names = [stage.name for stage in flow.stages]
    return {**{name: _STAGES[place % len(_STAGES)] for place, name in enumerate(names)}, **_OTHERS}


def _blocks(bars: Mapping[Node, _Bar], places: Mapping[Node, int | None]) -> pl.DataFrame:
    """Give the corners of every bar, and what stands beside it."""
    rows = [
        (name, bar.left, bar.left + _BAR, bar.top, bar.top + bar.tall, f"{name} {counted(places.get((step, name)))}")
        for (step, name), bar in bars.items()
    ]
    return pl.DataFrame(rows, schema=["stage", "x", "x2", "y", "y2", "label"], orient="row")


def _placed(sizes: Mapping[Node, int], order: Sequence[str]) -> dict[Node, _Bar]:
    """Place the bars of every step one below the other, in the order of stages."""
    begun = max(sum(size for (at, _), size in sizes.items() if at == step) for step, _ in sizes)
    bars: dict[Node, _Bar] = {}
    for step in sorted({step for step, _ in sizes}):
        top = 0.0
        for name in sorted((name for at, name in sizes if at == step), key=order.index):
            tall = max(sizes[step, name] / begun * _TALL, 1.0)
            bars[step, name] = _Bar(step * _STEP, top, tall)
            top += tall + _GAP
    return bars


def _bands(
    rows: Sequence[Move], bars: Mapping[Node, _Bar], order: Sequence[str]
) -> Iterator[tuple[str, str, float, float, float]]:
    """Give the points of every band: its upper and lower edge from one bar to the next."""
    left = {node: bar.top for node, bar in bars.items()}
    right = dict(left)
    whole = dict.fromkeys(bars, 0)
    for step, one, _, count in rows:
        whole[step, one] += count
    entered = dict.fromkeys(bars, 0)
    for step, _, other, count in rows:
        entered[step + 1, other] += count
    along = np.linspace(0, 1, _POINTS)
    bend = along * along * (3 - 2 * along)
    for step, one, other, count in sorted(rows, key=lambda row: (row[0], order.index(row[1]), order.index(row[2]))):
        start, end = (step, one), (step + 1, other)
        near = count / whole[start] * bars[start].tall
        far = count / entered[end] * bars[end].tall
        x = bars[start].left + _BAR + along * (bars[end].left - bars[start].left - _BAR)
        upper = left[start] + (right[end] - left[start]) * bend
        thick = near + (far - near) * bend
        for at, top, bottom in zip(x, upper, upper + thick, strict=True):
            yield f"{step} {one} {other}", other, float(at), float(top), float(bottom)
        left[start] += near
        right[end] += far
