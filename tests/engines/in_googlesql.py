"""GoogleSQL, BigQuery's language: Google's own analyser and reference executor, as WebAssembly from PyPI."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl

from tests.engines.engine import AbsentError, SqlEngine

_TYPES = {pl.Int64: "TYPE_INT64", pl.String: "TYPE_STRING", pl.Date: "TYPE_DATE"}

_FIELDS = {pl.Int64: "int64_value", pl.String: "string_value", pl.Date: "date_value"}


class GoogleSQL(SqlEngine):
    name = "GoogleSQL's reference implementation"
    dialects = ("bigquery",)
    examples = 0.2
    note = "Google's own implementation of BigQuery's language; BigQuery itself was not to be had"
    keeps_views = False

    def __init__(self) -> None:
        super().__init__()
        self._tables: dict[str, pl.DataFrame] = {}
        self._builtin: Any = None

    def version(self) -> str:
        try:
            version = metadata.version("zetasql")
        except metadata.PackageNotFoundError:
            raise AbsentError("pip install zetasql") from None
        if not self._builtin:
            self._start()
        return f"zetasql {version}"

    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        if name == "activity_table":
            self._tables.clear()
        self._tables[name] = frame

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        from zetasql.api import CatalogBuilder, PreparedQuery, TableBuilder
        from zetasql.types import AnalyzerOptions, TableContent, TableData, TypeKind, Value

        catalog, contents = CatalogBuilder("tests"), {}
        for name, frame in self._tables.items():
            table = TableBuilder(name)
            for column, kind in frame.schema.items():
                table = table.add_column(column, getattr(TypeKind, _TYPES[kind]))
            catalog = catalog.add_table(table.build())
            # A date is the number of days since 1970, as in Polars.
            fields = [_FIELDS[kind] for kind in frame.dtypes]
            cells = frame.with_columns(pl.col(pl.Date).to_physical()).iter_rows()
            rows = [
                TableData.Row(cell=[Value(**{field: value}) for field, value in zip(fields, row, strict=True)])
                for row in cells
            ]
            contents[name] = TableContent(table_data=TableData(row=rows))
        prepared = (
            PreparedQuery.builder()
            .set_sql(query)
            .set_analyzer_options(AnalyzerOptions(language_options=self._language))
            .set_catalog(catalog.with_builtin_functions(self._builtin).build())
            .set_table_content(contents)
        )
        with prepared.prepare() as ready:
            found = ready.execute().content.table_data
            return [] if found is None else [tuple(_value(cell) for cell in row.cell) for row in found.row]

    def _start(self) -> None:
        _keep_compiled_module()
        from zetasql.types import LanguageOptions, ProductMode, ZetaSQLBuiltinFunctionOptions

        self._language = LanguageOptions.maximum_features()
        self._language.product_mode = ProductMode.PRODUCT_EXTERNAL  # BigQuery's names of types, and no others.
        self._builtin = ZetaSQLBuiltinFunctionOptions(language_options=self._language)


def _value(cell: Any) -> object:
    days = getattr(cell, "date_value", None)
    if days is not None:
        return date(1970, 1, 1) + timedelta(days=days)
    names = ("int64_value", "string_value", "bool_value")
    return next((value for name in names if (value := getattr(cell, name, None)) is not None), None)


def _keep_compiled_module() -> None:
    """Compile the WebAssembly once a machine, not once a process: 14 seconds and a gigabyte each."""
    import wasmtime
    from zetasql.core import wasm_client

    class Module:
        @staticmethod
        def from_file(engine: Any, path: str) -> Any:
            made_of = Path(path).read_bytes() + metadata.version("wasmtime").encode()
            cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "ebi-rules-tests"
            kept = cache / f"zetasql-{hashlib.sha256(made_of).hexdigest()[:16]}"
            if not kept.exists():
                module = wasmtime.Module.from_file(engine, path)
                cache.mkdir(parents=True, exist_ok=True)
                with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
                    file.write(module.serialize())
                Path(file.name).replace(kept)
            return wasmtime.Module.deserialize_file(engine, str(kept))

    wasm_client.Module = Module


ENGINES = (GoogleSQL(),)
