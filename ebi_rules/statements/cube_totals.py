"""The last steps of a cube: groups of rows added up, and one row per count above 0.

There are two ways. `counted` adds up one column per count and then turns columns into rows; it needs each step once.
`patterns` lists the different answers of groups, of which there are a few thousand, decides on them what is counted,
and joins groups to that: much faster, but two steps read the groups, so it is for engines that keep them meanwhile.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from ebi_rules.statements.answered_criteria import OverAnswers
from ebi_rules.statements.cube_counts import PLACE, ROWS
from ebi_rules.statements.cube_groups import GROUPED, CubeGroups, Step
from ebi_rules.statements.step_names import union
from ebi_rules.translate.sql_parts import all_of, as_number, number

TOTALS = "totals"
"""The last step: one row per group and total."""
_OF_ANSWERS, _PATTERN_COUNTS = "totals_of_answers", "pattern_counts"


class CubeTotals(CubeGroups):
    """Write the steps from groups of rows, or from their patterns, to the rows of the cube."""

    def _steps_to_totals(self) -> Iterator[Step]:
        """Return the steps from `grouped` to `totals`."""
        of_answers = [(place, summed) for place, summed in self._places if isinstance(summed, exp.Expr)]
        of_days = [(place, summed) for place, summed in self._places if isinstance(summed, str)]
        steps = list((self._totals_by_pattern if self.distinct else self._totals_by_column)(of_answers))
        if not of_days:
            yield from steps[:-1]
            yield TOTALS, steps[-1][1]
            return
        yield from steps
        yield "days", self._days_step()
        yield "day_places", self._places_step(of_days)
        columns = [self._column(name) for name in (*self.dimensions, PLACE, "count")]
        of_answers_alone = exp.Select(expressions=columns).from_(self._step(_OF_ANSWERS))
        yield TOTALS, union([of_answers_alone, self._as_rows("days", "day_places", of_days)])

    @property
    def _places(self) -> list[tuple[int, exp.Expr | str]]:
        return list(enumerate(self._totals, start=1))

    def _totals_by_column(self, totals: Sequence[tuple[int, exp.Expr]]) -> Iterator[Step]:
        """Return the steps from `grouped` that decide the rules for every group, and add up a column per total."""
        yield from self._decided(GROUPED, [*self.dimensions, ROWS])
        sums = [exp.Sum(this=exp.Mul(this=summed, expression=self._column(ROWS))) for _, summed in totals]
        named = [
            each.as_(self._name(self._total_column(summed))) for each, (_, summed) in zip(sums, totals, strict=True)
        ]
        select = exp.Select(expressions=[*self._dimension_columns(), *named]).from_(self._step("variants"))
        yield "counted", select.group_by(*self._dimension_columns())
        yield "places", self._places_step(totals)
        yield _OF_ANSWERS, self._as_rows("counted", "places", totals)

    def _totals_by_pattern(self, totals: Sequence[tuple[int, exp.Expr]]) -> Iterator[Step]:
        """Return the steps from `grouped` that decide the rules for every different pattern of answers."""
        names = list(self._numbers)
        columns = [self._column(name) for name in names]
        patterns = exp.Select(expressions=columns).from_(self._step(GROUPED))
        yield "patterns", patterns.group_by(*(column.copy() for column in columns))
        yield from self._decided("patterns", names)
        yield "places", self._places_step(totals)
        of_patterns: list[exp.Expr] = [self._column(PLACE, "places")]
        of_patterns += [self._column(name, "variants") for name in names]
        every = exp.Select(expressions=of_patterns).from_(self._step("variants"))
        every = every.join(self._step("places"), join_type="cross")
        holds = exp.EQ(this=self._chosen(totals, "places"), expression=number(1))
        yield _PATTERN_COUNTS, every.where(holds)
        keys = [*self._dimension_columns(GROUPED), self._column(PLACE, _PATTERN_COUNTS)]
        named: list[exp.Expr] = [key.as_(self._name(key.name)) for key in keys]
        named.append(exp.Sum(this=self._column(ROWS, GROUPED)).as_(self._name("count")))
        is_pattern = all_of([self._are_equal(name, _PATTERN_COUNTS, GROUPED) for name in names])
        added_up = exp.Select(expressions=named).from_(self._step(GROUPED))
        added_up = added_up.join(self._step(_PATTERN_COUNTS), on=is_pattern)
        yield _OF_ANSWERS, added_up.group_by(*(key.copy() for key in keys))

    def _decided(self, step: str, kept: Sequence[str]) -> Iterator[Step]:
        """Return the steps that take the numbers of a step apart, and decide criteria and variants on them.

        Args:
            step: The step with the numbers.
            kept: The further columns that are needed afterwards.
        """
        columns: list[exp.Expr] = [self._column(name) for name in kept]
        above = self._above_digits(self._numbers)
        if above:
            numbers = [self._column(name) for name in dict.fromkeys([*kept, *self._numbers])]
            yield "digits", exp.Select(expressions=[*numbers, *above]).from_(self._step(step))
            step = "digits"
        yield "answers", exp.Select(expressions=[*columns, *self._taken_apart(self._numbers)]).from_(self._step(step))

        translator = OverAnswers(self.dialect, self._column, self._is_true, self._conditions)
        needed = [*kept, *(f"no_{name}" for name in self._missing), *map(self._verdict_column, self.recorded)]
        columns = [self._column(name) for name in needed]
        for criterion in self._criteria:
            columns.append(as_number(translator.visit(criterion)).as_(self._name(self._criterion_column(criterion))))
        yield "criteria", exp.Select(expressions=columns).from_(self._step("answers"))

        columns = [self._column(name) for name in (*needed, *map(self._criterion_column, self._criteria))]
        for variant in self._variants:
            holds = all_of([self._is_one(self._criterion_column(criterion)) for criterion in variant.criteria.values()])
            columns.append(as_number(holds).as_(self._name(self._variant_column(variant))))
        yield "variants", exp.Select(expressions=columns).from_(self._step("criteria"))

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
