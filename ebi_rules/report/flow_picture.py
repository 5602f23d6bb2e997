"""Draw a flow as a Sankey diagram: a bar for each stage at each step, and bands as wide as the number who move on.

It draws counts as they may be shown, and counts nothing itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ebi_rules.pathways.flow import BEGINS, IN_VIEW, LOST, Flow
from ebi_rules.pathways.flow_moves import FURTHER
from ebi_rules.provider_audit.shown_counts import STAND_IN
from ebi_rules.report.chart_style import GREY
from ebi_rules.report.drawing import Chart, Drawing, Point
from ebi_rules.report.page_tables import count_text

# Sizes in pixels.
_STEP_WIDTH, _LAST_STEP_WIDTH, _BAR_WIDTH = 150, 175, 12
_FULL_HEIGHT, _GAP = 420, 14
_LOWEST_NAMED = 9
"""A bar less high than this has no name beside it; the table has the name."""
_POINTS = 24
"""Points along an edge of a band."""

_STAGE_COLOURS = ("#0072B2", "#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442")
_OTHER_COLOURS = {BEGINS: GREY, LOST: "#555555", IN_VIEW: "#BBBBBB", FURTHER: "#D8D8D8"}

Node = tuple[int, str]
"""A step, from 0, and a stage."""
Move = tuple[int, str, str, int]
"""A step, from 0, the stage at that step, the next stage, and the number of pathways."""


@dataclass(frozen=True)
class _Bar:
    """The place and height of a stage at a step, in pixels from the top left."""

    left: float
    top: float
    height: float


def flow_picture(moves: pl.DataFrame, places: Mapping[Node, int | None], flow: Flow, name: str) -> Chart:
    """Draw the moves of all providers, or of one.

    Args:
        moves: Has the columns step, from, to, pathways, as they may be shown. A suppressed count (null) is drawn as 4.
        places: How many pathways reach each stage at each step; None if suppressed, which is written as `*`.
        flow: The flow.
        name: What the picture shows.
    """
    rows = moves.select("step", "from", "to", pl.col("pathways").fill_null(STAND_IN)).rows()
    order = [BEGINS, *(stage.name for stage in flow.stages if not stage.ends), FURTHER, *flow.ends]
    bars = _place_bars(_node_sizes(rows), order)
    colours = _colours(flow)
    drawing = Drawing()
    with drawing.group(opacity=0.4):
        for stage, outline in _bands(rows, bars, order):
            drawing.area(outline, fill=colours[stage])
    for (_, stage), bar in bars.items():
        drawing.box((bar.left, bar.top), _BAR_WIDTH, bar.height, fill=colours[stage])
    # A white edge behind the letters keeps them readable over a band.
    with drawing.group(font_size=11, stroke="white", stroke_width=3, paint_order="stroke"):
        for (step, stage), bar in bars.items():
            if bar.height >= _LOWEST_NAMED:
                label = f"{stage} {count_text(places.get((step, stage)))}"
                drawing.words((bar.left + _BAR_WIDTH + 4, bar.top + bar.height / 2), label)
    width = _STEP_WIDTH * max(step for step, _ in bars) + _LAST_STEP_WIDTH
    return Chart(drawing.body, width, max(bar.top + bar.height for bar in bars.values()), name)


def _node_sizes(moves: Sequence[Move]) -> dict[Node, int]:
    """Return the number of pathways at each stage and step.

    Because of suppressed counts, more pathways may leave a stage than reach it, or fewer: the larger number counts.
    """
    entering: dict[Node, int] = {}
    leaving: dict[Node, int] = {}
    for step, stage, next_stage, count in moves:
        leaving[step, stage] = leaving.get((step, stage), 0) + count
        entering[step + 1, next_stage] = entering.get((step + 1, next_stage), 0) + count
    return {node: max(entering.get(node, 0), leaving.get(node, 0)) for node in {**leaving, **entering}}


def _colours(flow: Flow) -> dict[str, str]:
    stages = {stage.name: _STAGE_COLOURS[place % len(_STAGE_COLOURS)] for place, stage in enumerate(flow.stages)}
    return {**stages, **_OTHER_COLOURS}


def _place_bars(sizes: Mapping[Node, int], order: Sequence[str]) -> dict[Node, _Bar]:
    """Place the bars of every step below each other, in the order of stages."""
    steps = sorted({step for step, _ in sizes})
    totals = {step: sum(size for (at, _), size in sizes.items() if at == step) for step in steps}
    most = max(totals.values())
    bars: dict[Node, _Bar] = {}
    for step in steps:
        top = 0.0
        for name in sorted((name for at, name in sizes if at == step), key=order.index):
            height = max(sizes[step, name] / most * _FULL_HEIGHT, 1.0)
            bars[step, name] = _Bar(step * _STEP_WIDTH, top, height)
            top += height + _GAP
    return bars


def _bands(moves: Sequence[Move], bars: Mapping[Node, _Bar], order: Sequence[str]) -> Iterator[tuple[str, list[Point]]]:
    """Yield the next stage and the outline of every band, from one bar to the next."""
    leaving = dict.fromkeys(bars, 0)
    entering = dict.fromkeys(bars, 0)
    for step, stage, next_stage, count in moves:
        leaving[step, stage] += count
        entering[step + 1, next_stage] += count
    # Where the next band begins: on the right side of its first bar, and on the left side of its second.
    right_top = {node: bar.top for node, bar in bars.items()}
    left_top = dict(right_top)
    along = np.linspace(0, 1, _POINTS)
    bend = along * along * (3 - 2 * along)
    in_order = sorted(moves, key=lambda move: (move[0], order.index(move[1]), order.index(move[2])))
    for step, stage, next_stage, count in in_order:
        start, end = (step, stage), (step + 1, next_stage)
        start_height = count / leaving[start] * bars[start].height
        end_height = count / entering[end] * bars[end].height
        x = bars[start].left + _BAR_WIDTH + along * (bars[end].left - bars[start].left - _BAR_WIDTH)
        upper = right_top[start] + (left_top[end] - right_top[start]) * bend
        thickness = start_height + (end_height - start_height) * bend
        edge = [*zip(x, upper, strict=True), *zip(x[::-1], (upper + thickness)[::-1], strict=True)]
        yield next_stage, [(float(at), float(down)) for at, down in edge]
        right_top[start] += start_height
        left_top[end] += end_height
