"""SQL text: the safe subset, its shapes in every dialect, and lists far longer than those of any rule."""

import re
import sqlite3
import tomllib
from collections.abc import Callable

import duckdb
import polars as pl
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import Dialects, exp

import ebi_rules as ebi
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import find_layout
from ebi_rules.statements.rule_sql import SHAPES, rule_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import builtin_dialects, find_dialect
from ebi_rules.translate.dialects.printing import fill_lines, print_sql
from ebi_rules.translate.sql import like_patterns
from opcs_icd import CodeList
from tests.engines.case import Case
from tests.engines.making import make_case, make_rule
from tests.engines.tsql_machine import Collation

RULE = ebi.rule("2S")
NAMES = sorted(builtin_dialects())


def test_every_dialect_file_is_a_dialect_of_its_name() -> None:
    files = {file.name: tomllib.loads(file.read_text(encoding="utf-8")) for file in toml_files(data_folder("dialects"))}
    assert {f"{name}.toml" for name in builtin_dialects()} == set(files)
    for name, dialect in builtin_dialects().items():
        assert files[f"{name}.toml"]["name"] == dialect.name == name
        assert find_dialect(name.upper()) is dialect
        assert Dialects(dialect.sqlglot).value == dialect.sqlglot
    promised = {"tsql", "snowflake", "bigquery", "databricks", "spark", "postgres", "redshift", "duckdb", "sqlite"}
    promised |= {"mysql", "clickhouse", "trino", "oracle"}
    assert promised <= set(builtin_dialects()), "a dialect that users rely on is gone"


_REGULAR = re.compile(r"REGEXP|~|RLIKE|\bmatch\(|\bextract\((?!YEAR|MONTH|DAY)", re.IGNORECASE)
_OF_NUMBERS = re.compile(r"'\^\[\+-\]\?\[0-9\]\+\((\?:)?\[\.\]\[0-9\]\+\)\?\$'")
_SEARCH = {
    name: re.compile(
        re.escape(dialect.search).replace(r"\{\}", r".*").replace(r"\{pattern\}", r"'[A-Z0-9,^ *()|\[\]-]+'")
    )
    for name, dialect in builtin_dialects().items()
    if dialect.search
}


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["ncdr-opa", "hes-op", "unified-sus-op"])
def test_every_shape_can_be_parsed_in_its_own_dialect(dialect: str, shape: str, layout: str) -> None:
    """This catches broken text; it does not prove the meaning, because sqlglot accepts too much.

    The variants are parsed over one layout: they differ in criteria, and layouts in how columns are read.
    """
    if layout == "unified-sus-op" and shape in ("predicate", "case"):
        with pytest.raises(ebi.DialectError, match="second table"):
            ebi.sql(RULE, dialect, layout, "sus.opa", shape)
        return
    has_variants = layout == "ncdr-opa" and shape not in ("predicate", "case")
    interpretations = RULE.interpretations.values() if has_variants else [RULE]
    for interpretation in interpretations:
        text = ebi.sql(interpretation, dialect, layout, "sus.opa", shape)
        assert sqlglot.parse_one(f"SELECT {text}" if shape == "case" else text, read=dialect)
        assert "LIKE_ANY" not in text.upper()
        # By a pattern, as its file says, a dialect asks whether a text is a number: TRY_CAST often takes 1e2 for one.
        asked = len(_SEARCH[dialect].findall(text)) if dialect in _SEARCH else 0
        assert len(_REGULAR.findall(text)) == len(_OF_NUMBERS.findall(text)) + asked
        plain = ebi.sql(interpretation, dialect, layout, "sus.opa", shape, plain=True)
        assert len(_REGULAR.findall(plain)) == len(_OF_NUMBERS.findall(plain))


@pytest.mark.parametrize(
    "node",
    [
        exp.RegexpLike(this=exp.column("a"), expression=exp.Literal.string("b")),
        exp.ILike(this=exp.column("a"), expression=exp.Literal.string("b")),
        exp.Limit(expression=exp.Literal.number(1)),
        exp.TryCast(this=exp.column("a"), to=exp.DataType.build("int")),
        exp.Anonymous(this="SOUNDEX", expressions=[exp.column("a")]),
        exp.Select(expressions=[exp.column("a")]).from_("t").limit(1),
    ],
)
def test_a_node_outside_the_safe_subset_is_never_printed(node: exp.Expr) -> None:
    with pytest.raises(ebi.DialectError, match="cannot be printed"):
        print_sql(node, find_dialect("duckdb"))


def test_tsql_has_nothing_newer_than_2016_and_no_truth_values() -> None:
    for layout in ("ncdr-opa", "hes-op", "unified-sus-op"):
        for interpretation in RULE.interpretations.values():
            # TRY_CAST is in SQL Server from 2012.
            text = ebi.sql(interpretation, "tsql", layout, "sus.opa").upper().replace("TRY_CAST(", "")
            for word in (
                "TRIM(",
                "STRING_AGG",
                "CONCAT_WS",
                "TRANSLATE(",
                "TRY_",
                " LIMIT ",
                "TRUE",
                "FALSE",
                "GREATEST",
            ):
                assert word not in text, word


