"""What a dialect is: its name in sqlglot and the few ways in which our subset must differ for it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files


@dataclass(frozen=True)
class Dialect:
    """One SQL dialect.

    `like_classes`: LIKE knows [0-9]. `empty_is_null`: an empty text is NULL. `concat_with_pipes`: texts are
    joined by ||. `extract`: dates know EXTRACT(MONTH FROM ...). `day_numbers`: a day plus a number is a later day, and
    days are subtracted. `dates_have_time`: a date keeps the time of day, which TRUNC takes away. `from_nothing`: the
    table that a SELECT of constants must name. `distinct`: it runs faster when codes are decided once for every
    distinct text. `reserved`: words, in capitals, that cannot stand as a bare name and that sqlglot does not know of.
    """

    name: str
    title: str
    sqlglot: str
    like_classes: bool = False
    empty_is_null: bool = False
    concat_with_pipes: bool = False
    extract: bool = True
    day_numbers: bool = False
    dates_have_time: bool = False
    distinct: bool = False
    reserved: str = ""
    from_nothing: str = ""


@cache
def dialects() -> Mapping[str, Dialect]:
    """Give every dialect by name."""
    tables = [tomllib.loads(file.read_text(encoding="utf-8")) for file in toml_files(data_folder("dialects"))]
    return {table["name"]: Dialect(**table) for table in sorted(tables, key=lambda table: table["name"])}


def find_dialect(name: str) -> Dialect:
    """Give a dialect by its name, without regard to case. Raises `UsageError`."""
    if name.lower() not in dialects():
        raise UsageError(unknown("dialect", name, dialects()))
    return dialects()[name.lower()]
