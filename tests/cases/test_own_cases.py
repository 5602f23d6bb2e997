"""Cases of our own, at least two of each kind of file that is not as it should be."""

import gzip
import re
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import add_up, read_cube
from ebi_rules.engines.extract import ExtractSource
from ebi_rules.engines.warehouse import open_files
from ebi_rules.provider_audit.merged_providers import merger_hints, read_merged_providers
from tests.cases.test_files_as_people_have_them import CASES, EXACT, counts

RIGHT = (349, 1434)
SCAN = """
key = "scan_of_the_spine"
title = "Scan of the spine"
dataset = "outpatient"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"
about = "A made-up rule that needs procedures alone."

[codes.opcs]
spine = ["U05[45]"]

[criteria]
imaging = "procedure(spine)"

[[examples]]
about = "MRI of the spine"
activity = { procedures = ["U055"] }
flagged = true

[[examples]]
about = "another scan"
activity = { procedures = ["U132"] }
flagged = false
stopped_by = "imaging"
"""

PUBLISHED = ebi.Settings(disclosure="none", variant="as_published")


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """The extract of the cases, as it should be."""
    return pl.read_parquet(CASES / "63-names-cp1252" / "opa.parquet")


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """The lines of the extract as text."""
    text = (CASES / "66-header-blanks" / "opa.csv").read_text(encoding="utf-8")
    return text.replace(" ", "").splitlines()


def audited(source: object, settings: ebi.Settings = EXACT, **how: object) -> ebi.Audit:
    return ebi.audit(ebi.open(source, **how), "2S", settings=settings)  # type: ignore[arg-type]


def refused(source: object, **how: object) -> str:
    """Return the error for a source."""
    with pytest.raises(ebi.EbiError) as error:
        audited(source, **how)
    return str(error.value)


# 1. The shape of text files.


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


# 2. Values that are not understood.


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


# 3. What stands for nothing.


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


# 4. Dates.


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


# 5. Columns of codes that are none.


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


# 6. Several files.


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


# 7. Numbered columns.


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


# 8. Engines.


@pytest.mark.needs("DuckDB")
def test_a_table_in_a_database_is_read_as_it_is(tmp_path: Path, frame: pl.DataFrame) -> None:
    duckdb = import_module("duckdb")
    path = tmp_path / "warehouse.duckdb"
    table = frame.with_columns(
        pl.col("Age_at_Start_of_Episode_SUS").cast(pl.Float64).cast(pl.String),
        pl.col("Sex").cast(pl.Float64),
    ).rename(str.upper)
    with duckdb.connect(str(path)) as connection:
        connection.register("seen", table.to_arrow())
        connection.execute("CREATE TABLE opa AS SELECT * FROM seen")
    found = audited(f"{path}::opa", engine="duckdb")
    assert counts(found) == RIGHT
    ours = audited(table).exact_cube.filter(~pl.col("measure").cast(pl.String).is_in(["codes", "invalid"]))
    assert found.exact_cube.equals(ours)


# 9. Cubes.


def test_two_cubes_of_the_same_month_are_refused_and_can_be_replaced(tmp_path: Path, frame: pl.DataFrame) -> None:
    early, late = tmp_path / "early.parquet", tmp_path / "late.parquet"
    first = frame.filter(pl.col("Appointment_Date") < date(2023, 7, 1))
    second = frame.filter(pl.col("Appointment_Date") >= date(2023, 6, 1))
    audited(first.head(first.height - 5)).exact_cube.write_parquet(early)
    audited(second).exact_cube.write_parquet(late)
    with pytest.raises(ebi.ExtractError, match=r"two cubes have counted the same: .* in 2023-06 .*--replace"):
        ebi.audit_cube([early, late], "2S", EXACT)
    replaced = ebi.audit_cube([early, late], "2S", EXACT, replace_months=True)
    whole = audited(frame)
    assert counts(replaced)[1] >= RIGHT[1] - 5
    june = [
        audit.trend.filter(provider="all providers", month="2023-06").select("eligible", "flagged").row(0)
        for audit in (replaced, whole)
    ]
    assert june[0] == june[1]


