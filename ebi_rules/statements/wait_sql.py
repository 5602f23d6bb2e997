"""A measure of waits as SQL: how many waits are alike, and what must be known about the rows behind them.

Rows of one key, provider and start are put together by GROUP BY. `pathways.wait_meaning` says what is counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sqlglot import exp

from ebi_rules._support.errors import ExtractError
from ebi_rules.rule_model.measure_availability import why_unanswerable
from ebi_rules.rule_model.measure_logic import LISTED_WITHIN, MeasureLogic
from ebi_rules.statements.people_sql import DAY, PERSON, PROVIDER
from ebi_rules.statements.table_source import TableSource
from ebi_rules.statements.wait_rows_sql import INDEX, KEY, REMOVED, START, STATUS, tables_of_waits
from ebi_rules.statements.wait_steps import GROUP, WaitSteps, is_known, where
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql_parts import all_of, as_number, coalesce, days_between, days_later, negate, number

TOTALS, LISTS, FACTS, CONTACTS = "totals", "lists", "facts", "contacts"

KNOWN, NO_START, BEFORE_DATA, BEFORE_LIST = 0, 1, 2, 3
"""What is known of a wait; or why nothing is: no start, one before the data, an end before the first list."""
SEEN_CODE, REMOVED_CODE, WAITING_CODE = 1, 2, 0
"""How a wait ended, as `statistics.seen_by_day` has it."""

FACT_COLUMNS = ("several", "no_person", "no_day", "data_end")


def wait_statements(
    measure: MeasureLogic,
    dialect: str | Path | Dialect,
    sources: Sequence[TableSource],
    dimensions: Sequence[str],
    statuses: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Return the statements by which an engine counts a measure of waits.

    Args:
        measure: The measure.
        dialect: A dialect, its name, or a dialect file.
        sources: The tables.
        dimensions: provider, month (that of the start of the clock) and further fields.
        statuses: The attendance statuses by which contacts are counted, by name.

    Returns:
        `TOTALS` selects the dimensions, known_from, until, ended (NULL if the wait is not known), followed, outcome,
        kind (`KNOWN` or why not), early (1 if somebody was seen before the clock starts) and count. `LISTS`, for lists
        alone, selects provider and the day of each list. `FACTS` selects `FACT_COLUMNS`. `CONTACTS`, where contacts
        have a status, selects attendance (the place in `statuses`, or their number) and count.

    Raises:
        ExtractError: No table has what the measure needs.
    """
    unanswerable = why_unanswerable(measure, [source.binding for source in sources])
    if unanswerable:
        raise ExtractError(unanswerable)
    target = find_dialect(dialect)
    writer = _WaitWriter(target, measure, tables_of_waits(measure, target, sources, dimensions, statuses), dimensions)
    statements = {TOTALS: writer.totals(), FACTS: writer.facts()}
    if writer.wait.snapshots:
        statements[LISTS] = writer.lists()
    elif any(table.binding.fields.get("attendance_status") for table in writer.index_tables):
        statements[CONTACTS] = writer.contacts()
    return statements


