"""Criteria over answers: which of their parts rows answer, and their conditions over the columns of those answers."""

from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp

from ebi_rules.criteria.nodes import (
    And,
    CodeAtom,
    Criterion,
    FollowedBy,
    HasCode,
    InList,
    Not,
    Or,
    Recorded,
    atoms,
)
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.sql import SqlTranslator
from ebi_rules.translate.sql_parts import number


class OverAnswers(SqlTranslator):
    """Turn criteria into conditions over columns of answers of 1 or 0.

    Args:
        dialect: The dialect.
        column: Returns a column by its name.
        is_true: Returns the condition that an atom about codes holds.
        conditions: The parts that rows answered, and the columns of their answers.
    """

    def __init__(
        self,
        dialect: Dialect,
        column: Callable[[str], exp.Expr],
        is_true: Callable[[CodeAtom | InList], exp.Expr],
        conditions: Mapping[Criterion, str],
    ) -> None:
        super().__init__(dialect, column, is_true, is_true)
        self.conditions = conditions

    def visit(self, node: Criterion) -> exp.Expr:
        """Return the condition."""
        if node in self.conditions:
            return exp.EQ(this=self.field(self.conditions[node]), expression=number(1))
        return super().visit(node)


def answerable_parts(criterion: Criterion) -> Iterator[Criterion]:
    """Yield the largest parts of a criterion that are about fields alone, and its atoms about codes."""
    if isinstance(criterion, CodeAtom | InList) or not any(
        isinstance(atom, CodeAtom | InList) for atom in atoms(criterion)
    ):
        yield criterion
        return
    match criterion:
        case And(operands) | Or(operands):
            for operand in operands:
                yield from answerable_parts(operand)
        case Not(operand):
            yield from answerable_parts(operand)


def parts_about_codes(criterion: Criterion, code_field: str) -> Iterator[Criterion]:
    """Yield the largest parts of a criterion that are about one field of codes, and hold for no activity without codes.

    Args:
        criterion: The criterion.
        code_field: The field.
    """
    match criterion:
        case And(operands) | Or(operands):
            if all(list(parts_about_codes(operand, code_field)) == [operand] for operand in operands):
                yield criterion
                return
            for operand in operands:
                yield from parts_about_codes(operand, code_field)
        case Not(operand):
            yield from parts_about_codes(operand, code_field)
        case HasCode() | FollowedBy() | Recorded():
            if criterion.code_field == code_field:
                yield criterion
