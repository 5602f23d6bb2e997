"""A measure as one SQL statement over the tables of a warehouse: one row per index activity, or counts of them.

Each table has its own steps, like a rule's statement, up to its events: who, on what day, and whether the activity is
an index or an outcome. Outcomes are counted by person and day, and joined to the days on which a person has an index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules.criteria.nodes import Criterion
from ebi_rules.rule_model.measure_availability import can_contain, why_unanswerable
from ebi_rules.rule_model.measure_logic import DAYS, FIRST, WITHOUT, EventDefinition, MeasureLogic
from ebi_rules.statements.code_steps import Steps, decides_distinct, name_verdicts
from ebi_rules.statements.step_names import Naming, union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql_parts import (
    all_of,
    as_day,
    as_number,
    coalesce,
    days_between,
    days_later,
    negate,
    number,
    replace,
    text,
)

ROWS, COUNTS = "rows", "counts"
SHAPES = (ROWS, COUNTS)

_EVENT = ("activity_key", "person", "provider", "activity_day", "is_index", "is_outcome")
_FIRST_BY = {"activity_day": "of_first_day", "source": "of_first_table", "activity_key": "index_events"}
"""How the first index of a person is found: the column whose least value is kept, and the step that keeps it."""
_STARTED = "started"
_OUTCOMES = "outcomes"


def measure_statement(
    measure: MeasureLogic,
    dialect: str | Path | Dialect,
    sources: Sequence[TableSource],
    shape: str = ROWS,
    strategy: str | None = None,
) -> str:
    """Return the SQL text of a measure over one or several tables of the same people.

    Args:
        measure: The measure.
        dialect: A dialect, its name, or a dialect file.
        sources: The tables.
        shape: `rows` or `counts`, see below.
        strategy: `distinct` or `inline` (`code_steps.STRATEGIES`); by default what the dialect runs faster.

    Returns:
        A statement that selects, for `rows`, one row per index activity: source (the number of its table, from 1),
        activity_key, provider as the table has it, activity_day, followed (1 if the window is within the data, else
        0), outcomes (how many, or the days of a wait) and counted (1 if the measure counts it, else 0). For `counts`
        it adds these up by provider and month (year * 100 + month). The data are the days, up to today, that every
        table with outcomes covers.

    Raises:
        UsageError: A name is unknown, or there is no table.
        DialectError: The dialect cannot express the statement.
        ExtractError: No table has what the measure needs.
    """
    if shape not in SHAPES:
        raise UsageError("--shape: " + unknown("shape", shape, SHAPES))
    if measure.end or measure.working_days:
        raise UsageError(
            f"{measure.key} counts working days, or up to a field's day. SQL text does not: use ebi-rules measure."
        )
    if measure.pairing:
        raise UsageError(f"{measure.key} pairs records one to one, which SQL text does not: use ebi-rules measure.")
    if not sources:
        raise UsageError("name at least one table.")
    reason = why_unanswerable(measure, [source.binding for source in sources])
    if reason:
        raise ExtractError(reason)
    target = find_dialect(dialect)
    tables = []
    for place, (prefix, source) in enumerate(zip(_prefixes(sources), sources, strict=True), start=1):
        definitions = [event for event in measure.definitions if can_contain(event, source.binding)]
        tables.append(
            _Table(
                target,
                source,
                name_verdicts(_criteria_of(definitions), source.binding),
                decides_distinct(strategy, target),
                prefix=prefix,
                measure=measure,
                definitions=definitions,
                place=place,
            )
        )
    return _MeasureWriter(target, measure, [table for table in tables if table.definitions]).statement(shape) + ";"


def _prefixes(sources: Sequence[TableSource]) -> list[str]:
    """Return what the steps of each table begin with: outpatient_, admitted_, outpatient_2_, ..."""
    datasets = [source.binding.layout.dataset for source in sources]
    places = [datasets[:place].count(dataset) + 1 for place, dataset in enumerate(datasets)]
    return [
        f"{dataset}_" if place == 1 else f"{dataset}_{place}_" for dataset, place in zip(datasets, places, strict=True)
    ]


def _criteria_of(definitions: Sequence[EventDefinition]) -> list[Criterion]:
    """Return the criteria of events, each once."""
    return list(dict.fromkeys(criterion for event in definitions for criterion in event.criteria))


@dataclass
class _Table(Steps):
    """Write the steps of one table: its events, and the first and last day of its data.

    Attributes:
        measure: The measure.
        definitions: The events of the measure that the table can contain.
        place: The number of the table, from 1.
    """

    measure: MeasureLogic = field(kw_only=True)
    definitions: Sequence[EventDefinition] = field(kw_only=True)
    place: int = field(kw_only=True)

    def steps(self) -> Iterator[exp.CTE]:
        """Return the steps up to `events`."""
        criteria = _criteria_of(self.definitions)
        carried = ["patient", "activity_date", *(["provider"] if "provider" in self.binding.fields else [])]
        if self._has_start:
            carried.append(str(self.measure.start))
        for name, query in self._read_and_decide(criteria, carried):
            yield self._cte(name, query)
        yield self._cte("events", self._events())

    def span(self) -> exp.Select:
        """Select the first and the last day of the table's data."""
        day = self._column("activity_day")
        ends = [exp.Min(this=day).as_(self._name("first_day")), exp.Max(this=day.copy()).as_(self._name("last_day"))]
        so_far = exp.LTE(this=day.copy(), expression=exp.CurrentDate())
        return exp.Select(expressions=ends).from_(self._step("events")).where(so_far)

    def outcome_days(self) -> exp.Select:
        """Select person and day of every outcome."""
        columns = [self._column("person"), self._column("activity_day")]
        return exp.Select(expressions=columns).from_(self._step("events")).where(self._is_one("is_outcome"))

    def index_events(self) -> exp.Select:
        """Select every index activity, with the number of its table."""
        columns = [number(self.place).as_(self._name("source")), *map(self._column, _event_columns(self.measure))]
        return exp.Select(expressions=columns).from_(self._step("events")).where(self._is_one("is_index"))

    @property
    def _has_start(self) -> bool:
        return self.measure.start is not None and self.measure.start in self.binding.fields

    def _events(self) -> exp.Select:
        """Select every activity with a known person and day, and whether it is an index and an outcome."""
        translator = self._translator()
        person = exp.Upper(this=replace(self._column("patient"), " ", ""))
        provider = self._column("provider") if "provider" in self.binding.fields else text("")
        values = (
            self._column(self.binding.key),
            person,
            provider,
            self._day_of("activity_date"),
            self._is(self.measure.index),
            self._is(self.measure.outcome),
        )
        columns = [value.as_(self._name(name)) for name, value in zip(_EVENT, values, strict=True)]
        if self.measure.start:
            started = self._day_of(self.measure.start) if self._has_start else exp.cast(exp.Null(), "date")
            columns.append(started.as_(self._name(_STARTED)))
        has_date = negate(exp.Is(this=self._column("activity_date"), expression=exp.Null()))
        is_known = all_of([negate(translator.is_missing("patient")), has_date])
        return exp.Select(expressions=columns).from_(self._step("codes")).where(is_known)

    def _is(self, event: EventDefinition | None) -> exp.Expr:
        """Return 1 where an activity is the event, else 0."""
        if event not in self.definitions or event is None:
            return number(0)
        return as_number(all_of([self._translator().visit(criterion) for criterion in event.criteria]))

    def _day_of(self, name: str) -> exp.Expr:
        return as_day(self._column(name), self.dialect)

    def _is_one(self, column: str) -> exp.Expr:
        return exp.EQ(this=self._column(column), expression=number(1))


