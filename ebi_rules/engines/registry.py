"""What an engine is, and how one is found by its name.

An engine is imported when it is first used, because its driver may not be installed.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.progress import Progress
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.engine_names import SUFFIX, engine_names
from ebi_rules.engines.extract import Extract, ExtractSource
from ebi_rules.layouts.scope import Scope
from ebi_rules.rule_model.audited_rule import AuditedRule


class Engine(Protocol):
    """What the module of an engine contains."""

    def open_source(self, source: ExtractSource) -> Extract:
        """Open an extract where it is. Raises `UsageError`, `LayoutError`, `ExtractError` or `EngineError`."""
        ...

    def count_cube(
        self,
        extract: Extract,
        audited: Sequence[AuditedRule],
        dimensions: Sequence[str],
        scope: Scope,
        progress: Progress,
    ) -> CountedCube:
        """Count an extract that this engine opened. Raises `ExtractError` or `EngineError`."""
        ...


def find_engine(name: str) -> Engine:
    """Return an engine by its name.

    Raises:
        UsageError: There is no engine of that name.
    """
    if name not in engine_names():
        raise UsageError("--engine: " + unknown("engine", name, engine_names()))
    return cast(Engine, import_module(f"{__package__}.{name}{SUFFIX}"))
