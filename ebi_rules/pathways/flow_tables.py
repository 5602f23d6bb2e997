"""Tables of flows: moves from stage to stage, and how many pathways enter each stage.

They are made only from counts that may be shown. Moves add up to places (a stage at a step), places to stages,
providers and quarters to totals, and ends to pathways; `secondary_suppression` withholds what such sums would reveal.
"""

from collections.abc import Sequence

import polars as pl

from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, WITHHELD, controlled
from ebi_rules.disclosure.secondary_suppression import Relation, Tables, withheld
from ebi_rules.pathways.flow import BEGINS, Flow
from ebi_rules.pathways.flow_moves import FURTHER, MOVE
from ebi_rules.provider_audit.percentages import PERCENT, with_percent
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS

_PROVIDER, _QUARTER = (("provider", "provider"),), (("month", "month"),)
_OUT, _INTO = (("value", "unit"),), (("value", "value"),)
_SAME_MOVE = (("unit", "unit"), ("value", "value"))
_SUMS = (
    ("provider_place", "provider_move", _PROVIDER + _OUT),
    ("provider_place", "provider_move", _PROVIDER + _INTO),
    ("move", "provider_move", _SAME_MOVE),
    ("provider_stage", "provider_place", _PROVIDER + _OUT),
    ("place", "provider_place", _INTO),
    ("provider_stage", "provider_stage", _PROVIDER + _OUT),
    ("stage", "provider_stage", _INTO),
    ("quarter_stage", "quarter_stage", _QUARTER + _OUT),
    ("stage", "quarter_stage", _INTO),
    ("place", "move", _OUT),
    ("place", "move", _INTO),
    ("stage", "place", _OUT),
    ("stage", "stage", _OUT),
)
_TABLES = Tables(further=tuple(Relation(whole, parts, keys, "parts") for whole, parts, keys in _SUMS))
"""How the counts of a flow add up.

A place is a stage at a step, and its unit is its stage. Each pathway has one end, so the unit of a stage that is an end
is the beginning of pathways.
"""

_SERIES = {"rule": pl.String, "measure": pl.String, "item": pl.String, "step": pl.Int64, "table": pl.String}
_GROUP = dict.fromkeys(("provider", "month", "value", "unit"), pl.String)
_CELL_COLUMNS = {**_SERIES, **_GROUP}

_STEP = r"^(\d+)"
_STEP_AND_SPACE = r"^\d+ "


def flow_cells(moves: pl.DataFrame, flow: Flow, method: str) -> pl.DataFrame:
    """Return every count of a flow as it may be shown.

    Args:
        moves: The exact counts, as `flow_moves.moves` returns them.
        flow: The flow.
        method: The method of disclosure control.

    Returns:
        One row per count: table, provider, month (the quarter), value, unit, shown (null if suppressed or withheld),
        withheld.
    """
    exact = pl.concat(_exact_tables(moves, flow))
    exact = exact.with_columns(_is_published(exact, method))
    is_withheld = withheld(exact, method, _TABLES)
    shown = pl.when(~pl.col("withheld")).then(controlled(pl.col("count"), method))
    return (
        exact.filter("published")
        .with_columns(withheld=is_withheld.filter(exact["published"]))
        .with_columns(shown=shown)
        .select("table", "provider", "month", "value", "unit", "shown", "withheld")
    )


def places(shown: pl.DataFrame, provider: str | None) -> dict[tuple[int, str], int | None]:
    """Return how many pathways reach each stage at each step.

    Args:
        shown: The counts as `flow_cells` returns them.
        provider: A provider's code, None for an unrecorded one, or `ALL_PROVIDERS`.

    Returns:
        The counts by step and stage; None where suppressed.
    """
    if provider == ALL_PROVIDERS:
        cells = shown.filter(table="place")
    else:
        cells = shown.filter(pl.col("table") == "provider_place", pl.col("provider").eq_missing(provider))
    step = pl.col("value").str.extract(_STEP).cast(pl.Int64)
    stage = pl.col("value").str.replace(_STEP_AND_SPACE, "").alias("stage")
    return {(step, stage): count for step, stage, count in cells.select(step, stage, "shown").iter_rows()}