class _MeasureWriter(Naming):
    """Write the statement: the steps of all tables, and the answer of the measure."""

    def __init__(self, dialect: Dialect, measure: MeasureLogic, tables: Sequence[_Table]) -> None:
        super().__init__(dialect)
        self.measure = measure
        self.tables = tables

    def statement(self, shape: str) -> str:
        """Return the statement in a shape, without its semicolon."""
        steps = [step for table in self.tables for step in table.steps()]
        steps += [self._cte(name, query) for name, query in self._index_steps()]
        if self.measure.window:
            steps += [self._cte(name, query) for name, query in self._window_steps()]
        answered = self._answered()
        if shape == COUNTS:
            steps.append(self._cte("answers", answered))
            answered = self._counts()
        answered.set("with_", exp.With(expressions=steps))
        return self._print(answered)

    def _index_steps(self) -> Iterator[tuple[str, exp.Expr]]:
        """Return the steps that find the index activities.

        If only the first of a person counts, it is the earliest by day, then by table, then by key.
        """
        indexes = [table.index_events() for table in self.tables if self.measure.index in table.definitions]
        if self.measure.of != FIRST:
            yield "index_events", union(indexes)
            return
        yield "every_index", union(indexes)
        previous = "every_index"
        for column, step in _FIRST_BY.items():
            least = f"least_{column}"
            minimum = exp.Min(this=self._column(column)).as_(self._name(least))
            of_person = exp.Select(expressions=[self._column("person"), minimum]).from_(self._step(previous))
            yield least, of_person.group_by(self._column("person"))
            names = ("source", *_event_columns(self.measure))
            columns = [self._column(name, previous).as_(self._name(name)) for name in names]
            joined = self._joined(exp.Select(expressions=columns), previous, least, ["person"])
            is_least = exp.EQ(this=self._column(column, previous), expression=self._column(least, least))
            yield step, joined.where(is_least)
            previous = step

    def _window_steps(self) -> Iterator[tuple[str, exp.Expr]]:
        """Return the steps that count the outcomes in the window of each index day, and find the span of the data."""
        tables = [table for table in self.tables if self.measure.outcome in table.definitions]
        yield "outcome_events", union([table.outcome_days() for table in tables])
        person, day = self._column("person"), self._column("activity_day")
        outcomes = exp.Count(this=exp.Star()).as_(self._name(_OUTCOMES))
        by_day = exp.Select(expressions=[person, day, outcomes]).from_(self._step("outcome_events"))
        yield "outcome_days", by_day.group_by(person.copy(), day.copy())
        index_days = exp.Select(expressions=[person.copy(), day.copy()]).from_(self._step("index_events"))
        yield "index_days", index_days.group_by(person.copy(), day.copy())
        keys = [self._column(name, "index_days") for name in ("person", "activity_day")]
        low, high = self._window(keys[1])
        in_window = exp.Between(this=self._column("activity_day", "outcome_days"), low=low, high=high)
        counted = exp.If(this=in_window, true=self._column(_OUTCOMES, "outcome_days"))
        total = exp.Sum(this=exp.Case(ifs=[counted], default=number(0))).as_(self._name(_OUTCOMES))
        columns = [*(key.as_(self._name(key.name)) for key in keys), total]
        in_windows = self._joined(exp.Select(expressions=columns), "index_days", "outcome_days", ["person"])
        yield "found", in_windows.group_by(*(key.copy() for key in keys))
        yield "spans", union([table.span() for table in tables])
        ends = [
            exp.Max(this=self._column("first_day")).as_(self._name("data_begin")),
            exp.Min(this=self._column("last_day")).as_(self._name("data_end")),
        ]
        yield "span", exp.Select(expressions=ends).from_(self._step("spans"))

    def _window(self, day: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
        """Return the first and the last day of the window of an index on a day."""
        window = self.measure.window
        assert window, "only measures with a window have its steps"
        first, last = (window.first, window.days) if window.after else (-window.days, -window.first)
        return (days_later(day.copy(), first, self.dialect), days_later(day.copy(), last, self.dialect))

    def _answered(self) -> exp.Select:
        """Select the answer of every index activity."""
        followed, outcomes = self._followed(), self._outcomes()
        columns = [
            self._column(name, "index_events").as_(self._name(name))
            for name in ("source", "activity_key", "provider", "activity_day")
        ]
        counted = all_of([followed.copy(), self._counts_as(outcomes)])
        columns += [
            as_number(followed).as_(self._name("followed")),
            outcomes.as_(self._name(_OUTCOMES)),
            as_number(counted).as_(self._name("counted")),
        ]
        select = exp.Select(expressions=columns)
        if not self.measure.window:
            return select.from_(self._step("index_events"))
        with_outcomes = self._joined(select, "index_events", "found", ["person", "activity_day"])
        return with_outcomes.join(self._step("span"), join_type="cross")

    def _followed(self) -> exp.Expr:
        """Return the condition that the answer is known: the window is within the data, or the clock starts in time.

        A clock must start on the day of the index or before it.
        """
        day = self._column("activity_day", "index_events")
        if self.measure.gives == DAYS:
            # A missing start counts as a start after the index: the answer is not known.
            started = coalesce(self._column(_STARTED, "index_events"), days_later(day.copy(), 1, self.dialect))
            return exp.LTE(this=started, expression=day)
        if not self.measure.window:
            return exp.EQ(this=number(1), expression=number(1))
        first, last = self._window(day)
        end = last if self.measure.window.after else first
        begin, data_end = self._column("data_begin", "span"), self._column("data_end", "span")
        return exp.Between(this=end, low=begin, high=data_end)

    def _outcomes(self) -> exp.Expr:
        """Return the number of outcomes, without the index itself; or the days of a wait."""
        if self.measure.gives == DAYS:
            return days_between(
                self._column(_STARTED, "index_events"), self._column("activity_day", "index_events"), self.dialect
            )
        is_outcome = self._column("is_outcome", "index_events")
        window = self.measure.window
        if not window:
            return is_outcome
        in_window = coalesce(self._column(_OUTCOMES, "found"), number(0))
        contains_index = window.after and window.first == 0
        return exp.Sub(this=in_window, expression=is_outcome) if contains_index else in_window

    def _counts_as(self, outcomes: exp.Expr) -> exp.Expr:
        """Return the condition that the measure counts an index with this number of outcomes or days."""
        if self.measure.gives == DAYS:
            return exp.GT(this=outcomes.copy(), expression=number(self.measure.standard_days or 0))
        compare = exp.EQ if self.measure.gives == WITHOUT else exp.GT
        return compare(this=outcomes.copy(), expression=number(0))

    def _counts(self) -> exp.Select:
        """Add the answers up by provider and month."""
        provider, month = self._column("provider"), self._month(self._column("activity_day"))
        columns = [
            text(self.measure.key).as_(self._name("measure")),
            provider,
            month.as_(self._name("activity_month")),
            exp.Count(this=exp.Star()).as_(self._name("index_activity")),
            exp.Sum(this=self._column("followed")).as_(self._name("followed")),
            exp.Sum(this=self._column("counted")).as_(self._name("outcome")),
        ]
        select = exp.Select(expressions=columns).from_(self._step("answers"))
        return select.group_by(provider.copy(), month.copy())

    def _joined(self, select: exp.Select, left: str, right: str, keys: Sequence[str]) -> exp.Select:
        """Join the step `right` to the step `left` where keys are equal; rows of `left` without a match stay."""
        same = all_of([exp.EQ(this=self._column(key, right), expression=self._column(key, left)) for key in keys])
        return select.from_(self._step(left)).join(self._step(right), on=same, join_type="left")


def _event_columns(measure: MeasureLogic) -> Sequence[str]:
    """Return the columns of an event, with the day on which the clock started if the measure has a clock."""
    return (*_EVENT, _STARTED) if measure.start else _EVENT
