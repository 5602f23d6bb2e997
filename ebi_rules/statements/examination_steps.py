"""The steps that decide lists of imaging codes on the distinct pairs of codes, of which there are a few thousand.

Each list is compared once with each pair and not once with each row; the answers are joined back to the rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ebi_rules.criteria.nodes import IMAGING_FIELD, Criterion, InList, atoms
from ebi_rules.statements.packed_answers import Numbers, PackedAnswers, in_numbers
from ebi_rules.statements.table_reading import TableReading, no_codes
from ebi_rules.translate.sql import SqlTranslator
from ebi_rules.translate.sql_parts import NOTHING, all_of, as_number, coalesce, number, text

_PAIRS, _DECIDED, _PACKED = "examinations", "examinations_found", "examinations_packed"


@dataclass
class ExaminationSteps(PackedAnswers, TableReading):
    """Write the steps over the pairs of imaging codes of a table.

    Attributes:
        packs: Whether activities are joined to verdicts in few numbers, and not to each verdict.
    """

    packs: bool = field(default=False, kw_only=True)

    def examinations(self) -> str:
        """Return a select of the pairs of imaging codes, each with its number of rows."""
        fields = [(name, self._raw_field(name)) for name in IMAGING_FIELD.values()]
        columns: list[exp.Expr] = [value.as_(self._name(name)) for name, value in fields]
        columns.append(exp.Count(this=exp.Star()).as_(self._name("n_rows")))
        select = self._within_scope(exp.Select(expressions=columns).from_(self._activity_table()))
        return self._print(select.group_by(*(value.copy() for name, value in fields if self.binding.fields[name])))

    def _examination_steps(self, lists: Sequence[InList]) -> Iterator[tuple[str, exp.Expr]]:
        """Return the steps over the distinct pairs of imaging codes: as the table has them, and with verdicts."""
        asked = [each for each in lists if self._has_codes(each)]
        if not asked:
            return
        names = _fields_of(asked)
        raw = {name: coalesce(self._raw_field(name), text(NOTHING)) for name in names}
        columns = [value.as_(self._name(name)) for name, value in raw.items()]
        pairs = self._within_scope(exp.Select(expressions=columns).from_(self._activity_table()))
        yield _PAIRS, pairs.group_by(*(value.copy() for value in raw.values()))
        translator = SqlTranslator(self.dialect, self._column, no_codes)
        verdicts = [as_number(translator.visit(each)).as_(self._name(self._verdict_column(each))) for each in asked]
        decided = exp.Select(expressions=[*map(self._column, names), *verdicts])
        yield _DECIDED, decided.from_(self._step(_PAIRS))
        if self.packs:
            packed = self._packed(self._examination_numbers(asked))
            yield _PACKED, exp.Select(expressions=[*map(self._column, names), *packed]).from_(self._step(_DECIDED))

    def _examination_numbers(self, lists: Sequence[InList]) -> Numbers:
        """Return the numbers that contain the verdicts on lists of imaging codes."""
        asked = [self._verdict_column(each) for each in lists if self._has_codes(each)]
        return in_numbers(asked, "examination_answers")

    def _joined_examinations(self, select: exp.Select, lists: Sequence[InList]) -> tuple[exp.Select, list[exp.Expr]]:
        """Return a select from the step `activity` joined to the verdicts on lists, and the columns of these.

        A table without codes of a kind has none in a list of that kind.
        """
        asked = [each for each in lists if self._has_codes(each)]
        decided = _PACKED if self.packs else _DECIDED
        if asked:
            same = [
                exp.EQ(this=self._column(name, decided), expression=coalesce(code, text(NOTHING)))
                for name in _fields_of(asked)
                for code in [self._column(name, "activity")]
            ]
            select = select.join(self._step(decided), on=all_of(same), join_type="left")
        verdicts = [self._verdict_column(each) for each in asked]
        joined = list(self._examination_numbers(lists)) if self.packs else verdicts
        columns = [coalesce(self._column(name, decided), number(0)).as_(self._name(name)) for name in joined]
        absent = [self._verdict_column(each) for each in lists if each not in asked]
        return select, [*columns, *(number(0).as_(self._name(name)) for name in absent)]

    def _has_codes(self, listed: InList) -> bool:
        return bool(self.binding.fields.get(listed.field))


def _fields_of(lists: Iterable[InList]) -> list[str]:
    """Return the fields of imaging codes that lists are about, each once."""
    return list(dict.fromkeys(each.field for each in lists))


def lists_of(criteria: Iterable[Criterion]) -> list[InList]:
    """Return the questions of criteria whether an imaging code is in a list, each once."""
    every = (atom for criterion in criteria for atom in atoms(criterion))
    return list(dict.fromkeys(atom for atom in every if isinstance(atom, InList)))
