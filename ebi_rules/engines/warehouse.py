"""What engines that speak SQL have in common: a table bound to a layout, and its cube counted where it is.

Only counts and the names of columns leave the warehouse. Credentials belong to the driver: they are in no argument,
file, log or message of ours, and an error of a driver is reported by its kind alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import polars as pl
from sqlglot import exp

from ebi_rules._support.errors import EbiError, EngineError, ExtractError, UsageError
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS, fields_needed
from ebi_rules.cube import ALWAYS_CHECKED, missing_counted
from ebi_rules.engines import polars_engine
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import Extract, ExtractSource, FrameExtract, InputFile
from ebi_rules.engines.file_formats import PARQUET, is_table_format, kind_of
from ebi_rules.engines.findings import CODE_ADVICE, NUMBER, Finding, notices_of
from ebi_rules.engines.imaging_findings import IMAGING_SYSTEM, examination_findings, require_exact
from ebi_rules.engines.key_checks import key_findings
from ebi_rules.engines.value_checks import absence_remarks, check_types
from ebi_rules.engines.warehouse_groups import cube_of_warehouse
from ebi_rules.layouts.binding import Binding, needs_second
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule, criteria_counted
from ebi_rules.statements.check_sql import check_statement
from ebi_rules.statements.code_steps import Steps
from ebi_rules.statements.group_statements import GroupStatements
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import find_dialect
from ebi_rules.translate.dialects.printing import identifier, table_name

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
        schema: The types of the table's columns, as the warehouse returns them; without, every column is cast.
        remarks: What the user must know about the types of its columns.
        place: Where the table is: tables in one place can be joined.
        keeping: Keeps what a statement selects under a name, for engines that would work out a step again for each step
            that reads it.
        reads_in_order: Whether the engine can compare a row with the one before it without sorting.
    """

    dialect: str
    table: str
    child_tables: Mapping[str, str]
    query: Query
    input_files: Sequence[InputFile] = field(default_factory=tuple)
    schema: Mapping[str, pl.DataType] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    place: str = ""
    keeping: Callable[[str], AbstractContextManager[str]] | None = None
    reads_in_order: bool = False

    @property
    def files(self) -> list[InputFile]:
        """The files behind the table, if it is a view of files."""
        return list(self.input_files)

    @property
    def source(self) -> TableSource:
        """The table as statements read it."""
        kinds = {
            name: Kind.NUMBER if dtype.is_integer() else Kind.CODE
            for name, dtype in self.schema.items()
            if dtype.is_integer() or dtype == pl.String
        }
        return TableSource(self.binding, self.table, self.child_tables, kinds, as_read=bool(self.schema))

    def check_types(self, fields: Iterable[str]) -> None:
        """Check that the columns of dates are dates, where the types are known.

        Raises:
            ExtractError: A column has another type: SQL reads no dates from text.
        """
        for name in fields:
            for column in self.binding.fields[name]:
                require_exact(name, column, self.schema.get(column, pl.String()))
            for column in self.binding.fields[name] if FIELDS[name].kind is Kind.DATE else ():
                dtype = self.schema.get(column, pl.Date())
                if not isinstance(dtype, pl.Date | pl.Datetime):
                    raise ExtractError(
                        f"the column {column} ({name}) is {dtype} and not a date: the engine {self.engine} reads dates "
                        f"only. Make a view in which it is one, or use the engine polars."
                    )


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
    criteria = criteria_counted(audited)
    needed = list(dict.fromkeys(name for criterion in criteria for name in fields_needed(criterion)))
    fields = [*needed, *dimensions, *missing_counted(dimensions), *ALWAYS_CHECKED]
    statements = GroupStatements.of(audited, dimensions, extract.dialect, extract.source, scope=scope)
    with ExitStack() as stack:
        progress(f"{extract.engine}: checking values, 1 of 3")
        counted = _keep(extract, statements.counted_texts(), stack)
        findings = find_odd_values(extract, fields, scope, counted)
        notices = [*notices_of(findings, needed), *absence_remarks(extract.binding, needed)]
        progress(f"{extract.engine}: counting, 2 of 3")
        decided = _keep(extract, statements.texts(counted), stack)
        groups, by_month = extract.query(statements.groups(decided)), extract.query(statements.by_month())
    cube = cube_of_warehouse(groups, by_month, statements, audited)
    if not extract.checks_keys:
        rows = int(cube.filter(pl.col("measure") == "activity")["count"].sum())
        return CountedCube(cube, rows, (*notices, *extract.remarks), tuple(findings))
    progress(f"{extract.engine}: looking for repeated keys, 3 of 3")
    rows, keyed, distinct = _count_keys(extract, scope)
    keys = notices_of(key_findings(" and ".join(extract.binding.keys), rows, rows - keyed, distinct))
    return CountedCube(cube, rows, (*notices, *keys, *extract.remarks), tuple(findings))


