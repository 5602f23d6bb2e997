"""What is published: the wheel and the source have what they need, nothing else, and are the same bytes each time."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _build(folder: Path) -> tuple[Path, Path]:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _build(tmp_path_factory.mktemp("dist"))


def test_the_wheel_has_the_package_alone(built: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "check_wheel_contents", str(built[0])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    names = zipfile.ZipFile(built[0]).namelist()
    assert {"ebi_rules/py.typed", "opcs_icd/py.typed"} <= set(names)
    shipped = {f"ebi_rules/{path.relative_to(ROOT / 'ebi_rules').as_posix()}" for path in _files(ROOT / "ebi_rules")}
    assert shipped <= set(names), shipped - set(names)


def test_the_source_has_what_a_contributor_needs(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = ("Makefile", "CONTRIBUTING.md", "SECURITY.md", "CITATION.cff", "LICENSE", ".ci/run", "mkdocs.yml")
    assert {*needed, "tests/conftest.py", "examples/README.md", "fixtures/README.md"} <= names
    assert not [name for name in names if name.startswith((".git/", ".venv", "site/", ".engines"))]


def test_the_readme_on_the_registry_has_no_relative_link(built: tuple[Path, Path]) -> None:
    archive = zipfile.ZipFile(built[0])
    metadata = next(name for name in archive.namelist() if name.endswith("METADATA"))
    message = Parser().parsestr(archive.read(metadata).decode("utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", str(message.get_payload()))
    assert len(targets) > 20 and all(target.startswith(("https://", "#")) for target in targets)
    assert message["License-Expression"] == "MIT" and message["Requires-Python"] == ">=3.11"


def test_two_builds_of_one_source_are_the_same_bytes(built: tuple[Path, Path], tmp_path: Path) -> None:
    again = _build(tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in built]


def test_the_citation_and_the_changelog_name_this_version() -> None:
    from ebi_rules.version import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
