"""A measure as one SQL statement over the tables of a warehouse: one row per index activity, or counts of them.

Each table has its own steps, like a rule's statement, up to its events: who, on what day, and whether the activity is
an index or an outcome. Outcomes are counted by person and day, and joined to the days on which a person has an index.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules.rule_model.measure_availability import can_contain, why_unanswerable
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, FIRST, OWN_DAY, WITHOUT, MeasureLogic
from ebi_rules.statements.people_sql import DAY, KEY, KEY_NUMBER, PERSON, PROVIDER, PeopleTable, people_tables
from ebi_rules.statements.step_names import Naming, union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql_parts import all_of, as_number, coalesce, days_between, days_later, negate, number, text

ROWS, COUNTS, TOTALS, SPREAD = "rows", "counts", "totals", "spread"
SHAPES = (ROWS, COUNTS)
"""What people ask for; the other shapes are for engines."""

_INDEX, _OUTCOME = "is_index", "is_outcome"
_FIRST_BY = {DAY: "of_first_day", "source": "of_first_table", KEY_NUMBER: "of_first_number", KEY: "index_events"}
"""How the first index of a person is found: the column whose least value is kept, and the step that keeps it."""
_STARTED, _ENDED = "started", "ended"
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
    reason = why_not_in_sql(measure)
    if reason:
        raise UsageError(reason)
    if not sources:
        raise UsageError("name at least one table.")
    return _writer(measure, dialect, sources, (), strategy).statement(shape) + ";"


def why_not_in_sql(measure: MeasureLogic) -> str:
    """Return why SQL does not count a measure; empty if it does."""
    if measure.working_days:
        return f"{measure.key} counts working days, which SQL does not: use ebi-rules measure over an extract."
    if measure.pairing:
        return f"{measure.key} pairs records one to one, which SQL does not: use ebi-rules measure over an extract."
    return ""


def totals_statements(
    measure: MeasureLogic, dialect: str | Path | Dialect, sources: Sequence[TableSource], dimensions: Sequence[str]
) -> dict[str, str]:
    """Return the statements by which an engine counts a measure.

    Args:
        measure: The measure, for which `why_not_in_sql` has no reason.
        dialect: A dialect, its name, or a dialect file.
        sources: The tables.
        dimensions: provider, month and further fields.

    Returns:
        `TOTALS` selects the dimensions, followed, outcome and backward (1 or 0; 1 where the clock stops before it
        starts) and count, the number of index activities that are alike in these. `SPREAD`, for measures of outcomes
        or days alone, selects the dimensions, number and count of what is followed.
    """
    shapes = [TOTALS, *([SPREAD] if measure.gives in (COUNT, DAYS) else [])]
    return {shape: _writer(measure, dialect, sources, dimensions, None).statement(shape) for shape in shapes}


def _writer(
    measure: MeasureLogic,
    dialect: str | Path | Dialect,
    sources: Sequence[TableSource],
    dimensions: Sequence[str],
    strategy: str | None,
) -> "_MeasureWriter":
    unanswerable = why_unanswerable(measure, [source.binding for source in sources])
    if unanswerable:
        raise ExtractError(unanswerable)
    target = find_dialect(dialect)
    marks = {_INDEX: measure.index, **({_OUTCOME: measure.outcome} if measure.outcome else {})}
    fields = {_STARTED: measure.start, _ENDED: measure.end}
    dates = {column: name for column, name in fields.items() if name and name != OWN_DAY}
    tables = people_tables(target, sources, marks, dates, dimensions, strategy)
    answering = [table for table in tables if any(can_contain(event, table.binding) for event in marks.values())]
    return _MeasureWriter(target, measure, answering, dimensions)


class _MeasureWriter(Naming):
    """Write the statement: the steps of all tables, and the answer of the measure."""

    def __init__(
        self, dialect: Dialect, measure: MeasureLogic, tables: Sequence[PeopleTable], dimensions: Sequence[str]
    ) -> None:
        super().__init__(dialect)
        self.measure = measure
        self.tables = tables
        self.dimensions = dimensions

    def statement(self, shape: str) -> str:
        """Return the statement in a shape, without its semicolon."""
        steps = [step for table in self.tables for step in table.steps()]
        steps += [self._cte(name, query) for name, query in self._index_steps()]
        if self.measure.window:
            steps += [self._cte(name, query) for name, query in self._window_steps()]
        answered = self._answered(shape in (TOTALS, SPREAD))
        if shape != ROWS:
            steps.append(self._cte("answers", answered))
            answered = {COUNTS: self._counts, TOTALS: self._totals, SPREAD: self._spread}[shape]()
        answered.set("with_", exp.With(expressions=steps))
        return self._print(answered)

    def _index_steps(self) -> Iterator[tuple[str, exp.Expr]]:
        """Return the steps that find the index activities.

        If only the first of a person counts, it is the earliest by day, then by table, then by key.
        """
        indexes = [
            table.with_mark(_INDEX, table.event_columns(), [number(table.place).as_(self._name("source"))])
            for table in self.tables
            if can_contain(self.measure.index, table.binding)
        ]
        if self.measure.of != FIRST:
            yield "index_events", union(indexes)
            return
        yield "every_index", union(indexes)
        previous = "every_index"
        for column, step in _FIRST_BY.items():
            if column == KEY_NUMBER and column not in self.tables[0].key_columns:
                continue
            least = f"least_{column}"
            minimum = exp.Min(this=self._column(column)).as_(self._name(least))
            of_person = exp.Select(expressions=[self._column(PERSON), minimum]).from_(self._step(previous))
            yield least, of_person.group_by(self._column(PERSON))
            names = ("source", *self.tables[0].event_columns())
            columns = [self._column(name, previous).as_(self._name(name)) for name in names]
            joined = self._joined(exp.Select(expressions=columns), previous, least, ["person"])
            is_least = exp.EQ(this=self._column(column, previous), expression=self._column(least, least))
            yield step, joined.where(is_least)
            previous = step

    def _window_steps(self) -> Iterator[tuple[str, exp.Expr]]:
        """Return the steps that count the outcomes in the window of each index day, and find the span of the data."""
        outcome = self.measure.outcome
        assert outcome, "a measure with a window has an outcome"
        tables = [table for table in self.tables if can_contain(outcome, table.binding)]
        yield "outcome_events", union([table.with_mark(_OUTCOME, [PERSON, DAY]) for table in tables])
        person, day = self._column(PERSON), self._column(DAY)
        outcomes = exp.Count(this=exp.Star()).as_(self._name(_OUTCOMES))
        by_day = exp.Select(expressions=[person, day, outcomes]).from_(self._step("outcome_events"))
        yield "outcome_days", by_day.group_by(person.copy(), day.copy())
        index_days = exp.Select(expressions=[person.copy(), day.copy()]).from_(self._step("index_events"))
        yield "index_days", index_days.group_by(person.copy(), day.copy())
        keys = [self._column(name, "index_days") for name in ("person", DAY)]
        low, high = self._window(keys[1])
        in_window = exp.Between(this=self._column(DAY, "outcome_days"), low=low, high=high)
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

    def _answered(self, with_dimensions: bool) -> exp.Select:
        """Select the answer of every index activity."""
        followed, outcomes = self._followed(), self._outcomes()
        dimensions = [name for name in self.dimensions if name != PROVIDER] if with_dimensions else []
        columns = [
            self._column(name, "index_events").as_(self._name(name))
            for name in ("source", KEY, PROVIDER, DAY, *dimensions)
        ]
        counted = all_of([followed.copy(), self._counts_as(outcomes)])
        columns += [
            as_number(followed).as_(self._name("followed")),
            outcomes.as_(self._name(_OUTCOMES)),
            as_number(counted).as_(self._name("counted")),
        ]
        if with_dimensions:
            columns.append(self._backward().as_(self._name("backward")))
        select = exp.Select(expressions=columns)
        if not self.measure.window:
            return select.from_(self._step("index_events"))
        with_outcomes = self._joined(select, "index_events", "found", [PERSON, DAY])
        return with_outcomes.join(self._step("span"), join_type="cross")

    def _clock(self) -> tuple[exp.Expr, exp.Expr]:
        """Return the days on which the clock of a measure of days starts and stops; NULL where one is missing."""
        start = DAY if self.measure.start == OWN_DAY else _STARTED
        return self._column(start, "index_events"), self._column(_ENDED if self.measure.end else DAY, "index_events")

    def _followed(self) -> exp.Expr:
        """Return the condition that the answer is known: the window is within the data, or the clock starts in time.

        A clock must start on the day on which it stops, or before it.
        """
        if self.measure.gives == DAYS:
            # Where a day is missing, the clock counts as one that starts after it stops: the answer is not known.
            started, ended = self._clock()
            if self.measure.start != OWN_DAY:
                started = coalesce(started, days_later(self._column(DAY, "index_events"), 1, self.dialect))
            if self.measure.end:
                ended = coalesce(ended, days_later(started.copy(), -1, self.dialect))
            return exp.LTE(this=started, expression=ended)
        if not self.measure.window:
            return exp.EQ(this=number(1), expression=number(1))
        first, last = self._window(self._column(DAY, "index_events"))
        end = last if self.measure.window.after else first
        begin, data_end = self._column("data_begin", "span"), self._column("data_end", "span")
        return exp.Between(this=end, low=begin, high=data_end)

    def _backward(self) -> exp.Expr:
        """Return 1 where the clock of a measure of days starts after it stops, else 0."""
        if self.measure.gives != DAYS:
            return number(0)
        started, ended = self._clock()
        return as_number(
            all_of([_is_known(started), _is_known(ended), exp.GT(this=started.copy(), expression=ended.copy())])
        )

    def _outcomes(self) -> exp.Expr:
        """Return the number of outcomes, without the index itself; or the days of a wait."""
        if self.measure.gives == DAYS:
            return days_between(*self._clock(), self.dialect)
        is_outcome = self._column(_OUTCOME, "index_events")
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
        provider, month = self._column("provider"), self._month(self._column(DAY))
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

    def _totals(self) -> exp.Select:
        """Count index activities by the dimensions and by their answers."""
        answers = {"followed": "followed", "counted": "outcome", "backward": "backward"}
        keys = [*map(self._column, self.dimensions), *map(self._column, answers)]
        columns = [*map(self._column, self.dimensions)]
        named = [self._column(name).as_(self._name(new)) for name, new in answers.items()]
        count = exp.Count(this=exp.Star()).as_(self._name("count"))
        return exp.Select(expressions=[*columns, *named, count]).from_(self._step("answers")).group_by(*keys)

    def _spread(self) -> exp.Select:
        """Count what is followed by the dimensions, and number of outcomes or days."""
        keys = [*map(self._column, self.dimensions), self._column(_OUTCOMES)]
        names = [*self.dimensions, "number"]
        columns = [key.as_(self._name(name)) for key, name in zip(keys, names, strict=True)]
        select = exp.Select(expressions=[*columns, exp.Count(this=exp.Star()).as_(self._name("count"))])
        is_followed = exp.EQ(this=self._column("followed"), expression=number(1))
        return select.from_(self._step("answers")).where(is_followed).group_by(*(key.copy() for key in keys))

    def _joined(self, select: exp.Select, left: str, right: str, keys: Sequence[str]) -> exp.Select:
        """Join the step `right` to the step `left` where keys are equal; rows of `left` without a match stay."""
        same = all_of([exp.EQ(this=self._column(key, right), expression=self._column(key, left)) for key in keys])
        return select.from_(self._step(left)).join(self._step(right), on=same, join_type="left")


def _is_known(value: exp.Expr) -> exp.Expr:
    return negate(exp.Is(this=value, expression=exp.Null()))
