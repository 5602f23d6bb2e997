"""The query that counts what is odd in a table, on every engine: it finds what Polars finds."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import OLDEST
from ebi_rules.engines import polars_profile
from ebi_rules.engines.checked_extract import fields_to_read, read_all
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.polars_engine import open_source
from ebi_rules.engines.row_reader import RowReader
from ebi_rules.engines.warehouse import find_odd_values
from ebi_rules.layouts.layout import find_layout
from ebi_rules.statements.check_sql import STANDARD_FIELDS
from tests.engines.evaluators import EVERY_SQL_ENGINE, SQL_ENGINES, started

ROWS = 300
FIELDS = [*STANDARD_FIELDS, "administrative_category"]


def odd_frame() -> pl.DataFrame:
    """Return an extract in which every finding occurs."""

    def cells(*values: str | None) -> pl.Series:
        return pl.Series([values[place % len(values)] for place in range(ROWS)], dtype=pl.String)

    return pl.DataFrame(
        {
            "OPA_Ident": pl.int_range(ROWS, eager=True),
            "Appointment_Date": pl.Series([None, "2024-03-04", "2024-05-06"] * (ROWS // 3)).str.to_date(),
            "Age_at_Start_of_Episode_SUS": cells("45", "45.0", " 7\u00a0", "NULL", None, "200", "7003"),
            "Der_Age_at_CDS_Activity_Date": cells(None),
            "Sex": cells("1", "2.0", "Q", "NA", None, " 9"),
            "Administrative_Category": cells("01", "2", "2.0", "private", "None", None, "20"),
            "Der_Provider_Code": cells("ZZ1", "zz1", "", "N/A"),
            "Der_Procedure_All": cells(
                "||U054,Z665", "U05.4", "X99.8", "nan", "U05", "U054^Z665", None, "Q", "-", "U0541"
            ),
            "Der_Diagnosis_All": cells("M545", "M54.5X", "C50-", "C509AD", "&", "NULL", "279039007", "M545D", "\tI10X"),
        }
    )


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_it_finds_what_polars_finds(name: str) -> None:
    started(name)
    engine, dialect = SQL_ENGINES[name]
    frame = odd_frame()
    extract = open_source(ExtractSource(frame))
    reader = RowReader(*fields_to_read(extract, [], FIELDS))
    read_all(reader)
    expected = {(found.field, found.check): found.rows for found in reader.findings() if found.field != "id"}
    assert sum(map(bool, expected.values())) > 10
    table = "odd_values"
    engine.load(table, frame, dialect)
    text = ebi.sql("2S", dialect, "ncdr-opa", table, "checks").rstrip(";")
    found = {(field, check): int(count) for field, check, count in engine.rows(text)}
    assert {key: count for key, count in found.items() if key in expected} == expected
    assert {field: count for (field, check), count in found.items() if check == "rows"} == dict.fromkeys(
        ("id", "procedures", "diagnoses"), ROWS
    )


_NUMBERS = ("45", "7.00", "+7", "200", " 7\u00a0")
_NO_NUMBERS = (
    "1.2.3",
    "4-5",
    "--3",
    "-",
    "+",
    ".",
    "1e2",
    "1E2",
    "1.0e0",
    "1_0",
    "0x1F",
    "12abc",
    "1,5",
    "\u0663",
    "1/2",
    "1f",
)


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_what_is_no_whole_number_is_counted(name: str) -> None:
    """Warehouses make 0 of -, 100 of 1e2, or 1.2 of 1.2.3, if they are only asked for a number."""
    started(name)
    engine, dialect = SQL_ENGINES[name]
    ages = [*_NUMBERS, *_NO_NUMBERS]
    frame = odd_frame().head(len(ages)).with_columns(Age_at_Start_of_Episode_SUS=pl.Series(ages))
    reader = RowReader(*fields_to_read(open_source(ExtractSource(frame)), [], ["age"]))
    read_all(reader)
    expected = {found.check: found.rows for found in reader.findings() if found.field == "age"}
    assert expected["malformed"] == len(_NO_NUMBERS)
    engine.load("odd_ages", frame, dialect)
    text = ebi.sql("2S", dialect, "ncdr-opa", "odd_ages", "checks").rstrip(";")
    found = {check: int(count) for field, check, count in engine.rows(text) if field == "age"}
    assert {check: found[check] for check in ("malformed", "implausible")} == {
        check: expected[check] for check in ("malformed", "implausible")
    }


@pytest.mark.parametrize("asked", [["nicip"], ["snomed"], ["nicip", "snomed"]])
@pytest.mark.parametrize("present", [["nicip"], ["snomed"], ["nicip", "snomed"]])
def test_imaging_codes_of_the_kinds_asked_for(present: list[str], asked: list[str], tmp_path: Path) -> None:
    """A rule may ask for one kind of imaging code where the extract has another, or both."""
    codes = {"nicip": ["MLUSP", "?", None], "snomed": ["241648005", "241648006", "168537006"]}
    columns = find_layout("dids-v1").fields
    rows = {columns["id"][0]: [1, 2, 3], columns["activity_date"][0]: [date(2024, 5, 1)] * 3}
    rows |= {columns[name][0]: codes[name] for name in present}
    frame = pl.DataFrame(rows)
    frame.write_parquet(tmp_path / "scans.parquet")
    chosen = {name: (columns[name][0],) for name in ("id", "activity_date", *present)}
    layout = replace(
        find_layout("dids-v1"), key_with=(), fields={**chosen, **{n: () for n in codes if n not in present}}
    )
    extracts = [ebi.open(tmp_path / "scans.parquet", engine=engine, layout=layout) for engine in ("polars", "duckdb")]
    _, found, _ = polars_profile.profile(extracts[0], asked)
    in_sql = find_odd_values(extracts[1], asked)
    both = set(asked) & set(present)
    for findings in (found, in_sql):
        of_codes = {(each.field, each.check, each.rows) for each in findings if each.check in ("malformed", "disagree")}
        assert of_codes == {("nicip", "malformed", 1) for _ in both & {"nicip"}} | {
            ("snomed", "malformed", 1) for _ in both & {"snomed"}
        } | {("nicip", "disagree", 0) for _ in [1] if both == {"nicip", "snomed"}}


@pytest.mark.parametrize(
    ("field", "value", "is_implausible"),
    [
        ("age", -1, True),
        ("age", 0, False),
        ("age", OLDEST, False),
        ("age", OLDEST + 1, True),
        ("age", 7000, True),
        ("age", 7001, False),
        ("age", 7007, False),
        ("age", 7008, True),
        ("imd_decile", 0, True),
        ("imd_decile", 1, False),
        ("imd_decile", 10, False),
        ("imd_decile", 11, True),
        ("imd_decile", 7001, True),
        ("imd_decile", 7007, True),
    ],
)
def test_numbers_beyond_their_limits(field: str, value: int, is_implausible: bool, tmp_path: Path) -> None:
    """HES writes the ages of babies as 7001 to 7007; there are no such deciles."""
    frame = odd_frame().select(pl.all().exclude("Age_at_Start_of_Episode_SUS"), number=pl.lit(value))
    frame.write_parquet(tmp_path / "numbers.parquet")
    columns = {field: "number"}
    extracts = [
        ebi.open(tmp_path / "numbers.parquet", engine=engine, columns=columns) for engine in ("polars", "duckdb")
    ]
    _, by_polars, _ = polars_profile.profile(extracts[0], [field])
    for findings in (by_polars, find_odd_values(extracts[1], [field])):
        rows = {each.rows for each in findings if (each.field, each.check) == (field, "implausible")}
        assert rows == {ROWS if is_implausible else 0}
