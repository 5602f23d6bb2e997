"""Every evaluator, found in the modules `in_*` beside this one.

An engine that is absent is said once, at the end of the run, and fails the run where CI=true.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from ebi_rules.layouts.layout import find_layout
from tests.engines import reference
from tests.engines.case import Case, Flags
from tests.engines.engine import AbsentError, Evaluator, SqlEngine
from tests.engines.judge import Judge, Schema
from tests.engines.tally import TALLY

REFERENCE = reference.evaluate


def _modules(kind: str) -> list[object]:
    return [import_module(f"tests.engines.{path.stem}") for path in sorted(Path(__file__).parent.glob(f"{kind}_*.py"))]


ENGINES: tuple[SqlEngine, ...] = tuple(engine for module in _modules("in") for engine in getattr(module, "ENGINES", ()))

EVALUATORS: dict[str, Evaluator] = {
    evaluator.name: evaluator
    for evaluator in [
        *(evaluator for module in _modules("in") for evaluator in getattr(module, "EVALUATORS", ())),
        *(evaluator for engine in ENGINES for evaluator in engine.evaluators()),
    ]
}


SQL_ENGINES: dict[str, tuple[SqlEngine, str]] = {
    f"{dialect} on {engine.name}": (engine, dialect) for engine in ENGINES for dialect in engine.dialects
}
"""The evaluators that run SQL: the engine and the dialect whose text it is given."""


def pairs(layouts: Iterable[str]) -> list[tuple[str, str]]:
    """Give the names of evaluators, each with every layout that it can take."""
    shapes = {layout: find_layout(layout) for layout in layouts}
    return [(name, layout) for name, each in EVALUATORS.items() for layout in shapes if each.takes(shapes[layout])]


JUDGES: dict[str, Judge] = {
    judge.name: judge for module in _modules("judge") for judge in getattr(module, "JUDGES", ())
}


def present(name: str) -> Evaluator | None:
    """Give an evaluator whose engine is here, or None and the engine is said to be absent; in CI that is a failure."""
    evaluator = EVALUATORS[name]
    return evaluator if _is_here(evaluator.engine, evaluator.version) else None


def require(name: str) -> Evaluator:
    """Give an evaluator whose engine is here, or skip the test."""
    return present(name) or pytest.skip(f"{EVALUATORS[name].engine} is not on this machine")


def require_judge(name: str) -> Judge:
    """Give a judge that is here, or skip the test."""
    judge = JUDGES[name]
    return judge if _is_here(name, judge.version) else pytest.skip(f"{name} is not on this machine")


def complaints(judge: Judge, text: str, schema: Schema) -> Sequence[str]:
    """Give a judge's complaints about a statement, and keep the tally."""
    found = judge.complaints(text, schema)
    TALLY.count(judge.name, mismatch=bool(found))
    return found


def disagreements(evaluator: Evaluator, case: Case, expected: Flags) -> list[int]:
    """Give the keys for which an evaluator's flags are not those expected, and keep the tally."""
    stored = evaluator.stores(case)
    if stored is not case:
        expected = REFERENCE(stored)
    try:
        found = evaluator.evaluate(case)
    except Exception:
        TALLY.count(evaluator.name, mismatch=True)
        raise
    wrong = [key for key in expected.keys() | found.keys() if found.get(key) != expected.get(key)]
    TALLY.count(evaluator.name, mismatch=bool(wrong))
    return wrong


def stop_all() -> None:
    """Stop every engine and judge that was started, each whatever happens to the others."""
    for stop in [
        *(engine.stop for engine in ENGINES),
        *(module.stop for module in _modules("judge") if hasattr(module, "stop")),
    ]:
        try:
            stop()
        except Exception as error:
            print(f"an engine did not stop: {type(error).__name__}")


def _is_here(name: str, version: Callable[[], str]) -> bool:
    """Whether an engine or judge is on this machine. Its absence is kept for the end of the run, and fails CI."""
    lacking = _lacking(name, version)
    if lacking:
        TALLY.absent[name] = lacking
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not on this machine ({lacking}), and CI tests every engine")
    return not lacking


@cache
def _lacking(name: str, version: Callable[[], str]) -> str | None:
    try:
        TALLY.versions[name] = version()
    except AbsentError as absent:
        return str(absent)
    return None
