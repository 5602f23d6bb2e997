"""Flows: the stages that people go through; one TOML file each, found by key."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

from ebi_rules.catalogue import rule
from ebi_rules.errors import UsageError, unknown
from ebi_rules.flows.flow import Flow
from ebi_rules.flows.reading import read_flow
from ebi_rules.measures import files_of, shared_by
from ebi_rules.rulefile import read_text

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
    files = sorted((file for file in resources.files(__name__).iterdir() if file.name.endswith(".toml")),
                   key=lambda file: file.name)  # fmt: skip
    read = (read_flow(file.read_text(encoding="utf-8"), f"flows/{file.name}", shared_by(), rule) for file in files)
    return {flow.key: flow for flow in read}