def _keep(extract: WarehouseExtract, steps: Mapping[str, str], stack: ExitStack) -> dict[str, str]:
    """Return the tables in which the engine keeps the results of statements, by step; none if it keeps nothing."""
    if extract.keeping is None:
        return {}
    return {step: stack.enter_context(extract.keeping(statement)) for step, statement in steps.items()}


def find_odd_values(
    extract: "WarehouseExtract",
    fields: Iterable[str],
    scope: Scope = EVERYTHING,
    kept: Mapping[str, str] = MappingProxyType({}),
) -> list[Finding]:
    """Count what is odd in a table's fields and codes, where the table is.

    Args:
        extract: The table.
        fields: The canonical fields to check; codes are always checked.
        scope: The months and providers to read.
        kept: The tables in which distinct texts are kept with their numbers of rows, by step.

    Raises:
        ExtractError: A column of dates has a type that is none.
        EngineError: The warehouse refused a statement.
    """
    names = [name for name in FIELDS if name in set(fields) and name in extract.binding.fields]
    extract.check_types(names)
    statement = check_statement(extract.dialect, extract.source, names, scope, kept)
    rows = extract.query(statement.rstrip(";"))
    counts = {(name, check): int(count) for name, check, count in rows.iter_rows()}
    findings = []
    for (name, check), count in counts.items():
        if check == "rows" or name == "id":
            continue
        column = _columns_of(extract.binding, name)
        total = counts.get((name, "rows"), counts["id", "rows"])
        of = total if check in ("missing", "filler", "not_codable") else total - counts[name, "missing"]
        findings.append(Finding(name, column, check, count, of, _advice(name, check)))
    if IMAGING_SYSTEM.keys() & set(names):
        pairs = extract.query(
            Steps(find_dialect(extract.dialect), extract.source, {}, False, scope=scope).examinations()
        )
        pairs.columns = [*IMAGING_SYSTEM, "rows"]
        findings += examination_findings(extract.binding, names, pairs.cast({"rows": pl.Int64}))
    return findings


def profile(extract: WarehouseExtract, fields: Sequence[str]) -> tuple[int, list[Finding], pl.DataFrame]:
    """Return the number of rows, what was found in some fields, and the rows by month."""
    findings = find_odd_values(extract, fields)
    rows, keyed, distinct = _count_keys(extract, EVERYTHING)
    findings += key_findings(" and ".join(extract.binding.keys), rows, rows - keyed, distinct)
    months = pl.DataFrame(schema={"month": pl.String, "rows": pl.Int64})
    if "activity_date" in extract.binding.fields:
        statement = Steps(find_dialect(extract.dialect), extract.source, {}, False).months()
        counted = extract.query(statement)
        number = pl.col(counted.columns[0]).cast(pl.Int64).cast(pl.String)
        month = pl.concat_str([number.str.slice(0, 4), pl.lit("-"), number.str.slice(4, 2)]).alias("month")
        months = counted.select(month, pl.col(counted.columns[1]).cast(pl.Int64).alias("rows")).sort(
            "month", nulls_last=True
        )
    return rows, findings, months


def _columns_of(binding: Binding, field: str) -> str:
    if field not in CODE_FIELDS:
        return binding.named_columns(field)
    child = binding.child(field)
    return f"the column {child.code if child else binding.code_columns(field)[0]}"


