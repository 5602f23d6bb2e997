"""What an engine is to the tests: how it is started, told a case, asked a statement, and stopped.

An engine that is not on this machine raises `AbsentError`, with what to install.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import ClassVar

import polars as pl

from ebi_rules._support.errors import DialectError
from ebi_rules.layouts.layout import Layout
from ebi_rules.statements.code_steps import STRATEGIES
from ebi_rules.statements.rule_sql import rule_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import find_dialect
from ebi_rules.translate.dialects.printing import identifier
from tests.engines.case import Case, Flags

ACTIVITY = "activity_table"
CHILDREN = {"procedures": "procedure_table", "diagnoses": "diagnosis_table"}


class AbsentError(Exception):
    """An engine is not on this machine; the message says what to install."""


class DisagreementError(AssertionError):
    """Two forms of one rule gave different flags on one engine."""


class Evidence(Enum):
    """How far a dialect's text has been proven, strongest first."""

    EXECUTED = "executed"
    EMULATED = "executed under emulation"
    VENDOR = "vendor's parser"
    GRAMMAR = "independent grammar"


@dataclass(frozen=True)
class Evaluator:
    """One way to get the flags of a case.

    `examples` is the share of generated cases that it is given, by what a case costs; `version` raises `AbsentError`;
    one that is `built_in` is wherever `.[dev]` is, and every other is a need of the tests that ask it (`needs`);
    `stores` gives a case as its tables hold it, where they cannot hold every value.
    """

    name: str
    engine: str
    evaluate: Callable[[Case], Flags]
    version: Callable[[], str]
    evidence: Evidence = Evidence.EXECUTED
    dialect: str | None = None
    examples: float = 1.0
    note: str = ""
    built_in: bool = False
    takes: Callable[[Layout], bool] = lambda layout: True
    stores: Callable[[Case], Case] = lambda case: case


class SqlEngine(ABC):
    """Runs the statements of one or more dialects. Subclasses say how.

    `stands_for` names, for a dialect that is not the engine's own, why its text is run here all the same.
    """

    name: ClassVar[str]
    dialects: ClassVar[tuple[str, ...]]
    types: ClassVar[tuple[str, str, str]] = ("BIGINT", "VARCHAR(4000)", "DATE")
    built_in: ClassVar[bool] = False
    keeps_views: ClassVar[bool] = True
    evidence: ClassVar[Evidence] = Evidence.EXECUTED
    stands_for: Mapping[str, str] = MappingProxyType({})
    examples: ClassVar[float] = 1.0
    note: ClassVar[str] = ""

    def __init__(self) -> None:
        self._loaded: tuple[int, str] | None = None
        self._answers: dict[tuple[int, str], Sequence[tuple[object, ...]]] = {}

    @abstractmethod
    def version(self) -> str:
        """Start the engine if need be, and give its version. Raises `AbsentError`."""

    @abstractmethod
    def load(self, name: str, frame: pl.DataFrame, dialect: str) -> None:
        """Make a table in place of any of that name."""

    def load_all(self, frames: Mapping[str, pl.DataFrame], dialect: str) -> None:
        """Make tables in place of any of those names."""
        self._loaded = None
        for name, frame in frames.items():
            self.load(name, frame, dialect)

    @abstractmethod
    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        """Return the rows of a query."""

    def execute(self, text: str) -> None:
        """Run a statement that gives no rows."""
        self.rows(text)

    def stop(self) -> None:  # noqa: B027 - most engines are in this process, and end with it.
        """End whatever was started."""

    def evaluators(self) -> list[Evaluator]:
        return [self._evaluator(dialect) for dialect in self.dialects]

    def flags(self, case: Case, dialect: str) -> Flags:
        """Run the statement of shape `flags`; and each rule's bare predicate, which must give the same rows."""
        self.version()
        flags = merge(self._ask(case, dialect, text) for text in flag_statements(case, dialect))
        predicates = predicate_queries(case, dialect)
        if predicates:
            bare = merge(self._ask(case, dialect, text) for text in predicates)
            if bare != flags:
                keys = [key for key in flags if bare.get(key) != flags[key]]
                raise DisagreementError(f"{self.name}: the predicate differs from the statement for keys {keys[:5]}")
        return flags

    def stores(self, case: Case) -> Case:
        """Return a case as this engine's tables hold it."""
        return case

    def create_table(self, name: str, frame: pl.DataFrame, dialect: str, suffix: str = "") -> str:
        """Return CREATE TABLE for a frame of whole numbers, texts and dates."""
        kinds = dict(zip((pl.Int64, pl.String, pl.Date), self.types, strict=True))
        columns = ", ".join(f"{quoted(column, dialect)} {kinds[kind]}" for column, kind in frame.schema.items())
        return f"CREATE TABLE {name} ({columns}){suffix}"

    def _evaluator(self, dialect: str) -> Evaluator:
        relative = self.stands_for.get(dialect)
        return Evaluator(
            name=f"{dialect} on {self.name}",
            engine=self.name,
            evaluate=lambda case: self.flags(case, dialect),
            version=self.version,
            evidence=Evidence.EMULATED if relative else self.evidence,
            dialect=dialect,
            examples=self.examples,
            note=relative or self.note,
            built_in=self.built_in,
            stores=self.stores,
        )

    def _ask(self, case: Case, dialect: str, query: str) -> Sequence[tuple[object, ...]]:
        """Return a query's answer; the same text over the same tables, for another dialect perhaps, is run once."""
        content = _fingerprint(case)
        if (content, query) not in self._answers:
            if self._loaded != (content, dialect):
                self.load_all(tables(case), dialect)
                self._loaded = (content, dialect)
            self._answers[content, query] = self.rows(query)
        return self._answers[content, query]