def test_classes_are_only_used_by_dialects_that_have_them() -> None:
    assert "LIKE '%,U05[45]%'" in ebi.sql(RULE, "tsql", "ncdr-opa", "sus.opa")
    without_classes = [name for name, dialect in builtin_dialects().items() if not dialect.like_classes]
    assert len(without_classes) > 1
    for dialect in without_classes:
        assert "[4" not in ebi.sql(RULE, dialect, "ncdr-opa", "sus.opa", plain=True)


_prefixes = st.from_regex(r"[ACU][0-9][0-9]([0-9]([0-9])?)?", fullmatch=True)


@given(st.lists(_prefixes, min_size=1, max_size=15), _prefixes)
def test_classes_match_what_the_prefixes_match(prefixes: list[str], code: str) -> None:
    codes = CodeList.opcs(prefixes)
    patterns = like_patterns(codes, find_dialect("tsql"))
    collation = Collation(ignores_case=False, unicode=True)
    assert any(collation.like(code, f"{pattern}%") for pattern in patterns) == (code in codes)


def test_classes_are_few() -> None:
    assert like_patterns(CodeList.icd(["C00-C99", "D0", "D37-D48"]), find_dialect("tsql")) == [
        "C[0-9][0-9]",
        "D0[0-9]",
        "D3[7-9]",
        "D4[0-8]",
    ]


def test_names_that_need_quoting_are_quoted() -> None:
    text = ebi.sql(RULE, "snowflake", "unified-sus-op", "DATA_LAKE.SUS_UNIFIED_OP.appointment")
    assert '"appointment.patient.identity.age_at_cds_activity_date"' in text
    assert 'DATA_LAKE.SUS_UNIFIED_OP."appointment.clinical_coding.procedure.opcs"' in text
    assert '"2S_lower_back_imaging"' in text
    assert "AS [rule]" in ebi.sql(RULE, "tsql", "ncdr-opa", "sus.opa", "counts")
    assert "AS rule" in ebi.sql(RULE, "postgres", "ncdr-opa", "sus.opa", "counts")
    assert "PRIMARYKEY_ID" in text
    assert '"PRIMARYKEY_ID"' not in text


def test_followed_by_is_refused_where_it_would_explode() -> None:
    many = [f"{letter}{number:03d}" for letter in "AB" for number in range(0, 1000, 10)]
    rule = make_rule({"order": "procedure_followed_by(many, many)"}, {"many": many})
    with pytest.raises(ebi.DialectError, match="40,000 comparisons"):
        ebi.sql(rule, "duckdb", "ncdr-opa", "t", plain=True)
    assert ebi.sql(rule, "duckdb", "ncdr-opa", "t").count("regexp_matches") == 1
    assert "MIN(" in ebi.sql(rule, "duckdb", "unified-sus-op", "t")


def test_a_predicate_too_long_to_paste_is_refused() -> None:
    many = [f"{letter}{number:03d}" for letter in "ABCDEFGHJK" for number in range(0, 1000, 5)]
    rule = make_rule({"many": "procedure(many)"}, {"many": many})
    for shape in ("predicate", "case"):
        with pytest.raises(ebi.DialectError, match=r"many would make a predicate of about .* use --shape flags"):
            ebi.sql(rule, "duckdb", "hes-op", "t", shape, plain=True)
    assert ebi.sql(rule, "duckdb", "hes-op", "t", plain=True).count("LIKE") == 2_000
    assert ebi.sql(rule, "duckdb", "hes-op", "t").count("LIKE") == 0


def test_a_list_with_the_name_of_a_field_has_its_own_column() -> None:
    rule = make_rule({"scanned": "procedure(age) AND age >= 19"}, {"age": ["U05"]})
    for layout in ("ncdr-opa", "unified-sus-op"):
        text = ebi.sql(rule, "duckdb", layout, "t")
        assert "AS age_2" in text
        assert "age_2 = 1 AND COALESCE(age, -1) >= 19" in text


def _counted(execute: Callable[[str], list[tuple[object, ...]]], dialect: str) -> list[tuple[object, ...]]:
    return sorted(execute(ebi.sql(RULE, dialect, "ncdr-opa", "opa", "counts").rstrip(";")), key=str)


