"""Engines: each runs rules over an extract where it lives and returns flags or the cube.

An engine that counts the cube is a module with `open_source(source, layout, overrides, children)`, which gives an
`Opened`: its binding, its files, and `count`. `ENGINES` names the modules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from ebi_rules._support.errors import UsageError, unknown

if TYPE_CHECKING:
    import polars as pl

    from ebi_rules._support.progress import Progress
    from ebi_rules.cube import Audited
    from ebi_rules.engines.extract import InputFile
    from ebi_rules.layouts.binding import Binding
    from ebi_rules.layouts.scope import Scope

ENGINES: Mapping[str, str] = {
    "polars": "ebi_rules.engines.polars_cube",
    "duckdb": "ebi_rules.engines.duckdb_engine",
    "postgres": "ebi_rules.engines.postgres_engine",
    "spark": "ebi_rules.engines.spark_engine",
    "snowflake": "ebi_rules.engines.snowflake_engine",
    "bigquery": "ebi_rules.engines.bigquery_engine",
    "sqlserver": "ebi_rules.engines.sqlserver_engine",
}


@dataclass(frozen=True)
class Counted:
    """What an engine counted: the cube, the rows it read, and what it noticed."""

    cube: "pl.DataFrame"
    rows: int
    notices: tuple[str, ...]


class Opened(Protocol):
    """An extract, opened where it lives and held against its layout."""

    @property
    def binding(self) -> "Binding": ...

    @property
    def files(self) -> Sequence["InputFile"]: ...

    def count(
        self, audited: Sequence["Audited"], dimensions: Sequence[str], scope: "Scope", progress: "Progress"
    ) -> Counted:
        """Count the cube of the part that `scope` names. Raises `ExtractError` or `EngineError`."""
        ...


def find_engine(name: str) -> Any:
    """Give an engine's module. Raises `UsageError` for an unknown name."""
    if name not in ENGINES:
        raise UsageError("--engine: " + unknown("engine", name, ENGINES))
    return import_module(ENGINES[name])
