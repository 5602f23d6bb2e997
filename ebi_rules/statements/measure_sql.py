"""A measure as one SQL statement over the tables of a warehouse: a row an index activity, or counts of them.

Each table has its own steps, as a rule's statement has, up to its events: who, on what day, and whether it is an index
or an outcome. Outcomes are counted by person and day, and joined to the days on which a person has an index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules.rule_model.measure_availability import can_contain, why_unanswerable
from ebi_rules.rule_model.measure_logic import DAYS, FIRST, WITHIN_DAYS, WITHOUT, EventDefinition, MeasureLogic
from ebi_rules.statements.code_steps import Steps, decides_distinct, name_verdicts
from ebi_rules.statements.step_names import Naming, union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql import (
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
_STARTED = "started"
_OUTCOMES = "outcomes"


def measure_statement(
    measure: MeasureLogic,
    dialect: str | Path,
    sources: Sequence[TableSource],
    shape: str = ROWS,
    strategy: str | None = None,
) -> str:
    """Give the SQL text of a measure over one or several tables of the same people.

    `rows` gives a row an index activity: source (the place of its table, from 1), activity_key, provider as it stands,
    activity_day, followed (1 when the window lies within the data, else 0), outcomes (how many, or the days of a wait)
    and counted (1 when the measure counts it). `counts` sums these up by provider and month. The data end on the
    latest day in the tables that is not after today. `strategy` as for a rule's statement. Raises `UsageError`,
    `DialectError`, or `ExtractError` for what no table has.
    """
    if shape not in SHAPES:
        raise UsageError("--shape: " + unknown("shape", shape, SHAPES))
    if not sources:
        raise UsageError("name at least one table.")
    reason = why_unanswerable(measure, [source.binding for source in sources])
    if reason:
        raise ExtractError(reason)
    found = find_dialect(dialect)
    tables = []
    for place, (prefix, source) in enumerate(zip(_prefixes(sources), sources, strict=True), start=1):
        held = [asked for asked in measure.definitions if can_contain(asked, source.binding)]
        criteria = list(dict.fromkeys(criterion for asked in held for criterion in asked.criteria))
        names = name_verdicts(criteria, source.binding)
        distinct = decides_distinct(strategy, found)
        tables.append(
            _Table(
                found,
                source,
                names,
                distinct,
                measure=measure,
                held=held,
                place=place,
                prefix=prefix,
            )
        )
    return _MeasureWriter(found, measure, [table for table in tables if table.held]).statement(shape) + ";"


def _prefixes(sources: Sequence[TableSource]) -> list[str]:
    """Give what stands before the steps of each table: outpatient_, admitted_, outpatient_2_ ..."""
    datasets = [source.binding.layout.dataset for source in sources]
    places = [datasets[:place].count(dataset) + 1 for place, dataset in enumerate(datasets)]
    return [
        f"{dataset}_" if place == 1 else f"{dataset}_{place}_" for dataset, place in zip(datasets, places, strict=True)
    ]


@dataclass
class _Table(Steps):
    """Write the steps of one table: its events, and the first and last day of its data."""

    measure: MeasureLogic = field(kw_only=True)
    held: Sequence[EventDefinition] = field(kw_only=True)
    place: int = field(kw_only=True)

    def steps(self) -> Iterator[exp.CTE]:
        criteria = list(dict.fromkeys(criterion for asked in self.held for criterion in asked.criteria))
        carried = ["patient", "activity_date", *(["provider"] if "provider" in self.binding.fields else [])]
        if self._has_start:
            carried.append(str(self.measure.start))
        for name, query in self._read_and_decide(criteria, carried):
            yield self._cte(name, query)
        yield self._cte("events", self._events())

    def span(self) -> exp.Select:
        """Give the first and the last day of the table's data."""
        day = self._column("activity_day")
        ends = [exp.Min(this=day).as_(self._name("first_day")), exp.Max(this=day.copy()).as_(self._name("last_day"))]
        so_far = exp.LTE(this=day.copy(), expression=exp.CurrentDate())
        return exp.Select(expressions=ends).from_(self._step("events")).where(so_far)

    def outcome_days(self) -> exp.Select:
        """Give person and day of every outcome."""
        columns = [self._column("person"), self._column("activity_day")]
        return exp.Select(expressions=columns).from_(self._step("events")).where(self._is_one("is_outcome"))

    def index_events(self) -> exp.Select:
        """Give every index activity, with the number of its table."""
        columns = [number(self.place).as_(self._name("source")), *map(self._column, _event(self.measure))]
        return exp.Select(expressions=columns).from_(self._step("events")).where(self._is_one("is_index"))

    @property
    def _has_start(self) -> bool:
        return self.measure.start is not None and self.measure.start in self.binding.fields

    def _events(self) -> exp.Select:
        """Give what every activity of a known person and day is to the measure."""
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
        dated = negate(exp.Is(this=self._column("activity_date"), expression=exp.Null()))
        known = all_of([negate(translator.is_missing("patient")), dated])
        return exp.Select(expressions=columns).from_(self._step("codes")).where(known)

    def _is(self, asked: EventDefinition | None) -> exp.Expr:
        if asked not in self.held or asked is None:
            return number(0)
        return as_number(all_of([self._translator().visit(criterion) for criterion in asked.criteria]))

    def _day_of(self, name: str) -> exp.Expr:
        return as_day(self._column(name), self.dialect)

    def _is_one(self, column: str) -> exp.Expr:
        return exp.EQ(this=self._column(column), expression=number(1))


