"""The section of a flow in the report of pathways: its picture, its tables, and the quarters."""

from typing import Any

import polars as pl

from ebi_rules.pathways.flow import BEGINS, IN_VIEW, LOST
from ebi_rules.pathways.flow_tables import places
from ebi_rules.pathways.pathway_tables import PathwayTables
from ebi_rules.provider_audit.percentages import PERCENT
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report import trend_charts
from ebi_rules.report.drawing import Chart
from ebi_rules.report.flow_picture import flow_picture
from ebi_rules.report.page_tables import PageTable, Row, count_text, page_table
from ebi_rules.report.report_words import NOT_RECORDED, with_words
from ebi_rules.translate.english import listed

FEWEST_BEGUN = 30
"""A quarter in which fewer pathways begin is not drawn: shares of them say little."""
_END_WORDS = {LOST: "have no further activity", IN_VIEW: "are still being followed"}
_QUARTER = 3
"""Months."""
_MOST_DRAWN = 8
"""The flow is also drawn for this many single providers: those with the most pathways."""


def flow_section(tables: PathwayTables, place: int) -> dict[str, Any]:
    """Return the values of a flow's section for its template."""
    flow, _ = tables.moves[place]
    moves = tables.by_file["flow"].filter(flow=flow.key)
    stages = tables.by_file["flow_stages"].filter(flow=flow.key)
    quarters = tables.by_file["flow_quarters"].filter(flow=flow.key)
    overall = stages.filter(provider=ALL_PROVIDERS)
    by_provider = stages.filter(pl.col("provider").ne_missing(ALL_PROVIDERS))
    begun = by_provider.filter(pl.col("stage") == BEGINS, pl.col("entered").is_not_null())
    largest = begun.top_k(_MOST_DRAWN, by="entered")["provider"].to_list()
    names = tables.settings.names
    quarters_chart = None
    drawn = quarters.filter(pl.col("stage") != BEGINS, pl.col("quarter").is_in(with_enough(quarters)))
    if drawn["per_100_pathways"].count():
        name = f"Per 100 pathways, by quarter of their beginning, {flow.title}"
        quarters_chart = trend_charts.by_quarter(drawn, every_quarter(quarters["quarter"]), name)
    return {
        "key": f"flow{place}",
        "flow": flow,
        "figures": [
            (count_text(entered), "pathways" if stage == BEGINS else stage)
            for stage, entered in overall.select("stage", "entered").iter_rows()
            if stage in (BEGINS, *flow.ends)
        ],
        "picture": drawn_flow(tables, place, ALL_PROVIDERS),
        "moves": page_table(
            moves.filter(provider=ALL_PROVIDERS),
            "From stage to stage, all providers together",
            ["step", "from", "to", "pathways", "of", *PERCENT],
        ),
        "stages": page_table(
            overall, "How many reach each stage, all providers together", ["stage", "entered", "per_100_pathways"]
        ),
        "providers": _stage_columns(
            with_words(by_provider, names), "provider", "Per 100 pathways that begin at a provider"
        ),
        "provider_pictures": [
            (names.get(provider, provider) or NOT_RECORDED, drawn_flow(tables, place, provider)) for provider in largest
        ],
        "quarters_chart": quarters_chart,
        "quarters": _stage_columns(quarters, "quarter", "Per 100 pathways, by the quarter in which they begin"),
    }


def drawn_flow(tables: PathwayTables, place: int, provider: str | None) -> Chart | None:
    """Draw one flow; return None if nothing of it may be shown.

    Args:
        tables: The tables of a run.
        place: The place of the flow in the run, from 0.
        provider: The provider's code, or `ALL_PROVIDERS`; None for activity without a provider.
    """
    (flow, _), cells = tables.moves[place], tables.flow_cells[place]
    moves = tables.by_file["flow"].filter(pl.col("flow") == flow.key, pl.col("provider").eq_missing(provider))
    if not moves.height:
        return None
    name = provider or "provider not recorded"
    chart = flow_picture(moves, places(cells, provider), flow, f"{flow.title}, {name}")
    stages = tables.by_file["flow_stages"].filter(pl.col("flow") == flow.key, pl.col("provider").eq_missing(provider))
    entered = dict(stages.select("stage", "entered").iter_rows())
    ends = [f"{count_text(entered.get(end))} {_END_WORDS.get(end, f'end in {end}')}" for end in flow.ends]
    return chart.saying(f"Of {count_text(entered.get(BEGINS))} pathways, {listed(ends, 'and')}")


def every_quarter(quarters: pl.Series) -> list[str]:
    """Return all quarters from the first to the last, without gaps."""
    first, last = str(quarters.min()), str(quarters.max())
    numbers = range(int(first[:4]) * 12 + int(first[5:7]) - 1, int(last[:4]) * 12 + int(last[5:7]), _QUARTER)
    months = [(f"{at // 12}-{at % 12 + 1:02}", f"{(at + 2) // 12}-{(at + 2) % 12 + 1:02}") for at in numbers]
    return [f"{begin} to {end}" for begin, end in months]


def with_enough(quarters: pl.DataFrame) -> list[str]:
    """Return the quarters in which enough pathways begin for shares of them to be drawn."""
    return quarters.filter(pl.col("stage") == BEGINS, pl.col("entered") >= FEWEST_BEGUN)["quarter"].to_list()


def _stage_columns(table: pl.DataFrame, by: str, caption: str) -> PageTable:
    """Return a table with one row per provider or quarter, and one column per stage: how many of 100 pathways reach it.

    Args:
        table: Has the columns stage, entered, per_100_pathways, and the column of `by`.
        by: provider or quarter.
        caption: The caption.
    """
    long = page_table(table, "", [by, "stage", "entered", "per_100_pathways"])
    stages = [stage for stage in table["stage"].unique(maintain_order=True) if stage != BEGINS]
    cells = {(row.cells[0], row.cells[1]): row.cells for row in long.rows}
    rows = []
    for name in dict.fromkeys(row.cells[0] for row in long.rows):
        per_100 = [cells[name, stage][3] for stage in stages]
        rows.append(Row((name, cells[name, BEGINS][2], *per_100)))
    headings = [(by, False), ("pathways", True), *((stage, True) for stage in stages)]
    return PageTable(caption, tuple(headings), tuple(rows))
