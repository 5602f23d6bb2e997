"""The rules of the house: what is where, what imports what, and what is public."""

import ast
import importlib
import inspect
import pkgutil
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import ebi_rules
from ebi_rules._support.errors import EbiError

ROOT = Path(ebi_rules.__file__).parents[1]
PACKAGES = ("ebi_rules", "opcs_icd")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
MOST_LINES = 400

PUBLIC = set(
    """
    Activity Audit Change CombinedAudit Explanation Extract Flow Measure MeasureResult NotesReview NotesSample
    PolicyComparison Population Rule Settings
    audit audit_cube audit_together compare describe draw_sample explain flag flow flows measure measure_sql measures
    open review_notes rule rules run_measures sql write_flags
    DataFileError DialectError EbiError EngineError ExtractError ExtractWarning InvalidInputError LayoutError RuleError
    UsageError
    __version__
    """.split()
)
"""Every public name. A new one is a decision: it belongs in the design's contract too."""

TOP_LEVEL = set(
    """
    .ci .gitignore .pre-commit-config.yaml CHANGELOG.md CITATION.cff CONTRIBUTING.md LICENSE Makefile README.md
    SECURITY.md docs ebi_rules examples fixtures mkdocs.yml opcs_icd pyproject.toml tests
    """.split()
)
"""All that the first folder may have."""

LAZY = ("ebi_rules/__init__.py", "ebi_rules/cli/", "ebi_rules/results/")
"""Where imports inside functions may be, to start fast."""

EXTRAS = {"statsmodels.api"}
"""What may be imported inside any function: an optional extra. Drivers of engines are imported by their name."""


def test_the_public_names_are_those_decided() -> None:
    assert set(ebi_rules.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(ebi_rules, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ebi_rules.nothing  # noqa: B018


def test_nothing_strays_to_the_top_of_the_project() -> None:
    """Of what is committed: what a user keeps beside it is theirs. A copy without its history has its files alone."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "-c", "safe.directory=*", "ls-files"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = {line.partition("/")[0] for line in listed.splitlines()}
    else:
        names = {path.name for path in ROOT.glob("*.png")}
    assert names <= TOP_LEVEL


def test_every_name_that_a_module_exports_is_in_it() -> None:
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in FILES
        if "__all__" in file.read_text(encoding="utf-8")
    ]
    assert modules
    missing = [
        f"{name}.{public}"
        for name in modules
        for public in importlib.import_module(name).__all__
        if not hasattr(importlib.import_module(name), public)
    ]
    assert missing == []


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imported) > 100
    TopologicalSorter(imported).prepare()  # Raises CycleError, with the circle.


def test_no_two_modules_have_the_same_name() -> None:
    names = Counter(file.stem for file in FILES if file.stem not in ("__init__", "__main__"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_public_function_has_the_name_of_a_folder() -> None:
    folders = {
        folder.name
        for package in PACKAGES
        for folder in (ROOT / package).rglob("*")
        if (folder / "__init__.py").exists()
    }
    functions = {
        node.name
        for file in FILES
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert folders & functions == set()
    assert folders & set(ebi_rules.__all__) == set()


def test_importing_a_folder_gives_a_module() -> None:
    for module in pkgutil.iter_modules(ebi_rules.__path__):
        assert inspect.ismodule(importlib.import_module(f"ebi_rules.{module.name}"))
        assert inspect.ismodule(getattr(ebi_rules, module.name))


def test_no_module_is_long() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_data_are_apart_from_code() -> None:
    data = ROOT / "ebi_rules" / "data"
    assert [file for file in (ROOT / "ebi_rules").rglob("*.toml") if not file.is_relative_to(data)] == []
    assert [file for file in data.rglob("*") if file.is_file() and file.suffix != ".toml"] == []


def test_the_formatter_is_never_overruled() -> None:
    mark = "# fmt" + ": "
    every = [file for folder in (*PACKAGES, "tests") for file in (ROOT / folder).rglob("*.py")]
    lines = [line for file in every for line in file.read_text(encoding="utf-8").splitlines() if mark in line]
    assert lines == []


def test_imports_inside_functions_are_only_where_a_fast_start_needs_them() -> None:
    hidden = [
        f"{name}:{node.lineno} imports {module}"
        for file in FILES
        if not (name := file.relative_to(ROOT).as_posix()).startswith(LAZY)
        for node, module in _imports_inside_functions(file)
        if module not in EXTRAS
    ]
    assert hidden == []


def test_every_error_that_the_package_raises_is_its_own() -> None:
    own = {name for module in _modules() for name, value in vars(module).items() if _is_own_error(value)}
    allowed = own | {"reader.failure", "AttributeError", "WrongEntryError", "click.UsageError", "click.exceptions.Exit"}
    foreign = [
        f"{file.relative_to(ROOT)}:{node.lineno} raises {raised}"
        for file in FILES
        if file.is_relative_to(ROOT / "ebi_rules")
        for node, raised in _raised(file)
        if raised not in allowed and not raised.startswith("self.") and raised != "error"
    ]
    assert foreign == []


def _imports_inside_functions(file: Path) -> Iterator[tuple[ast.stmt, str]]:
    for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    yield from ((node, name.name) for name in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield node, str(node.module)


def _raised(file: Path) -> Iterator[tuple[ast.Raise, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield node, ast.unparse(raised)


def _modules() -> Iterator[object]:
    for module in pkgutil.walk_packages(ebi_rules.__path__, "ebi_rules."):
        if not module.name.endswith(("_engine", "__main__")):
            yield importlib.import_module(module.name)


def _is_own_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, EbiError)
