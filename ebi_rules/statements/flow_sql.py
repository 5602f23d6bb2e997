"""A flow as one SQL statement: how many pathways make each move from stage to stage, by provider and month.

Unlike the other statements it uses window functions, which every warehouse has: visits are put in order for each
person, and each is compared with the one before. `pathways.flow` says what the flow means.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from ebi_rules.rule_model.measure_availability import can_contain
from ebi_rules.rule_model.measure_logic import EventDefinition
from ebi_rules.statements.people_sql import DAY, PERSON, PROVIDER, PeopleTable, people_tables
from ebi_rules.statements.step_names import Naming, union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql_parts import all_of, any_of, as_number, days_between, negate, number

_STAGE, _SOURCE, _PATHWAY, _STEP = "stage", "source", "pathway", "step"
LOST, IN_VIEW = -1, -2
"""The numbers of the ends of a pathway that no stage ends."""


@dataclass(frozen=True)
class FlowLogic:
    """What a statement needs of a flow.

    Attributes:
        stages: The definitions of the activities at each stage, in order.
        ends: The places of the stages that end a pathway, from 0.
        lost_after: The longest gap within a pathway, in days.
        steps: The number of stages through which a pathway is followed.
    """

    stages: Sequence[Sequence[EventDefinition]]
    ends: Sequence[int]
    lost_after: int
    steps: int


def flow_statement(flow: FlowLogic, dialect: str | Path | Dialect, sources: Sequence[TableSource]) -> str:
    """Return the SQL text that counts the moves of a flow over one or several tables of the same people.

    Returns:
        A statement that selects provider and month (year * 100 + month) of the activity with which pathways begin,
        step, stage, after (the next stage, or `LOST` or `IN_VIEW`; NULL after a stage that ends the pathway) and
        pathways, the number of those that go on so. Stages are numbers from 0.
    """
    target = find_dialect(dialect)
    marks = {name: event for _, name, event in marks_of(flow)}
    dates = {f"day_of_{event.on}": event.on for event in marks.values() if event.on}
    tables = people_tables(target, sources, marks, dates)
    return _FlowWriter(target, flow, [table for table in tables if table.contained]).statement()


def marks_of(flow: FlowLogic) -> Iterator[tuple[int, str, EventDefinition]]:
    """Yield the place of each stage, the column that marks its events, and their definition."""
    for place, stage in enumerate(flow.stages):
        for also, event in enumerate(stage):
            yield place, f"is_stage_{place}" + (f"_{also}" if also else ""), event


class _FlowWriter(Naming):
    """Write the statement: the steps of all tables, and from visits the pathways."""

    def __init__(self, dialect: Dialect, flow: FlowLogic, tables: Sequence[PeopleTable]) -> None:
        super().__init__(dialect)
        self.flow = flow
        self.tables = tables

    def statement(self) -> str:
        """Return the statement without its semicolon."""
        steps = [step for table in self.tables for step in table.steps()]
        steps += [self._cte(name, query) for name, query in self._steps()]
        keys = [PROVIDER, "month", _STEP, _STAGE, "after"]
        pathways = exp.Count(this=exp.Star()).as_(self._name("pathways"))
        select = exp.Select(expressions=[*map(self._column, keys), pathways]).from_(self._step("moves"))
        select = select.group_by(*map(self._column, keys))
        select.set("with_", exp.With(expressions=steps))
        return self._print(select)

    def _steps(self) -> Iterator[tuple[str, exp.Expr]]:
        yield "visits", union(list(self._visits()))
        yield "spans", union([table.span() for table in self.tables])
        ends = [
            exp.Max(this=self._column("first_day")).as_(self._name("data_begin")),
            exp.Min(this=self._column("last_day")).as_(self._name("data_end")),
        ]
        yield "span", exp.Select(expressions=ends).from_(self._step("spans"))
        yield "visits_in_data", self._visits_in_data()
        yield "compared", self._compared()
        yield "begun", self._begun()
        yield "numbered", self._numbered()
        yield "pathways_of_visits", self._pathways_of_visits()
        yield "runs", self._runs()
        yield "steps", self._steps_of_runs()
        yield "moves", self._moves()

    def _visits(self) -> Iterator[exp.Expr]:
        """Select every visit of every table: one for each stage that an event is at."""
        for table in self.tables:
            for place, mark, event in marks_of(self.flow):
                if can_contain(event, table.binding):
                    made = [number(place).as_(self._name(_STAGE)), number(table.place).as_(self._name(_SOURCE))]
                    day = self._column(f"day_of_{event.on}" if event.on else DAY).as_(self._name(DAY))
                    yield table.with_mark(mark, [PERSON, PROVIDER, *table.key_columns], [*made, day])

    def _visits_in_data(self) -> exp.Select:
        keys = self.tables[0].key_columns
        columns = [*map(self._column, (PERSON, DAY, PROVIDER, *keys, _STAGE, _SOURCE, "data_begin", "data_end"))]
        select = exp.Select(expressions=columns).from_(self._step("visits")).join(self._step("span"), join_type="cross")
        within = exp.Between(this=self._column(DAY), low=self._column("data_begin"), high=self._column("data_end"))
        return select.where(within)

    def _compared(self) -> exp.Select:
        """Add the day and the stage of the visit before, and the place of each visit."""
        in_order = [DAY, _STAGE, _SOURCE, *self.tables[0].key_columns]
        return self._adding(
            "visits_in_data",
            [PERSON, DAY, PROVIDER, _STAGE, "data_begin", "data_end"],
            {
                "day_before": self._over(exp.Lag(this=self._column(DAY)), [PERSON], in_order),
                "stage_before": self._over(exp.Lag(this=self._column(_STAGE)), [PERSON], in_order),
                "visit": self._over(exp.Sum(this=number(1)), [PERSON], in_order, so_far=True),
            },
        )

    def _begun(self) -> exp.Select:
        """Add whether a visit begins a pathway: the first of a person, one after an end, or one after a long gap."""
        gap = days_between(self._column("day_before"), self._column(DAY), self.dialect)
        begins: list[exp.Expr] = [
            exp.Is(this=self._column("day_before"), expression=exp.Null()),
            exp.GT(this=gap, expression=number(self.flow.lost_after)),
        ]
        if self.flow.ends:
            begins.append(exp.In(this=self._column("stage_before"), expressions=list(map(number, self.flow.ends))))
        kept = [PERSON, DAY, PROVIDER, _STAGE, "stage_before", "visit", "data_begin", "data_end"]
        return self._adding("compared", kept, {"begins": as_number(any_of(begins))})

    def _numbered(self) -> exp.Select:
        """Number the pathways of each person."""
        kept = [PERSON, DAY, PROVIDER, _STAGE, "stage_before", "visit", "begins", "data_begin", "data_end"]
        pathway = self._over(exp.Sum(this=self._column("begins")), [PERSON], ["visit"], so_far=True)
        return self._adding("begun", kept, {_PATHWAY: pathway})

    def _pathways_of_visits(self) -> exp.Select:
        """Add what all visits of a pathway share, and whether a visit is the first of several to one stage."""
        of_pathway = [PERSON, _PATHWAY]
        first = self._over(exp.FirstValue(this=self._column(PROVIDER)), of_pathway, ["visit"], so_far=True)
        is_new = any_of(
            [
                exp.EQ(this=self._column("begins"), expression=number(1)),
                negate(exp.EQ(this=self._column(_STAGE), expression=self._column("stage_before"))),
            ]
        )
        added = {
            PROVIDER: first,
            "begin_day": self._over(exp.Min(this=self._column(DAY)), of_pathway, []),
            "end_day": self._over(exp.Max(this=self._column(DAY)), of_pathway, []),
            "pathways": self._over(exp.Max(this=self._column(_PATHWAY)), [PERSON], []),
            "starts_run": as_number(is_new),
        }
        return self._adding("numbered", [PERSON, _STAGE, "visit", _PATHWAY, "data_begin", "data_end"], added)

    def _runs(self) -> exp.Select:
        """Keep the first of several visits to one stage, of pathways that began within the data."""
        kept = [PERSON, PROVIDER, _STAGE, "visit", _PATHWAY, "pathways", "begin_day", "end_day", "data_end"]
        select = exp.Select(expressions=[*map(self._column, kept)]).from_(self._step("pathways_of_visits"))
        known = days_between(self._column("data_begin"), self._column("begin_day"), self.dialect)
        in_full = exp.GTE(this=known, expression=number(self.flow.lost_after))
        return select.where(all_of([exp.EQ(this=self._column("starts_run"), expression=number(1)), in_full]))

    def _steps_of_runs(self) -> exp.Select:
        """Number the stages of each pathway, and add the stage after each."""
        of_pathway = [PERSON, _PATHWAY]
        return self._adding(
            "runs",
            [PROVIDER, _STAGE, _PATHWAY, "pathways", "begin_day", "end_day", "data_end"],
            {
                _STEP: self._over(exp.Sum(this=number(1)), of_pathway, ["visit"], so_far=True),
                "next_stage": self._over(exp.Lead(this=self._column(_STAGE)), of_pathway, ["visit"]),
            },
        )

    def _moves(self) -> exp.Select:
        """Say of each stage of each pathway where it goes on, or how it ends."""
        known = days_between(self._column("end_day"), self._column("data_end"), self.dialect)
        is_lost = any_of(
            [
                exp.LT(this=self._column(_PATHWAY), expression=self._column("pathways")),
                exp.GTE(this=known, expression=number(self.flow.lost_after)),
            ]
        )
        goes_on = negate(exp.Is(this=self._column("next_stage"), expression=exp.Null()))
        branches = [exp.If(this=goes_on, true=self._column("next_stage"))]
        if self.flow.ends:
            ends = exp.In(this=self._column(_STAGE), expressions=list(map(number, self.flow.ends)))
            branches.append(exp.If(this=ends, true=exp.Null()))
        branches.append(exp.If(this=is_lost, true=number(LOST)))
        added = {
            "month": self._month(self._column("begin_day")),
            "after": exp.Case(ifs=branches, default=number(IN_VIEW)),
        }
        select = self._adding("steps", [PROVIDER, _STEP, _STAGE], added)
        return select.where(exp.LTE(this=self._column(_STEP), expression=number(self.flow.steps)))

    def _adding(self, step: str, kept: Sequence[str], added: dict[str, exp.Expr]) -> exp.Select:
        """Select some columns of a step, and others that are made of them."""
        columns: list[exp.Expr] = [*map(self._column, kept)]
        columns += [value.as_(self._name(name)) for name, value in added.items()]
        return exp.Select(expressions=columns).from_(self._step(step))

    def _over(
        self, function: exp.Expr, partition: Sequence[str], order: Sequence[str], so_far: bool = False
    ) -> exp.Expr:
        """Return a window function over the rows that are alike in some columns.

        Args:
            function: The function.
            partition: The columns.
            order: The columns that put these rows in order.
            so_far: Whether the function is over the rows up to each alone.
        """
        window = exp.Window(this=function, partition_by=[*map(self._column, partition)], over="OVER")
        if order:
            ordered = [exp.Ordered(this=self._column(name), nulls_first=True) for name in order]
            window.set("order", exp.Order(expressions=ordered))
        if so_far:
            spec = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
            window.set("spec", spec)
        return window
