"""Parse the criterion language: SQL's boolean grammar with functions for codes, parsed by sqlglot.

Only the constructs in docs/semantics.md are accepted; the error for any other names it. Parsing runs nothing.
"""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, ClassVar

from sqlglot import Dialect, exp, tokens
from sqlglot.errors import SqlglotError

from ebi_rules._support.errors import nearest
from ebi_rules.criteria.crosswalk import crosswalk
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.labels import Recoding, settings_of
from ebi_rules.criteria.nodes import (
    SPELL_FIELD,
    And,
    Between,
    Compare,
    Comparison,
    Criterion,
    CriterionError,
    FollowedBy,
    HasCode,
    In,
    InList,
    IsNull,
    NamedCodes,
    NamedImagingCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from opcs_icd import ICD10, OPCS4, CodeSystem, ImagingSystem

_DEEPEST = 20
"""How deep parentheses, or NOTs, may be nested."""

_MOST_DIGITS = 9

_SYSTEMS = {"procedure": OPCS4, "diagnosis": ICD10}
_POSITIONS = {"": Position.ANY, "primary_": Position.PRIMARY, "secondary_": Position.SECONDARY}

_CODE_FUNCTIONS: Mapping[str, tuple[CodeSystem, Position]] = {
    f"{prefix}{kind}": (system, position)
    for kind, system in _SYSTEMS.items()
    for prefix, position in _POSITIONS.items()
} | {name: (system, Position.SPELL) for system, name in SPELL_FIELD.items()}
_FOLLOWED_BY = {f"{kind}_followed_by": system for kind, system in _SYSTEMS.items()}
_RECORDED = {f"{kind}_recorded": system for kind, system in _SYSTEMS.items()}
_EXAMINATION = "examination"
_FUNCTIONS = (*_CODE_FUNCTIONS, *_FOLLOWED_BY, _EXAMINATION, "starts_with")

Lists = Mapping[str, NamedCodes | NamedImagingCodes]
"""Code lists by name."""


def parse(text: str, lists: Lists, shared: Mapping[str, Criterion] | None = None) -> Criterion:
    """Return the criterion that a text expresses.

    Args:
        text: The text, in the criterion language.
        lists: The code lists that it may use, by name.
        shared: The whole criteria that it may use, by name.

    Raises:
        CriterionError: The text is not a criterion, or uses an unknown field, list or function.

    Example:
        >>> parse("age BETWEEN 19 AND 120", lists={})
        Between(field='age', low=19, high=120)
    """
    try:
        trees = _trees(text)
    except SqlglotError as error:
        raise CriterionError(f"this cannot be parsed: {_first_line(error)}.") from None
    if len(trees) != 1 or trees[0] is None:
        raise CriterionError("this is not one criterion.")
    return _Reader(lists, shared or {}).read(trees[0])


def mixes_connectives(text: str) -> bool:
    """Return whether a text has AND beside OR without parentheses; False if it cannot be parsed.

    Example:
        >>> mixes_connectives("sex = '1' AND age > 18 OR age < 3")
        True
        >>> mixes_connectives("(sex = '1' AND age > 18) OR age < 3")
        False
    """
    try:
        trees = _trees(text)
    except (CriterionError, SqlglotError):
        return False
    return any(isinstance(node.parent, exp.Or) for tree in trees if tree for node in tree.find_all(exp.And))


@lru_cache(1000)
def _trees(text: str) -> list[exp.Expr | None]:
    """Return what sqlglot makes of a text, which nobody changes: the variants of a rule share most of its criteria."""
    _require_shallow(text)
    return _dialect().parse(text)  # type: ignore[no-any-return]


def _require_shallow(text: str) -> None:
    """Raise `CriterionError` for parentheses, or a run of NOTs, that are nested too deeply for any parser."""
    depth = run = 0
    for token in _dialect().tokenize(text):
        name = token.token_type.name
        depth += (name == "L_PAREN") - (name == "R_PAREN")
        run = run + 1 if name == "NOT" else 0
        if depth > _DEEPEST or run > _DEEPEST:
            kind = "parentheses" if depth > _DEEPEST else "NOT"
            raise CriterionError(f"{kind} cannot be nested more than {_DEEPEST} deep: divide this into criteria.")


@cache
def _dialect() -> Any:
    """Return sqlglot's own dialect with PROCEDURE as an ordinary name."""

    class CriterionSql(Dialect):
        class Tokenizer(tokens.Tokenizer):
            KEYWORDS: ClassVar = {key: value for key, value in tokens.Tokenizer.KEYWORDS.items() if key != "PROCEDURE"}

    return CriterionSql()


class _Reader:
    """Turn a sqlglot tree into nodes. Each method reads one construct; a construct without a method is refused."""

    def __init__(self, lists: Lists, shared: Mapping[str, Criterion]) -> None:
        self.lists = lists
        self.shared = shared

    def read(self, tree: Any) -> Criterion:
        if tree.comments:
            raise CriterionError("comments are not allowed: use the rule's `about` instead.")
        method: Callable[[Any], Criterion] | None = getattr(self, f"_read_{type(tree).__name__.lower()}", None)
        if method is None:
            raise CriterionError(f"{_quote(tree)} is not part of the criterion language.")
        return method(tree)

    def _read_and(self, tree: Any) -> Criterion:
        return And(tuple(self._flattened(tree, type(tree))))

    def _read_or(self, tree: Any) -> Criterion:
        return Or(tuple(self._flattened(tree, type(tree))))

    def _flattened(self, tree: Any, connective: type[Any]) -> list[Criterion]:
        """Return the operands of a chain of one connective, which sqlglot nests to the left."""
        operands: list[Criterion] = []
        node: Any = tree
        while type(node) is connective:
            operands.append(self.read(node.expression))
            node = node.this
        operands.append(self.read(node))
        return operands[::-1]

    def _read_paren(self, tree: Any) -> Criterion:
        return self.read(tree.this)

    def _read_not(self, tree: Any) -> Criterion:
        return Not(self.read(tree.this))

    def _read_between(self, tree: Any) -> Criterion:
        return Between(self._field(tree.this), self._number(tree.args["low"]), self._number(tree.args["high"]))

    def _read_in(self, tree: Any) -> Criterion:
        if not tree.expressions and "query" in tree.args:
            raise CriterionError(f"{_quote(tree)} is not part of the criterion language.")
        values = tuple(self._literal(value) for value in tree.expressions)
        settings = self._settings(tree.this)
        if settings:
            return settings.among(values)
        return In(self._field(tree.this), values)

    def _read_is(self, tree: Any) -> Criterion:
        if type(tree.expression).__name__ != "Null":
            raise CriterionError(f"{_quote(tree)} is not part of the criterion language: IS must be followed by NULL.")
        return IsNull(self._field(tree.this))

    def _read_eq(self, tree: Any) -> Criterion:
        return self._compare(tree, "=")

    def _read_neq(self, tree: Any) -> Criterion:
        return Not(self._compare(tree, "="))

    def _read_lt(self, tree: Any) -> Criterion:
        return self._compare(tree, "<")

    def _read_lte(self, tree: Any) -> Criterion:
        return self._compare(tree, "<=")

    def _read_gt(self, tree: Any) -> Criterion:
        return self._compare(tree, ">")

    def _read_gte(self, tree: Any) -> Criterion:
        return self._compare(tree, ">=")

    def _compare(self, tree: Any, operator: Comparison) -> Criterion:
        settings = self._settings(tree.this)
        if operator == "=" and settings:
            return settings.among([self._literal(tree.expression)])
        return Compare(self._field(tree.this), operator, self._literal(tree.expression))

    def _settings(self, tree: Any) -> Recoding | None:
        """Return the labels of a field of settings, which becomes a criterion about codes; None for other fields."""
        return settings_of(self._name(tree)) if type(tree).__name__ == "Column" else None

    def _read_startswith(self, tree: Any) -> Criterion:
        prefix = self._literal(tree.expression)
        return StartsWith(self._field(tree.this), str(prefix))

    def _read_anonymous(self, tree: Any) -> Criterion:
        name = str(tree.this).lower()
        if name in _CODE_FUNCTIONS:
            system, position = _CODE_FUNCTIONS[name]
            (codes,) = self._lists(name, tree.expressions, system, 1)
            return HasCode(codes, position)
        if name in _FOLLOWED_BY:
            first, second = self._lists(name, tree.expressions, _FOLLOWED_BY[name], 2)
            return FollowedBy(first, second)
        if name == _EXAMINATION:
            return self._examination(tree.expressions)
        raise CriterionError(f"there is no function {name}{_hint(name, _FUNCTIONS)}.")

    def _examination(self, trees: list[Any]) -> Criterion:
        """Return the criterion that either code of an examination is in a list, NICIP or SNOMED CT."""
        _require_count(_EXAMINATION, trees, 1)
        named = self._named_list(trees[0])
        if not isinstance(named, NamedImagingCodes):
            raise CriterionError(
                f"{_EXAMINATION} requires NICIP or SNOMED CT codes, but {named.name} is a list of "
                f"{named.system.value} codes."
            )
        other = NamedImagingCodes(named.name, crosswalk().other_kind(named.codes))
        kinds = sorted([InList(named), InList(other)], key=lambda atom: list(ImagingSystem).index(atom.codes.system))
        return Or(tuple(kinds)) if len(other.codes) else InList(named)

    def _read_column(self, tree: Any) -> Criterion:
        name = self._name(tree)
        if name in _RECORDED:
            return Recorded(_RECORDED[name])
        if name in self.shared:
            return self.shared[name]
        if name in FIELDS:
            raise CriterionError(f"{name} alone is not true or false: compare it with something.")
        raise CriterionError(f"there is no criterion {name}{_hint(name, [*_RECORDED, *self.shared, *FIELDS])}.")

    def _field(self, tree: Any) -> str:
        name = self._name(tree)
        if name not in FIELDS:
            raise CriterionError(f"there is no field {name}{_hint(name, FIELDS)}.")
        settings = settings_of(name)
        if settings:
            raise CriterionError(f"use {name} with =, <> or IN, and one of {', '.join(settings.known)}.")
        return name

    def _name(self, tree: Any) -> str:
        if type(tree).__name__ != "Column" or tree.table or tree.this.args.get("quoted") or tree.comments:
            raise CriterionError(f"write the name of a field instead of {_quote(tree)}.")
        return str(tree.name).lower()

    def _literal(self, tree: Any) -> str | int:
        if type(tree).__name__ == "Literal" and not tree.comments:
            if tree.is_string:
                return str(tree.this)
            return self._number(tree)
        raise CriterionError(f"write a code in quotation marks or a number instead of {_quote(tree)}.")

    def _number(self, tree: Any) -> int:
        if type(tree).__name__ == "Literal" and not tree.is_string and str(tree.this).isdigit():
            if len(str(tree.this)) > _MOST_DIGITS:
                raise CriterionError(f"a number has at most {_MOST_DIGITS} digits.")
            return int(tree.this)
        raise CriterionError(f"write a whole number instead of {_quote(tree)}.")

    def _lists(self, function: str, trees: list[Any], system: CodeSystem, count: int) -> list[NamedCodes]:
        _require_count(function, trees, count)
        return [self._list(function, tree, system) for tree in trees]

    def _list(self, function: str, tree: Any, system: CodeSystem) -> NamedCodes:
        named = self._named_list(tree)
        if not isinstance(named, NamedCodes) or named.system is not system:
            raise CriterionError(
                f"{function} requires {system.value} codes, but {named.name} is a list of {named.system.value} codes."
            )
        return named

    def _named_list(self, tree: Any) -> NamedCodes | NamedImagingCodes:
        name = self._name(tree)
        if name not in self.lists:
            raise CriterionError(f"there is no code list {name}{_hint(name, self.lists)}.")
        return self.lists[name]


def _require_count(function: str, trees: list[Any], count: int) -> None:
    if len(trees) != count:
        raise CriterionError(f"{function} requires {count} code list{'s' if count > 1 else ''}, not {len(trees)}.")


def _hint(name: str, known: Any) -> str:
    close = nearest(name, known, count=1)
    return f"; did you mean {close[0]}" if close else ""


def _quote(tree: Any) -> str:
    return repr(tree.sql(comments=False))


def _first_line(error: Exception) -> str:
    """Return sqlglot's message without its excerpt of the text, which is coloured for a terminal."""
    details = getattr(error, "errors", None)
    if not details:
        return str(error).splitlines()[0].rstrip(".")
    problem, place = str(details[0]["description"]).rstrip("."), details[0]["col"]
    if problem.startswith("Required keyword"):
        return f"something is missing at character {place}"
    return f"{problem} at character {place}"
