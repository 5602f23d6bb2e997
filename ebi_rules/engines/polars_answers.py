"""Criteria decided from the answers to their atoms, and conditions over columns of answers."""

from collections.abc import Iterable, Mapping

import polars as pl

from ebi_rules.criteria.nodes import CodeAtom, Criterion, FieldAtom, atoms
from ebi_rules.engines.code_words import TRUTHS_IN_WORD
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.row_reader import ReadRows
from ebi_rules.translate.polars import Answering


def decide(rows: ReadRows, columns: Mapping[Criterion, str]) -> list[pl.Series]:
    """Return whether criteria hold in some rows.

    Args:
        rows: The rows.
        columns: The name of the result for each criterion.
    """
    every = list(dict.fromkeys(atom for criterion in columns for atom in atoms(criterion)))
    answers = pl.DataFrame({str(place): rows.truth(atom) for place, atom in enumerate(every)})

    def answer(node: Criterion) -> pl.Expr | None:
        return pl.col(str(every.index(node))) if isinstance(node, CodeAtom | FieldAtom) else None

    translator = Answering(answer)
    decided = answers.select(translator.visit(criterion).alias(name) for criterion, name in columns.items())
    return decided.get_columns()


def all_hold(columns: Iterable[str]) -> pl.Expr:
    """Return the expression that all of some boolean columns are true."""
    return pl.all_horizontal([pl.lit(True), *map(pl.col, columns)])


def atoms_by_key(field_atoms: Iterable[FieldAtom]) -> dict[str, list[FieldAtom]]:
    """Return atoms by the name of the key with their answers as bits: of one field, and as many as it has room for."""
    of_fields: dict[str, list[FieldAtom]] = {}
    for atom in field_atoms:
        of_fields.setdefault(atom.field, []).append(atom)
    return {
        f"{PREFIX}{name}_truths_{start}": atoms_of_field[start : start + TRUTHS_IN_WORD]
        for name, atoms_of_field in of_fields.items()
        for start in range(0, len(atoms_of_field), TRUTHS_IN_WORD)
    }
