"""Cases of our own, at least two of each kind of file that is not as it should be."""

import gzip
import re
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.warehouse import open_files
from tests.cases.own_cases import RIGHT, audited, refused
from tests.cases.test_files_as_people_have_them import CASES, counts

# The shape of text files.


def test_a_short_line_in_a_packed_file(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "opa.csv.gz"
    wrong = [*lines[:1000], lines[1000].rsplit(",", 2)[0], *lines[1001:]]
    path.write_bytes(gzip.compress("\n".join(wrong).encode()))
    assert "1 line with fewer cells than its headings, first in line 1,001" in refused(path)
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert counts(audited(path)) == RIGHT


def test_two_quotation_marks_that_swallow_the_lines_between(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "opa.csv"
    wrong = [line + '"x' if number in (500, 900) else line for number, line in enumerate(lines)]
    path.write_text("\n".join(wrong), encoding="utf-8")
    # The first mark opens a cell; it is the next one that cannot close it.
    assert re.search(r"quotation marks in the wrong place \([0-9,]+, the first in line 50[1-9]\)", refused(path))


def test_old_line_ends_blank_lines_and_a_separator_that_is_said(tmp_path: Path, lines: list[str]) -> None:
    old, blank, caret = (tmp_path / f"{name}.csv" for name in ("old", "blank", "caret"))
    old.write_bytes("\r".join(lines).encode())
    blank.write_text("\n".join([*lines[:50], "", *lines[50:], "", ""]), encoding="utf-8")
    table = pl.read_csv("\n".join(lines).encode(), infer_schema=False)
    table.write_csv(caret, separator="^")
    assert counts(audited(old)) == counts(audited(blank)) == counts(audited(caret, separator="^")) == RIGHT


def test_headings_that_are_values_are_not_shown(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "opa.csv"
    path.write_text("\n".join(lines[1:]), encoding="utf-8")
    message = refused(path)
    assert "has no line of headings" in message
    assert "U055" not in message


# Several files.


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_a_path_is_a_path(tmp_path: Path, frame: pl.DataFrame, engine: str) -> None:
    frame.write_parquet(tmp_path / "x[1].parquet")
    frame.head(10).write_parquet(tmp_path / "x1.parquet")
    assert audited(tmp_path / "x[1].parquet", engine=engine).run["rows"] == frame.height
    assert audited(str(tmp_path / "x?.parquet")).run["rows"] == 10


def test_what_begins_with_a_dot_or_an_underscore_is_no_data(tmp_path: Path, frame: pl.DataFrame) -> None:
    (tmp_path / "_temporary" / "0").mkdir(parents=True)
    for name in ("part-0.parquet", "._part-0.parquet", "_temporary/0/part-1.parquet"):
        frame.write_parquet(tmp_path / name)
    assert counts(audited(tmp_path)) == RIGHT


def test_types_that_cannot_be_united_matter_only_where_they_are_used(tmp_path: Path, frame: pl.DataFrame) -> None:
    frame.head(1200).write_parquet(tmp_path / "2023.parquet")
    later = frame.tail(1200)
    later.with_columns(pl.col("Der_Commissioner_Code").is_null()).write_parquet(tmp_path / "2024.parquet")
    assert counts(audited(tmp_path)) == RIGHT
    later.with_columns(pl.col("Appointment_Date").cast(pl.String)).write_parquet(tmp_path / "2024.parquet")
    message = refused(tmp_path)
    assert "the column Appointment_Date is String in" in message
    assert "2024.parquet" in message


@pytest.mark.parametrize("mark", ["_delta_log", "metadata"])
def test_no_engine_reads_the_files_of_a_table_format(tmp_path: Path, frame: pl.DataFrame, mark: str) -> None:
    (tmp_path / mark).mkdir()
    (tmp_path / mark / "0.metadata.json").write_text("{}", encoding="utf-8")
    frame.write_parquet(tmp_path / "part-0.parquet")
    with pytest.raises(ebi.UsageError, match="the engine spark would read rows that were deleted"):
        open_files("spark", ExtractSource(str(tmp_path)))


@pytest.mark.needs("deltalake", "DuckDB")
def test_deleted_rows_of_a_delta_table_are_not_read(tmp_path: Path, frame: pl.DataFrame) -> None:
    frame.head(100).write_delta(tmp_path / "opa")
    frame.write_delta(tmp_path / "opa", mode="overwrite")
    assert counts(audited(tmp_path / "opa")) == RIGHT
    assert "Use the engine polars" in refused(tmp_path / "opa", engine="duckdb")


# Numbered columns.


@pytest.fixture(scope="module")
def hes() -> pl.DataFrame:
    return pl.read_parquet(CASES / "51a-hes-nn-nopad" / "hes.parquet")


def test_a_template_for_numbered_columns(hes: pl.DataFrame) -> None:
    renamed = hes.rename({f"opertn_{place}": f"op_{place}" for place in (1, 2, 3)})
    columns = {"procedures": "op_N"}
    assert counts(audited(renamed, columns=columns)) == RIGHT
    # The advice of the error, obeyed, is right.
    message = refused(renamed, layout="hes-op")
    advised = re.search(r"--column procedures=(\S+?),", message)
    assert advised
    assert counts(audited(renamed, layout="hes-op", columns={"procedures": advised[1]})) == RIGHT


def test_later_positions_are_never_read_without_the_first(hes: pl.DataFrame) -> None:
    renamed = hes.rename({"opertn_1": "main_operation"})
    message = refused(renamed)
    assert (
        "has opertn_2 but no first position: rename the column of the first codes to opertn_01 or opertn_1" in message
    )
    assert counts(audited(renamed.rename({"main_operation": "opertn_1"}))) == RIGHT
    gap = hes.rename({"opertn_3": "opertn_7"})
    assert counts(audited(gap)) == RIGHT
