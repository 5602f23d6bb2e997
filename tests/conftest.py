"""What all tests share: needs are checked, Hypothesis repeats itself, engines end with the run, and what was compared
and what was not tried is printed at the end."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import needs
from tests.engines import evaluators, tally
from tests.engines.evaluators import ENGINES, EVALUATORS, JUDGES

SLOW = 0.3
"""Engines that are given less than this share of generated cases are slow."""

NUMBERED = {"hes-op", "hes-apc", "numbered"}
"""Layouts and shapes with numbered columns of codes."""

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("test", max_examples=30, derandomize=True, **_COMMON)
settings.register_profile("ci", max_examples=25, derandomize=True, **_COMMON)
settings.register_profile("explore", max_examples=int(os.environ.get("EBI_EXAMPLES", "100")), **_COMMON)
settings.load_profile("explore" if "EBI_EXAMPLES" in os.environ else "ci" if os.environ.get("CI") == "true" else "test")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-dialects", action="store_true", help="write docs/dialects.md from what this run showed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to long runs the longest statements of slow engines, and what a slow one is asked in a second dialect.

    The first are those over numbered columns, and the cube of examinations; the second, all that is not a spec test or
    a generated one. A slow judge reads the statements of rules and measures, whose parts flows and waits have too.
    """
    slow = {name for name, evaluator in EVALUATORS.items() if evaluator.examples < SLOW and not evaluator.built_in}
    again = {
        f"{dialect} on {engine.name}" for engine in ENGINES if engine.examples < SLOW for dialect in engine.dialects[1:]
    }
    slow_judges = {name for name, judge in JUDGES.items() if judge.slow}
    for item in items:
        values = (
            item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
        )
        texts = {value for value in values if isinstance(value, str)}
        is_second = bool(texts & again) and "engines" in item.path.parts[-2:]
        is_long = item.path.name == "test_imaging_cube.py" and texts & slow
        is_read_elsewhere = item.path.name.endswith("in_warehouses.py") and texts & slow_judges
        if is_second or is_long or is_read_elsewhere or (texts & slow and texts & NUMBERED):
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose needs are not here."""
    needs.set_up(item)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Show the engines again that a test was not to see."""
    needs.tear_down(item)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the engines of this process, and hand its tally to the process that has the last word."""
    evaluators.stop_all()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = tally.TALLY.to_json()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Share tests out one by one, but all those of an engine that is slow to start to one worker.

    Such a test has the name of the engine, or of its dialect, in its own name.
    """
    from xdist.scheduler import LoadScopeScheduling

    slow = [evaluator for evaluator in EVALUATORS.values() if evaluator.examples < 1 and not evaluator.built_in]
    engines = {name: evaluator.engine for evaluator in slow for name in (evaluator.engine, evaluator.dialect) if name}

    class BySlowEngine(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((engine for name, engine in engines.items() if name in nodeid), nodeid)

    return BySlowEngine(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take the tally of a worker that has ended."""
    tally.TALLY.add_json(getattr(node, "workeroutput", {}).get("tally"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line each what was compared, and what is not on this machine."""
    for line in tally.TALLY.summary():
        terminalreporter.line(line)
    if config.getoption("markexpr") == "not long":
        terminalreporter.line("Long runs were not tried: make long")
    if config.getoption("--write-dialects"):
        from tests.engines import dialects_page

        dialects_page.write(Path(config.rootpath))
