"""Tests say what they need by the marker `needs`, and no test can use an engine without it."""

import ast
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests import needs
from tests.engines.tally import TALLY

ROOT = Path(__file__).parents[2]
_OTHER_WAYS = {"skip", "skipif", "importorskip", "xfail"}


@pytest.mark.parametrize("package", needs.engine_packages() or ["no_engine_is_installed"])
def test_without_the_marker_no_engine_can_be_imported(package: str) -> None:
    with pytest.raises(ImportError):
        import_module(package)


@pytest.mark.needs("SQLite")
def test_with_the_marker_engines_can_be_imported() -> None:
    assert not [name for name in needs.engine_packages() if sys.modules.get(name, ...) is None]


def test_a_package_that_is_hidden_comes_back() -> None:
    import colorsys

    with needs.hidden(("colorsys",)), pytest.raises(ImportError):
        import_module("colorsys")
    assert import_module("colorsys") is colorsys


def test_the_finder_of_a_hidden_package_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The finder of .NET's package fails every import that finds nothing, once the package is hidden."""

    class Finder:
        __module__ = "colorsys.loader"

        def find_spec(self, *_: object) -> None:
            raise AttributeError("my package is hidden")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    with needs.hidden(("colorsys",)), pytest.raises(ImportError):
        import_module("no_such_package")
    with pytest.raises(AttributeError, match="hidden"):
        import_module("no_such_package")


def test_what_is_missing_says_what_to_install() -> None:
    assert needs.what_to_install("SQLite") is None
    assert needs.what_to_install("colorsys") is None
    assert needs.what_to_install("no_such_package") == "make engines"


@pytest.mark.parametrize("ci", ["true", "false"])
def test_a_test_whose_need_is_missing_is_skipped_and_in_ci_fails(
    ci: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(TALLY, "absent", {})
    request.node.add_marker(pytest.mark.needs("no_such_package"))
    outcomes = {"true": pytest.fail.Exception, "false": pytest.skip.Exception}
    with pytest.raises(tuple(outcomes.values()), match="no_such_package is not on this machine: make engines") as left:
        needs.set_up(request.node)
    assert left.type is outcomes[ci]
    assert TALLY.absent == {"no_such_package": "make engines"}
    assert "Not tried" in TALLY.summary()[-1]


def test_no_test_is_left_out_in_another_way() -> None:
    left_out = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in (ROOT / "tests").rglob("*.py")
        if file not in (Path(needs.__file__), Path(__file__))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in _OTHER_WAYS
        if ast.unparse(node.value) in ("pytest", "pytest.mark", "unittest")
    ]
    assert left_out == []
