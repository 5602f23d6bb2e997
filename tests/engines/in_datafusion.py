"""DataFusion: another parser and executor for PostgreSQL's text, and a stand-in for Trino's."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import polars as pl

from tests.engines.engine import AbsentError, SqlEngine


class DataFusion(SqlEngine):
    name = "DataFusion"
    dialects = ("trino",)
    stands_for = MappingProxyType(
        {"trino": "run on DataFusion, which has no part of Trino; Trino itself was not to be had"}
    )

    def __init__(self) -> None:
        super().__init__()
        self._context = None

    def version(self) -> str:
        try:
            import datafusion
        except ImportError:
            raise AbsentError("pip install datafusion") from None
        if not self._context:
            self._context = datafusion.SessionContext()
            for function in _functions():
                self._context.register_udf(function)
            # Otherwise a name that is not quoted is read in small letters, and does not find its column.
            self._context.sql("SET datafusion.sql_parser.enable_ident_normalization = false")
        return datafusion.__version__

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self._context.deregister_table(name)
        self._context.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), name)

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return [tuple(row.values()) for batch in self._context.sql(query).collect() for row in batch.to_pylist()]


def _functions() -> Sequence[Any]:
    """Return Trino's functions over days, which DataFusion lacks: DATE_ADD and DATE_DIFF, of whole days alone."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from datafusion import udf

    def later(unit: pa.Array, days: pa.Array, day: pa.Array) -> pa.Array:
        assert set(unit.to_pylist()) <= {"DAY"}
        return pc.add(day.cast(pa.int32()), days.cast(pa.int32())).cast(pa.date32())

    def between(unit: pa.Array, first: pa.Array, second: pa.Array) -> pa.Array:
        assert set(unit.to_pylist()) <= {"DAY"}
        return pc.subtract(second.cast(pa.int32()), first.cast(pa.int32())).cast(pa.int64())

    text, whole, day = pa.utf8(), pa.int64(), pa.date32()
    return (
        udf(later, [text, whole, day], day, "immutable", name="date_add"),
        udf(between, [text, day, day], whole, "immutable", name="date_diff"),
    )


ENGINES = (DataFusion(),)