def _fingerprint(case: Case) -> int:
    return hash(tuple((name, *frame.columns, *frame.rows()) for name, frame in tables(case).items()))


def tables(case: Case) -> dict[str, pl.DataFrame]:
    """Return the tables of a case by name."""
    return {ACTIVITY: case.activity, **{CHILDREN[name]: frame for name, frame in case.children.items()}}


def table_source(case: Case) -> TableSource:
    return TableSource(case.binding, ACTIVITY, {name: CHILDREN[name] for name in case.children})


def quoted(name: str, dialect: str) -> str:
    """Return a column's name as the dialect writes it."""
    found = find_dialect(dialect)
    return identifier(name, found).sql(found.sqlglot)


def literal(value: object) -> str:
    """Return a value for a test's INSERT."""
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    return "'" + str(value).replace("'", "''") + "'"


def flag_statements(case: Case, dialect: str) -> list[str]:
    """Return the statement of all rules at once, or one a rule where they have the same key."""
    together = len({rule.key for rule in case.rules}) == len(case.rules)
    # Every other case, by its number of rows, is asked the one way and the other.
    strategy = STRATEGIES[case.activity.height % 2]
    return [
        rule_statement([rule.logic for rule in rules], dialect, table_source(case), strategy=strategy).rstrip(";")
        for rules in ([case.rules] if together else [[rule] for rule in case.rules])
    ]


def predicate_queries(case: Case, dialect: str) -> list[str]:
    """Return queries that ask each rule's predicate and its denial: both never unknown, so never both untrue.

    There are none where the predicate is refused: over child tables, and for lists of thousands.
    """
    if not case.with_predicates:
        return []
    key = quoted(case.binding.key, dialect)
    queries = []
    for rule in case.rules:
        try:
            text = rule_statement([rule.logic], dialect, table_source(case), "predicate")
        except DialectError as refusal:
            assert "--shape flags" in str(refusal)
            return []
        queries.append(f"SELECT {key}, CASE WHEN {text} THEN 1 WHEN NOT ({text}) THEN 0 END FROM {ACTIVITY}")
    return queries


def merge(results: object) -> Flags:
    """Put the flags of several queries side by side, by key. A flag that is neither 1 nor 0 is a defect."""
    flags: Flags = {}
    for rows in results:
        for key, *row in rows:
            assert all(flag in (0, 1) for flag in row), f"flags are {row!r}"
            flags[int(key)] = (*flags.get(int(key), ()), *map(bool, row))
    return flags
