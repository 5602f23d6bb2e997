"""Run T-SQL by walking ScriptDom's tree, by the rules in Microsoft's documentation: an emulation, not SQL Server.

The rules it keeps: LIKE with classes; unknown beside true and false; trailing blanks that do not count in `=` and, for
varchar, in the text that LIKE is asked of; comparisons, LIKE, REPLACE and grouping that ignore case under a
case-insensitive collation; CONCAT that reads NULL as empty text; names without regard to case. Any other node of the
tree is refused.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

from tests.engines import scriptdom

Row = Mapping[str, Mapping[str, object]]
"""A row of a FROM: for each table's name, its columns by name, all in small letters."""

Expression = Callable[[Row, Sequence[Row]], Any]
"""An expression compiled: its value for a row, and for aggregates the rows of its group."""

Table = Sequence[Mapping[str, object]]

_COMPARISONS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "NotEqualToBrackets": operator.ne,
}
_ARITHMETIC = {"Add": operator.add, "Multiply": operator.mul, "Subtract": operator.sub}


@dataclass(frozen=True)
class Collation:
    """How texts compare: with or without regard to case, and as varchar or nvarchar."""

    ignores_case: bool
    unicode: bool

    def text(self, value: object) -> object:
        """Return a value as `=`, IN, GROUP BY and JOIN compare it."""
        if not isinstance(value, str):
            return value
        value = value.rstrip(" ")
        return value.casefold() if self.ignores_case else value

    def like(self, value: str, pattern: str) -> bool:
        """Ask LIKE. Blanks behind a varchar do not count, where the pattern asks for none."""
        found = _pattern(pattern, self.ignores_case)
        return bool(found.fullmatch(value)) or (not self.unicode and bool(found.fullmatch(value.rstrip(" "))))


def run(text: str, tables: Mapping[str, Table], collation: Collation) -> list[tuple[object, ...]]:
    """Run a SELECT over tables whose column names are in small letters. Raises `SyntaxError` as the parser does."""
    statements = [statement for batch in scriptdom.parse(text).Batches for statement in batch.Statements]
    assert len(statements) == 1, "one statement was expected"
    machine = _Machine(dict(tables), collation)
    for step in _with_steps(statements[0]):
        machine.tables[step.ExpressionName.Value.lower()] = machine.table(step.QueryExpression)
    return [tuple(row.values()) for row in machine.table(statements[0].QueryExpression)]


def _with_steps(statement: Any) -> Iterable[Any]:
    found = statement.WithCtesAndXmlNamespaces
    return [] if found is None else found.CommonTableExpressions


@cache
def _pattern(pattern: str, ignores_case: bool) -> re.Pattern[str]:
    """Compile a LIKE pattern: % _ [abc] [a-z] [^a]. An opening bracket that nothing closes matches nothing."""
    parts = re.findall(r"\[\^?[^\]]*\]|.", pattern, re.DOTALL)
    translated = {"%": ".*", "_": ".", "[": r"(?!)"}
    regex = "".join(
        _character_class(part) if len(part) > 1 else translated.get(part, re.escape(part)) for part in parts
    )
    return re.compile(regex, re.DOTALL | (re.IGNORECASE if ignores_case else 0))


def _character_class(part: str) -> str:
    negated, characters = part.startswith("[^"), part[1:-1].removeprefix("^")
    escaped = re.sub(r"([\\\[\]^])", r"\\\1", characters)
    return f"[{'^' if negated else ''}{escaped}]" if characters else r"(?!)"


_AGGREGATES = ("COUNT", "MAX", "MIN", "SUM")


