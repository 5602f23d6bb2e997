"""Cases of our own, at least two of each kind of value that is not as it should be."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from tests.cases.own_cases import PUBLISHED, RIGHT, SCAN, audited, refused
from tests.cases.test_files_as_people_have_them import CASES, EXACT, counts

# Values that are not understood.


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_a_category_in_words_is_refused_and_a_few_are_counted(tmp_path: Path, frame: pl.DataFrame, engine: str) -> None:
    path = tmp_path / "opa.parquet"
    frame.with_columns(Administrative_Category=pl.lit("NHS")).write_parquet(path)
    assert "administrative_category: 2,400 rows have a value that the NHS Data Dictionary does not have" in refused(
        path, engine=engine
    )
    few = pl.when(pl.int_range(pl.len()) < 12).then(pl.lit("P")).otherwise("Administrative_Category")
    frame.with_columns(few.alias("Administrative_Category")).write_parquet(path)
    assert [
        text for text in audited(path, engine=engine).warnings if text.startswith("administrative_category: 12 rows")
    ]


@pytest.mark.parametrize("white", ["\u202f", "\u200b", "\r", "\t"])
@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_every_white_space_goes(tmp_path: Path, frame: pl.DataFrame, white: str, engine: str) -> None:
    path = tmp_path / "opa.parquet"
    texts = ["Sex", "Administrative_Category", "Der_Provider_Code", "Der_Procedure_All"]
    age = pl.concat_str([pl.lit(white), pl.col("Age_at_Start_of_Episode_SUS").cast(pl.String)])
    frame.with_columns(pl.col(texts) + white, age.alias("Age_at_Start_of_Episode_SUS")).write_parquet(path)
    audit = audited(path, engine=engine)
    assert counts(audit) == RIGHT
    assert audit.providers["provider"].n_unique() == frame["Der_Provider_Code"].n_unique()


# What stands for nothing.


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_r69x_alone_is_no_diagnosis_in_hes_outpatients(tmp_path: Path, engine: str) -> None:
    path = tmp_path / "hes.parquet"
    hes = pl.read_parquet(CASES / "51a-hes-nn-nopad" / "hes.parquet")
    filled = pl.when(pl.col("diag_1") == "").then(pl.lit("R69X")).otherwise("diag_1").alias("diag_1")
    hes.with_columns(filled).write_parquet(path)
    assert counts(audited(path, engine=engine)) == RIGHT
    assert audited(path, PUBLISHED, engine=engine).totals()["flagged"].to_list() == [191]


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_a_procedure_without_a_code_is_counted_apart(tmp_path: Path, frame: pl.DataFrame, engine: str) -> None:
    path = tmp_path / "opa.parquet"
    nothing = pl.col("Der_Procedure_All").is_null()
    some = pl.when(nothing).then(pl.lit("X99.8")).otherwise("Der_Procedure_All").alias("Der_Procedure_All")
    none = pl.when(pl.col("Der_Diagnosis_All").is_null()).then(pl.lit("None")).otherwise("Der_Diagnosis_All")
    frame.with_columns(some, none.alias("Der_Diagnosis_All")).write_parquet(path)
    audit = audited(path, PUBLISHED, engine=engine)
    assert audit.totals()["flagged"].to_list() == [191]
    assert any(
        f"procedures: {frame['Der_Procedure_All'].null_count():,} rows have the code X998" in w for w in audit.warnings
    )
    assert (
        audit.quality["percent_with_procedures"].to_list()
        == audited(frame).quality["percent_with_procedures"].to_list()
    )


# Dates.


def test_other_ways_to_write_a_day(frame: pl.DataFrame) -> None:
    day = pl.col("Appointment_Date")
    plain = audited(frame).exact_cube
    for written in (
        day.dt.strftime("%d-%b-%Y"),
        day.dt.strftime("%d.%m.%y"),
        day.dt.strftime("%Y%m%d").cast(pl.Float64),
        day.dt.strftime("%Y-%m-%d 00:00:00.0000000"),
        day.cast(pl.Datetime("ns")),
    ):
        assert audited(frame.with_columns(written.alias("Appointment_Date"))).exact_cube.equals(plain)


def test_the_month_first_is_refused_with_what_to_do(frame: pl.DataFrame) -> None:
    american = frame.with_columns(pl.col("Appointment_Date").dt.strftime("%m/%d/%Y"))
    assert "where the month comes first, write dates as 2024-03-28" in refused(american)
    assert "it must be dates" in refused(frame.with_columns(Appointment_Date=pl.lit(True)))


def test_appointments_booked_for_later_do_not_hide_that_the_last_month_is_partial() -> None:
    start = date(2023, 1, 1)
    days = [start + timedelta(days=number) for number in range(790) for _ in range(5)]  # To 28 February 2025.
    days = [day for day in days if day < date(2025, 2, 12)] + [date(2025, 2, 27)]
    frame = pl.DataFrame({"OPA_Ident": range(len(days)), "Appointment_Date": days}).with_columns(
        Der_Procedure_All=pl.lit("U055"),
        Der_Diagnosis_All=pl.lit("M545"),
        Age_at_Start_of_Episode_SUS=pl.lit(45),
        Sex=pl.lit("1"),
        Administrative_Category=pl.lit("01"),
        Der_Provider_Code=pl.lit("ZZ1"),
    )
    assert audited(frame).trend.filter("partial")["month"].unique().to_list() == ["2025-02"]


@pytest.mark.parametrize(("rows", "no_date"), [(5, date(9999, 12, 31)), (3, date(2039, 1, 1)), (20, date(2049, 12, 1))])
def test_a_day_that_stands_for_no_date_is_none_however_often_it_occurs(
    frame: pl.DataFrame, rows: int, no_date: date
) -> None:
    is_stray = pl.int_range(pl.len()) % rows == 0
    day = pl.when(is_stray).then(no_date).otherwise("Appointment_Date")
    audit = audited(frame.with_columns(Appointment_Date=day))
    assert audit.trend["month"].max() == "2024-02"
    stray = -(-frame.height // rows)
    assert any(f"activity_date: {stray:,} rows have a date before 1990" in text for text in audit.warnings)


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_booked_appointments_are_counted_apart(tmp_path: Path, frame: pl.DataFrame, engine: str) -> None:
    path = tmp_path / "opa.parquet"
    row = pl.int_range(pl.len())
    is_booked = row < 9
    later = pl.when(row < 12).then(date.today() + timedelta(days=90)).otherwise("Appointment_Date")
    status = pl.when(is_booked).then(pl.lit("0 ")).otherwise("Attendance_Status")
    frame.with_columns(Appointment_Date=later, Attendance_Status=status).write_parquet(path)
    audit = audited(path, engine=engine)
    assert any("9 rows have an appointment that is booked for a later day" in text for text in audit.warnings)
    assert audit.trend["month"].max() == "2024-02"


def test_clocks_that_cannot_have_started_are_counted(frame: pl.DataFrame) -> None:
    start = pl.when(pl.int_range(pl.len()) < 6).then(date(1900, 1, 1)).otherwise("Appointment_Date")
    people = frame.with_columns(Referral_Request_Received_Date=start, First_Attendance=pl.lit("1"))
    result = ebi.run_measures(people, "days_to_first_attendance", settings=EXACT)
    assert any("referral_date: 6 rows have a day before 1990" in text for text in result.warnings)


# Columns of codes that are none.


def test_codes_joined_by_a_plus_sign(frame: pl.DataFrame) -> None:
    joined = frame.with_columns(pl.col("Der_Procedure_All").str.replace_all("[|]", "").str.replace_all(",", "+"))
    assert any("procedures: 605 rows have a malformed first code" in text for text in audited(joined).warnings)
    titled = frame.with_columns(Der_Procedure_All=pl.lit("{code=U055}"))
    message = refused(titled)
    assert "A cell such as {..=..} looks like codes with something written beside them" in message


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_codes_that_no_rule_needs_are_only_a_warning(tmp_path: Path, frame: pl.DataFrame, engine: str) -> None:
    path = tmp_path / "opa.parquet"
    frame.with_columns(Der_Diagnosis_All=pl.lit("279039007")).write_parquet(path)
    rule = tmp_path / "scan.toml"
    rule.write_text(SCAN, encoding="utf-8")
    audit = ebi.audit(ebi.open(path, engine=engine), rule, settings=EXACT)
    assert any("diagnoses: 2,400 rows have a malformed first code" in text for text in audit.warnings)
    assert "diagnoses: 2,400 rows have a malformed first code" in refused(path, engine=engine)


def test_codes_cut_to_three_characters(frame: pl.DataFrame) -> None:
    cut = frame.with_columns(pl.col("Der_Procedure_All").str.replace_all(r"([A-Z][0-9]{2})[0-9]", "$1"))
    assert "cannot tell U05.4 from U05.1" in refused(cut)
