"""T-SQL: every statement read by Microsoft's parser for SQL Server 2016, and run over its tree by `tsql_machine`.

A statement must give the same rows under collations that heed case and ignore it, and for varchar and nvarchar.
"""

from collections.abc import Sequence

import polars as pl

from tests.engines import scriptdom
from tests.engines.engine import DisagreementError, Evidence, SqlEngine
from tests.engines.tsql_machine import Collation, Table, run

COLLATIONS = [Collation(ignores_case, unicode) for ignores_case in (True, False) for unicode in (True, False)]


class TSql(SqlEngine):
    name = "SQL Server (emulated)"
    dialects = ("tsql",)
    evidence = Evidence.EMULATED
    note = "parsed by Microsoft's ScriptDom for SQL Server 2016; run by the rules in Microsoft's documentation"
    examples = 0.3
    keeps_views = False

    def __init__(self) -> None:
        super().__init__()
        self._tables: dict[str, Table] = {}

    def version(self) -> str:
        return f"ScriptDom {scriptdom.version()}"

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        self._tables[name] = [
            {column.lower(): value for column, value in row.items()} for row in frame.iter_rows(named=True)
        ]

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        first, *others = [run(query, self._tables, collation) for collation in COLLATIONS]
        if any(other != first for other in others):
            raise DisagreementError("the statement gives other rows under another collation or type of text")
        return first


ENGINES = (TSql(),)
