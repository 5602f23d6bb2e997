"""The four tasks of CONTRIBUTING.md, as written there, in a copy of the project: one new file each.

Each command runs in a process of its own that sees the copy alone.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RULE = """
key = "made_up_hip_imaging"
title = "MRI of the hip"
aliases = ["hip"]
dataset = "outpatient"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"
about = "A made-up rule: MRI of the hip in adults."
eligible = ["adult"]

[codes.opcs]
scan = ["U133"]
hip = ["Z843"]

[criteria]
imaging = "procedure(scan) AND procedure(hip)"
adult = "adult"

[words]
imaging = "MRI of the hip"
scan = "MRI of bone"
hip = "the hip as the site"

[titles]
U133 = "Magnetic resonance imaging of bone"
Z843 = "Hip joint"

[[examples]]
about = "MRI of the hip of an adult"
activity = { procedures = ["U133", "Z843"], age = 45 }
flagged = true

[[examples]]
about = "MRI of another part"
activity = { procedures = ["U133", "Z846"], age = 45 }
flagged = false
stopped_by = "imaging"

[[examples]]
about = "the hip without MRI"
activity = { procedures = ["U132", "Z843"], age = 45 }
flagged = false
stopped_by = "imaging"

[[examples]]
about = "a child"
activity = { procedures = ["U133", "Z843"], age = 12 }
flagged = false
stopped_by = "adult"
"""

LAYOUT = """
name = "our-opa"
title = "Our own outpatient extract"
dataset = "outpatient"
source = "Made up for a test, 2026"

[fields]
id = "appointment_key"
activity_date = "appointment_day"
age = "age_in_years"
sex = "gender"
administrative_category = "admin_category"
provider = "trust_code"

[procedures]
shape = "numbered"
columns = "proc_N"
positions = 8

[diagnoses]
shape = "numbered"
columns = "diag_N"
positions = 8
"""

DIALECT = """
name = "ourbase"
title = "Our own database"
sqlglot = "duckdb"
distinct = true
reserved = "GLORIOUS"
"""

TARGET = ("--layout", "ncdr-opa", "--table", "t")

ENGINE = '''"""The engine memory: Polars under another name."""

from dataclasses import replace

from ebi_rules.engines import polars_engine
from ebi_rules.engines.extract import ExtractSource, FrameExtract
from ebi_rules.engines.polars_engine import count_cube

__all__ = ["count_cube", "open_source"]


def open_source(source: ExtractSource) -> FrameExtract:
    """Open files or a frame."""
    return replace(polars_engine.open_source(source), engine="memory")
'''


@dataclass(frozen=True)
class Project:
    """A copy of the project, to which a contributor adds a file."""

    folder: Path

    def add(self, path: str, text: str) -> Path:
        """Add a file that does not exist yet."""
        target = self.folder / path
        assert not target.exists()
        target.write_text(text.lstrip("\n"), encoding="utf-8")
        return target

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """Run `ebi-rules` in the copy, and return what it printed."""
        return self.python("-m", "ebi_rules", *arguments, exit_code=exit_code)

    def python(self, *arguments: str, exit_code: int = 0) -> str:
        """Run Python in the copy, and return what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"}
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    for name in ("ebi_rules", "opcs_icd"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return Project(folder)


def with_tests(project: Project) -> Project:
    """Add all else that the tests of the copy read."""
    for name in ("tests", "docs", "fixtures"):
        shutil.copytree(ROOT / name, project.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile"):
        shutil.copy(ROOT / name, project.folder / name)
    return project


def test_add_a_rule(project: Project) -> None:
    added = project.add("ebi_rules/data/catalogue/made_up_hip_imaging.toml", RULE)
    assert "1 file: 0 errors" in project.run("lint", str(added))
    assert "MRI of the hip" in project.run("show", "hip")
    assert "made_up_hip_imaging" in project.run("sql", "hip", "--dialect", "tsql", *TARGET)
    added.write_text(RULE.replace("procedure(scan) AND", "procedure(scam) AND"), encoding="utf-8")
    found = project.run("lint", str(added), exit_code=3)
    assert "there is no code list scam; did you mean scan" in found
    assert "1 file: 1 error, " in found, "lint lists what is wrong in the file, and does not stop at it"


def test_every_rule_of_the_package_can_be_checked_by_its_path(project: Project) -> None:
    rules = sorted((project.folder / "ebi_rules/data/catalogue").glob("[!_]*.toml"))
    assert len(rules) > 20
    project.run("lint", *map(str, rules))


def test_add_a_layout(project: Project) -> None:
    project.add("ebi_rules/data/layouts/our-opa.toml", LAYOUT)
    project.run("synth", "-o", "ours.parquet", "--layout", "our-opa", "--rows", "500")
    assert "our-opa" in project.run("flag", "ours.parquet", "-o", "flags.parquet", "--rule", "2S")


def test_add_a_dialect(project: Project) -> None:
    added = project.add("ebi_rules/data/dialects/ourbase.toml", DIALECT)
    assert "SELECT" in project.run("sql", "2S", "--dialect", "ourbase", *TARGET)
    added.write_text(DIALECT.replace("distinct", "distinkt"), encoding="utf-8")
    refused = project.run("sql", "2S", "--dialect", "ourbase", *TARGET, exit_code=3)
    assert "ourbase.toml, line 5" in refused
    assert "'distinkt'" in refused and "distinct" in refused.replace("distinkt", "")


def test_add_an_engine(project: Project) -> None:
    project.add("ebi_rules/engines/memory_engine.py", ENGINE)
    assert "memory" in project.run("audit", "--help")
    assert "memory" in project.run("audit", "opa.parquet", "-o", "a", "--engine", "memori", exit_code=2)
    project.run("synth", "-o", "opa.parquet", "--rows", "500")
    audit = "ebi.audit(ebi.open('opa.parquet', engine={!r}), '2S').exact_cube"
    same = f"{audit.format('memory')}.equals({audit.format('polars')})"
    assert "True" in project.python("-c", f"import ebi_rules as ebi; print({same})")


@pytest.mark.long
def test_what_was_added_breaks_no_test(project: Project) -> None:
    """Once their pages are written: `make docs` writes the page of a rule."""
    with_tests(project)
    project.add("ebi_rules/data/catalogue/made_up_hip_imaging.toml", RULE)
    project.add("ebi_rules/data/layouts/our-opa.toml", LAYOUT)
    project.add("ebi_rules/engines/memory_engine.py", ENGINE)
    project.python("-m", "ebi_rules.rule_model.catalogue_pages", "docs/rules")
    these = ("--ignore", "tests/unit/test_contributions.py")  # They would add the same files again.
    project.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long and not needs", "tests/unit", *these)
