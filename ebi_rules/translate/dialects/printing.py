"""Check a sqlglot tree and print it as SQL that a person can paste: names quoted where needed, lines filled.

Only nodes that mean the same in every dialect are printed. Nothing here runs SQL.
"""

import re
from collections.abc import Sequence

from sqlglot import Dialect as SqlglotDialect
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from ebi_rules._support.errors import DialectError, UsageError
from ebi_rules.translate.dialects.dialect import Dialect

SAFE_NODES: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Add,
        exp.Alias,
        exp.And,
        exp.Between,
        exp.Case,
        exp.Cast,
        exp.Coalesce,
        exp.Column,
        exp.Concat,
        exp.Count,
        exp.Create,
        exp.CTE,
        exp.CurrentDate,
        exp.DataType,
        exp.DataTypeParam,
        exp.DateAdd,
        exp.DateDiff,
        exp.Dot,
        exp.DPipe,
        exp.EQ,
        exp.Extract,
        exp.FirstValue,
        exp.Floor,
        exp.From,
        exp.Group,
        exp.GT,
        exp.GTE,
        exp.Identifier,
        exp.If,
        exp.In,
        exp.Is,
        exp.Join,
        exp.Lag,
        exp.Lead,
        exp.Like,
        exp.Literal,
        exp.LT,
        exp.LTE,
        exp.Max,
        exp.Min,
        exp.Mul,
        exp.Neg,
        exp.Not,
        exp.Null,
        exp.Or,
        exp.Order,
        exp.Ordered,
        exp.Paren,
        exp.Replace,
        exp.Select,
        exp.Star,
        exp.Sub,
        exp.Subquery,
        exp.Sum,
        exp.Table,
        exp.TableAlias,
        exp.TimeToStr,
        exp.Trunc,
        exp.TsOrDsToDate,
        exp.Union,
        exp.Upper,
        exp.Var,
        exp.Where,
        exp.Window,
        exp.WindowSpec,
        exp.With,
    }
)
"""The nodes that mean the same in every dialect. No other node is printed."""

_OF_DIALECT = "of the dialect's file"
"""The mark of nodes that a dialect's file says how to write: they are printed as they are."""

_LINE = 120
_FILLED = 96
_CONTINUED = " " * 8
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE_PART = re.compile(r"[\w $#@-]+")
_PART = re.compile(r'\s*(?:\[([^\[\]]+)\]|"([^"]+)"|`([^`]+)`|([^.\[\]"`]+))\s*(\.|$)')
_MOST_PARTS = 4
_LONGEST_NAME = 255

# Words of the SQL standard that must be quoted as names in every dialect.
_RESERVED = frozenset(
    """
    ALL AND ANY AS ASC BETWEEN BY CASE CAST CHECK COLUMN CONSTRAINT CREATE CROSS CURRENT_DATE DEFAULT DELETE DESC
    DISTINCT DROP ELSE END EXCEPT EXISTS FALSE FETCH FOR FOREIGN FROM FULL GRANT GROUP HAVING IN INNER INSERT
    INTERSECT INTO IS JOIN KEY LEFT LIKE LIMIT NOT NULL OFFSET ON OR ORDER OUTER PRIMARY PROCEDURE REFERENCES RIGHT
    SELECT SET SOME TABLE THEN TO TRUE UNION UNIQUE UPDATE USER USING VALUES VIEW WHEN WHERE WINDOW WITH
    """.split()
)


def identifier(name: str, dialect: Dialect, as_read: bool = False) -> exp.Identifier:
    """Return a name as an identifier, quoted where the dialect requires it.

    Args:
        name: The name.
        dialect: The dialect.
        as_read: Whether the name was read from the table, so that its case is the table's own.

    Raises:
        UsageError: The name is empty, too long or not printable.

    Example:
        >>> from ebi_rules.translate.dialects.dialect import find_dialect
        >>> identifier("Sex", find_dialect("tsql")).sql(), identifier("Provider Code", find_dialect("tsql")).sql()
        ('Sex', '"Provider Code"')
    """
    _require_printable(name)
    plain = _PLAIN_NAME.fullmatch(name) and name.upper() not in _reserved_words(dialect)
    folded = {"lower": name.lower(), "upper": name.upper()}.get(dialect.folds, name)
    return exp.Identifier(this=name, quoted=not plain or (as_read and name != folded))


