"""What is installed: versions, extras, programs that some outputs need, and settings of the environment."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from ebi_rules.criteria.labels import SPECIALIST_VARIABLE
from ebi_rules.report.browser import find_browser
from ebi_rules.report.png import find_font
from ebi_rules.version import __version__

_PROGRAM = "ebi-rules"
_NOT_FOR_USERS = ("dev", "docs", "engines")
_VARIABLES = ("EBI_RULES_PATH", "EBI_REFERENCE", SPECIALIST_VARIABLE, "SOURCE_DATE_EPOCH", "JAVA_HOME")
_SET_BY_US = "POLARS_ROW_GROUP_PREFETCH_SIZE"
_WHAT_FOR = {
    "bigquery": "--engine bigquery",
    "delta": "Delta tables",
    "duckdb": "--engine duckdb",
    "iceberg": "Iceberg tables",
    "model": "--casemix model",
    "postgres": "--engine postgres",
    "review": "ebi-rules review",
    "slides": "--pptx",
    "snowflake": "--engine snowflake",
    "spark": "--engine spark",
    "sqlserver": "--engine sqlserver",
}


@dataclass(frozen=True)
class Part:
    """A part of an installation.

    Attributes:
        group: What it is: version, extra, program or variable.
        name: Its name.
        found: Its version, place or value; None if it is not there.
        about: What it is for, and how to get it if it is not there.
    """

    group: str
    name: str
    found: str | None
    about: str


def installation() -> list[Part]:
    """Return the parts of this installation.

    Example:
        >>> installation()[0].name
        'ebi-rules'
    """
    return [*_versions(), *_extras(), *_programs(), *_variables()]


def _versions() -> Iterator[Part]:
    yield Part("version", _PROGRAM, __version__, "")
    yield Part("version", "Python", platform.python_version(), f"{sys.platform}, {platform.machine()}")
    for name in ("polars", "sqlglot", "pyarrow", "numpy", "scipy"):
        yield Part("version", name, _version_of(name), "")


def _extras() -> Iterator[Part]:
    required: dict[str, list[str]] = {}
    for text in _requirements():
        package = re.match(r"[A-Za-z0-9_.-]+", text)
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)['"]""", text)
        if package and extra and extra[1] not in _NOT_FOR_USERS:
            required.setdefault(extra[1], []).append(package[0])
    for name, packages in sorted(required.items()):
        versions = [_version_of(package) for package in packages]
        pairs = zip(packages, versions, strict=True)
        found = ", ".join(f"{package} {version}" for package, version in pairs) if all(versions) else None
        how = "" if found else f"; pip install '{_PROGRAM}[{name}]'"
        yield Part("extra", name, found, f"for {_WHAT_FOR.get(name, name)}{how}")


def _requirements() -> list[str]:
    """Return what the package requires; nothing where it is run from its folder without being installed."""
    try:
        return metadata.requires(_PROGRAM) or []
    except metadata.PackageNotFoundError:
        return []


def _programs() -> Iterator[Part]:
    java = shutil.which("java")
    yield Part("program", "Java", java, "for --engine spark" + ("" if java else "; install Java 17 or later"))
    browser = find_browser()
    how = "" if browser else "; install Chromium, Chrome or Edge"
    yield Part("program", "browser", str(browser) if browser else None, f"for --pdf{how}")
    font = find_font()
    yield Part(
        "program", "font", font, "for PNG of --charts, and for --pptx" + ("" if font else "; install DejaVu Sans")
    )


def _variables() -> Iterator[Part]:
    of_polars = sorted(name for name in os.environ if name.startswith("POLARS_") and name != _SET_BY_US)
    for name in (*_VARIABLES, *of_polars):
        if value := os.environ.get(name):
            yield Part("variable", name, value, "")


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