def test_counts_group_by_provider_and_month(tmp_path: object) -> None:
    frame = pl.DataFrame(
        {
            "OPA_Ident": [1, 2, 3, 4, 5],
            "Der_Procedure_All": ["U055", "U055", None, "U055", "U135,Z665"],
            "Der_Diagnosis_All": [None, "C509", None, None, None],
            "Administrative_Category": ["01", "01", "01", "2", None],
            "Age_at_Start_of_Episode_SUS": [30, 30, 30, 30, 30],
            "Der_Age_at_CDS_Activity_Date": [30, 30, 30, 30, 30],
            "Der_Provider_Code": ["ZZ1", "ZZ1", "ZZ1", "ZZ1", "ZZ2"],
            "Appointment_Date": ["2024-04-01", "2024-04-30", "2024-05-01", "2024-05-31", "2024-12-31"],
        },
        schema_overrides={"Der_Diagnosis_All": pl.String},
    )
    expected = [
        (RULE.key, "ZZ1", 202404, 2, 1, 1),
        (RULE.key, "ZZ1", 202405, 2, 1, 0),
        (RULE.key, "ZZ2", 202412, 1, 1, 1),
    ]
    duck = duckdb.connect()
    duck.register("opa", frame.with_columns(pl.col("Appointment_Date").str.to_date()).to_arrow())
    assert _counted(lambda text: duck.execute(text).fetchall(), "duckdb") == expected
    lite = sqlite3.connect(":memory:")
    lite.execute(f"CREATE TABLE opa ({', '.join(frame.columns)})")
    lite.executemany("INSERT INTO opa VALUES (?, ?, ?, ?, ?, ?, ?, ?)", frame.iter_rows())
    assert _counted(lambda text: lite.execute(text).fetchall(), "sqlite") == expected
    lite.close()


def test_the_view_and_the_case_run() -> None:
    rows = [{"procedures": code, "age": 30, "administrative_category": "01"} for code in ("U055", "U056")]
    case: Case = make_case("ncdr-opa", [RULE], rows)
    frame = case.activity.with_columns(pl.lit(None, pl.Int64).alias("Der_Age_at_CDS_Activity_Date"))
    duck = duckdb.connect()
    duck.register("source", frame.to_arrow())
    duck.execute("CREATE TABLE opa AS SELECT * FROM source")
    duck.execute(ebi.sql(RULE, "duckdb", "ncdr-opa", "opa", "view"))
    assert duck.execute("SELECT * FROM ebi_flags ORDER BY 1").fetchall() == [(0, 1), (1, 0)]
    text = ebi.sql(RULE, "duckdb", "ncdr-opa", "opa", "case")
    assert duck.execute(f"SELECT {text} FROM opa ORDER BY OPA_Ident").fetchall() == [(RULE.key,), (None,)]


def test_several_rules_share_one_statement() -> None:
    one = make_rule({"scanned": "procedure(scan)"}, {"scan": ["U055"]}, key="one")
    two = make_rule({"scanned": "procedure(scan) OR diagnosis(cancer)"}, {"scan": ["U055"]}, key="two")
    other = make_rule({"scanned": "procedure(scan)"}, {"scan": ["U054"]}, key="other")
    source = TableSource(bind(find_layout("ncdr-opa")), "t")
    text = rule_statement([one.logic, two.logic], "duckdb", source, strategy="inline")
    assert text.count("AS scan") == 1
    assert "AS one" in text
    assert "AS two" in text
    text = rule_statement([one.logic, other.logic], "duckdb", source, strategy="inline")
    assert text.count("AS scan") == 2
    assert "AS scan_2" in text
    with pytest.raises(ebi.UsageError, match="one rule at a time"):
        rule_statement([one.logic, two.logic], "duckdb", source, "predicate")


def test_distinct_texts_are_decided_once_or_every_row_is() -> None:
    rule = make_rule({"scanned": "procedure(scan)"}, {"scan": ["U055"]}, key="one")
    inline = ebi.sql(rule, "postgres", "hes-op", "t", strategy="inline")
    distinct = ebi.sql(rule, "postgres", "hes-op", "t", strategy="distinct")
    assert "procedure_texts" not in inline
    assert "procedure_texts" in distinct
    assert ebi.sql(rule, "duckdb", "ncdr-opa", "t") == ebi.sql(rule, "duckdb", "ncdr-opa", "t", strategy="distinct")
    with pytest.raises(ebi.UsageError, match="no strategy 'distint'; the nearest is distinct"):
        ebi.sql(rule, "duckdb", "ncdr-opa", "t", strategy="distint")
    with pytest.raises(ebi.UsageError, match="use the strategy inline"):
        ebi.sql(rule, "duckdb", "ncdr-opa", "t", "predicate", strategy="distinct")


@pytest.mark.parametrize("dialect", NAMES)
def test_a_rule_to_paste_is_short(dialect: str) -> None:
    assert ebi.sql("2S", dialect, "ncdr-opa", "sus.opa", strategy="inline").count("\n") < 60


def test_filling_lines_changes_only_white_space() -> None:
    text = "WHEN a LIKE '%x%'\nOR a LIKE '%y%'\nOR a LIKE '%z%'\nTHEN 1"
    assert fill_lines(text).split() == text.split()
    assert fill_lines(text).count("\n") == 1