class _MeasureWriter(Naming):
    """Put the steps of all tables together and answer the measure."""

    def __init__(self, dialect: Dialect, measure: MeasureLogic, tables: Sequence[_Table]) -> None:
        super().__init__(dialect)
        self.measure = measure
        self.tables = tables

    def statement(self, shape: str) -> str:
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
        """Give the index activities; where the first of a person counts, by day, then table, then key."""
        every = union([table.index_events() for table in self.tables if self.measure.index in table.held])
        if self.measure.of != FIRST:
            yield "index_events", every
            return
        yield "every_index", every
        last = "every_index"
        for column, kept in (
            ("activity_day", "of_first_day"),
            ("source", "of_first_table"),
            ("activity_key", "index_events"),
        ):
            least = f"least_{column}"
            keys = [self._column("person"), exp.Min(this=self._column(column)).as_(self._name(least))]
            yield least, exp.Select(expressions=keys).from_(self._step(last)).group_by(self._column("person"))
            columns = [self._column(name, last).as_(self._name(name)) for name in ("source", *_event(self.measure))]
            joined = self._joined(exp.Select(expressions=columns), last, least, ["person"])
            yield kept, joined.where(exp.EQ(this=self._column(column, last), expression=self._column(least, least)))
            last = kept

    def _window_steps(self) -> Iterator[tuple[str, exp.Expr]]:
        """Count the outcomes of each person's index days in the window; and give the span of the data."""
        looked = [table for table in self.tables if self.measure.outcome in table.held]
        yield "outcome_events", union([table.outcome_days() for table in looked])
        person, day = self._column("person"), self._column("activity_day")
        outcomes = exp.Count(this=exp.Star()).as_(self._name(_OUTCOMES))
        yield (
            "outcome_days",
            exp.Select(expressions=[person, day, outcomes])
            .from_(self._step("outcome_events"))
            .group_by(person.copy(), day.copy()),
        )
        yield (
            "index_days",
            exp.Select(expressions=[person.copy(), day.copy()])
            .from_(self._step("index_events"))
            .group_by(person.copy(), day.copy()),
        )
        keys = [self._column(name, "index_days") for name in ("person", "activity_day")]
        low, high = self._window(keys[1])
        inside = exp.Between(this=self._column("activity_day", "outcome_days"), low=low, high=high)
        counted = exp.Case(ifs=[exp.If(this=inside, true=self._column(_OUTCOMES, "outcome_days"))], default=number(0))
        sums = [*(key.as_(self._name(key.name)) for key in keys), exp.Sum(this=counted).as_(self._name(_OUTCOMES))]
        found = self._joined(exp.Select(expressions=sums), "index_days", "outcome_days", ["person"])
        yield "found", found.group_by(*(key.copy() for key in keys))
        yield "spans", union([table.span() for table in looked])
        ends = [
            exp.Max(this=self._column("first_day")).as_(self._name("data_begin")),
            exp.Min(this=self._column("last_day")).as_(self._name("data_end")),
        ]
        yield "span", exp.Select(expressions=ends).from_(self._step("spans"))

    def _window(self, day: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
        """Give the first and the last day of the window of an index on a day."""
        window = self.measure.window
        assert window, "asked only where there is one"
        near, far = (window.first, window.days) if window.after else (-window.days, -window.first)
        return (days_later(day.copy(), near, self.dialect), days_later(day.copy(), far, self.dialect))

    def _answered(self) -> exp.Select:
        """Give the answer of every index activity."""
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
        found = self._joined(select, "index_events", "found", ["person", "activity_day"])
        return found.join(self._step("span"), join_type="cross")

    def _followed(self) -> exp.Expr:
        """Ask whether the answer is known: the window lies within the data, or the clock's start is a day before."""
        day = self._column("activity_day", "index_events")
        if self.measure.gives == DAYS:
            # A missing day stands for one that is after the index.
            started = coalesce(self._column(_STARTED, "index_events"), days_later(day.copy(), 1, self.dialect))
            return exp.LTE(this=started, expression=day)
        if not self.measure.window:
            return exp.EQ(this=number(1), expression=number(1))
        first, last = self._window(day)
        end = last if self.measure.window.after else first
        begin, data_end = self._column("data_begin", "span"), self._column("data_end", "span")
        return exp.Between(this=end, low=begin, high=data_end)

    def _outcomes(self) -> exp.Expr:
        """Give the number of outcomes, without the index itself; or the days of a wait."""
        if self.measure.gives == DAYS:
            return days_between(
                self._column(_STARTED, "index_events"), self._column("activity_day", "index_events"), self.dialect
            )
        own = self._column("is_outcome", "index_events")
        if not self.measure.window:
            return own
        found = coalesce(self._column(_OUTCOMES, "found"), number(0))
        first = self.measure.window.first
        return exp.Sub(this=found, expression=own) if self.measure.window.after and first == 0 else found

    def _counts_as(self, outcomes: exp.Expr) -> exp.Expr:
        if self.measure.gives == DAYS:
            return exp.GT(this=outcomes.copy(), expression=number(WITHIN_DAYS))
        compare = exp.EQ if self.measure.gives == WITHOUT else exp.GT
        return compare(this=outcomes.copy(), expression=number(0))

    def _counts(self) -> exp.Select:
        provider, month = self._column("provider"), self._month(self._column("activity_day"))
        counts: list[exp.Expr] = [exp.Count(this=exp.Star()).as_(self._name("index_activity"))]
        counts += [
            exp.Sum(this=self._column(name)).as_(self._name(said))
            for name, said in (("followed", "followed"), ("counted", "outcome"))
        ]
        columns = [text(self.measure.key).as_(self._name("measure")), provider, month.as_(self._name("activity_month"))]
        return (
            exp.Select(expressions=[*columns, *counts])
            .from_(self._step("answers"))
            .group_by(provider.copy(), month.copy())
        )

    def _joined(self, select: exp.Select, left: str, right: str, keys: Sequence[str]) -> exp.Select:
        """Join a step to another where keys are the same; rows without a match stay."""
        same = all_of([exp.EQ(this=self._column(key, right), expression=self._column(key, left)) for key in keys])
        return select.from_(self._step(left)).join(self._step(right), on=same, join_type="left")


def _event(measure: MeasureLogic) -> Sequence[str]:
    """Give the columns of an event: where a clock is asked for, with the day on which it started."""
    return (*_EVENT, _STARTED) if measure.start else _EVENT
