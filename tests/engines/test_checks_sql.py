"""The query that counts what is odd in a table, on every engine: it finds what Polars finds."""

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.engines.checked_extract import fields_to_read, read_all
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.polars_engine import open_source
from ebi_rules.engines.row_reader import RowReader
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
