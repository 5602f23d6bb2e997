"""Every evaluator, found in the modules `in_*` beside this one, and every judge, in `judge_*`.

Tests take them from `EVERY_EVALUATOR`, `EVERY_SQL_ENGINE`, `EVERY_JUDGE` and `pairs`, which say what each one needs.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ebi_rules.layouts.layout import find_layout
from tests.engines import reference
from tests.engines.case import Case, Flags
from tests.engines.engine import Evaluator, SqlEngine
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


JUDGES: dict[str, Judge] = {
    judge.name: judge for module in _modules("judge") for judge in getattr(module, "JUDGES", ())
}


EVERY_JUDGE = [pytest.param(name, marks=pytest.mark.needs(name)) for name in JUDGES]


def _asking(name: str, *values: str) -> Any:
    """Return a test's parameters, marked with what the evaluator needs."""
    evaluator = EVALUATORS[name]
    marks = () if evaluator.built_in else pytest.mark.needs(evaluator.engine)
    return pytest.param(name, *values, marks=marks)


EVERY_EVALUATOR = [_asking(name) for name in EVALUATORS]
EVERY_SQL_ENGINE = [_asking(name) for name in SQL_ENGINES]


def pairs(layouts: Iterable[str]) -> list[Any]:
    """Return the parameters of every evaluator with every layout that it can take."""
    shapes = {layout: find_layout(layout) for layout in layouts}
    return [
        _asking(name, layout) for name, each in EVALUATORS.items() for layout in shapes if each.takes(shapes[layout])
    ]


@cache
def started(name: str) -> Evaluator:
    """Return an evaluator whose engine was started. Raises `AbsentError`."""
    evaluator = EVALUATORS[name]
    TALLY.versions[evaluator.engine] = evaluator.version()
    return evaluator


@cache
def started_judge(name: str) -> Judge:
    """Return a judge that was started. Raises `AbsentError`."""
    judge = JUDGES[name]
    TALLY.versions[name] = judge.version()
    return judge


def complaints(judge: Judge, text: str, schema: Schema) -> Sequence[str]:
    """Return a judge's complaints about a statement, and keep the tally."""
    found = judge.complaints(text, schema)
    TALLY.count(judge.name, mismatch=bool(found))
    return found


def disagreements(evaluator: Evaluator, case: Case, expected: Flags) -> list[int]:
    """Return the keys for which an evaluator's flags are not those expected, and keep the tally."""
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
