"""The steps of a measure of waits as SQL: the rows of one key, provider and start are put together."""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from ebi_rules.rule_model.measure_availability import can_contain
from ebi_rules.rule_model.measure_logic import MeasureLogic, Wait
from ebi_rules.statements.people_sql import DAY, PERSON, PROVIDER, PeopleTable
from ebi_rules.statements.step_names import Naming, union
from ebi_rules.statements.wait_rows_sql import INDEX, KEY, REMOVED, START, WaitTable
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.sql_parts import all_of, as_number, coalesce, number, text
from ebi_rules.translate.sql_values import normal_text

GROUP = (KEY, PROVIDER, START)
"""What the rows of one wait have in common."""


class WaitSteps(Naming):
    """Write the steps from the rows of all tables to waits, with when people were seen."""

    def __init__(
        self, dialect: Dialect, measure: MeasureLogic, tables: Sequence[PeopleTable], dimensions: Sequence[str]
    ) -> None:
        super().__init__(dialect)
        assert measure.wait, "only measures of waits"
        self.measure = measure
        self.wait: Wait = measure.wait
        self.index_tables = [table for table in tables if isinstance(table, WaitTable)]
        self.elsewhere = [table for table in tables if not isinstance(table, WaitTable)]
        self.dimensions = dimensions
        self.further = [name for name in dimensions if name not in (PROVIDER, "month")]

    def _rows(self) -> list[exp.CTE]:
        """Return the steps up to the rows of all tables in which people wait."""
        steps = [step for table in self.index_tables for step in table.steps()]
        first = self.index_tables[0]
        selects = [
            exp.Select(expressions=[*map(self._column, first.row_columns())]).from_(table._step("rows"))
            for table in self.index_tables
        ]
        return [*steps, self._cte("waiting_rows", union(selects))]

    def _to_waits(self) -> Iterator[exp.CTE]:
        """Return the steps that put rows together to waits, with when people were seen."""
        yield from self._rows()
        for table in self.elsewhere:
            yield from table.steps()
        yield from self._span()
        yield self._cte("index_rows", self._index_rows())
        yield from self._together()
        if self.elsewhere:
            yield from self._elsewhere()

    def _span(self) -> Iterator[exp.CTE]:
        """Return the steps that find the first day of the lists or contacts, and the last that all tables cover."""
        day = self._column(DAY)
        so_far = exp.LTE(this=day.copy(), expression=exp.CurrentDate())
        last = exp.Max(this=day).as_(self._name("last_day"))
        spans: list[exp.Expr] = [exp.Select(expressions=[last]).from_(self._step("waiting_rows")).where(so_far)]
        for place, table in enumerate(self.elsewhere, start=1):
            yield self._cte(f"span_{place}", table.span())
            spans.append(exp.Select(expressions=[self._column("last_day")]).from_(self._step(f"span_{place}")))
        yield self._cte("ends", union(spans))
        end = exp.Min(this=self._column("last_day")).as_(self._name("data_end"))
        yield self._cte("data_ends", exp.Select(expressions=[end]).from_(self._step("ends")))
        begin = exp.Min(this=self._column(DAY)).as_(self._name("data_begin"))
        yield self._cte("data_begins", exp.Select(expressions=[begin]).from_(self._step("waiting_rows")))
        both = exp.Select(expressions=[*map(self._column, ("data_begin", "data_end"))]).from_(self._step("data_begins"))
        yield self._cte("span", both.join(self._step("data_ends"), join_type="cross"))

    def _index_rows(self) -> exp.Select:
        """Select the rows of referrals or lists, with days that count alone."""
        end = self._column("data_end", "span")
        start = self._column(START, "waiting_rows")
        seen = {}
        for column, place in self._own_ends():
            day = self._column(column, "waiting_rows")
            until = [exp.LTE(this=day.copy(), expression=end.copy())]
            if self.wait.snapshots:
                until.append(exp.LTE(this=day.copy(), expression=self._column(DAY, "waiting_rows")))
            is_end = exp.EQ(this=self._column(f"is_seen_{place}", "waiting_rows"), expression=number(1))
            counts = all_of([is_end, exp.GTE(this=day.copy(), expression=start.copy()), *until])
            begins = exp.LTE(this=start.copy(), expression=end.copy())
            early = all_of([is_end.copy(), begins, exp.LT(this=day.copy(), expression=start.copy())])
            seen[f"seen_{place}"] = where(counts, day)
            seen[f"early_{place}"] = as_number(early)
        removed: exp.Expr = exp.cast(exp.Null(), "date")
        if self.wait.removed_on:
            day = self._column(REMOVED, "waiting_rows")
            removed = where(exp.Between(this=day, low=start.copy(), high=end.copy()), day.copy())
        named = {
            KEY: self._column(KEY, "waiting_rows"),
            PROVIDER: self._column(PROVIDER, "waiting_rows"),
            PERSON: self._column(PERSON, "waiting_rows"),
            DAY: self._column(DAY, "waiting_rows"),
            START: where(exp.LTE(this=start, expression=end.copy()), start.copy()),
            REMOVED: removed,
            **seen,
            **{name: self._column(name, "waiting_rows") for name in self.further},
        }
        columns = [value.as_(self._name(name)) for name, value in named.items()]
        select = exp.Select(expressions=columns).from_(self._step("waiting_rows"))
        select = select.join(self._step("span"), join_type="cross")
        conditions: list[exp.Expr] = [exp.EQ(this=self._column(INDEX, "waiting_rows"), expression=number(1))]
        if self.wait.snapshots:
            conditions.append(exp.LTE(this=self._column(DAY, "waiting_rows"), expression=end.copy()))
        return select.where(all_of(conditions))

    def _own_ends(self) -> list[tuple[str, int]]:
        """Return the columns of rows with the day of each end that the dataset itself records, and its place."""
        columns = self.index_tables[0].dates
        return [(name, int(name.rsplit("_", 1)[1])) for name in columns if name.startswith("seen_day_")]

    def _together(self) -> Iterator[exp.CTE]:
        """Return the steps that put the rows of one key, provider and start together, with fields as first recorded."""
        firsts = {name: self._first(name) for name in self.further}
        ends = [place for _, place in self._own_ends()]
        inner_names = [*GROUP, DAY, REMOVED, *(f"{kind}_{place}" for place in ends for kind in ("seen", "early"))]
        inner = [*map(self._column, inner_names), *(value.as_(self._name(name)) for name, value in firsts.items())]
        rows = exp.Select(expressions=inner).from_(self._step("index_rows"))
        made: dict[str, exp.Expr] = {
            "listed": exp.Min(this=self._column(DAY)),
            "last_listed": exp.Max(this=self._column(DAY)),
            REMOVED: exp.Min(this=self._column(REMOVED)),
            **{f"seen_{place}": exp.Min(this=self._column(f"seen_{place}")) for place in ends},
            **{f"early_{place}": exp.Max(this=self._column(f"early_{place}")) for place in ends},
            **{name: exp.Max(this=self._column(name)) for name in self.further},
        }
        columns = [*map(self._column, GROUP), *(value.as_(self._name(name)) for name, value in made.items())]
        together = exp.Select(expressions=columns).from_(self._step("first_values"))
        yield self._cte("first_values", rows)
        yield self._cte("together", together.group_by(*map(self._column, GROUP)))

    def _first(self, name: str) -> exp.Expr:
        """Return the value of a field in the earliest row of a wait."""
        ordered = [exp.Ordered(this=self._column(each), nulls_first=True) for each in (DAY, name)]
        window = exp.Window(this=exp.FirstValue(this=self._column(name)), over="OVER")
        window.set("partition_by", [*map(self._column, GROUP)])
        window.set("order", exp.Order(expressions=ordered))
        spec = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
        window.set("spec", spec)
        return window

    def _elsewhere(self) -> Iterator[exp.CTE]:
        """Return the steps that find when people were seen in other tables, by the same provider."""
        selects = []
        for table in self.elsewhere:
            for mark, event in table.marks.items():
                if can_contain(event, table.binding):
                    name = f"seen_day_{mark.rsplit('_', 1)[1]}"
                    column = table._column(name if name in table.dates else DAY).as_(table._name("seen_day"))
                    provider = coalesce(normal_text(table._column(PROVIDER), self.dialect), text(""))
                    selects.append(table.with_mark(mark, [PERSON], [column, provider.as_(table._name(PROVIDER))]))
        yield self._cte("seen_days", union(selects))
        keys = [*GROUP, PERSON]
        known = all_of([is_known(self._column(PERSON)), is_known(self._column(START))])
        people = exp.Select(expressions=[*map(self._column, keys)]).from_(self._step("index_rows")).where(known)
        yield self._cte("people_of_waits", people.group_by(*map(self._column, keys)))
        same = all_of(
            [
                exp.EQ(this=self._column(name, "seen_days"), expression=self._column(name, "people_of_waits"))
                for name in (PERSON, PROVIDER)
            ]
        )
        day = self._column("seen_day", "seen_days")
        columns = [self._column(name, "people_of_waits").as_(self._name(name)) for name in GROUP]
        select = exp.Select(expressions=[*columns, exp.Min(this=day).as_(self._name("seen_elsewhere"))])
        select = select.from_(self._step("people_of_waits")).join(self._step("seen_days"), on=same, join_type="inner")
        select = select.join(self._step("span"), join_type="cross")
        between = exp.Between(
            this=day.copy(), low=self._column(START, "people_of_waits"), high=self._column("data_end", "span")
        )
        grouped = select.where(between).group_by(*(self._column(name, "people_of_waits") for name in GROUP))
        yield self._cte("found_elsewhere", grouped)

    def _lists(self) -> Iterator[exp.CTE]:
        """Return the steps that find each provider's next list, and its last."""
        days = exp.Select(expressions=[*map(self._column, (PROVIDER, DAY))]).from_(self._step("waiting_rows"))
        days = days.join(self._step("span"), join_type="cross")
        days = days.where(exp.LTE(this=self._column(DAY), expression=self._column("data_end", "span")))
        yield self._cte("list_days", days.group_by(*map(self._column, (PROVIDER, DAY))))
        later = self._step("list_days").as_(self._name("later_days"), table=True)
        own = [self._column(name, "list_days") for name in (PROVIDER, DAY)]
        on = all_of(
            [
                exp.EQ(this=self._column(PROVIDER, "later_days"), expression=own[0].copy()),
                exp.GT(this=self._column(DAY, "later_days"), expression=own[1].copy()),
            ]
        )
        columns = [
            column.as_(self._name(name)) for column, name in zip(own, ("provider_of_list", "list_day"), strict=True)
        ]
        # Where no row is joined, ClickHouse has a default in place of NULL.
        after = where(on.copy(), self._column(DAY, "later_days"))
        columns.append(exp.Min(this=after).as_(self._name("next_list")))
        columns.append(exp.Max(this=coalesce(after.copy(), own[1].copy())).as_(self._name("last_list")))
        select = exp.Select(expressions=columns).from_(self._step("list_days")).join(later, on=on, join_type="left")
        yield self._cte("next_lists", select.group_by(*(column.copy() for column in own)))

    def _is_one(self, name: str) -> exp.Expr:
        return exp.EQ(this=self._column(name), expression=number(1))


def where(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return a value where a condition holds, else NULL."""
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def is_known(value: exp.Expr) -> exp.Expr:
    """Return the condition that a value is not NULL."""
    return exp.Not(this=exp.Is(this=value, expression=exp.Null()))