def test_what_a_later_cube_does_not_have_stays_or_is_said_to_be_gone(frame: pl.DataFrame) -> None:
    both = ebi.audit(frame, ["2S", "2T"], settings=EXACT).exact_cube
    later = audited(frame.filter(pl.col("Der_Provider_Code") != "RAA")).exact_cube
    total, warnings = add_up([both, later], replace_months=True)
    counts_of = [cube.filter(rule="2T_knee_mri", measure="eligible")["count"].sum() for cube in (both, total)]
    assert counts_of[0] == counts_of[1] > 0
    assert warnings == ["months that a later cube restates do not have these providers there any more: RAA."]
    assert total.filter(measure="activity")["count"].sum() == (frame["Der_Provider_Code"] != "RAA").sum()


def test_a_pasted_cube_without_headings(tmp_path: Path, frame: pl.DataFrame) -> None:
    path = tmp_path / "pasted.csv"
    cube = audited(frame).exact_cube
    cube.write_csv(path, include_header=False, separator=";")
    with pytest.raises(ebi.ExtractError, match="headings"):
        read_cube(path)
    cube.write_csv(path, separator=";")
    assert read_cube(path).equals(cube)


# 10. Frames.


@pytest.mark.needs("pandas")
def test_tables_of_other_libraries(frame: pl.DataFrame) -> None:
    pandas = import_module("pandas")
    table = pandas.DataFrame(frame.to_dict(as_series=False))
    assert counts(audited(table)) == RIGHT
    flagged = ebi.flag(table, "2S")
    assert isinstance(flagged, pandas.DataFrame)
    assert flagged["2S_lower_back_imaging"].sum() == RIGHT[0]
    assert counts(audited(frame.to_arrow())) == counts(audited(frame.to_arrow().to_reader())) == RIGHT


@pytest.mark.needs("DuckDB")
def test_a_relation_of_duckdb(frame: pl.DataFrame) -> None:
    connection = import_module("duckdb").connect()
    connection.register("opa", frame.to_arrow())
    assert counts(audited(connection.sql("SELECT * FROM opa"))) == RIGHT


def test_what_is_no_table_is_refused_with_what_to_type(frame: pl.DataFrame) -> None:
    rows = frame.to_dicts()
    assert "not a builtins.list: pass polars.DataFrame(data)" in refused(rows)
    assert counts(audited(pl.DataFrame(rows, infer_schema_length=None))) == RIGHT


# Providers that merged.


def test_merged_providers_are_one_for_all_dates(tmp_path: Path) -> None:
    path = tmp_path / "merged.csv"
    path.write_text("old,new,from\n" + "".join(f"R{x}{x}00,R{x}{x},2023-09-01\n" for x in "ABCD"), encoding="utf-8")
    merged = read_merged_providers(path)
    extract = pl.read_parquet(CASES / "10b-provider-3-5" / "opa.parquet")
    audit = audited(extract, ebi.Settings(disclosure="none", merged=merged))
    assert counts(audit) == RIGHT
    assert set(audit.providers["provider"]) == {"RAA", "RBB", "RCC", "RDD"}
    assert merger_hints(audit.exact_cube) == []
    only = audited(extract, ebi.Settings(disclosure="none", merged=merged, providers=("RAA",)))
    assert only.totals()["activity"].item() == extract["Der_Provider_Code"].is_in(["RAA", "RAA00"]).sum()


def test_a_code_that_ends_as_another_begins_is_hinted_at(frame: pl.DataFrame) -> None:
    early = pl.col("Appointment_Date") < date(2023, 8, 1)
    code = pl.when(early).then(pl.lit("RXA")).otherwise(pl.lit("RYB")).alias("Der_Provider_Code")
    is_first = pl.col("Der_Provider_Code") == "RAA"
    changed = frame.with_columns(pl.when(is_first).then(code).otherwise("Der_Provider_Code").alias("Der_Provider_Code"))
    hints = [text for text in audited(changed).warnings if "took over" in text]
    assert len(hints) == 1
    assert "RXA has no activity after 2023-07, and RYB has none before 2023-08" in hints[0]


# What was read.


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_the_profile_tells_what_was_read(tmp_path: Path, frame: pl.DataFrame, engine: str) -> None:
    path = tmp_path / "opa.parquet"
    frame.with_columns(Sex=pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("Q")).otherwise("Sex")).write_parquet(path)
    profile = ebi.open(path, engine=engine).profile("2S")
    assert profile.rows == frame.height
    fields = {row["field"]: row for row in profile.fields.to_dicts()}
    assert fields["sex"]["unknown"] == 7
    assert fields["procedures"]["missing"] == frame["Der_Procedure_All"].null_count()
    assert profile.months["rows"].sum() == frame.height
    assert profile.rules.rows() == [("2S_lower_back_imaging", True, None)]
    assert profile.problem is None
