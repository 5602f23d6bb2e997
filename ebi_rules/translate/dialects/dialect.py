"""What a dialect is: its name in sqlglot, and the few ways in which our subset of SQL must differ for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

from sqlglot import Dialects

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules._support.toml_file import TomlFile, read_text_file


@dataclass(frozen=True)
class Dialect:
    """One SQL dialect, as its file describes it.

    Attributes:
        name: The name that users give, in small letters.
        title: The name of the product.
        sqlglot: The name of the dialect in sqlglot.
        like_classes: LIKE knows classes of characters such as [0-9].
        search: How a text is searched for a regular expression, with {} for the text and {pattern} for the expression;
            empty where the engine has no such search.
        glob: GLOB knows classes of characters such as [0-9].
        empty_is_null: An empty text is NULL.
        concat_with_pipes: Texts are joined by ||.
        extract: Dates know EXTRACT(MONTH FROM ...).
        day_numbers: A day plus a number is a later day, and days can be subtracted.
        dates_have_time: A date contains the time of day, which TRUNC removes.
        distinct: Statements run faster when codes are decided once for every distinct text.
        reserved: Words, in capitals, that cannot be a bare name and that sqlglot does not know of.
        from_nothing: The table that a SELECT of constants must name; empty where none is needed.
        text_type: The type to which columns of codes are cast, where functions of texts refuse numbers; else empty.
        number: How a text becomes a number, with {} for the text, and NULL for a text that is none.
        folds: To which case names without quotation marks are folded, lower or upper; empty where case does not matter.
        shallow: The parser nests some 30 calls: codes in order need a step of their own, which a predicate has not.
        character: The function that returns a character by its number in Unicode; empty if a literal has to do.
        translate: TRANSLATE replaces one character each.
        encoded: A function of one column runs once for each different value, as columns are encoded so.
    """

    name: str
    title: str
    sqlglot: str
    like_classes: bool = False
    search: str = ""
    glob: bool = False
    empty_is_null: bool = False
    concat_with_pipes: bool = False
    extract: bool = True
    day_numbers: bool = False
    dates_have_time: bool = False
    distinct: bool = False
    reserved: str = ""
    from_nothing: str = ""
    text_type: str = ""
    number: str = "TRY_CAST({} AS DECIMAL(18, 4))"
    folds: str = ""
    shallow: bool = False
    character: str = "CHR"
    translate: bool = False
    encoded: bool = False


@cache
def builtin_dialects() -> Mapping[str, Dialect]:
    """Return the dialects that come with the package, by name."""
    files = toml_files(data_folder("dialects"))
    dialects = (read_dialect(file.read_text(encoding="utf-8"), file.name) for file in files)
    return {dialect.name: dialect for dialect in dialects}


def find_dialect(name: str | Path | Dialect) -> Dialect:
    """Return a dialect by its name, without regard to case, or read one from a TOML file; or a dialect itself.

    Raises:
        UsageError: There is no dialect of that name.
        DataFileError: The file is wrong.
    """
    if isinstance(name, Dialect):
        return name
    text = str(name)
    if text.lower() in builtin_dialects():
        return builtin_dialects()[text.lower()]
    if text.endswith(".toml"):
        return read_dialect(read_text_file(text, "the dialect file"), text)
    raise UsageError(unknown("dialect", text, builtin_dialects()))


def with_like_alone(dialect: Dialect) -> Dialect:
    """Return a dialect that compares codes by plain LIKE alone."""
    return replace(dialect, search="", glob=False, like_classes=False)


def read_dialect(content: str, file: str) -> Dialect:
    """Read a dialect from the text of its file.

    Args:
        content: The text of the file.
        file: The file's name, for error messages.

    Raises:
        DataFileError: The file is wrong; the message names the file, the line and the entry.
    """
    source = TomlFile(content, file)
    kinds = {field.name: field.type for field in fields(Dialect)}
    required = {"name", "title", "sqlglot"}
    source.require_keys((), source.table, required, set(kinds) - required)
    values = {key: _value(source, key, value, kinds[key] is bool) for key, value in source.table.items()}
    dialect = Dialect(**values)  # type: ignore[arg-type]
    if dialect.folds not in ("", "lower", "upper"):
        source.fail(("folds",), "this must be 'lower' or 'upper'.")
    if "{}" not in dialect.number:
        source.fail(("number",), "this must have {} in the place of the text.")
    if dialect.search and not {"{}", "{pattern}"}.issubset(re.findall(r"\{\w*\}", dialect.search)):
        source.fail(("search",), "this must have {} in the place of the text, and {pattern} in that of the expression.")
    known = [each.value for each in Dialects if each.value]
    if dialect.sqlglot not in known:
        source.fail(("sqlglot",), unknown("dialect of sqlglot", dialect.sqlglot, known))
    if dialect.name != dialect.name.lower():
        source.fail(("name",), "the name must be in small letters.")
    return dialect


def _value(source: TomlFile, key: str, value: object, is_flag: bool) -> str | bool:
    if is_flag:
        return source.flag((key,), value)
    return "" if key == "character" and value == "" else source.text((key,), value)
