"""Criteria decided from the answers to their atoms, and conditions over columns of answers."""

from collections.abc import Iterable
from functools import reduce

import numpy as np
import polars as pl

from ebi_rules.criteria.nodes import And, Criterion, FieldAtom, Not, Or
from ebi_rules.engines.code_tokens import Truths
from ebi_rules.engines.code_words import TRUTHS_IN_WORD
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.engines.row_reader import ReadRows


def decide(rows: ReadRows, criteria: Iterable[Criterion]) -> dict[Criterion, Truths]:
    """Return whether criteria hold in some rows."""
    known: dict[Criterion, Truths] = {}
    return {criterion: _truth(criterion, rows, known) for criterion in criteria}


def _truth(node: Criterion, rows: ReadRows, known: dict[Criterion, Truths]) -> Truths:
    """Return whether a node holds in some rows, and remember it."""
    # No function within `decide`: one that calls itself would keep the rows in memory until garbage is collected.
    if node not in known:
        match node:
            case And():
                known[node] = reduce(np.logical_and, (_truth(operand, rows, known) for operand in node.operands))
            case Or():
                known[node] = reduce(np.logical_or, (_truth(operand, rows, known) for operand in node.operands))
            case Not():
                known[node] = ~_truth(node.operand, rows, known)
            case _:
                known[node] = rows.truth(node)
    return known[node]


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