def table_name(text: str, dialect: Dialect) -> exp.Table:
    """Return a table from a name such as `schema.table`. The text itself is never put into a statement.

    Args:
        text: The name, of up to four parts, each of which may be quoted with [], "" or ``.
        dialect: The dialect, which decides what must be quoted.

    Raises:
        UsageError: The text is not the name of a table.

    Example:
        >>> from ebi_rules.translate.dialects.dialect import find_dialect
        >>> table_name("sus.[op a]", find_dialect("tsql")).sql()
        'sus."op a"'
    """
    parts: list[str] = []
    place = 0
    while place < len(text) or not parts:
        match = _PART.match(text, place)
        if not match:
            raise UsageError(f"--table {text}: this is not the name of a table.")
        bare = match[4]
        if bare is not None and not _BARE_PART.fullmatch(bare.strip()):
            raise UsageError(f"--table {text}: {bare.strip()} is not a plain name. Put it in quotation marks.")
        parts.append((match[1] or match[2] or match[3] or bare).strip())
        place = match.end()
        if match[5] == "." and place == len(text):
            raise UsageError(f"--table {text}: the name ends in a dot.")
    if len(parts) > _MOST_PARTS:
        raise UsageError(f"--table {text}: the name must have at most {_MOST_PARTS} parts.")
    names = [identifier(part, dialect) for part in parts]
    if len(names) == _MOST_PARTS:  # A linked server: server.database.schema.table.
        return exp.Table(this=exp.Dot(this=names[2], expression=names[3]), db=names[1], catalog=names[0])
    qualifiers = dict(zip(("db", "catalog"), reversed(names[:-1]), strict=False))
    return exp.Table(this=names[-1], **qualifiers)


def from_template(template: str, value: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return an expression that a dialect's file describes, with a value in the place of each {}.

    The value is checked here; the template is printed as it is.

    Raises:
        DialectError: A node of the value does not mean the same in every dialect.
    """
    _require_safe(value)
    return exp.Var(this=template.replace("{}", _filled(_pieces(value, dialect))))


def function(name: str, values: Sequence[exp.Expr]) -> exp.Expr:
    """Return a call of a function that a dialect's file names."""
    call = exp.Anonymous(this=name, expressions=list(values))
    call.meta[_OF_DIALECT] = True
    return call


def print_sql(tree: exp.Expr, dialect: Dialect) -> str:
    """Return a tree as SQL text.

    Raises:
        DialectError: A node is not in `SAFE_NODES`, or the dialect does not support it.
    """
    _require_safe(tree)
    try:
        text = _on_one_line(tree.copy(), dialect).sql(
            dialect=dialect.sqlglot, pretty=True, max_text_width=_LINE, unsupported_level=ErrorLevel.RAISE
        )
    except SqlglotError as error:
        raise DialectError(f"{dialect.title} does not support this: {error}.") from None
    return fill_lines(text)


def _require_safe(tree: exp.Expr) -> None:
    for node in tree.walk():
        if type(node) not in SAFE_NODES and not node.meta.get(_OF_DIALECT):
            raise DialectError(f"{type(node).__name__} does not mean the same in every dialect: it cannot be printed.")


def _on_one_line(tree: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Return a tree in which calls that put a text into normal form are filled lines, and not one line a call."""

    def shorten(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Replace | exp.Upper | exp.Anonymous) and _depth(node) > 2:
            return exp.Var(this=_filled(_pieces(node, dialect)))
        return node

    return tree.transform(shorten, copy=False)


def _depth(node: exp.Expr) -> int:
    """Return how many calls of functions are nested in a call."""
    inner = [_depth(child) for child in node.iter_expressions() if isinstance(child, exp.Func)]
    return 1 + max(inner, default=0)


def _pieces(node: exp.Expr, dialect: Dialect) -> list[str]:
    """Return the text of nested calls in pieces, between which a line may end."""
    names: dict[type[exp.Expr], str] = {exp.Replace: "REPLACE", exp.Upper: "UPPER"}
    if type(node) in names:
        arguments = [node.this, *filter(None, (node.args.get("expression"), node.args.get("replacement")))]
        name = names[type(node)]
    elif isinstance(node, exp.Anonymous):
        arguments, name = node.expressions, str(node.this)
    else:
        return [node.sql(dialect=dialect.sqlglot, unsupported_level=ErrorLevel.RAISE)]
    first, *others = arguments
    pieces = _pieces(first, dialect)
    pieces[0] = f"{name}({pieces[0]}"
    if others:
        pieces.append(
            ", ".join(each.sql(dialect=dialect.sqlglot, unsupported_level=ErrorLevel.RAISE) for each in others)
        )
    pieces[-1] += ")"
    return pieces


def _filled(pieces: Sequence[str]) -> str:
    """Return pieces on lines that are not too long, with a comma between them."""
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + len(piece) < _FILLED:
            lines[-1] += f", {piece}"
        else:
            lines[-1] += ","
            lines.append(_CONTINUED + piece)
    return "\n".join(lines)


def fill_lines(text: str) -> str:
    """Return SQL with short alternatives (OR ... LIKE ...) moved onto one line, as many as fit."""
    lines: list[str] = []
    for line in text.splitlines():
        continues = line.lstrip().startswith("OR ") and lines and _is_alternative(lines[-1])
        if continues and _is_alternative(line) and len(lines[-1]) + len(line.lstrip()) < _LINE:
            lines[-1] += " " + line.lstrip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _is_alternative(line: str) -> bool:
    """Return whether a line is one or more plain LIKE conditions, which may share a line."""
    return " LIKE '" in line and line.rstrip().endswith("'")


def _require_printable(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise UsageError(f"{name!r} cannot be the name of a table or column.")


def _reserved_words(dialect: Dialect) -> frozenset[str]:
    generator = SqlglotDialect.get_or_raise(dialect.sqlglot).generator_class
    return _RESERVED | set(dialect.reserved.split()) | {word.upper() for word in generator.RESERVED_KEYWORDS}
