"""A judge reads statements without running them: a vendor's own parser, or a grammar that is not sqlglot's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.engines.engine import Evidence

Schema = Mapping[str, Mapping[str, str]]
"""For each table, the types of its columns: BIGINT, VARCHAR(4000) or DATE."""


@dataclass(frozen=True)
class Judge:
    """Gives its complaints about a statement over tables.

    `wrong` are statements that it must complain about. One that is `slow` is asked about whole statements of a rule's
    default reading, and not about the long bare conditions.
    """

    name: str
    dialect: str
    evidence: Evidence
    version: Callable[[], str]
    complaints: Callable[[str, Schema], Sequence[str]]
    wrong: Sequence[str]
    note: str = ""
    slow: bool = False
