"""Pathway measures: what happened before and after, per person; one TOML file each, found by key."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.measure_parser import read_measure
from ebi_rules.rule_model.catalogue import rule, shared
from ebi_rules.rule_model.coded_source import Shared
from ebi_rules.rule_model.rule_files import SHARED
from ebi_rules.rule_model.rule_parser import read_shared, read_text

__all__ = ["Measure", "measure", "measures", "read_measure_file"]


def measure(name: str) -> Measure:
    """Give a measure by its key. Raises `UsageError` for an unknown one."""
    found = _own()
    if name not in found:
        raise UsageError(unknown("measure", name, found))
    return found[name]


def measures(names: Iterable[str | Measure] | str | Path | None = None) -> list[Measure]:
    """Give the measures named, each once, or all of them; or those of a folder or a file, given by its path.

    Raises `UsageError`, or `RuleError` for a file that is wrong.
    """
    if isinstance(names, str | Path):
        return [read_measure_file(file) for file in files_of(Path(names), "measure")]
    every = (
        list(_own().values())
        if names is None
        else [name if isinstance(name, Measure) else measure(name) for name in names]
    )
    if not every:
        raise UsageError("name at least one measure, or none for all of them.")
    return list({each.key: each for each in every}.values())


def files_of(path: Path, what: str) -> list[Path]:
    """Give the files of a folder, or one that is named itself. Raises `UsageError` where there are none."""
    files = sorted(file for file in path.glob("*.toml") if not file.name.startswith("_")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"{path} holds no {what} file: they are called NAME.toml.")
    return files


def read_measure_file(path: Path) -> Measure:
    """Read the measure in a file, which may use what `_shared.toml` beside it holds. Raises `RuleError`."""
    return read_measure(read_text(path), str(path), shared_by(path), rule)


def shared_by(path: Path | None = None) -> Shared:
    """Give what measures and flows share: that of the package and, for a file, of `_shared.toml` beside it."""
    beside = path.with_name(SHARED) if path else None
    return read_shared(read_text(beside), str(beside), _shared()) if beside and beside.exists() else _shared()


@cache
def _shared() -> Shared:
    file = data_folder("measures") / SHARED
    return read_shared(file.read_text(encoding="utf-8"), f"measures/{SHARED}", shared())


@cache
def _own() -> dict[str, Measure]:
    files = toml_files(data_folder("measures"))
    read = (read_measure(file.read_text(encoding="utf-8"), f"measures/{file.name}", _shared(), rule) for file in files)
    return {each.key: each for each in read}