def _advice(field: str, check: str) -> str:
    if check != "malformed":
        return ""
    return CODE_ADVICE if field in CODE_FIELDS else NUMBER


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
    schema = schema_of_table(query, table_name(table, find_dialect(dialect)), dialect)
    layout = source.layout_of(schema)
    of_second = None
    if layout.second and needs_second(layout, schema):
        called = layout.second.called
        beside = table_name(table, find_dialect(dialect))
        beside.set("this", identifier(layout.second.table, find_dialect(dialect)))
        second = table_name(children[called], find_dialect(dialect)) if called in children else beside
        of_second = schema_of_table(query, second, dialect)
    binding = source.bind_to(schema, of_second)
    types = joined_schema(binding, schema, of_second or {})
    return WarehouseExtract(binding, engine, dialect, table, children, query, schema=types, place=engine)


def schema_of_table(query: Query, table: exp.Table, dialect: str) -> Mapping[str, pl.DataType]:
    """Return the types of a table's columns, as the warehouse returns them."""
    return query(f"SELECT * FROM {table.sql(find_dialect(dialect).sqlglot)} WHERE 1 = 0").schema


def joined_schema(
    binding: Binding, schema: Mapping[str, pl.DataType], of_second: Mapping[str, pl.DataType]
) -> dict[str, pl.DataType]:
    """Return the types of all columns by the names that they have once a second table is joined."""
    named = binding.joined.columns if binding.joined else {}
    return {**schema, **{name: of_second[column] for column, name in named.items()}}


def open_files(engine: str, source: ExtractSource) -> FrameExtract:
    """Open parquet files as this process finds them, for an engine that will read them itself.

    Raises:
        UsageError: The source is a Delta or Iceberg table, whose files have deleted rows, or files of another kind.
        ExtractError: There is no such file, no layout fits, or a column is not the same in all files.
    """
    for place in (source.data, *source.children.values()):
        if is_table_format(str(place)):
            raise UsageError(
                f"{place} is a Delta or Iceberg table, or in an object store: the engine {engine} would read rows that "
                "were deleted, or none. Use the engine polars."
            )
    extract = polars_engine.open_source(source)
    for file in extract.files:
        if kind_of(Path(file.path)) is not PARQUET:
            raise UsageError(f"the engine {engine} reads parquet, which {file.path} is not: use the engine polars.")
    check_types(extract, extract.binding.fields)
    return extract


def require_name(engine: str, source: ExtractSource) -> str:
    """Return the name of a table; raise `UsageError` for a frame."""
    if not isinstance(source.data, str):
        raise UsageError(f"the engine {engine} counts a table: pass its name.")
    return source.data


def _count_risen(extract: WarehouseExtract, keys: str) -> tuple[int, int, int]:
    """Return the number of rows, of rows with a key, and of those whose key is higher than that of the row before.

    Keys that only ascend are all different: that is known much sooner than how many there are.
    """
    pairs = f"SELECT activity_key AS later, LAG(activity_key) OVER () AS earlier FROM ({keys}) activity_keys"
    counts = "COUNT(*) AS a, COUNT(later) AS b, COUNT(CASE WHEN later > earlier THEN 1 END) AS c"
    rows, keyed, risen = extract.query(f"SELECT {counts} FROM ({pairs}) pairs_of_keys").row(0)
    return int(rows), int(keyed), int(risen)


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
    keys = Steps(find_dialect(extract.dialect), extract.source, {}, False, scope=scope).keys()
    if extract.reads_in_order and len(extract.binding.keys) == 1:
        rows, keyed, risen = _count_risen(extract, keys)
        if keyed == rows <= risen + 1:
            return rows, keyed, rows
    counts = "COUNT(*) AS a, COUNT(activity_key) AS b, COUNT(DISTINCT activity_key) AS c"
    rows, keyed, distinct = extract.query(f"SELECT {counts} FROM ({keys}) activity_keys").row(0)
    if len(extract.binding.keys) > 1:
        different = f"SELECT DISTINCT * FROM ({keys}) activity_keys WHERE activity_key IS NOT NULL"
        (distinct,) = extract.query(f"SELECT COUNT(*) AS d FROM ({different}) different_keys").row(0)
    return int(rows), int(keyed), int(distinct)
