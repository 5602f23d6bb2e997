"""Count measures and flows in a warehouse: only counts leave it.

The meaning is that of `people_events` and what is counted from it; each measure and each flow is one statement or two.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules._support.progress import Progress
from ebi_rules.criteria.nodes import fields_needed
from ebi_rules.cube import normal_fields
from ebi_rules.engines.findings import notices_of
from ebi_rules.engines.warehouse import WarehouseExtract, find_odd_values
from ebi_rules.layouts.layout import WAITING_LIST
from ebi_rules.pathways.flow import BEGINS, IN_VIEW, LOST, Flow
from ebi_rules.pathways.flow_moves import FURTHER, MOVE, STEPS
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.measure_counts import backward_notice, cube_of_answers, measure_cube, why_too_short
from ebi_rules.pathways.pathway_counts import (
    PathwayCounts,
    contacts_of,
    in_order_of_keys,
    known_waits,
    no_spread,
    with_waits,
)
from ebi_rules.pathways.people_events import Source, different_periods, notices_of_days, unmatched_pseudonyms
from ebi_rules.pathways.warehouse_waits import count_waits_in_warehouse
from ebi_rules.provider_audit.quarters import quarter_of_day
from ebi_rules.rule_model.measure_availability import can_contain
from ebi_rules.rule_model.measure_logic import EventDefinition
from ebi_rules.statements.flow_sql import IN_VIEW as IN_VIEW_NUMBER
from ebi_rules.statements.flow_sql import LOST as LOST_NUMBER
from ebi_rules.statements.flow_sql import FlowLogic, flow_statement
from ebi_rules.statements.measure_sql import SPREAD, TOTALS, totals_statements, why_not_in_sql
from ebi_rules.statements.people_sql import people_statement, people_tables
from ebi_rules.translate.dialects.dialect import find_dialect

_COUNTED_MOVES = ("provider", "month", "step", "stage", "after", "pathways")
"""What a flow's statement selects."""


def require_one_place(extracts: Sequence[WarehouseExtract]) -> None:
    """Raise `UsageError` if tables are in different places, as they cannot be joined then."""
    if len({extract.place for extract in extracts}) > 1:
        raise UsageError("the tables are in different warehouses or databases: measures need them in one.")


def countable(measures: Sequence[Measure], skips: bool) -> tuple[list[Measure], list[str]]:
    """Return the measures that SQL counts, and warnings about the others.

    Args:
        measures: The measures.
        skips: Whether the others are left out; if not, they are errors.

    Raises:
        UsageError: SQL does not count one of the measures.
    """
    reasons = [(measure, why_not_in_sql(measure)) for measure in measures]
    refused = [reason for _, reason in reasons if reason]
    if refused and not skips:
        raise UsageError(refused[0])
    return [measure for measure, reason in reasons if not reason], [f"skipped: {reason}" for reason in refused]


