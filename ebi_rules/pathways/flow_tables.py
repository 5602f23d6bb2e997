"""Tables of flows from counts as they may be shown: moves from stage to stage, and how many enter each stage.

Moves add up to stages at a step, these to stages, providers and quarters to all, and ends to pathways: what such sums
would give away is withheld (`audit.guard`).
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
_TABLES = Tables(
    further=tuple(
        Relation(whole, parts, keys, "parts")
        for whole, parts, keys in (
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
    )
)
"""How the counts of a flow add up. A place is a stage at a step; its unit is its stage. The unit of a stage is the
beginning of pathways where it is one of their ends, as each pathway has one."""

_COUNT = ["rule", "measure", "item", "step", "table", "provider", "month", "value", "unit"]
_KINDS = {**dict.fromkeys(_COUNT, pl.String), "step": pl.Int64, "count": pl.Int64}


def cells(moves: pl.DataFrame, flow: Flow, method: str) -> pl.DataFrame:
    """Give every count of a flow as it may be shown.

    Columns: table, provider, month (the quarter), value, unit, shown, withheld. `moves` are those of `walking.moves`.
    """
    unit = pl.format("{} {}", "step", "from")
    value = pl.format("{} {}", pl.col("step") + 1, "to")
    step = pl.when(pl.col("from") == BEGINS).then(pl.lit(f"0 {BEGINS}"))
    into = moves.select("provider", "quarter", "pathways", stage="to", value=value)
    begun = moves.filter(pl.col("from") == BEGINS)
    entered = pl.concat([begun.select("provider", "quarter", "pathways", stage="from", value=step), into])
    ends = dict.fromkeys((*flow.ends, FURTHER), BEGINS)
    of_pathways = pl.col("stage").replace_strict(ends, default=None, return_dtype=pl.String)
    by_move = moves.select("provider", "quarter", "pathways", unit=unit, value=value)
    by_place = entered.with_columns(unit="stage")
    by_stage = entered.with_columns(value="stage", unit=of_pathways)
    sets = (
        ("move", by_move, ()),
        ("provider_move", by_move, ("provider",)),
        ("place", by_place, ()),
        ("provider_place", by_place, ("provider",)),
        ("stage", by_stage, ()),
        ("provider_stage", by_stage, ("provider",)),
        ("quarter_stage", by_stage, ("quarter",)),
    )
    exact = pl.concat([_counted(flow.key, table, frame, keys) for table, frame, keys in sets])
    exact = exact.with_columns(_published(exact, method))
    hidden = withheld(exact, method, _TABLES)
    shown = pl.when(~pl.col("withheld")).then(controlled(pl.col("count"), method))
    return (
        exact.filter("published")
        .with_columns(withheld=hidden.filter(exact["published"]))
        .with_columns(shown=shown)
        .select("table", "provider", "month", "value", "unit", "shown", "withheld")
    )


def _published(exact: pl.DataFrame, method: str) -> pl.Series:
    """Say which counts are in any table: not what goes on from a place to which few come, nor that place itself.

    That such a move exists at all would tell more of few people than their number does.
    """
    if method == "none":
        return pl.Series("published", [True] * exact.height)
    few = exact.filter(pl.col("table").is_in(["place", "provider_place"]), pl.col("count") < SMALLEST_SHOWN).select(
        "table", "provider", "value"
    )
    of_few = pl.concat(
        [
            few,
            few.select(pl.col("table").str.replace("place", "move"), "provider", "value"),
        ]
    ).with_columns(few=pl.lit(True))
    place = pl.when(pl.col("table").str.ends_with("move")).then("unit").otherwise("value")
    keyed = exact.select("table", "provider", value=place)
    marked = keyed.join(of_few, on=keyed.columns, how="left", nulls_equal=True, maintain_order="left")
    return marked["few"].is_null().alias("published")


def _counted(key: str, table: str, frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    counts = frame.group_by(*keys, "value", "unit").agg(pl.col("pathways").sum().alias("count"))
    named = counts.rename({"quarter": "month"}) if "quarter" in keys else counts
    own = {"rule": pl.lit(key), "measure": pl.lit("pathways"), "table": pl.lit(table)}
    filled = [
        own.get(name, pl.col(name) if name in named.columns else pl.lit(None)).cast(_KINDS[name]).alias(name)
        for name in _COUNT
    ]
    return named.select(*filled, "count").sort("provider", "month", "value", "unit", nulls_last=True)


def places(shown: pl.DataFrame, provider: str | None) -> dict[tuple[int, str], int | None]:
    """Give how many come to each stage at each step, of all providers or of one; None where suppressed."""
    every = provider == ALL_PROVIDERS
    own = (
        shown.filter(table="place")
        if every
        else shown.filter(pl.col("table") == "provider_place", pl.col("provider").eq_missing(provider))
    )
    told = own.select(
        pl.col("value").str.extract(r"^(\d+)").cast(pl.Int64),
        pl.col("value").str.replace(r"^\d+ ", "").alias("stage"),
        "shown",
    )
    return {(step, stage): count for step, stage, count in told.iter_rows()}


def move_table(shown: pl.DataFrame, flow: Flow) -> pl.DataFrame:
    """Give the moves of all providers together, then of each.

    Columns: flow, provider, step, from, to, pathways, of (how many are there at that step), percent, percent_lower_95,
    percent_upper_95 (Wilson's score interval). Null where suppressed.
    """
    parts = []
    for prefix in ("", "provider_"):
        moved = shown.filter(table=f"{prefix}move")
        places = shown.filter(table=f"{prefix}place").select(
            "provider",
            pl.col("value").alias("unit"),
            pl.col("shown").alias("of"),
            pl.col("withheld").alias(f"of{WITHHELD}"),
        )
        joined = moved.join(places, on=["provider", "unit"], how="left", nulls_equal=True, maintain_order="left")
        who = pl.lit(ALL_PROVIDERS) if not prefix else pl.col("provider")
        parts.append(joined.with_columns(who.alias("provider")))
    table = pl.concat(parts).with_columns(
        pl.col("unit").str.extract(r"^(\d+)").cast(pl.Int64).alias("step"),
        pl.col("unit").str.replace(r"^\d+ ", "").alias("from"),
        pl.col("value").str.replace(r"^\d+ ", "").alias("to"),
        pl.lit(flow.key).alias("flow"),
        pl.col("shown").alias("pathways"),
        pl.col("withheld").alias(f"pathways{WITHHELD}"),
    )
    table = with_percent(table, "pathways", "of").with_columns(_place(flow, "from"), _place(flow, "to"))
    table = table.sort(
        pl.col("provider").ne_missing(ALL_PROVIDERS),
        "provider",
        "step",
        "place_of_from",
        "place_of_to",
        nulls_last=True,
    )
    return table.select("flow", "provider", *MOVE, "pathways", "of", *PERCENT, f"pathways{WITHHELD}", f"of{WITHHELD}")


def stage_table(shown: pl.DataFrame, flow: Flow, by: str) -> pl.DataFrame:
    """Give how many enter each stage: `by` is provider (all first) or quarter, that in which a pathway begins.

    Columns: flow, provider or quarter, stage (where all begin first), entered (a pathway may enter a stage more than
    once, and is followed through `walking.STEPS` stages), begun (how many pathways begin there), per_100_pathways. Null
    where suppressed.
    """
    of_all = shown.filter(table="stage").with_columns(provider=pl.lit(ALL_PROVIDERS))
    parts = (
        [of_all, shown.filter(table="provider_stage")] if by == "provider" else [shown.filter(table="quarter_stage")]
    )
    group = pl.col("provider" if by == "provider" else "month").alias(by)
    table = pl.concat(parts).select(
        pl.lit(flow.key).alias("flow"),
        group,
        pl.col("value").alias("stage"),
        pl.col("shown").alias("entered"),
        pl.col("withheld").alias(f"entered{WITHHELD}"),
    )
    begun = table.filter(stage=BEGINS).select(
        by, pl.col("entered").alias("begun"), pl.col(f"entered{WITHHELD}").alias(f"begun{WITHHELD}")
    )
    known = pl.col("stage").unique(maintain_order=True)
    every = begun.join(table.select(known), how="cross")
    table = every.join(table.drop("flow"), on=[by, "stage"], how="left", nulls_equal=True).with_columns(
        _place(flow, "stage"),
        pl.lit(flow.key).alias("flow"),
        pl.when(pl.col(f"entered{WITHHELD}").is_null()).then(0).otherwise("entered").alias("entered"),
        pl.col(f"entered{WITHHELD}").fill_null(False),
    )
    both = pl.col("entered").is_not_null() & (pl.col("begun") > 0)
    per = pl.when(both).then((pl.col("entered") / pl.col("begun") * 100).round(1)).alias("per_100_pathways")
    order = [pl.col(by).ne_missing(ALL_PROVIDERS)] if by == "provider" else []
    return table.sort(*order, by, "place_of_stage", nulls_last=True).select(
        "flow", by, "stage", "entered", "begun", per, f"entered{WITHHELD}", f"begun{WITHHELD}"
    )


def _place(flow: Flow, column: str) -> pl.Expr:
    """Give the place of a stage in the flow's order."""
    stages = [BEGINS, *(stage.name for stage in flow.stages if not stage.ends), FURTHER, *flow.ends]
    order = {name: place for place, name in enumerate(stages)}
    return pl.col(column).replace_strict(order, return_dtype=pl.Int64).alias(f"place_of_{column}")
