"""The last steps of a cube: groups of rows added up, and one row per count above 0.

There are two ways. `counted` adds up one column per count and then turns columns into rows; it needs each step once.
`patterns` lists the different answers of groups, of which there are a few thousand, decides on them what is counted,
and joins groups to that: much faster, but two steps read the groups, so it is for engines that keep them meanwhile.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from ebi_rules.statements.cube_counts import EARLY, FIRST, LAST, LATE, PLACE, ROWS, CubeCounts
from ebi_rules.statements.step_names import union
from ebi_rules.translate.sql_parts import all_of, number

Step = tuple[str, exp.Expr]
GROUPED = "grouped"
"""The step that counts rows that are alike."""
PATTERN_COUNTS = "pattern_counts"
"""The step with what is counted for each pattern of answers."""
TOTALS = "totals"
"""The last step: one row per group and total."""
_DAY_FUNCTIONS = {FIRST: exp.Min, LAST: exp.Max, EARLY: exp.Sum, LATE: exp.Sum}


class CubeTotals(CubeCounts):
    """Write the steps from groups of rows, or from their patterns, to the rows of the cube."""

    def _totals_by_column(self) -> Iterator[Step]:
        """Return the steps from `variants`, which has one row per group."""
        yield "counted", self._counted_step()
        yield "places", self._places_step(self._places)
        yield TOTALS, self._as_rows("counted", "places", self._places)

    @property
    def _places(self) -> list[tuple[int, exp.Expr | str]]:
        return list(enumerate(self._totals, start=1))

    def _counted_step(self) -> exp.Expr:
        """Add up every total, one column each, by the dimensions."""
        sums: list[exp.Expr] = []
        for summed in self._totals:
            if isinstance(summed, exp.Expr):
                total = exp.Sum(this=exp.Mul(this=summed, expression=self._column(ROWS)))
                sums.append(total.as_(self._name(self._total_column(summed))))
        if self._has_days:
            sums += self._day_columns()
        select = exp.Select(expressions=[*self._dimension_columns(), *sums]).from_(self._step("variants"))
        return select.group_by(*self._dimension_columns())

    def _counts_of_patterns(self, numbers: Sequence[str]) -> Iterator[Step]:
        """Return the steps from `variants`, which has one row per pattern, to what is counted for each.

        Args:
            numbers: The columns of the packed answers.
        """
        of_answers = [(place, summed) for place, summed in self._places if isinstance(summed, exp.Expr)]
        yield "places", self._places_step(of_answers)
        columns: list[exp.Expr] = [self._column(PLACE, "places"), *(self._column(name, "variants") for name in numbers)]
        every = exp.Select(expressions=columns).from_(self._step("variants"))
        every = every.join(self._step("places"), join_type="cross")
        holds = exp.EQ(this=self._chosen(of_answers, "places"), expression=number(1))
        yield PATTERN_COUNTS, every.where(holds)

    def _totals_by_pattern(self, numbers: Sequence[str]) -> Iterator[Step]:
        """Return the steps from `grouped`, and from what is counted for each pattern, to the totals."""
        keys = [*self._dimension_columns(GROUPED), self._column(PLACE, PATTERN_COUNTS)]
        named: list[exp.Expr] = [key.as_(self._name(key.name)) for key in keys]
        named.append(exp.Sum(this=self._column(ROWS, GROUPED)).as_(self._name("count")))
        is_pattern = all_of([self._are_equal(name, PATTERN_COUNTS, GROUPED) for name in numbers])
        added_up = exp.Select(expressions=named).from_(self._step(GROUPED))
        added_up = added_up.join(self._joinable(PATTERN_COUNTS), on=is_pattern).group_by(*(key.copy() for key in keys))
        if not self._has_days:
            yield TOTALS, added_up
            return
        yield "totals_of_answers", added_up
        days = exp.Select(expressions=[*self._dimension_columns(), *self._day_columns()])
        yield "days", days.from_(self._step(GROUPED)).group_by(*self._dimension_columns())
        of_days = [(place, summed) for place, summed in self._places if isinstance(summed, str)]
        yield "day_places", self._places_step(of_days)
        columns = [self._column(name) for name in (*self.dimensions, PLACE, "count")]
        of_answers_alone = exp.Select(expressions=columns).from_(self._step("totals_of_answers"))
        yield TOTALS, union([of_answers_alone, self._as_rows("days", "day_places", of_days)])

    def _as_rows(self, step: str, places: str, totals: Sequence[tuple[int, exp.Expr | str]]) -> exp.Select:
        """Turn a column per total into a row per total.

        Args:
            step: The step with the columns.
            places: The step with the places of the totals, a row each.
            totals: The totals, with their places.
        """
        columns: list[exp.Expr] = [*self._dimension_columns(step), self._column(PLACE, places)]
        columns = [column.as_(self._name(column.name)) for column in columns]
        of_places = [(place, self._column(self._total_column(each), step)) for place, each in totals]
        columns.append(self._chosen(of_places, places).as_(self._name("count")))
        select = exp.Select(expressions=columns).from_(self._step(step))
        return select.join(self._step(places), join_type="cross")

    def _places_step(self, places: Sequence[tuple[int, exp.Expr | str]]) -> exp.Expr:
        """List the places of totals as rows."""
        return self._rows_of_constants([{PLACE: number(place)} for place, _ in places])

    def _are_equal(self, name: str, left: str, right: str) -> exp.Expr:
        return exp.EQ(this=self._column(name, left), expression=self._column(name, right))

    def _day_columns(self) -> list[exp.Expr]:
        return [of(this=self._column(name)).as_(self._name(name)) for name, of in _DAY_FUNCTIONS.items()]