def move_table(shown: pl.DataFrame, flow: Flow) -> pl.DataFrame:
    """Return the moves of all providers together, then of each.

    Args:
        shown: The counts as `flow_cells` returns them.
        flow: The flow.

    Returns:
        One row per provider and move: flow, provider, step, from, to, pathways, of (how many reach that stage at that
        step), percent, percent_lower_95, percent_upper_95 (Wilson's interval). Null where suppressed.
    """
    parts = []
    for prefix, provider in (("", pl.lit(ALL_PROVIDERS)), ("provider_", pl.col("provider"))):
        of_place = shown.filter(table=f"{prefix}place").select(
            "provider",
            pl.col("value").alias("unit"),
            pl.col("shown").alias("of"),
            pl.col("withheld").alias(f"of{WITHHELD}"),
        )
        moves = shown.filter(table=f"{prefix}move")
        moves = moves.join(of_place, on=["provider", "unit"], how="left", nulls_equal=True, maintain_order="left")
        parts.append(moves.with_columns(provider.alias("provider")))
    table = pl.concat(parts).with_columns(
        pl.col("unit").str.extract(_STEP).cast(pl.Int64).alias("step"),
        pl.col("unit").str.replace(_STEP_AND_SPACE, "").alias("from"),
        pl.col("value").str.replace(_STEP_AND_SPACE, "").alias("to"),
        pl.lit(flow.key).alias("flow"),
        pl.col("shown").alias("pathways"),
        pl.col("withheld").alias(f"pathways{WITHHELD}"),
    )
    is_provider = pl.col("provider").ne_missing(ALL_PROVIDERS)
    order = [is_provider, "provider", "step", _stage_order(flow, "from"), _stage_order(flow, "to")]
    table = with_percent(table, "pathways", "of").sort(order, nulls_last=True)
    return table.select("flow", "provider", *MOVE, "pathways", "of", *PERCENT, f"pathways{WITHHELD}", f"of{WITHHELD}")


def stage_table(shown: pl.DataFrame, flow: Flow, by: str) -> pl.DataFrame:
    """Return how many pathways enter each stage.

    Args:
        shown: The counts as `flow_cells` returns them.
        flow: The flow.
        by: `provider` (all together first), or `quarter`, in which a pathway begins.

    Returns:
        One row per provider or quarter and stage: flow, provider or quarter, stage (the beginning of all pathways
        first), entered (a pathway may enter a stage more than once, and is followed through `flow_moves.STEPS`
        stages), begun (how many pathways begin), per_100_pathways. Null where suppressed.
    """
    entered = _entered(shown, by)
    begun = entered.filter(stage=BEGINS).select(
        by, pl.col("entered").alias("begun"), pl.col(f"entered{WITHHELD}").alias(f"begun{WITHHELD}")
    )
    stages = entered.select(pl.col("stage").unique(maintain_order=True))
    table = begun.join(stages, how="cross").join(entered, on=[by, "stage"], how="left", nulls_equal=True)
    is_absent = pl.col(f"entered{WITHHELD}").is_null()
    table = table.with_columns(
        pl.lit(flow.key).alias("flow"),
        pl.when(is_absent).then(0).otherwise("entered").alias("entered"),
        pl.col(f"entered{WITHHELD}").fill_null(False),
    )
    is_known = pl.col("entered").is_not_null() & (pl.col("begun") > 0)
    per_100 = pl.when(is_known).then((pl.col("entered") / pl.col("begun") * 100).round(1)).alias("per_100_pathways")
    all_first = [pl.col(by).ne_missing(ALL_PROVIDERS)] if by == "provider" else []
    table = table.sort(*all_first, by, _stage_order(flow, "stage"), nulls_last=True)
    return table.select("flow", by, "stage", "entered", "begun", per_100, f"entered{WITHHELD}", f"begun{WITHHELD}")


