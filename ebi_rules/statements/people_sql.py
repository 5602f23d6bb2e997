"""The events of people as SQL: the steps of one table up to `events`, and what must be known about the table.

An event is an activity with a known person and a day that can be one: who, on what day, where, and which of several
definitions it meets. Measures and flows are made of the events of one or several tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ebi_rules.criteria.fields import Kind
from ebi_rules.criteria.nodes import Criterion
from ebi_rules.cube import EARLIEST
from ebi_rules.rule_model.measure_availability import can_contain
from ebi_rules.rule_model.measure_logic import MOST_DAYS_AHEAD, EventDefinition
from ebi_rules.statements.code_steps import decides_distinct, name_verdicts
from ebi_rules.statements.cube_columns import CubeColumns
from ebi_rules.statements.step_names import Naming, union
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.sql_parts import all_of, any_of, as_day, as_number, days_later, negate, number, text
from ebi_rules.translate.sql_values import as_text, normal_text

KEY, PERSON, PROVIDER, DAY = "activity_key", "person", "provider", "activity_day"
KEY_NUMBER = "activity_key_number"
_FIRST_MONTH = EARLIEST.year * 100 + EARLIEST.month
_ACTIVITY_DATE = "activity_date"


@dataclass
class PeopleTable(CubeColumns):
    """Write the steps of one table of people's activity.

    Attributes:
        marks: The columns of events, each with the definition of which it says whether the event meets it (1 or 0).
        dates: The columns of events with a day, each with its field.
        dimensions: Further fields that events have, as a cube counts by them: provider and month are there anyway.
        place: The number of the table, from 1.
        mixed_keys: Whether the keys of the tables are of different types.
    """

    marks: Mapping[str, EventDefinition] = field(kw_only=True)
    dates: Mapping[str, str] = field(kw_only=True)
    dimensions: Sequence[str] = field(kw_only=True)
    place: int = field(kw_only=True)
    mixed_keys: bool = field(default=False, kw_only=True)

    def steps(self) -> Iterator[exp.CTE]:
        """Return the steps up to `events`."""
        yield from self._steps_to_codes()
        yield self._cte("events", self._events())

    def facts(self) -> str:
        """Return the statement that selects what must be known about the table, in one row.

        The columns are n_rows; first_day and last_day (up to today) of its events; and how many rows have no
        person, no day, a day that is none of care; how many events are in the future; and how many rows have a day too
        early or in the future in each column of `dates` (`stray_NAME`).
        """
        day = self._day_of(_ACTIVITY_DATE)
        is_event, in_future = self._is_event(), exp.GT(this=day, expression=exp.CurrentDate())
        so_far = all_of([self._is_event(), exp.LTE(this=day.copy(), expression=exp.CurrentDate())])
        counts: dict[str, exp.Expr] = {
            "n_rows": exp.Count(this=exp.Star()),
            "first_day": exp.Min(this=_where(so_far, day.copy())),
            "last_day": exp.Max(this=_where(so_far.copy(), day.copy())),
            "no_person": exp.Sum(this=as_number(self._translator().is_missing("patient"))),
            "no_day": exp.Sum(this=as_number(self._lacks_day())),
            "impossible": exp.Sum(this=as_number(self._is_impossible(_ACTIVITY_DATE, MOST_DAYS_AHEAD))),
            "in_future": exp.Sum(this=as_number(all_of([is_event.copy(), in_future]))),
        }
        for column, name in self.dates.items():
            stray = as_number(self._is_impossible(name, 0)) if self._has(name) else number(0)
            counts[f"stray_{column}"] = exp.Sum(this=stray)
        columns = [value.as_(self._name(name)) for name, value in counts.items()]
        return self._whole(exp.Select(expressions=columns).from_(self._step("codes")), list(self._steps_to_codes()))

    def activity(self) -> str:
        """Return the statement that counts events by the dimensions."""
        keys = [*map(self._column, self.dimensions)]
        count = exp.Count(this=exp.Star()).as_(self._name("count"))
        select = exp.Select(expressions=[*keys, count]).from_(self._step("events"))
        if self._has_other_days():
            select = select.where(negate(_is_null(self._column(DAY))))
        return self._whole(select.group_by(*(key.copy() for key in keys)), list(self.steps()))

    def persons(self) -> list[exp.CTE]:
        """Return the steps up to `persons`, each person of the table once."""
        person = self._column(PERSON)
        select = exp.Select(expressions=[person]).from_(self._step("events")).group_by(person.copy())
        return [*self.steps(), self._cte("persons", select)]

    def span(self) -> exp.Select:
        """Select the first and the last day of the table's data."""
        day = self._column(DAY)
        ends = [exp.Min(this=day).as_(self._name("first_day")), exp.Max(this=day.copy()).as_(self._name("last_day"))]
        so_far = exp.LTE(this=day.copy(), expression=exp.CurrentDate())
        return exp.Select(expressions=ends).from_(self._step("events")).where(so_far)

    @property
    def contained(self) -> list[EventDefinition]:
        """The definitions of events that the table can contain, each once."""
        return list(dict.fromkeys(event for event in self.marks.values() if can_contain(event, self.binding)))

    def event_columns(self) -> list[str]:
        """Return the names of the columns of events."""
        further = [name for name in self.dimensions if name != PROVIDER]
        return [*self.key_columns, PERSON, PROVIDER, DAY, *further, *self.dates, *self.marks]

    def with_mark(self, mark: str, columns: Sequence[str], further: Sequence[exp.Expr] = ()) -> exp.Select:
        """Select some columns of the events that meet a definition, after some that are made."""
        is_marked = exp.EQ(this=self._column(mark), expression=number(1))
        return (
            exp.Select(expressions=[*further, *map(self._column, columns)]).from_(self._step("events")).where(is_marked)
        )

    @property
    def key_columns(self) -> list[str]:
        """The columns that put the events of one table in the order of their keys.

        If tables have keys of different types, keys are text, and those that are numbers stand in a column before it.
        """
        return [KEY_NUMBER, KEY] if self.mixed_keys else [KEY]

    def _keys(self) -> dict[str, exp.Expr]:
        key = self._column(self.binding.key)
        if not self.mixed_keys:
            return {KEY: key}
        is_number = self.source.types.get(self.binding.key) is Kind.NUMBER
        return {KEY_NUMBER: key if is_number else number(0), KEY: as_text(key.copy(), self.dialect)}

    def _steps_to_codes(self) -> Iterator[exp.CTE]:
        fields = [PROVIDER, *self.dimensions, *(["age"] if "age_band" in self.dimensions else [])]
        carried = [name for name in ("patient", _ACTIVITY_DATE, "contact") if self._has(name)]
        carried += [*(name for name in [*fields, *self.dates.values()] if self._has(name))]
        for name in self.dimensions:
            recoding = self.binding.recodings.get(name)
            carried += recoding.fields if recoding and recoding.is_split else []
        for name, query in self._read_and_decide(_criteria_of(self.contained), list(dict.fromkeys(carried))):
            yield self._cte(name, query)

    def _events(self) -> exp.Select:
        """Select every event."""
        columns = {
            **self._keys(),
            PERSON: self._person(),
            PROVIDER: self._column(PROVIDER) if self._has(PROVIDER) else text(""),
            DAY: _where(self._has_own_day(), self._day_of(_ACTIVITY_DATE))
            if self._has_other_days()
            else self._day_of(_ACTIVITY_DATE),
            **{name: self._dimension(name) for name in self.dimensions if name != PROVIDER},
            **{column: self._clock_day(name) for column, name in self.dates.items()},
            **{column: self._is(event) for column, event in self.marks.items()},
        }
        named = [value.as_(self._name(name)) for name, value in columns.items()]
        return exp.Select(expressions=named).from_(self._step("codes")).where(self._is_event())

    def _person(self) -> exp.Expr:
        return normal_text(self._column("patient"), self.dialect)

    def _is_event(self) -> exp.Expr:
        """Return the condition that an activity has a known person, and a day that can be one: its own or another."""
        is_person = negate(self._translator().is_missing("patient"))
        days = [self._has_own_day()]
        for name in dict.fromkeys(event.on for event in self.contained if event.on):
            days.append(all_of([negate(_is_null(self._column(name))), negate(self._is_impossible(name, 0))]))
        return all_of([is_person, any_of(days) if len(days) > 1 else days[0]])

    def _has_own_day(self) -> exp.Expr:
        no_day = _is_null(self._column(_ACTIVITY_DATE))
        return all_of([negate(no_day), negate(self._is_impossible(_ACTIVITY_DATE, MOST_DAYS_AHEAD))])

    def _has_other_days(self) -> bool:
        """Return whether an activity can be an event on another day than its own."""
        return any(event.on for event in self.contained)

    def _lacks_day(self) -> exp.Expr:
        """Return the condition that an activity has no day: a referral that led to no contact is none."""
        no_day = _is_null(self._column(_ACTIVITY_DATE))
        return all_of([no_day, negate(_is_null(self._column("contact")))]) if self._has("contact") else no_day

    def _is_impossible(self, name: str, days_ahead: int) -> exp.Expr:
        """Return the condition that a field has a day before any day of care, or more than some days after today."""
        month = exp.Coalesce(this=self._month(self._column(name)), expressions=[number(_FIRST_MONTH)])
        day = exp.Coalesce(this=self._day_of(name), expressions=[exp.CurrentDate()])
        latest = days_later(exp.CurrentDate(), days_ahead, self.dialect)
        return any_of([exp.LT(this=month, expression=number(_FIRST_MONTH)), exp.GT(this=day, expression=latest)])

    def _clock_day(self, name: str) -> exp.Expr:
        """Return the day in a field, NULL where the table has no such field, or for a day that cannot be."""
        if not self._has(name):
            return exp.cast(exp.Null(), "date")
        return _where(negate(self._is_impossible(name, 0)), self._day_of(name))

    def _is(self, event: EventDefinition) -> exp.Expr:
        """Return 1 where an activity is the event, else 0."""
        if not can_contain(event, self.binding):
            return number(0)
        conditions = [self._translator().visit(criterion) for criterion in event.criteria]
        if self._has_other_days() and not event.on:
            conditions.append(self._has_own_day())
        return as_number(all_of(conditions)) if conditions else number(1)

    def _has(self, name: str) -> bool:
        return name in self.binding.fields

    def _day_of(self, name: str) -> exp.Expr:
        return as_day(self._column(name), self.dialect)

    def _whole(self, select: exp.Select, steps: list[exp.CTE]) -> str:
        select.set("with_", exp.With(expressions=steps))
        return self._print(select)


