"""Whole parquet files are read with texts as dictionaries: what is counted and found is what Polars reads."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import ebi_rules as ebi
from ebi_rules._support.progress import RowsDone, quiet
from ebi_rules.criteria.parser import parse
from ebi_rules.engines import row_groups
from ebi_rules.engines.checked_extract import fields_to_read
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.polars_groups import Grouping
from ebi_rules.engines.row_groups import RowGroups
from ebi_rules.engines.row_groups import repeated_texts as repeated_texts_of
from ebi_rules.layouts.scope import Scope
from ebi_rules.results.flags import write_flags
from ebi_rules.synth.made_up_extract import write_extract
from tests.unit.row_group_files import CHANGES, ROWS, counted, extract_of, made, noting_row_groups, require_same

_BY = {"ncdr-opa": ["ethnicity", "site"], "hes-op": ["ethnicity"], "ncdr-apcs": ["admission_method"]}


@pytest.mark.parametrize("layout", list(_BY))
@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize(("group", "files"), [(ROWS, 1), (200, 3)])
def test_both_ways_of_reading_agree(
    layout: str, change: str, group: int, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = extract_of(layout, CHANGES[change], tmp_path, group, files)
    read = noting_row_groups(monkeypatch)
    by_row_groups = counted(extract, _BY[layout])
    assert len(read) == (change != "categories")
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    by_polars = counted(extract, _BY[layout])
    assert len(read) <= 1
    assert by_row_groups.cube.equals(by_polars.cube)
    assert by_row_groups.rows == by_polars.rows
    assert by_row_groups.notices == by_polars.notices
    assert by_row_groups.findings == by_polars.findings


@pytest.mark.parametrize(("layout", "suffix"), [("ncdr-opa", ".csv"), ("hes-op", ".parquet"), ("ncdr-apcs", ".csv")])
@pytest.mark.parametrize("change", list(CHANGES))
def test_flags_are_the_same_in_the_same_order(
    layout: str, change: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = extract_of(layout, CHANGES[change], tmp_path, 90, 2)
    monkeypatch.setattr(row_groups, "_ROWS_AT_ONCE", 40)
    read = noting_row_groups(monkeypatch)
    of_row_groups, of_polars = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    by_row_groups = write_flags(extract, of_row_groups, skip_unavailable=True)
    assert len(read) == (change != "categories")
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    assert write_flags(extract, of_polars, skip_unavailable=True) == by_row_groups
    assert len(read) <= 1
    assert _rows_of(of_row_groups).equals(_rows_of(of_polars))
    assert by_row_groups.rows == _rows_of(of_row_groups).height
    assert change == "no rows" or sum(by_row_groups.flagged.values()) > 0


def _rows_of(flags: Path) -> pl.DataFrame:
    return pl.read_csv(flags) if flags.suffix == ".csv" else pl.read_parquet(flags)


def test_only_files_read_as_they_are_are_read_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract = extract_of("ncdr-opa", CHANGES["as made"], tmp_path, 200, 2)
    monkeypatch.setattr(RowGroups, "read", lambda groups, use: pytest.fail("not just as they are in files"))
    part = counted(extract, [], Scope.of("2024-05..2024-06", []))
    assert 0 < part.rows < ROWS
    partitioned = tmp_path / "Sex=2" / "made.parquet"
    partitioned.parent.mkdir()
    write_extract(partitioned, 200, 4, layout="ncdr-opa")
    in_folder = ebi.open(tmp_path / "Sex=2", layout="ncdr-opa")
    assert isinstance(in_folder, FrameExtract)
    assert counted(in_folder, []).rows == 200


def test_texts_that_differ_in_most_rows_are_read_by_polars(tmp_path: Path) -> None:
    extract = extract_of("ncdr-opa", CHANGES["as made"], tmp_path, ROWS, 1)
    counting = RowGroups(extract.table, ["Sex"], ["OPA_Ident"])
    assert not counting.can_be_read()
    assert RowGroups(extract.table, ["OPA_Ident"], ["Sex"]).can_be_read()


def _written(rows: pl.DataFrame, path: Path, **options: object) -> FrameExtract:
    pq.write_table(rows.to_arrow(compat_level=pl.CompatLevel.oldest()), path, **options)
    opened = ebi.open(path if path.is_file() else path.parent, layout="ncdr-opa")
    assert isinstance(opened, FrameExtract)
    return opened


@pytest.mark.parametrize("empty", ["alone", "first", "first group"])
def test_row_groups_without_rows(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made("ncdr-opa")
    folder = tmp_path / "files"
    folder.mkdir()
    if empty == "first group":
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        with pq.ParquetWriter(folder / "part.parquet", table.schema) as writer:
            writer.write_table(table.slice(0, 0))
            writer.write_table(table)
    else:
        _written(rows.clear(), folder / "a.parquet")
        if empty == "first":
            _written(rows, folder / "b.parquet")
    extract = ebi.open(folder, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    assert require_same(extract, monkeypatch).rows == (0 if empty == "alone" else ROWS)


@pytest.mark.parametrize(("field", "column"), [("id", "Der_Provider_Site_Code"), ("age", "Sex"), ("site", "Sex")])
def test_a_column_may_be_two_fields(field: str, column: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "two.parquet"
    made("ncdr-opa").write_parquet(path)
    extract = ebi.open(path, layout="ncdr-opa", columns={field: column})
    assert isinstance(extract, FrameExtract)
    require_same(replace(extract, checks_keys=False), monkeypatch)


def test_a_dictionary_keeps_the_texts_that_rows_have() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([3, None, 1, 3, None]), pa.array(["a", "b", "c", "d"]))
    texts = repeated_texts_of(column)
    assert texts.texts.to_list() == ["b", "d", None]
    assert texts.places.tolist() == [1, 2, 0, 1, 2]
    assert texts.rows.tolist() == [1, 2, 2]
    assert texts.nulls == 2
    without_nulls = repeated_texts_of(column.filter(pc.is_valid(column)))
    assert (without_nulls.texts.to_list(), without_nulls.nulls) == (["b", "d"], 0)


@pytest.mark.parametrize("kind", ["date64", "int96"])
def test_columns_that_polars_and_arrow_read_otherwise_are_left_to_polars(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
    place = table.schema.get_field_index("Appointment_Date")
    dtype = pa.date64() if kind == "date64" else pa.timestamp("us", "Europe/London")
    path = tmp_path / "days.parquet"
    changed = table.set_column(place, "Appointment_Date", table["Appointment_Date"].cast(dtype))
    pq.write_table(changed, path, use_deprecated_int96_timestamps=kind == "int96")
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    assert not RowGroups(extract.table, ["Appointment_Date"], ["Sex"]).can_be_read()
    assert RowGroups(extract.table, ["OPA_Ident"], ["Sex"]).can_be_read()
    assert require_same(extract, monkeypatch).rows == ROWS


@pytest.mark.parametrize("column", ["OPA_Ident", "Age_at_Start_of_Episode_SUS"])
def test_decimals_that_polars_does_not_take_from_arrow_are_left_to_it(column: str, tmp_path: Path) -> None:
    table = made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
    numbers = table[column].cast(pa.decimal128(30, 0)).cast(pa.decimal256(30, 0))
    path = tmp_path / "wide.parquet"
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, numbers), path)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    assert not RowGroups(extract.table, [column], ["Sex"]).can_be_read()
    assert RowGroups(extract.table, ["Der_Age_at_CDS_Activity_Date"], ["Sex"]).can_be_read()
    assert write_flags(extract, tmp_path / "flags.parquet", "2S").rows == ROWS


@pytest.mark.parametrize("field", ["age", "sex"])
@pytest.mark.parametrize("criteria", [61, 62, 63, 64, 130])
def test_a_field_may_have_any_number_of_criteria(field: str, criteria: int, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    made("ncdr-opa").write_parquet(path)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    texts = [f"{field} >= {low}" if field == "age" else f"{field} = '{low}'" for low in range(criteria)]
    asked = [parse(text, {}) for text in texts]
    fields = list(extract.binding.fields)
    grouping = Grouping(*fields_to_read(extract, asked, fields), asked, ["provider"])
    groups = grouping.groups(RowsDone(quiet, "counting", ROWS))
    values = pl.read_parquet(path).select(
        age=pl.coalesce("Age_at_Start_of_Episode_SUS", "Der_Age_at_CDS_Activity_Date"), sex="Sex"
    )
    for low, criterion in enumerate(asked):
        expected = (values["age"] >= low).sum() if field == "age" else (values["sex"] == str(low)).sum()
        assert groups.rows.where(groups.holds([criterion])).sum() == expected


@pytest.mark.parametrize("day", ["0000-12-31", "0001-01-01T00:00Z"])
def test_days_in_the_year_0_have_no_month(day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time at the start of the year 1 is in the year 0 in London."""
    rows = made("ncdr-opa").head(40)
    dates = pl.Series("Appointment_Date", [day] * 40)
    rows = rows.with_columns(dates.str.to_datetime("%Y-%m-%dT%H:%M%#z", time_zone="UTC") if "Z" in day else dates)
    rows.write_parquet(tmp_path / "early.parquet")
    extract = ebi.open(tmp_path / "early.parquet", layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    require_same(extract, monkeypatch)
