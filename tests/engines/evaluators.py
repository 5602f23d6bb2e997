"""Every evaluator by name, and which layout shapes it can take."""

from tests.engines import in_duckdb, in_polars, in_sqlite, reference
from tests.engines.case import Case, Evaluator

REFERENCE: Evaluator = reference.evaluate

EVALUATORS: dict[str, Evaluator] = {
    "polars streaming": in_polars.streaming,
    "polars in-memory": in_polars.in_memory,
    "polars expression": in_polars.expression,
    "duckdb flags": in_duckdb.flags,
    "duckdb predicate": in_duckdb.predicate,
    "sqlite flags": in_sqlite.flags,
    "sqlite predicate": in_sqlite.predicate,
    "sqlite with LIKE classes (emulated)": in_sqlite.like_classes,
}

_OWN_COLUMNS_ONLY = {"polars expression", "duckdb predicate", "sqlite predicate"}


def takes(name: str, case: Case) -> bool:
    """Whether an evaluator can take a case: one expression cannot reach a child table."""
    return not (case.layout.is_child and name in _OWN_COLUMNS_ONLY)