def people_tables(
    dialect: Dialect,
    sources: Sequence[TableSource],
    marks: Mapping[str, EventDefinition],
    dates: Mapping[str, str],
    dimensions: Sequence[str] = (),
    strategy: str | None = None,
) -> list[PeopleTable]:
    """Return the tables of people's activity.

    Args:
        dialect: The dialect.
        sources: The tables.
        marks: The definitions that events are asked about, by the columns of the answers.
        dates: The fields of days that events have, by column.
        dimensions: Further fields that events have.
        strategy: `distinct` or `inline` (`code_steps.STRATEGIES`); by default what the dialect runs faster.
    """
    datasets = [source.binding.layout.dataset for source in sources]
    mixed = len({source.types.get(source.binding.key) is Kind.NUMBER for source in sources}) > 1
    tables = []
    for place, (dataset, source) in enumerate(zip(datasets, sources, strict=True), start=1):
        same = datasets[:place].count(dataset)
        contained = [event for event in marks.values() if can_contain(event, source.binding)]
        tables.append(
            PeopleTable(
                dialect,
                source,
                name_verdicts(_criteria_of(contained), source.binding),
                decides_distinct(strategy, dialect),
                prefix=f"{dataset}_" if same == 1 else f"{dataset}_{same}_",
                marks=marks,
                dates=dates,
                dimensions=dimensions,
                place=place,
                mixed_keys=mixed,
            )
        )
    return tables


