"""What engines that speak SQL have in common: a table held against a layout, and its cube counted there.

Nothing but counts and names of columns leaves the warehouse. Credentials are the driver's own matter: they stand in no
argument, file, log or message of ours, and an error of a driver is told by its kind alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import EbiError, EngineError, UsageError
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.cube import Audited, read_cube
from ebi_rules.engines.extract import InputFile, Source
from ebi_rules.engines.registry import Counted
from ebi_rules.engines.value_checks import key_notices
from ebi_rules.layouts.binding import Binding, bind, detect
from ebi_rules.layouts.layout import Layout, find_layout
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.statements.code_steps import Steps
from ebi_rules.statements.cube_sql import cube_statement
from ebi_rules.translate.dialects.dialect import find_dialect
from ebi_rules.translate.dialects.printing import table_name

Query = Callable[[str], pl.DataFrame]


@dataclass(frozen=True)
class Warehouse:
    """A table in a warehouse: `query` runs a statement there and gives its rows."""

    binding: Binding
    dialect: str
    table: str
    children: Mapping[str, str]
    query: Query
    files: Sequence[InputFile] = field(default_factory=tuple)

    def count(
        self,
        audited: Sequence[Audited],
        dimensions: Sequence[str],
        scope: Scope = EVERYTHING,
        progress: Progress = quiet,
    ) -> Counted:
        """Count the cube there. Raises `EngineError`."""
        tables = self.dialect, self.binding, self.table, self.children
        text = cube_statement(audited, dimensions, *tables, scope=scope)
        cube = read_cube(self.query(text.rstrip(";")))
        progress("looking for repeated keys")
        keys = Steps(find_dialect(self.dialect), self.binding, self.table, {}, {}, False, scope).keys()
        counts = "COUNT(*) AS a, COUNT(activity_key) AS b, COUNT(DISTINCT activity_key) AS c"
        found = self.query(f"SELECT {counts} FROM ({keys}) activity_keys").row(0)
        rows, keyed, distinct = (int(number) for number in found)
        return Counted(cube, rows, tuple(key_notices(self.binding.key, rows, rows - keyed, distinct)))


def open_table(
    query: Query,
    dialect: str,
    table: str,
    layout: str | Path | Layout | None,
    overrides: Mapping[str, str] | None,
    children: Mapping[str, Source | None] | None,
    files: Sequence[InputFile] = (),
) -> Warehouse:
    """Hold a table's columns against a layout, named or detected. Raises as `open_extract`, and `EngineError`."""
    found = find_dialect(dialect)
    columns = query(f"SELECT * FROM {table_name(table, found).sql(found.sqlglot)} WHERE 1 = 0").columns
    chosen = detect(columns, overrides) if layout is None else find_layout(layout)
    named = {name: child for name, child in (children or {}).items() if child is not None}
    for name, child in named.items():
        if not isinstance(child, str):
            raise UsageError(f"{name}: in a warehouse this is the name of a table.")
    return Warehouse(
        bind(chosen, columns, overrides), dialect, table, {k: str(v) for k, v in named.items()}, query, files
    )


def opener(engine: str, dialect: str, connect: Callable[[], Query]) -> Callable[..., Warehouse]:
    """Give the `open_source` of an engine whose sources are names of tables, and which `connect` reaches.

    It raises `UsageError` for a frame, and what `connect` and `open_table` raise.
    """

    def open_source(
        source: Source,
        layout: str | Path | Layout | None = None,
        overrides: Mapping[str, str] | None = None,
        children: Mapping[str, Source | None] | None = None,
    ) -> Warehouse:
        if not isinstance(source, str):
            raise UsageError(f"the engine {engine} counts a table: give its name.")
        return open_table(connect(), dialect, source, layout, overrides, children)

    return open_source


def guarded(engine: str, query: Query) -> Query:
    """Give a query whose errors are told by their kind alone: a driver's message may hold values or credentials."""

    def run(text: str) -> pl.DataFrame:
        try:
            return query(text)
        except EbiError:
            raise
        except Exception as error:
            raise EngineError(f"{engine} stopped ({type(error).__name__}). --debug shows the trace.") from error

    return run
