"""What engines that speak SQL have in common: a table bound to a layout, and its cube counted where it is.

Only counts and the names of columns leave the warehouse. Credentials belong to the driver: they are in no argument,
file, log or message of ours, and an error of a driver is reported by its kind alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ebi_rules._support.errors import EbiError, EngineError, UsageError
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.cube import AuditedRule, read_cube
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import Extract, ExtractSource, InputFile
from ebi_rules.engines.findings import notices_of
from ebi_rules.engines.value_checks import key_findings
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.statements.code_steps import Steps
from ebi_rules.statements.cube_sql import cube_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import find_dialect
from ebi_rules.translate.dialects.printing import table_name

Query = Callable[[str], pl.DataFrame]
"""Runs a statement in a warehouse and returns its rows."""


@dataclass(frozen=True)
class WarehouseExtract(Extract):
    """A table in a warehouse.

    Attributes:
        dialect: The dialect of its statements.
        table: The name of the activity table.
        child_tables: The names of the tables of codes, by field.
        query: Runs a statement where the table is.
        input_files: The files behind the table, if it is a view of files.
    """

    dialect: str
    table: str
    child_tables: Mapping[str, str]
    query: Query
    input_files: Sequence[InputFile] = field(default_factory=tuple)

    @property
    def files(self) -> list[InputFile]:
        """The files behind the table, if it is a view of files."""
        return list(self.input_files)

    @property
    def source(self) -> TableSource:
        """The table as statements read it."""
        return TableSource(self.binding, self.table, self.child_tables)


def count_cube(
    extract: Extract,
    audited: Sequence[AuditedRule],
    dimensions: Sequence[str],
    scope: Scope = EVERYTHING,
    progress: Progress = quiet,
) -> CountedCube:
    """Count a table where it is.

    Raises:
        EngineError: The warehouse refused a statement.
        ExtractError: The table has no column for the scope.
    """
    assert isinstance(extract, WarehouseExtract), "an engine counts what it opened"
    statement = cube_statement(audited, dimensions, extract.dialect, extract.source, scope=scope)
    cube = read_cube(extract.query(statement.rstrip(";")))
    progress("looking for repeated keys")
    rows, keyed, distinct = _count_keys(extract, scope)
    return CountedCube(cube, rows, tuple(notices_of(key_findings(extract.binding.key, rows, rows - keyed, distinct))))


def open_named_table(engine: str, dialect: str, query: Query, source: ExtractSource) -> WarehouseExtract:
    """Open a table by its name.

    Args:
        engine: The name of the engine.
        dialect: The dialect of its statements.
        query: Runs a statement where the table is.
        source: What the user says about the table; its data are the table's name.

    Raises:
        UsageError: The data, or the tables of codes, are not named.
        ExtractError: No layout fits the table's columns.
        EngineError: The warehouse refused a statement.
    """
    table = require_name(engine, source)
    children: dict[str, str] = {}
    for name, child in source.children.items():
        if not isinstance(child, str):
            raise UsageError(f"{name}: in a warehouse this must be the name of a table.")
        children[name] = child
    printed = table_name(table, find_dialect(dialect)).sql(find_dialect(dialect).sqlglot)
    columns = query(f"SELECT * FROM {printed} WHERE 1 = 0").columns
    return WarehouseExtract(source.bind_to(columns), engine, dialect, table, children, query)


def require_name(engine: str, source: ExtractSource) -> str:
    """Return the name of a table; raise `UsageError` for a frame."""
    if not isinstance(source.data, str):
        raise UsageError(f"the engine {engine} counts a table: pass its name.")
    return source.data


def guarded(engine: str, query: Query) -> Query:
    """Return a query whose errors are reported by kind alone: a driver's message may contain values or credentials."""

    def run(statement: str) -> pl.DataFrame:
        try:
            return query(statement)
        except EbiError:
            raise
        except Exception as error:
            raise EngineError(
                f"{engine} failed ({type(error).__name__}). Run again with --debug for details."
            ) from error

    return run


def _count_keys(extract: WarehouseExtract, scope: Scope) -> tuple[int, int, int]:
    """Return the number of rows, of rows with a key, and of distinct keys."""
    keys = Steps(find_dialect(extract.dialect), extract.source, {}, False, scope).keys()
    counts = "COUNT(*) AS a, COUNT(activity_key) AS b, COUNT(DISTINCT activity_key) AS c"
    rows, keyed, distinct = extract.query(f"SELECT {counts} FROM ({keys}) activity_keys").row(0)
    return int(rows), int(keyed), int(distinct)