def _exact_tables(moves: pl.DataFrame, flow: Flow) -> list[pl.DataFrame]:
    """Return the exact counts of each table, in the columns of `_CELL_COLUMNS` and count."""
    place_from = pl.format("{} {}", "step", "from")
    place_to = pl.format("{} {}", pl.col("step") + 1, "to")
    beginning = pl.lit(f"0 {BEGINS}")
    columns = ["provider", "quarter", "pathways"]
    by_move = moves.select(*columns, unit=place_from, value=place_to)
    first_moves = moves.filter(pl.col("from") == BEGINS)
    at_beginning = first_moves.select(*columns, stage="from", value=beginning)
    entered = pl.concat([at_beginning, moves.select(*columns, stage="to", value=place_to)])
    units_of_ends = dict.fromkeys((*flow.ends, FURTHER), BEGINS)
    unit_of_stage = pl.col("stage").replace_strict(units_of_ends, default=None, return_dtype=pl.String)
    by_place = entered.with_columns(unit="stage")
    by_stage = entered.with_columns(value="stage", unit=unit_of_stage)
    tables = (
        ("move", by_move, ()),
        ("provider_move", by_move, ("provider",)),
        ("place", by_place, ()),
        ("provider_place", by_place, ("provider",)),
        ("stage", by_stage, ()),
        ("provider_stage", by_stage, ("provider",)),
        ("quarter_stage", by_stage, ("quarter",)),
    )
    return [_exact_table(flow.key, table, frame, keys) for table, frame, keys in tables]


def _exact_table(key: str, table: str, frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    counts = frame.group_by(*keys, "value", "unit").agg(pl.col("pathways").sum().alias("count"))
    counts = counts.rename({"quarter": "month"}) if "quarter" in keys else counts
    constants = {"rule": key, "measure": "pathways", "table": table}
    columns = [
        (pl.col(name) if name in counts.columns else pl.lit(constants.get(name))).cast(kind).alias(name)
        for name, kind in _CELL_COLUMNS.items()
    ]
    return counts.select(*columns, "count").sort("provider", "month", "value", "unit", nulls_last=True)


def _is_published(exact: pl.DataFrame, method: str) -> pl.Series:
    """Return which counts are in any table: not a place that few pathways reach, nor the moves from it.

    That such a move exists at all would reveal more about few people than their number does.
    """
    if method == "none":
        return pl.Series("published", [True] * exact.height)
    is_small_place = pl.col("table").is_in(["place", "provider_place"]) & (pl.col("count") < SMALLEST_SHOWN)
    small_places = exact.filter(is_small_place).select("table", "provider", "value")
    moves_from_them = small_places.with_columns(pl.col("table").str.replace("place", "move"))
    unpublished = pl.concat([small_places, moves_from_them]).with_columns(unpublished=pl.lit(True))
    place = pl.when(pl.col("table").str.ends_with("move")).then("unit").otherwise("value")
    keys = exact.select("table", "provider", value=place)
    marked = keys.join(unpublished, on=keys.columns, how="left", nulls_equal=True, maintain_order="left")
    return marked["unpublished"].is_null().alias("published")


def _entered(shown: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return how many pathways enter each stage: the group, stage, entered, and whether that is withheld."""
    if by == "provider":
        of_all = shown.filter(table="stage").with_columns(provider=pl.lit(ALL_PROVIDERS))
        cells = pl.concat([of_all, shown.filter(table="provider_stage")])
        group = pl.col("provider")
    else:
        cells = shown.filter(table="quarter_stage")
        group = pl.col("month").alias(by)
    return cells.select(
        group,
        pl.col("value").alias("stage"),
        pl.col("shown").alias("entered"),
        pl.col("withheld").alias(f"entered{WITHHELD}"),
    )


def _stage_order(flow: Flow, column: str) -> pl.Expr:
    """Return the place of a stage in the flow's order."""
    stages = [BEGINS, *(stage.name for stage in flow.stages if not stage.ends), FURTHER, *flow.ends]
    order = {name: place for place, name in enumerate(stages)}
    return pl.col(column).replace_strict(order, return_dtype=pl.Int64)
