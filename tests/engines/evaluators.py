"""Every evaluator, found in the modules `in_*` beside this one.

An engine that is absent is said once, at the end of the run, and fails the run where CI=true.
"""

import os
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.engines import reference
from tests.engines.case import Case, Flags
from tests.engines.engine import AbsentError, Evaluator, SqlEngine
from tests.engines.tally import TALLY

REFERENCE = reference.evaluate


def _modules() -> list[object]:
    return [import_module(f"tests.engines.{path.stem}") for path in sorted(Path(__file__).parent.glob("in_*.py"))]


ENGINES: tuple[SqlEngine, ...] = tuple(engine for module in _modules() for engine in getattr(module, "ENGINES", ()))

EVALUATORS: dict[str, Evaluator] = {
    evaluator.name: evaluator
    for evaluator in [
        *(evaluator for module in _modules() for evaluator in getattr(module, "EVALUATORS", ())),
        *(evaluator for engine in ENGINES for evaluator in engine.evaluators()),
    ]
}


def present(name: str) -> Evaluator | None:
    """Give an evaluator whose engine is here, or None and the engine is said to be absent; in CI that is a failure."""
    evaluator = EVALUATORS[name]
    lacking = _lacking(evaluator)
    if lacking:
        TALLY.absent[evaluator.engine] = lacking
        if os.environ.get("CI") == "true":
            pytest.fail(f"{evaluator.engine} is not on this machine ({lacking}), and CI tests every engine")
        return None
    return evaluator


def require(name: str) -> Evaluator:
    """Give an evaluator whose engine is here, or skip the test."""
    return present(name) or pytest.skip(f"{EVALUATORS[name].engine} is not on this machine")


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
    """Stop every engine that was started, each whatever happens to the others."""
    for engine in ENGINES:
        try:
            engine.stop()
        except Exception as error:
            print(f"{engine.name} did not stop: {type(error).__name__}")


@cache
def _lacking(evaluator: Evaluator) -> str | None:
    try:
        TALLY.versions[evaluator.engine] = evaluator.version()
    except AbsentError as absent:
        return str(absent)
    return None
