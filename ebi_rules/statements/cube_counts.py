"""What a cube counts, as columns of 1 or 0 over the criteria and variants of rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from ebi_rules.criteria.nodes import CodeAtom, Criterion
from ebi_rules.cube import DAY_MEASURES, missing_counted
from ebi_rules.rule_model.audited_rule import AuditedRule, criteria_counted, variants_counted
from ebi_rules.rule_model.rule_logic import RuleLogic
from ebi_rules.statements.cube_columns import CubeColumns
from ebi_rules.translate.sql_parts import all_of, as_number, negate, number, text

DAYS = FIRST, LAST, EARLY, LATE = ("first_date", "last_date", "n_early", "n_late")
ROWS = "n_rows"
PLACE = "place"

Measure = tuple[str, str, str, int]
"""A count's rule, measure and item, as in the cube, and the place of what is added up for it."""


@dataclass(frozen=True)
class Count:
    """One count of the cube.

    Attributes:
        rule: The rule's key; empty for a count of the activity itself.
        measure: What is counted, a key of `cube.MEASURES`.
        item: What the measure is about, such as the name of a criterion.
        summed: 1 or 0 for each row of the step `variants`; or the column of days that it is.
    """

    rule: str
    measure: str
    item: str
    summed: exp.Expr | str


@dataclass
class CubeCounts(CubeColumns):
    """Say what the cube of some rules counts.

    Attributes:
        audited: The rules to count.
        dimensions: The fields to count by.
        recorded: The atoms that an activity has any code, one per field of codes.
    """

    audited: Sequence[AuditedRule] = field(kw_only=True)
    dimensions: Sequence[str] = field(kw_only=True)
    recorded: Sequence[CodeAtom] = field(kw_only=True)

    @cached_property
    def _criteria(self) -> list[Criterion]:
        return criteria_counted(self.audited)

    @cached_property
    def _variants(self) -> list[RuleLogic]:
        return variants_counted(self.audited)

    @property
    def _has_days(self) -> bool:
        return bool(self.binding.fields.get("activity_date"))

    @cached_property
    def _counts(self) -> list[Count]:
        """Every count of the cube."""
        counts = [Count("", "activity", "", number(1))]
        for atom in self.recorded:
            counts.append(Count("", "recorded", atom.code_field, self._column(self._verdict_column(atom))))
        for name in missing_counted(self.dimensions):
            is_missing = self._column(f"no_{name}") if name in self.binding.fields else number(1)
            counts.append(Count("", "missing", name, is_missing))
        if self._has_days:
            counts += [Count("", measure, "", column) for measure, column in zip(DAY_MEASURES, DAYS, strict=True)]
        for entry in self.audited:
            counts += self._counts_of_rule(entry)
        return counts

    @cached_property
    def _totals(self) -> list[exp.Expr | str]:
        """What is added up, each once: many counts are the same number, such as adults for rules about adults."""
        return list(dict.fromkeys(count.summed for count in self._counts))

    def _counts_of_rule(self, entry: AuditedRule) -> Iterator[Count]:
        logic = entry.counted.logic
        every = list(logic.criteria.values())
        eligible = [logic.criteria[name] for name in logic.eligible]
        yield Count(entry.key, "eligible", "", self._all(eligible))
        further = {
            "comparable": (eligible, entry.compare_within),
            "compared": (every, entry.compare_within),
            "undiagnosed": (every, entry.without_diagnosis),
        }
        for measure, (others, criterion) in further.items():
            if criterion is not None:
                yield Count(entry.key, measure, "", self._all([*others, criterion]))
        for place, name in enumerate(logic.criteria, start=1):
            yield Count(entry.key, "left", name, self._all(every[:place]))
        yield Count(entry.key, "flagged", "", self._all(every))
        for variant in entry.compared:
            yield Count(entry.key, "variant", variant.variant_name, self._all(list(variant.criteria.values())))
            if variant.variant_name != logic.variant_name:
                columns = [self._column(self._variant_column(each)) for each in (variant, logic)]
                differs = as_number(negate(exp.EQ(this=columns[0], expression=columns[1])))
                yield Count(entry.key, "differs", variant.variant_name, differs)

    @property
    def measures(self) -> list[Measure]:
        """What each count is: rule, measure, item, and the place of its total, from 1."""
        place = {summed: place for place, summed in enumerate(self._totals, start=1)}
        return [(count.rule, count.measure, count.item, place[count.summed]) for count in self._counts]

    def _measures_step(self) -> exp.Expr:
        """List the counts as rows."""
        return self._rows_of_constants(
            [
                {"rule": text(rule), "measure": text(measure), "item": text(item), PLACE: number(place)}
                for rule, measure, item, place in self.measures
            ]
        )

    def _dimension_columns(self, step: str | None = None) -> list[exp.Column]:
        return [self._column(name, step) for name in self.dimensions]

    def _total_column(self, summed: exp.Expr | str) -> str:
        return summed if isinstance(summed, str) else f"total_{self._totals.index(summed) + 1}"

    def _all(self, criteria: Sequence[Criterion]) -> exp.Expr:
        """Return 1 where all criteria hold, else 0."""
        if not criteria:
            return number(1)
        return as_number(all_of([self._is_one(self._criterion_column(criterion)) for criterion in criteria]))

    def _is_one(self, column: str) -> exp.Expr:
        return exp.EQ(this=self._column(column), expression=number(1))

    def _criterion_column(self, criterion: Criterion) -> str:
        return f"criterion_{self._criteria.index(criterion) + 1}"

    def _variant_column(self, variant: RuleLogic) -> str:
        return f"variant_{self._variants.index(variant) + 1}"
