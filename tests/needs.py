"""What a test needs beyond `.[dev]`: it says so by the marker `needs`, and by nothing else.

`@pytest.mark.needs("Apache Spark")` names an engine, a judge, a program or a Python package. A test whose needs are not
on this machine is skipped, and named at the end of the run; in CI it fails. Without the marker a test runs as if no
engine were installed: the packages of the extra `engines` cannot be imported, even where they are.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import metadata, util

import pytest

from ebi_rules.report.png import find_font
from tests.engines.engine import AbsentError
from tests.engines.evaluators import ENGINES, JUDGES
from tests.engines.served import ENVIRONMENTS
from tests.engines.tally import TALLY

DBT = ENVIRONMENTS / "dbt" / "bin" / "dbt"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*(?:; extra == ['\"](\w+)['\"])?""")
_HIDDEN = pytest.StashKey[AbstractContextManager[None]]()


def chromium() -> str:
    """Return the path of the browser. Raises `AbsentError`."""
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if not found:
        raise AbsentError("apt-get install chromium")
    return found


def _dbt() -> str:
    if not DBT.exists():
        raise AbsentError("make engines")
    return str(DBT)


def _font() -> str:
    font = find_font()
    if not font:
        raise AbsentError("apt-get install fonts-dejavu-core")
    return font


_PROBES: dict[str, Callable[[], str]] = {
    "Chromium": chromium,
    "a font": _font,
    "dbt": _dbt,
    **{engine.name: engine.version for engine in ENGINES},
    **{judge.name: judge.version for judge in JUDGES.values()},
}


@cache
def what_to_install(name: str) -> str | None:
    """Return what gives a machine what a test needs, or None if it is there."""
    if name not in _PROBES:
        return None if util.find_spec(name) else "make engines"
    try:
        _PROBES[name]()
    except AbsentError as absent:
        return str(absent)
    return None


@cache
def engine_packages() -> tuple[str, ...]:
    """Return the packages on this machine that the extra `engines` installs, and `dev` does not."""
    requirements = [
        match.groups() for text in metadata.requires("ebi-rules") or () if (match := _REQUIREMENT.match(text))
    ]
    names = {_normal(name) for name, extra in requirements if extra == "engines"}
    names -= {_normal(name) for name, extra in requirements if extra in (None, "dev")}
    installed = metadata.packages_distributions()
    return tuple(sorted(package for package, by in installed.items() if names & set(map(_normal, by))))


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _package_of(finder: object) -> str:
    module: str = getattr(finder, "__module__", None) or type(finder).__module__
    return module.partition(".")[0]


@contextmanager
def hidden(packages: tuple[str, ...]) -> Iterator[None]:
    """Make packages impossible to import, whether or not they were imported before."""
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in packages}
    finders = list(sys.meta_path)
    for name in {*packages, *loaded}:
        sys.modules[name] = None  # type: ignore[assignment]
    # A finder that a package put there looks for its own modules, and fails when they are hidden.
    sys.meta_path[:] = [finder for finder in finders if _package_of(finder) not in packages]
    try:
        yield
    finally:
        sys.meta_path[:] = finders
        for name in packages:
            del sys.modules[name]
        sys.modules.update(loaded)


def names(item: pytest.Item) -> list[str]:
    """Return what a test needs."""
    return [name for marker in item.iter_markers("needs") for name in marker.args]


def set_up(item: pytest.Item) -> None:
    """Skip a test whose needs are not here, or hide the engines from a test that names no needs."""
    needs = names(item)
    for name in needs:
        command = what_to_install(name)
        if command:
            TALLY.absent[name] = command
            message = f"{name} is not on this machine: {command}"
            pytest.fail(message, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(message)
    if not needs:
        hiding = hidden(engine_packages())
        hiding.__enter__()
        item.stash[_HIDDEN] = hiding


def tear_down(item: pytest.Item) -> None:
    """Show the engines again."""
    hiding = item.stash.get(_HIDDEN, None)
    if hiding:
        hiding.__exit__(None, None, None)