class _Machine:
    """Tables by name, and the SELECTs over them."""

    def __init__(self, tables: dict[str, Table], collation: Collation) -> None:
        self.tables = tables
        self.collation = collation

    def table(self, query: Any) -> Table:
        """Return the rows of a query, under the names of its columns."""
        if _kind(query) == "BinaryQueryExpression":
            assert str(query.BinaryQueryExpressionType) == "Union" and query.All, "only UNION ALL is used"
            first, second = self.table(query.FirstQueryExpression), self.table(query.SecondQueryExpression)
            return [*first, *(dict(zip(first[0], row.values(), strict=True)) for row in second)] if first else second
        assert _kind(query) == "QuerySpecification", f"Unhandled query: {_kind(query)}"
        for clause in ("HavingClause", "OrderByClause", "TopRowFilter", "OffsetClause", "ForClause"):
            assert getattr(query, clause) is None, f"Unhandled clause: {clause}"
        rows: Sequence[Row] = [{}]
        if query.FromClause is not None:
            assert query.FromClause.TableReferences.Count == 1
            rows = self._rows(query.FromClause.TableReferences[0])
        if query.WhereClause is not None:
            condition = self.compile(query.WhereClause.SearchCondition)
            rows = [row for row in rows if condition(row, ()) is True]
        columns = {self._name(element): self.compile(element.Expression) for element in query.SelectElements}
        assert len(columns) == query.SelectElements.Count, "two columns have one name"
        if query.GroupByClause is None and any(map(_aggregates, query.SelectElements)):
            return [{name: value(rows[0] if rows else {}, rows) for name, value in columns.items()}]
        if query.GroupByClause is None:
            return [{name: value(row, ()) for name, value in columns.items()} for row in rows]
        keys = [self.compile(key.Expression) for key in query.GroupByClause.GroupingSpecifications]
        groups: dict[tuple[object, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(self.collation.text(key(row, ())) for key in keys), []).append(row)
        return [{name: value(group[0], group) for name, value in columns.items()} for group in groups.values()]

    def compile(self, node: Any) -> Expression:
        """Compile an expression or condition."""
        return getattr(_Compiler(self.collation), f"visit_{_kind(node)}")(node)

    def _name(self, element: Any) -> str:
        if element.ColumnName is not None:
            return str(element.ColumnName.Value).lower()
        if _kind(element.Expression) == "ColumnReferenceExpression":
            return _column_parts(element.Expression)[-1]
        return f"column without name at {element.StartOffset}"

    def _rows(self, source: Any) -> Sequence[Row]:
        if _kind(source) == "NamedTableReference":
            name = str(source.SchemaObject.BaseIdentifier.Value).lower()
            alias = name if source.Alias is None else str(source.Alias.Value).lower()
            return [{alias: row} for row in self.tables[name]]
        if _kind(source) == "UnqualifiedJoin":
            assert str(source.UnqualifiedJoinType) == "CrossJoin"
            left, right = self._rows(source.FirstTableReference), self._rows(source.SecondTableReference)
            return [{**one, **other} for one in left for other in right]
        assert _kind(source) == "QualifiedJoin", f"Unhandled source: {_kind(source)}"
        return self._joined(source)

    def _joined(self, join: Any) -> Sequence[Row]:
        kind = str(join.QualifiedJoinType)
        assert kind in ("LeftOuter", "Inner"), f"Unhandled join: {kind}"
        left, right = self._rows(join.FirstTableReference), self._rows(join.SecondTableReference)
        joined = str(join.SecondTableReference.SchemaObject.BaseIdentifier.Value).lower()
        own, other = [], []
        for condition in _conjunction(join.SearchCondition):
            assert _kind(condition) == "BooleanComparisonExpression" and str(condition.ComparisonType) == "Equals"
            sides = {
                _table_of(side): self.compile(side) for side in (condition.FirstExpression, condition.SecondExpression)
            }
            own.append(sides.pop(joined))
            other += sides.values()
        found: dict[object, list[Row]] = {}
        for row in right:
            found.setdefault(tuple(self.collation.text(each(row, ())) for each in own), []).append(row)
        nothing: Sequence[Row] = [{joined: _Nulls()}] if kind == "LeftOuter" else []
        rows = []
        for row in left:
            key = tuple(self.collation.text(each(row, ())) for each in other)
            rows += [{**row, **match} for match in (nothing if None in key else found.get(key, nothing))]
        return rows


def _conjunction(condition: Any) -> Iterable[Any]:
    """Return the conditions that AND connects."""
    if _kind(condition) == "BooleanBinaryExpression" and str(condition.BinaryExpressionType) == "And":
        yield from _conjunction(condition.FirstExpression)
        yield from _conjunction(condition.SecondExpression)
    else:
        yield condition


class _Nulls(dict[str, object]):
    """The columns of a row that a left join did not find: NULL, whatever their name."""

    def __missing__(self, name: str) -> None:
        return None


@dataclass(frozen=True)
class _Compiler:
    """One method a node of ScriptDom's tree."""

    collation: Collation

    def _compile(self, node: Any) -> Expression:
        return getattr(self, f"visit_{_kind(node)}")(node)

    @cached_property
    def _functions(self) -> Mapping[str, Callable[..., object]]:
        return {
            "GETDATE": lambda: date.today(),  # The moment's day: every date before or after it is so of the moment too.
            "FLOOR": lambda value: value if value is None else math.floor(value),
            "CONCAT": lambda *values: "".join("" if value is None else str(value) for value in values),
            "NCHAR": lambda number: chr(int(number)),
            "REPLACE": self._replace,
            "UPPER": lambda value: value if value is None else str(value).upper(),
        }

    def visit_BinaryExpression(self, node: Any) -> Expression:
        calculate = _ARITHMETIC[str(node.BinaryExpressionType)]
        return _strict(calculate, self._compile(node.FirstExpression), self._compile(node.SecondExpression))

    def visit_BooleanBinaryExpression(self, node: Any) -> Expression:
        first, second = self._compile(node.FirstExpression), self._compile(node.SecondExpression)
        decides = str(node.BinaryExpressionType) == "Or"

        def connect(row: Row, group: Sequence[Row]) -> bool | None:
            values = first(row, group), second(row, group)
            return decides if decides in values else None if None in values else not decides

        return connect

    def visit_BooleanComparisonExpression(self, node: Any) -> Expression:
        compare = _COMPARISONS[str(node.ComparisonType)]
        sides = self._compile(node.FirstExpression), self._compile(node.SecondExpression)
        return _strict(lambda one, two: compare(self.collation.text(one), self.collation.text(two)), *sides)

    def visit_BooleanIsNullExpression(self, node: Any) -> Expression:
        value, negated = self._compile(node.Expression), node.IsNot
        return lambda row, group: (value(row, group) is None) is not negated

    def visit_BooleanNotExpression(self, node: Any) -> Expression:
        return _strict(operator.not_, self._compile(node.Expression))

    def visit_BooleanParenthesisExpression(self, node: Any) -> Expression:
        return self._compile(node.Expression)

    def visit_BooleanTernaryExpression(self, node: Any) -> Expression:
        assert str(node.TernaryExpressionType) == "Between"
        parts = (node.FirstExpression, node.SecondExpression, node.ThirdExpression)
        return _strict(lambda value, low, high: low <= value <= high, *map(self._compile, parts))

    def visit_CastCall(self, node: Any) -> Expression:
        kind = str(node.DataType.Name.BaseIdentifier.Value).upper()
        if kind == "BIGINT":
            return _strict(int, self._compile(node.Parameter))
        assert kind == "DATE", "only days and whole numbers are cast"
        return self._compile(node.Parameter)

    def visit_TryCastCall(self, node: Any) -> Expression:
        assert str(node.DataType.Name.BaseIdentifier.Value).upper() in ("DECIMAL", "NUMERIC"), "only numbers are tried"

        def number(value: object) -> Decimal | None:
            text = str(value).strip(" ")
            return Decimal(text) if re.fullmatch(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)", text) else None

        return _strict(number, self._compile(node.Parameter))

    def visit_CoalesceExpression(self, node: Any) -> Expression:
        values = [self._compile(value) for value in node.Expressions]
        return lambda row, group: next((v for value in values if (v := value(row, group)) is not None), None)

    def visit_ColumnReferenceExpression(self, node: Any) -> Expression:
        *table, column = _column_parts(node)
        if table:
            return lambda row, group: row[table[0]][column]

        def find(row: Row, group: Sequence[Row]) -> object:
            (found,) = [columns[column] for columns in row.values() if column in columns]
            return found

        return find

    def visit_FunctionCall(self, node: Any) -> Expression:
        name = str(node.FunctionName.Value).upper()
        if name in _AGGREGATES:
            return self._aggregate(name, node.Parameters[0])
        if name == "DATEPART":  # The part stands bare, and reads as a column.
            part, moment = _column_parts(node.Parameters[0])[0], self._compile(node.Parameters[1])
            return _strict(lambda day: {"year": day.year, "month": day.month, "day": day.day}[part], moment)
        if name in ("DATEADD", "DATEDIFF"):
            assert _column_parts(node.Parameters[0]) == ["day"]
            first, second = (self._compile(each) for each in (node.Parameters[1], node.Parameters[2]))
            away = (lambda days, day: day + timedelta(days=days)) if name == "DATEADD" else _days_between
            return _strict(away, first, second)
        arguments = [self._compile(argument) for argument in node.Parameters]
        function = self._functions[name]
        return lambda row, group: function(*(argument(row, group) for argument in arguments))

    def visit_InPredicate(self, node: Any) -> Expression:
        assert not node.NotDefined
        value, members = self._compile(node.Expression), [self._compile(member) for member in node.Values]

        def among(row: Row, group: Sequence[Row]) -> bool | None:
            sought = self.collation.text(value(row, group))
            found = [self.collation.text(member(row, group)) for member in members]
            return None if sought is None else True if sought in found else None if None in found else False

        return among

    def visit_IntegerLiteral(self, node: Any) -> Expression:
        number = int(node.Value)
        return lambda row, group: number

    def visit_LikePredicate(self, node: Any) -> Expression:
        assert node.EscapeExpression is None, "ESCAPE is not emulated"
        asked = _strict(self.collation.like, self._compile(node.FirstExpression), self._compile(node.SecondExpression))
        return _strict(operator.not_, asked) if node.NotDefined else asked

    def visit_NullLiteral(self, node: Any) -> Expression:
        return lambda row, group: None

    def visit_NumericLiteral(self, node: Any) -> Expression:
        number = Decimal(str(node.Value))
        return lambda row, group: number

    def visit_ParenthesisExpression(self, node: Any) -> Expression:
        return self._compile(node.Expression)

    def visit_SearchedCaseExpression(self, node: Any) -> Expression:
        branches = [
            (self._compile(branch.WhenExpression), self._compile(branch.ThenExpression)) for branch in node.WhenClauses
        ]
        otherwise = self._compile(node.ElseExpression) if node.ElseExpression is not None else lambda row, group: None

        def choose(row: Row, group: Sequence[Row]) -> object:
            for condition, value in branches:
                if condition(row, group) is True:
                    return value(row, group)
            return otherwise(row, group)

        return choose

    def visit_StringLiteral(self, node: Any) -> Expression:
        text = str(node.Value)
        return lambda row, group: text

    def visit_UnaryExpression(self, node: Any) -> Expression:
        assert str(node.UnaryExpressionType) == "Negative"
        return _strict(operator.neg, self._compile(node.Expression))

    def _aggregate(self, name: str, argument: Any) -> Expression:
        if name == "COUNT":
            assert str(argument.ColumnType) == "Wildcard"
            return lambda row, group: len(group)
        value = self._compile(argument)
        combine = {"MAX": max, "MIN": min, "SUM": sum}[name]

        def over_group(row: Row, group: Sequence[Row]) -> object:
            values = [v for member in group if (v := value(member, ())) is not None]
            return combine(values) if values else None

        return over_group

    def _replace(self, value: str | None, old: str | None, new: str | None) -> str | None:
        if value is None or old is None or new is None:
            return None
        flags = re.IGNORECASE if self.collation.ignores_case else 0
        return re.sub(re.escape(old), new.replace("\\", r"\\"), str(value), flags=flags) if old else value


def _days_between(first: date, second: date) -> int:
    return (second - first).days


def _strict(function: Callable[..., Any], *arguments: Expression) -> Expression:
    """Return NULL where any argument is NULL."""

    def call(row: Row, group: Sequence[Row]) -> Any:
        values = [argument(row, group) for argument in arguments]
        return None if None in values else function(*values)

    return call


def _aggregates(element: Any) -> bool:
    """Whether a column of a SELECT is an aggregate: then, without GROUP BY, all rows are one group."""
    found = element.Expression
    return _kind(found) == "FunctionCall" and str(found.FunctionName.Value).upper() in _AGGREGATES


def _table_of(side: Any) -> str:
    """Return the table of one side of a join's condition: a column, or COALESCE of a column."""
    return _column_parts(side.Expressions[0] if _kind(side) == "CoalesceExpression" else side)[0]


def _column_parts(node: Any) -> list[str]:
    return [str(part.Value).lower() for part in node.MultiPartIdentifier.Identifiers]


def _kind(node: Any) -> str:
    return type(node).__name__
