"""Every word that any dialect knows can name a column: quoted where it must be, and then it is the column that is read.

Some words are no error but another thing when bare (CURRENT_DATE, ROWID), so each column holds a number of its own.
"""

import re

import polars as pl
import pytest
from sqlglot import Dialect

from ebi_rules.translate.dialects.dialect import builtin_dialects
from tests.engines.engine import Evidence, SqlEngine, quoted
from tests.engines.evaluators import EVALUATORS, EVERY_SQL_ENGINE, SQL_ENGINES, started

TABLE = "words_table"
# An engine that emulates another reserves words of its own, except for T-SQL, whose parser is Microsoft's.
NAMES = [
    asked
    for asked, (name, (_, dialect)) in zip(EVERY_SQL_ENGINE, SQL_ENGINES.items(), strict=True)
    if dialect == "tsql" or EVALUATORS[name].evidence is Evidence.EXECUTED
]
_AT_ONCE = 250
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

# What our own statements name, and words that databases know without being keywords.
_MORE = """
    activity activity_date activity_month code codes eligible flagged procedures diagnoses provider age rowid oid
    rownum level uid sysdate systimestamp dual user current_user session_user current_role localtime current_time
    current_timestamp current_schema current_catalog system_user authorization both concurrently connect deferrable
    deferred freeze initially leading similar trailing verbose unknown filter follows ignore interval partition
    respect rows abort after always attach before begin cascade conflict detach each exclude explain fail groups
    indexed instead materialized nulls others plan pragma preceding query raise range recursive reindex release
    restrict rollback savepoint temp temporary transaction unbounded vacuum without definition disk dump go load
    precision securityaudit aggregate clone corresponding extend include pivot unpivot within datetime encrypt
    """.split()


def words() -> list[str]:
    """Return every single word that is a keyword of sqlglot's dialects or reserved in ours, in small letters."""
    found = {word.lower() for name in Dialect.classes for word in Dialect.get_or_raise(name).tokenizer_class.KEYWORDS}
    found |= {word.lower() for dialect in builtin_dialects().values() for word in dialect.reserved.split()}
    return sorted({word for word in found if _PLAIN.fullmatch(word)} | set(_MORE))


@pytest.mark.parametrize("name", NAMES)
def test_any_word_names_a_column(name: str) -> None:
    started(name)
    engine, dialect = SQL_ENGINES[name]
    assert len(words()) > 500
    wrong = []
    for start in range(0, len(words()), _AT_ONCE):
        wrong += _wrong(engine, dialect, words()[start : start + _AT_ONCE])
    assert wrong == []


def _wrong(engine: SqlEngine, dialect: str, some: list[str]) -> list[str]:
    """Return the words that are not read as columns, found by halving."""
    try:
        engine.load_all({TABLE: pl.DataFrame({word: [place] for place, word in enumerate(some)})}, dialect)
        columns = ", ".join(f"{quoted(word, dialect)} AS c{place}" for place, word in enumerate(some))
        ((*found,),) = engine.rows(f"SELECT {columns} FROM {TABLE}")
        if found == list(range(len(some))):
            return []
    except Exception:
        pass
    if len(some) == 1:
        return some
    half = len(some) // 2
    return _wrong(engine, dialect, some[:half]) + _wrong(engine, dialect, some[half:])
