"""The visitor that all translators share. It calls the method for a node and does nothing else."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from ebi_rules.criteria.nodes import (
    And,
    Between,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    In,
    InList,
    IsNull,
    Not,
    Or,
    Recorded,
    StartsWith,
)

Result = TypeVar("Result")


class Visitor(ABC, Generic[Result]):
    """Turn a criterion into a `Result`. A translator must define a method for every node."""

    def visit(self, node: Criterion) -> Result:
        """Return what the method for this node returns."""
        match node:
            case And():
                return self.visit_and(node)
            case Between():
                return self.visit_between(node)
            case Compare():
                return self.visit_compare(node)
            case FollowedBy():
                return self.visit_followed_by(node)
            case HasCode():
                return self.visit_has_code(node)
            case In():
                return self.visit_in(node)
            case InList():
                return self.visit_in_list(node)
            case IsNull():
                return self.visit_is_null(node)
            case Not():
                return self.visit_not(node)
            case Or():
                return self.visit_or(node)
            case Recorded():
                return self.visit_recorded(node)
            case StartsWith():
                return self.visit_starts_with(node)
        assert False, f"Unhandled node: {node}"

    @abstractmethod
    def visit_and(self, node: And) -> Result: ...

    @abstractmethod
    def visit_between(self, node: Between) -> Result: ...

    @abstractmethod
    def visit_compare(self, node: Compare) -> Result: ...

    @abstractmethod
    def visit_followed_by(self, node: FollowedBy) -> Result: ...

    @abstractmethod
    def visit_has_code(self, node: HasCode) -> Result: ...

    @abstractmethod
    def visit_in(self, node: In) -> Result: ...

    @abstractmethod
    def visit_in_list(self, node: InList) -> Result: ...

    @abstractmethod
    def visit_is_null(self, node: IsNull) -> Result: ...

    @abstractmethod
    def visit_not(self, node: Not) -> Result: ...

    @abstractmethod
    def visit_or(self, node: Or) -> Result: ...

    @abstractmethod
    def visit_recorded(self, node: Recorded) -> Result: ...

    @abstractmethod
    def visit_starts_with(self, node: StartsWith) -> Result: ...