def people_statement(tables: Sequence[PeopleTable]) -> str:
    """Return the statement that counts the people of each table, and those whom two tables have in common.

    It selects one_table, other_table (the same number for the people of one table) and people.
    """
    naming = Naming(tables[0].dialect)
    steps = [step for table in tables for step in table.persons()]
    selects: list[exp.Expr] = []
    for later, table in enumerate(tables):
        for other in tables[: later + 1]:
            columns = [
                number(each.place).as_(naming._name(name))
                for name, each in (("one_table", other), ("other_table", table))
            ]
            columns.append(exp.Count(this=exp.Star()).as_(naming._name("people")))
            select = exp.Select(expressions=columns).from_(table._step("persons"))
            if other is not table:
                sides = [each._column(PERSON, "persons") for each in (other, table)]
                select = select.join(other._step("persons"), on=exp.EQ(this=sides[0], expression=sides[1]))
            selects.append(select)
    whole = union(selects)
    whole.set("with_", exp.With(expressions=steps))
    return naming._print(whole)


def _criteria_of(definitions: Sequence[EventDefinition]) -> list[Criterion]:
    """Return the criteria of events, each once."""
    return list(dict.fromkeys(criterion for event in definitions for criterion in event.criteria))


def _where(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return a value where a condition holds, else NULL."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def _is_null(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value, expression=exp.Null())
