"""The tables of a measure of waits as SQL: the rows of those in which people wait, and events of those who are seen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ebi_rules.criteria.nodes import Criterion, In
from ebi_rules.rule_model.measure_availability import can_contain, can_end
from ebi_rules.rule_model.measure_logic import OWN_DAY, EventDefinition, MeasureLogic
from ebi_rules.statements.code_steps import decides_distinct, name_verdicts
from ebi_rules.statements.people_sql import DAY, PERSON, PROVIDER, PeopleTable, people_tables
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.sql_parts import coalesce, negate, number, text
from ebi_rules.translate.sql_values import normal_text

KEY, START, REMOVED, INDEX, STATUS = "wait_key", "started", "removed_day", "is_index", "attendance"

_DAYS_AHEAD = 36_525
"""A day more than 100 years ahead is none: some dialects cannot count on from it."""


@dataclass
class WaitTable(PeopleTable):
    """Write the rows of a table in which people wait: each row, and not only those with a person and a day."""

    statuses: Mapping[str, Sequence[str]] = field(kw_only=True)

    def row_columns(self) -> list[str]:
        """Return the names of the columns of rows."""
        further = [name for name in self.dimensions if name not in (PROVIDER, "month")]
        return [KEY, PERSON, PROVIDER, DAY, STATUS, *further, *self.dates, *self.marks]

    def steps(self) -> Iterator[exp.CTE]:
        """Return the steps up to `rows`."""
        yield from self._steps_to_codes()
        yield self._cte("rows", self._rows())

    def _rows(self) -> exp.Select:
        missing = self._translator().is_missing("patient") if self._has("patient") else None
        provider = normal_text(self._column(PROVIDER), self.dialect) if self._has(PROVIDER) else text("")
        named: dict[str, exp.Expr] = {
            KEY: self._column(self.binding.key),
            PERSON: exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=self._person())
            if missing
            else exp.cast(exp.Null(), "varchar"),
            PROVIDER: coalesce(provider, text("")),
            DAY: self._possible_day(OWN_DAY),
            STATUS: self._status(),
            **{name: self._dimension(name) for name in self.row_columns() if name in self.dimensions[1:]},
            **{column: self._possible_day(name) for column, name in self.dates.items()},
            **{column: self._is(event) for column, event in self.marks.items()},
        }
        named = {name: named[name] for name in self.row_columns()}
        columns = [value.as_(self._name(name)) for name, value in named.items()]
        return exp.Select(expressions=columns).from_(self._step("codes"))

    def _possible_day(self, name: str) -> exp.Expr:
        """Return the day in a field, NULL where the table has no such field, or for a day before any care."""
        if not self._has(name) or not self.binding.fields[name]:
            return exp.cast(exp.Null(), "date")
        return exp.Case(ifs=[exp.If(this=negate(self._is_impossible(name, _DAYS_AHEAD)), true=self._day_of(name))])

    def _status(self) -> exp.Expr:
        """Return the place of a contact's status among the statuses; their number for another, or for none."""
        others = number(len(self.statuses))
        if not self.binding.fields.get("attendance_status"):
            return others
        branches = [
            exp.If(this=self._translator().visit(In("attendance_status", tuple(codes))), true=number(place))
            for place, codes in enumerate(self.statuses.values())
        ]
        return exp.Case(ifs=branches, default=others)


def tables_of_waits(
    measure: MeasureLogic,
    dialect: Dialect,
    sources: Sequence[TableSource],
    dimensions: Sequence[str],
    statuses: Mapping[str, Sequence[str]],
) -> list[PeopleTable]:
    """Return the tables that a measure asks about: those in which people wait, and those in which they are seen."""
    wait = measure.wait
    assert wait, "only measures of waits have these tables"
    tables: list[PeopleTable] = []
    for source in sources:
        binding = source.binding
        own = can_contain(measure.index, binding)
        ends = {place: end for place, end in enumerate(wait.seen) if can_end(end, binding)}
        marks = {f"is_seen_{place}": end.event for place, end in ends.items()}
        dates = {f"seen_day_{place}": end.on for place, end in ends.items()}
        if own:
            marks |= {INDEX: measure.index}
            dates |= {START: str(measure.start), **({REMOVED: wait.removed_on} if wait.removed_on else {})}
            criteria = _criteria(marks.values())
            if binding.fields.get("attendance_status"):
                criteria = list(dict.fromkeys([*criteria, *_status_criteria(statuses)]))
            tables.append(
                WaitTable(
                    dialect,
                    source,
                    name_verdicts(criteria, binding),
                    decides_distinct(None, dialect),
                    prefix=f"waiting_{len(tables) + 1}_",
                    marks=marks,
                    dates=dates,
                    dimensions=[PROVIDER, *(name for name in dimensions if name not in (PROVIDER, "month"))],
                    place=len(tables) + 1,
                    statuses=statuses,
                )
            )
        elif ends and "patient" in binding.fields:
            dates = {column: name for column, name in dates.items() if name != OWN_DAY}
            (table,) = people_tables(dialect, [source], marks, dates, [])
            table.prefix, table.place = f"elsewhere_{len(tables) + 1}_", len(tables) + 1
            tables.append(table)
    return tables


def _status_criteria(statuses: Mapping[str, Sequence[str]]) -> list[In]:
    return [In("attendance_status", tuple(codes)) for codes in statuses.values()]


def _criteria(events: Iterable[EventDefinition]) -> list[Criterion]:
    return list(dict.fromkeys(criterion for event in events for criterion in event.criteria))
