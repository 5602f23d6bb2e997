"""The examples in docstrings run, and what is public has one."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import ebi_rules
import opcs_icd

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("ebi_rules", "opcs_icd")
    for file in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(import_module(name))
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("package", [ebi_rules, opcs_icd], ids=["ebi_rules", "opcs_icd"])
def test_every_public_function_has_an_example(package: ModuleType) -> None:
    public = {name: getattr(package, name) for name in package.__all__}
    functions = {name: value for name, value in public.items() if inspect.isfunction(value)}
    assert [name for name, function in functions.items() if ">>> " not in (inspect.getdoc(function) or "")] == []
