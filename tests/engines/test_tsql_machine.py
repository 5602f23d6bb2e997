"""The emulation of T-SQL keeps the rules in Microsoft's documentation: LIKE, NULL, trailing blanks, collations."""

import pytest

from tests.engines import scriptdom
from tests.engines.tsql_machine import Collation, run

VARCHAR, NVARCHAR = (Collation(ignores_case=True, unicode=unicode) for unicode in (False, True))
CASED = Collation(ignores_case=False, unicode=True)


@pytest.mark.parametrize(
    ("value", "pattern", "holds"),
    [
        ("U054", "%U05[45]%", True),
        ("U053", "%U05[45]%", False),
        ("U05[45]", "%U05[45]%", False),
        ("u054", "U05_", True),
        ("a-b", "a[-]b", True),
        ("b", "[a-c]", True),
        ("b", "[^a-c]", False),
        ("d", "[^a-c]", True),
        ("[", "[[]", True),
        ("a[b", "a[b", False),
        ("a.b", "a_b", True),
        ("a\nb", "a%b", True),
        ("a+b", "a+b", True),
    ],
)
def test_like(value: str, pattern: str, holds: bool) -> None:
    assert NVARCHAR.like(value, pattern) is holds


def test_blanks_behind_a_text() -> None:
    """They count in LIKE for nvarchar and in the pattern; not for varchar, and never in =."""
    assert VARCHAR.like("abc  ", "abc")
    assert not NVARCHAR.like("abc  ", "abc")
    assert not VARCHAR.like("abc", "abc ")
    assert NVARCHAR.text("abc ") == NVARCHAR.text("ABC")
    assert CASED.text("abc ") == CASED.text("abc")
    assert CASED.text("abc") != CASED.text("ABC")


@pytest.mark.needs("SQL Server (emulated)")
@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("a = 'x'", [1]),
        ("NOT a = 'x'", [2]),
        ("a <> 'x'", [2]),
        ("a LIKE 'x%'", [1]),
        ("a NOT LIKE 'x%'", [2]),
        ("a IS NULL", [3]),
        ("a IN ('x', NULL)", [1]),
        ("NOT a IN ('x', NULL)", []),
        ("a = 'x' OR n > 0", [1, 2, 3]),
        ("a = 'y ' AND n BETWEEN 2 AND 3", [2]),
        ("COALESCE(a, 'x') = 'X'", [1, 3]),
        ("REPLACE(a, 'X', 'y') = 'y'", [1, 2]),
        ("CONCAT(a, 'z') = 'z'", [3]),
        ("FLOOR(n * 0.5) = 1", [2, 3]),
    ],
)
def test_null_is_unknown(condition: str, holds: list[int]) -> None:
    table = [{"n": 1, "a": "x"}, {"n": 2, "a": "y"}, {"n": 3, "a": None}]
    assert [n for (n,) in run(f"SELECT n FROM t WHERE {condition}", {"t": table}, VARCHAR)] == holds


@pytest.mark.needs("SQL Server (emulated)")
def test_joins() -> None:
    tables = {
        "t": [{"n": 1}, {"n": 2}, {"n": None}],
        "u": [{"m": 2, "a": "x"}, {"m": 2, "a": "y"}, {"m": None, "a": "z"}],
    }
    joined = "SELECT t.n, u.a FROM t {} JOIN u ON u.m = t.n"
    assert [*map(tuple, run(joined.format("INNER"), tables, VARCHAR))] == [(2, "x"), (2, "y")]
    assert [*map(tuple, run(joined.format("LEFT"), tables, VARCHAR))] == [(1, None), (2, "x"), (2, "y"), (None, None)]


@pytest.mark.needs("SQL Server (emulated)")
def test_what_it_does_not_know_it_refuses() -> None:
    for text in (
        "SELECT TOP 1 n FROM t",
        "SELECT n FROM t ORDER BY n",
        "SELECT ABS(n) AS n FROM t",
        "SELECT n FROM t WHERE a LIKE 'x' ESCAPE '!'",
    ):
        with pytest.raises((AssertionError, AttributeError, KeyError)):
            run(text, {"t": [{"n": 1, "a": "x"}]}, VARCHAR)
    with pytest.raises(SyntaxError, match="line 1"):
        scriptdom.parse("SELECT n FROM t LIMIT 1")