class _WaitWriter(WaitSteps):
    """Write the statements: the rows of all tables, put together to waits."""

    def totals(self) -> str:
        """Return the statement that counts waits."""
        keys = [*self.dimensions, "known_from", "until", "ended", "followed", "outcome", "kind", "early"]
        count = exp.Count(this=exp.Star()).as_(self._name("count"))
        select = exp.Select(expressions=[*map(self._column, keys), count]).from_(self._step("answers"))
        return self._whole(select.group_by(*map(self._column, keys)), [*self._to_waits(), *self._answers()])

    def lists(self) -> str:
        """Return the statement that selects the days of each provider's lists."""
        columns = [*map(self._column, (PROVIDER, DAY))]
        select = exp.Select(expressions=columns).from_(self._step("waiting_rows")).where(is_known(columns[1].copy()))
        return self._whole(select.group_by(*map(self._column, (PROVIDER, DAY))), self._rows())

    def contacts(self) -> str:
        """Return the statement that counts the contacts of referrals by status."""
        status = self._column(STATUS)
        count = exp.Count(this=exp.Star()).as_(self._name("count"))
        is_contact = all_of([self._is_one(INDEX), is_known(self._column(DAY))])
        select = exp.Select(expressions=[status, count]).from_(self._step("waiting_rows")).where(is_contact)
        return self._whole(select.group_by(status.copy()), self._rows())

    def facts(self) -> str:
        """Return the statement that counts what is odd in rows and waits."""
        n_waits = exp.Count(this=exp.Star()).as_(self._name("n_waits"))
        of_key = exp.Select(expressions=[self._column(KEY), self._column(PROVIDER), n_waits])
        of_key = of_key.from_(self._step("together")).where(is_known(self._column(START)))
        of_key = of_key.group_by(self._column(KEY), self._column(PROVIDER))
        repeated = exp.Case(
            ifs=[exp.If(this=exp.GT(this=self._column("n_waits"), expression=number(1)), true=self._column("n_waits"))],
            default=number(0),
        )
        several = exp.Sum(this=repeated).as_(self._name("several"))
        lacks = [
            exp.Sum(this=as_number(exp.Is(this=self._column(name), expression=exp.Null()))).as_(self._name(new))
            for name, new in ((PERSON, "no_person"), (DAY, "no_day"))
        ]
        odd = exp.Select(expressions=lacks).from_(self._step("waiting_rows")).where(self._is_one(INDEX))
        steps = [
            *self._to_waits(),
            self._cte("keys", of_key),
            self._cte("repeated", exp.Select(expressions=[several]).from_(self._step("keys"))),
            self._cte("odd_rows", odd),
        ]
        select = exp.Select(expressions=[*map(self._column, FACT_COLUMNS)]).from_(self._step("repeated"))
        select = select.join(self._step("odd_rows"), join_type="cross").join(self._step("data_ends"), join_type="cross")
        return self._whole(select, steps)

    def _answers(self) -> Iterator[exp.CTE]:
        """Return the steps that say how each wait ended."""
        if self.wait.snapshots:
            yield from self._lists()
        yield self._cte("ends_of_waits", self._ends_of_waits())
        yield self._cte("known_waits", self._waits_in_days())
        yield self._cte("answers", self._answered())

    def _ends_of_waits(self) -> exp.Select:
        """Select each wait with the day on which it ended, how, and from when it is known of."""
        seen: list[exp.Expr] = [self._column(f"seen_{place}", "together") for _, place in self._own_ends()]
        seen += [self._joined("found_elsewhere", "seen_elsewhere")] if self.elsewhere else []
        first_seen = _least(seen) if seen else exp.cast(exp.Null(), "date")
        snapshots = self.wait.snapshots
        removed = self._joined("next_lists", "next_list") if snapshots else self._column(REMOVED, "together")
        data_end = self._column("data_end", "span")
        early = [self._column(f"early_{place}", "together") for _, place in self._own_ends()]
        named = {
            **{name: self._column(name, "together") for name in (PROVIDER, START, *self.further)},
            "first_seen": first_seen,
            REMOVED: removed,
            "listed": self._column("listed", "together"),
            "known_until": self._column("last_listed", "together") if snapshots else data_end,
            "end_of_data": self._column("last_list", "next_lists") if snapshots else data_end.copy(),
            "data_begin": self._column("data_begin", "span"),
            "early": _greatest_flag(early),
        }
        columns = [value.as_(self._name(name)) for name, value in named.items()]
        select = exp.Select(expressions=columns).from_(self._step("together"))
        for step in [*(["found_elsewhere"] if self.elsewhere else []), *(["next_lists"] if snapshots else [])]:
            select = select.join(self._step(step), on=self._is_same(step), join_type="left")
        return select.join(self._step("span"), join_type="cross")

    def _joined(self, step: str, name: str) -> exp.Expr:
        """Return a column of a joined step, NULL where no row is joined: ClickHouse has a default there."""
        return where(self._is_same(step), self._column(name, step))

    def _is_same(self, step: str) -> exp.Expr:
        """Return the condition that a row of a step belongs to a wait."""
        keys = {"next_lists": {"provider_of_list": PROVIDER, "list_day": "last_listed"}}
        pairs = keys.get(step, {name: name for name in GROUP})
        return all_of(
            [
                exp.EQ(this=self._column(own, step), expression=self._column(name, "together"))
                for own, name in pairs.items()
            ]
        )

    def _waits_in_days(self) -> exp.Select:
        """Select each wait with its days, counted from the start of the clock."""
        seen, removed = self._column("first_seen"), self._column(REMOVED)
        no_later = exp.LTE(this=seen, expression=coalesce(removed, days_later(seen.copy(), 1, self.dialect)))
        is_seen = exp.EQ(this=coalesce(as_number(no_later), number(0)), expression=number(1))
        is_removed = is_known(removed.copy())
        end = exp.Case(
            ifs=[
                exp.If(this=all_of([is_known(seen.copy()), is_seen]), true=seen.copy()),
                exp.If(this=is_removed, true=removed.copy()),
            ],
            default=self._column("known_until"),
        )
        ended = exp.Case(
            ifs=[
                exp.If(this=all_of([is_known(seen.copy()), is_seen.copy()]), true=number(SEEN_CODE)),
                exp.If(this=is_removed.copy(), true=number(REMOVED_CODE)),
            ],
            default=number(WAITING_CODE),
        )
        start = self._column(START)
        entered: exp.Expr = number(0)
        if self.wait.snapshots:
            apart = days_between(start, self._column("listed"), self.dialect)
            is_ahead = exp.LT(this=self._column("listed"), expression=start.copy())
            entered = exp.Case(ifs=[exp.If(this=is_ahead, true=number(0))], default=apart)
        kept = [*map(self._column, (PROVIDER, START, *self.further, "data_begin", "early"))]
        made = {
            "days_to_list": entered,
            "days_to_end": days_between(start.copy(), end, self.dialect),
            "how": ended,
            "follow_up": days_between(start.copy(), self._column("end_of_data"), self.dialect),
        }
        columns = [*kept, *(value.as_(self._name(name)) for name, value in made.items())]
        return exp.Select(expressions=columns).from_(self._step("ends_of_waits"))

    def _answered(self) -> exp.Select:
        """Select each wait with its answer."""
        start, until, entered = (self._column(name) for name in (START, "days_to_end", "days_to_list"))
        branches = [exp.If(this=exp.Is(this=start, expression=exp.Null()), true=number(NO_START))]
        if not self.wait.snapshots:
            before = exp.LT(this=start.copy(), expression=self._column("data_begin"))
            branches.append(exp.If(this=before, true=number(BEFORE_DATA)))
        unlisted = exp.LT(this=until, expression=entered)
        branches.append(exp.If(this=unlisted, true=number(BEFORE_LIST)))
        kind = exp.Case(ifs=branches, default=number(KNOWN))
        in_data = exp.EQ(this=exp.Paren(this=kind), expression=number(KNOWN))
        standard = number(self.measure.standard_days or 0)
        gone = all_of(
            [
                exp.EQ(this=self._column("how"), expression=number(REMOVED_CODE)),
                exp.LTE(this=until.copy(), expression=standard),
            ]
        )
        followed = all_of(
            [
                in_data,
                exp.LTE(this=entered.copy(), expression=number(LISTED_WITHIN)),
                exp.GT(this=self._column("follow_up"), expression=standard.copy()),
                negate(gone),
            ]
        )
        outcome = all_of([followed.copy(), exp.GT(this=until.copy(), expression=standard.copy())])
        # Names of their own: ClickHouse takes a name for the column of this step, and not of the one before.
        answer = {"known_from": "days_to_list", "until": "days_to_end", "ended": "how"}
        made = {
            **{new: where(in_data.copy(), self._column(name)) for new, name in answer.items()},
            "followed": as_number(followed),
            "outcome": as_number(outcome),
            "kind": kind,
            "early": self._column("early"),
        }
        dimensions: dict[str, exp.Expr] = {name: self._column(name) for name in self.dimensions if name != "month"}
        if "month" in self.dimensions:
            dimensions["month"] = self._month(start.copy())
        ordered = {name: dimensions[name] for name in self.dimensions}
        columns = [value.as_(self._name(name)) for name, value in {**ordered, **made}.items()]
        return exp.Select(expressions=columns).from_(self._step("known_waits"))

    def _whole(self, select: exp.Select, steps: Sequence[exp.CTE]) -> str:
        select.set("with_", exp.With(expressions=list(steps)))
        return self._print(select)


def _least(values: Sequence[exp.Expr]) -> exp.Expr:
    """Return the least of some values; those that are NULL do not count."""
    least = values[0]
    for value in values[1:]:
        branches = [
            exp.If(this=exp.Is(this=least.copy(), expression=exp.Null()), true=value.copy()),
            exp.If(this=exp.LT(this=value.copy(), expression=least.copy()), true=value.copy()),
        ]
        least = exp.Case(ifs=branches, default=least.copy())
    return least


def _greatest_flag(flags: Sequence[exp.Expr]) -> exp.Expr:
    """Return 1 if any of some flags is 1, else 0."""
    if not flags:
        return number(0)
    branches = [exp.If(this=exp.EQ(this=flag, expression=number(1)), true=number(1)) for flag in flags]
    return exp.Case(ifs=branches, default=number(0))