def count_in_warehouse(
    extracts: Sequence[WarehouseExtract],
    measures: Sequence[Measure],
    flows: Sequence[Flow],
    dimensions: Sequence[str],
    progress: Progress,
) -> PathwayCounts:
    """Count measures and flows where the tables are.

    Args:
        extracts: The tables, in one place.
        measures: The measures, all of which SQL counts.
        flows: The flows.
        dimensions: The fields to count measures by.
        progress: Is called with each step.

    Raises:
        ExtractError: A column has a type that its field cannot have.
        EngineError: The warehouse refused a statement.
    """
    warehouse = _Warehouse(extracts, dimensions)
    definitions = [event for measure in measures for event in measure.definitions]
    definitions += [definition for flow in flows for stage in flow.stages for definition in stage.events]
    clocks = sorted({name for measure in measures for name in measure.clock_fields})
    progress(f"{extracts[0].engine}: checking values")
    sources, activity, notices = warehouse.describe(list(dict.fromkeys(definitions)), clocks)
    notices += [text for measure in measures if (text := why_too_short(sources, measure))]
    moves = []
    for flow in flows:
        progress(f"{extracts[0].engine}: following {flow.key}")
        moves.append(warehouse.moves(flow))
    counts, spreads, waits = [], [no_spread(dimensions)], []
    for measure in measures:
        progress(f"{extracts[0].engine}: counting {measure.key}")
        if measure.wait:
            waits.append(count_waits_in_warehouse(extracts, measure, dimensions))
            notices += waits[-1].notices
            counts.append(cube_of_answers(waits[-1].totals, dimensions, measure))
            continue
        totals, spread = warehouse.answers(measure)
        backward = int(totals.filter(backward=1)["count"].sum())
        notices += backward_notice(measure, backward)
        counts.append(cube_of_answers(totals, dimensions, measure))
        spreads.append(spread)
    return PathwayCounts(
        cube=measure_cube(with_waits(activity, waits, dimensions), counts, dimensions),
        spread=in_order_of_keys(spreads),
        waits=known_waits(waits, dimensions),
        contacts=contacts_of(waits),
        moves=tuple(moves),
        sources=sources,
        notices=tuple(notices),
    )


