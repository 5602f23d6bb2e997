"""Flows: the stages that people go through; one TOML file each, found by key."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules.pathways.definitions import files_of, shared_by
from ebi_rules.pathways.flow import Flow
from ebi_rules.pathways.flow_parser import read_flow
from ebi_rules.rule_model.catalogue import rule
from ebi_rules.rule_model.rule_parser import read_text

__all__ = ["Flow", "flows", "read_flow_file"]


def flows(names: Iterable[str | Flow] | str | Path | None = None) -> list[Flow]:
    """Give the flows named, or all of them; or those of a folder or a file, given by its path.

    Raises `UsageError`, or `RuleError` for a file that is wrong.
    """
    if isinstance(names, str | Path):
        return [read_flow_file(file) for file in files_of(Path(names), "flow")]
    own = _own()
    if names is None:
        return list(own.values())
    found = []
    for name in names:
        if not isinstance(name, Flow) and name not in own:
            raise UsageError(unknown("flow", name, own))
        found.append(name if isinstance(name, Flow) else own[name])
    return found


def read_flow_file(path: Path) -> Flow:
    """Read the flow in a file, which may use what the measures share. Raises `RuleError`."""
    return read_flow(read_text(path), str(path), shared_by(path), rule)


@cache
def _own() -> dict[str, Flow]:
    files = toml_files(data_folder("flows"))
    read = (read_flow(file.read_text(encoding="utf-8"), f"flows/{file.name}", shared_by(), rule) for file in files)
    return {flow.key: flow for flow in read}
