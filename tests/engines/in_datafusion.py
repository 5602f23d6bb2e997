"""DataFusion: another parser and executor for PostgreSQL's text, and a stand-in for Trino's."""

from collections.abc import Sequence
from types import MappingProxyType

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
            # Otherwise a name that is not quoted is read in small letters, and does not find its column.
            self._context.sql("SET datafusion.sql_parser.enable_ident_normalization = false")
        return datafusion.__version__

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self._context.deregister_table(name)
        self._context.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest()), name)

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        return [tuple(row.values()) for batch in self._context.sql(query).collect() for row in batch.to_pylist()]


ENGINES = (DataFusion(),)