class _Warehouse:
    """Ask a warehouse about people."""

    def __init__(self, extracts: Sequence[WarehouseExtract], dimensions: Sequence[str]) -> None:
        self.extracts = extracts
        self.dimensions = list(dimensions)
        self.dialect = find_dialect(extracts[0].dialect)
        self.sources = [extract.source for extract in extracts]

    def describe(
        self, definitions: Sequence[EventDefinition], clocks: Sequence[str]
    ) -> tuple[list[Source], pl.DataFrame, list[str]]:
        """Return what each table contains, the activity by the dimensions, and what a reader must know."""
        tables = people_tables(self.dialect, self.sources, {}, {name: name for name in clocks}, self.dimensions)
        counted = self._rows(people_statement(tables), ["one_table", "other_table", "people"])
        people = {(int(one), int(other)): int(count) for one, other, count in counted.iter_rows()}
        sources, notices, activity = [], list[str](), []
        for extract, table in zip(self.extracts, tables, strict=True):
            contained = [event for event in definitions if can_contain(event, extract.binding)]
            notices += self._odd_values(extract, contained, clocks)
            facts = extract.query(table.facts())
            facts.columns = [name.lower() for name in facts.columns]
            (row,) = facts.rows(named=True)
            first, last = (_day(row.pop(name)) for name in ("first_day", "last_day"))
            known = {name: _number(value) for name, value in row.items()}
            own = people[table.place, table.place]
            dataset = extract.binding.layout.dataset
            sources.append(Source(dataset, known["n_rows"], own, first, last, frozenset(contained)))
            strays = {name: known[f"stray_{name}"] for name in clocks if name in extract.binding.fields}
            missing = {"patient": known["no_person"], "activity_date": known["no_day"]}
            notices += notices_of_days(extract.binding, missing, strays, known["impossible"], known["in_future"])
            if dataset != WAITING_LIST:
                activity.append(self._counts(table.activity(), [*self.dimensions, "count"]))
        notices += [*unmatched_pseudonyms(people, sources), *different_periods(sources)]
        none = pl.DataFrame(schema={**dict.fromkeys(self.dimensions, pl.String), "count": pl.Int64})
        return sources, pl.concat([none, *activity]), notices

    def answers(self, measure: Measure) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return how many index activities of a measure are alike in dimensions and answers, and in their numbers."""
        statements = totals_statements(measure, self.dialect, self.sources, self.dimensions)
        totals = self._counts(statements[TOTALS], [*self.dimensions, "followed", "outcome", "backward", "count"])
        spread = no_spread(self.dimensions)
        if SPREAD in statements:
            keys = [*self.dimensions, "number"]
            numbers = self._counts(statements[SPREAD], [*keys, "count"])
            numbers = numbers.group_by(keys).agg(pl.col("count").sum())
            spread = numbers.select(pl.lit(measure.key).alias("measure"), *keys, "count").cast(spread.schema)
        return totals, spread

    def moves(self, flow: Flow) -> pl.DataFrame:
        """Return the moves of a flow, as `flow_moves.moves` does."""
        statement = flow_statement(flow_logic(flow), self.dialect, self.sources)
        return named_moves(self._counts(statement, _COUNTED_MOVES), flow)

    def _odd_values(
        self, extract: WarehouseExtract, contained: Sequence[EventDefinition], clocks: Sequence[str]
    ) -> list[str]:
        criteria = [criterion for event in contained for criterion in event.criteria]
        needed = {name for criterion in criteria for name in fields_needed(criterion)}
        days = [name for name in ("activity_date", *clocks) if name in extract.binding.fields]
        extract.check_types(days)
        fields = [*needed, *(name for name in self.dimensions if name != "month")]
        findings = find_odd_values(extract, [name for name in fields if name not in days])
        return [*notices_of(findings, needed), *extract.remarks]

    def _counts(self, statement: str, columns: Sequence[str]) -> pl.DataFrame:
        """Return the counts that a statement selects, with fields in normal form and numbers as such."""
        rows = self._rows(statement, columns)
        texts = {*self.dimensions, "provider", "month"}
        numbers = [pl.col(name).cast(pl.Int64) for name in columns if name not in texts]
        as_text = [pl.col(name).cast(pl.String) for name in columns if name in texts]
        return normal_fields(rows.with_columns(*numbers, *as_text))

    def _rows(self, statement: str, columns: Sequence[str]) -> pl.DataFrame:
        rows = self.extracts[0].query(statement)
        rows.columns = list(columns)
        return rows


def flow_logic(flow: Flow) -> FlowLogic:
    """Return what a statement needs of a flow."""
    return FlowLogic([stage.events for stage in flow.stages], _ends(flow), flow.lost_after, STEPS)


def _ends(flow: Flow) -> list[int]:
    return [place for place, stage in enumerate(flow.stages) if stage.ends]


def named_moves(counted: pl.DataFrame, flow: Flow) -> pl.DataFrame:
    """Return the moves of a flow, as `flow_moves.moves` does, for what `flow_statement` selects.

    Args:
        counted: provider, month ("2024-04"), step, stage, after, pathways.
        flow: The flow.
    """
    names = {**dict(enumerate(stage.name for stage in flow.stages)), LOST_NUMBER: LOST, IN_VIEW_NUMBER: IN_VIEW}
    stage, after = (pl.col(name).replace_strict(names, return_dtype=pl.String) for name in ("stage", "after"))
    is_cut_off = (pl.col("step") == STEPS) & (pl.col("after") >= 0) & ~pl.col("after").is_in(_ends(flow))
    quarter = quarter_of_day(pl.format("{}-01", "month").str.to_date()).alias("quarter")
    next_stage = pl.when(is_cut_off).then(pl.lit(FURTHER)).otherwise(after)
    onward = counted.filter(pl.col("after").is_not_null()).select(
        "provider", quarter, "step", stage.alias("from"), next_stage.alias("to"), "pathways"
    )
    beginning = pl.lit(0, pl.Int64).alias("step"), pl.lit(BEGINS).alias("from")
    first_moves = counted.filter(pl.col("step") == 1).select(
        "provider", quarter, *beginning, stage.alias("to"), "pathways"
    )
    keys = ["provider", "quarter", *MOVE]
    every = pl.concat([first_moves, onward]).group_by(keys).agg(pl.col("pathways").sum())
    return every.sort(keys, nulls_last=True)


def _number(value: object) -> int:
    """Return a sum of ones; there is none over no rows."""
    return int(str(value or 0).split(".")[0])


def _day(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value)[:10])
