"""Whole parquet files are read with texts as dictionaries: what is counted and found is what Polars reads."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import ebi_rules as ebi
from ebi_rules._support.progress import RowsDone, quiet
from ebi_rules.criteria.parser import parse
from ebi_rules.cube import cube_dimensions
from ebi_rules.engines import key_ranges, row_groups
from ebi_rules.engines.checked_extract import fields_to_read
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import DamagedExtractError
from ebi_rules.engines.polars_groups import Grouping
from ebi_rules.engines.registry import find_engine
from ebi_rules.engines.row_groups import RowGroups
from ebi_rules.engines.row_groups import repeated_texts as repeated_texts_of
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.results.flags import write_flags
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import choose_rules, rules_of_dataset
from ebi_rules.rule_model.rule import Rule
from ebi_rules.synth.made_up_extract import write_extract
from ebi_rules.translate import repeated_texts

_ROWS = 1_500
_BY = {"ncdr-opa": ["ethnicity", "site"], "hes-op": ["ethnicity"], "ncdr-apcs": ["admission_method"]}
_EVERY_NTH = 7

Change = Callable[[pl.DataFrame], pl.DataFrame]


def _messy(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows whose texts have blanks, other cases, signs for nothing, accents, and nothing at all."""
    place = pl.int_range(pl.len()) + 1
    signs = [pl.lit(each) for each in ("", " ", "NULL", "n/a", "Ünknown", "&")]
    changed = []
    for number, name in enumerate(name for name, dtype in rows.schema.items() if dtype == pl.String):
        texts = pl.when(place % _EVERY_NTH == number % _EVERY_NTH).then(signs[number % len(signs)])
        texts = texts.when(place % 11 == number % 11).then(pl.format(" {} ", pl.col(name).str.to_lowercase()))
        changed.append(texts.when(place % 13 != 0).then(name).alias(name))
    return rows.with_columns(changed)


CHANGES: dict[str, Change] = {
    "as made": lambda rows: rows,
    "messy texts": _messy,
    "categories": lambda rows: rows.with_columns(pl.col(pl.String).cast(pl.Categorical)),
    "numbers as texts": lambda rows: rows.with_columns(pl.col(pl.Int64).cast(pl.String)),
    "texts that are all missing": lambda rows: rows.with_columns(pl.lit(None, pl.String).alias(_first_text(rows))),
    "no rows": lambda rows: rows.clear(),
    "times": lambda rows: rows.with_columns(pl.col(pl.Date).cast(pl.Datetime("ms", "UTC"))),
}


def _first_text(rows: pl.DataFrame) -> str:
    return next(name for name, dtype in rows.schema.items() if dtype == pl.String and name.lower().startswith("a"))


@cache
def _made(layout: str, table: str = "") -> pl.DataFrame:
    """Return a made-up extract, or one of the tables beside it."""
    with TemporaryDirectory() as folder:
        write_extract(Path(folder) / "made.parquet", _ROWS, 4, layout=layout)
        return pl.read_parquet(Path(folder) / f"made{table}.parquet")


@cache
def _rules(dataset: str) -> list[Rule]:
    return rules_of_dataset(None, dataset)


def _extract(layout: str, change: Change, folder: Path, group: int, files: int) -> FrameExtract:
    rows = change(_made(layout))
    (folder / "files").mkdir()
    size = max(1, -(-rows.height // files))
    for number in range(files):
        path = folder / "files" / f"part-{number}.parquet"
        rows.slice(number * size, size).write_parquet(path, row_group_size=group)
    opened = ebi.open(folder / "files", layout=layout)
    assert isinstance(opened, FrameExtract)
    return opened


def _counted(extract: FrameExtract, by: list[str], scope: Scope = EVERYTHING) -> CountedCube:
    chosen = choose_rules(_rules(extract.binding.layout.dataset), "default", extract.binding, skip_unavailable=True)[0]
    audited = [AuditedRule.of(rule, rule, extract.binding) for _, rule in chosen]
    return find_engine("polars").count_cube(extract, audited, cube_dimensions(by), scope, quiet)


def _noting_row_groups(monkeypatch: pytest.MonkeyPatch) -> list[RowGroups]:
    """Note what is read by row groups."""
    read: list[RowGroups] = []
    of_row_groups: Callable[..., Iterator[object]] = RowGroups.read

    def note(groups: RowGroups, use: Callable[..., object]) -> Iterator[object]:
        read.append(groups)
        return of_row_groups(groups, use)

    monkeypatch.setattr(RowGroups, "read", note)
    return read


@pytest.mark.parametrize("layout", list(_BY))
@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize(("group", "files"), [(_ROWS, 1), (200, 3)])
def test_both_ways_of_reading_agree(
    layout: str, change: str, group: int, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = _extract(layout, CHANGES[change], tmp_path, group, files)
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    read = _noting_row_groups(monkeypatch)
    by_row_groups = _counted(extract, _BY[layout])
    assert len(read) == (change != "categories")
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    by_polars = _counted(extract, _BY[layout])
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
    extract = _extract(layout, CHANGES[change], tmp_path, 90, 2)
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    monkeypatch.setattr(row_groups, "_ROWS_AT_ONCE", 40)
    read = _noting_row_groups(monkeypatch)
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
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    extract = _extract("ncdr-opa", CHANGES["as made"], tmp_path, 200, 2)
    monkeypatch.setattr(RowGroups, "read", lambda groups, use: pytest.fail("not just as they are in files"))
    counted = _counted(extract, [], Scope.of("2024-05..2024-06", []))
    assert 0 < counted.rows < _ROWS
    partitioned = tmp_path / "Sex=2" / "made.parquet"
    partitioned.parent.mkdir()
    write_extract(partitioned, 200, 4, layout="ncdr-opa")
    in_folder = ebi.open(tmp_path / "Sex=2", layout="ncdr-opa")
    assert isinstance(in_folder, FrameExtract)
    assert _counted(in_folder, []).rows == 200


def test_a_damaged_row_group_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    extract = _extract("ncdr-opa", CHANGES["as made"], tmp_path, 100, 1)
    (path,) = (tmp_path / "files").iterdir()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = bytes(2_000)
    path.write_bytes(content)
    with pytest.raises(DamagedExtractError, match="damaged"):
        _counted(extract, [])


def test_texts_that_differ_in_most_rows_are_read_by_polars(tmp_path: Path) -> None:
    extract = _extract("ncdr-opa", CHANGES["as made"], tmp_path, _ROWS, 1)
    counting = RowGroups(extract.table, ["Sex"], ["OPA_Ident"])
    assert not counting.can_be_read()
    assert RowGroups(extract.table, ["OPA_Ident"], ["Sex"]).can_be_read()


CHANGES_OF_KEYS: dict[str, tuple[bool, Change]] = {
    "as made": (True, lambda rows: rows),
    "in no order": (True, lambda rows: rows.sample(fraction=1, shuffle=True, seed=3)),
    "some missing": (
        True,
        lambda rows: rows.with_columns(pl.when(pl.int_range(pl.len()) % 9 > 0).then(rows.columns[0])),
    ),
    "one twice": (True, lambda rows: pl.concat([rows, rows.head(40)])),
    "far apart": (True, lambda rows: rows.with_columns(pl.col(rows.columns[0]) * 10**12 - 5 * 10**14)),
    "short": (True, lambda rows: rows.with_columns(pl.col(rows.columns[0]).cast(pl.Int32))),
    "unsigned": (False, lambda rows: rows.with_columns(pl.col(rows.columns[0]).cast(pl.UInt64))),
    "texts": (False, lambda rows: rows.with_columns(pl.col(rows.columns[0]).cast(pl.String))),
}


def _with_children(change: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> FrameExtract:
    path = folder / "made.parquet"
    _, changed = CHANGES_OF_KEYS[change]
    children = {name: folder / f"made.{name}.parquet" for name in ("procedures", "diagnoses")}
    for file, table in ((path, ""), *((file, f".{name}") for name, file in children.items())):
        changed(_made("unified-sus-op", table)).write_parquet(file, row_group_size=200)
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    extract = ebi.open(path, layout="unified-sus-op", **children)
    assert isinstance(extract, FrameExtract)
    return extract


@pytest.mark.parametrize("change", list(CHANGES_OF_KEYS))
@pytest.mark.parametrize("in_part", [400, 1_000_000])
def test_codes_of_child_tables_are_found_by_key(
    change: str, in_part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract, is_by_key = _with_children(change, tmp_path, monkeypatch), CHANGES_OF_KEYS[change][0]
    monkeypatch.setattr(key_ranges, "_ROWS_IN_PART", in_part)
    read = _noting_row_groups(monkeypatch)
    by_key = _counted(extract, [])
    assert len(read) == is_by_key
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    joined = _counted(extract, [])
    assert by_key.cube.equals(joined.cube)
    assert (by_key.rows, by_key.notices, by_key.findings) == (joined.rows, joined.notices, joined.findings)
    assert by_key.cube.filter(measure="flagged")["count"].sum() > 0


@pytest.mark.parametrize("change", list(CHANGES_OF_KEYS))
def test_flags_of_child_tables_are_found_by_key(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract, is_by_key = _with_children(change, tmp_path, monkeypatch), CHANGES_OF_KEYS[change][0]
    read = _noting_row_groups(monkeypatch)
    by_key, joined = tmp_path / "a.csv", tmp_path / "b.csv"
    written = write_flags(extract, by_key, skip_unavailable=True, any_dataset=True)
    assert len(read) == is_by_key
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    assert write_flags(extract, joined, skip_unavailable=True, any_dataset=True) == written
    assert by_key.read_bytes() == joined.read_bytes()
    assert sum(written.flagged.values()) > 0


def _written(rows: pl.DataFrame, path: Path, **options: object) -> FrameExtract:
    pq.write_table(rows.to_arrow(compat_level=pl.CompatLevel.oldest()), path, **options)
    opened = ebi.open(path if path.is_file() else path.parent, layout="ncdr-opa")
    assert isinstance(opened, FrameExtract)
    return opened


def _require_same(extract: FrameExtract, monkeypatch: pytest.MonkeyPatch) -> CountedCube:
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    by_row_groups = _counted(extract, [])
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    by_polars = _counted(extract, [])
    assert by_row_groups.cube.equals(by_polars.cube)
    assert by_row_groups.rows == by_polars.rows
    assert by_row_groups.notices == by_polars.notices
    assert by_row_groups.findings == by_polars.findings
    return by_row_groups


@pytest.mark.parametrize("column", ["Der_Procedure_All", "Sex", "Der_Provider_Code", "GP_Practice_Code"])
@pytest.mark.parametrize("broken", [b"\xe9", b"U05\xff\xfe", b"\xed\xa0\x80"])
def test_texts_that_are_no_utf8_are_damage(
    column: str, broken: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    table = _made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
    cells = [None if cell is None else cell.encode() for cell in table[column].to_pylist()]
    cells[700] = broken
    offsets = [0, *accumulate(len(cell or b"") for cell in cells)]
    buffers = [pa.array(offsets, pa.int64()).buffers()[1], pa.py_buffer(b"".join(cell or b"" for cell in cells))]
    texts = pa.Array.from_buffers(pa.large_string(), len(cells), [None, *buffers])
    path = tmp_path / "broken.parquet"
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, texts), path)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    with pytest.raises(ebi.EbiError, match="damaged"):
        _counted(extract, ["gp_practice"])


@pytest.mark.parametrize("empty", ["alone", "first", "first group"])
def test_row_groups_without_rows(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _made("ncdr-opa")
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
    assert _require_same(extract, monkeypatch).rows == (0 if empty == "alone" else _ROWS)


@pytest.mark.parametrize(("field", "column"), [("id", "Der_Provider_Site_Code"), ("age", "Sex"), ("site", "Sex")])
def test_a_column_may_be_two_fields(field: str, column: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "two.parquet"
    _made("ncdr-opa").write_parquet(path)
    extract = ebi.open(path, layout="ncdr-opa", columns={field: column})
    assert isinstance(extract, FrameExtract)
    _require_same(replace(extract, checks_keys=False), monkeypatch)


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
    table = _made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
    place = table.schema.get_field_index("Appointment_Date")
    dtype = pa.date64() if kind == "date64" else pa.timestamp("us", "Europe/London")
    path = tmp_path / "days.parquet"
    changed = table.set_column(place, "Appointment_Date", table["Appointment_Date"].cast(dtype))
    pq.write_table(changed, path, use_deprecated_int96_timestamps=kind == "int96")
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    assert not RowGroups(extract.table, ["Appointment_Date"], ["Sex"]).can_be_read()
    assert RowGroups(extract.table, ["OPA_Ident"], ["Sex"]).can_be_read()
    assert _require_same(extract, monkeypatch).rows == _ROWS


@pytest.mark.parametrize("column", ["OPA_Ident", "Age_at_Start_of_Episode_SUS"])
def test_decimals_that_polars_does_not_take_from_arrow_are_left_to_it(
    column: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
    numbers = table[column].cast(pa.decimal128(30, 0)).cast(pa.decimal256(30, 0))
    path = tmp_path / "wide.parquet"
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, numbers), path)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    assert not RowGroups(extract.table, [column], ["Sex"]).can_be_read()
    assert RowGroups(extract.table, ["Der_Age_at_CDS_Activity_Date"], ["Sex"]).can_be_read()
    assert write_flags(extract, tmp_path / "flags.parquet", "2S").rows == _ROWS


def test_texts_of_a_dictionary_that_no_row_has_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
    codes = pa.DictionaryArray.from_arrays(
        pa.array([0] * (_ROWS - 3) + [1, None, 1], pa.int32()),
        pa.array(["W1^Z2", "U05.1", *(f'["X{n}"]: u:1' for n in range(400))]),
    )
    place = table.schema.get_field_index("Der_Procedure_All")
    path = tmp_path / "unused.parquet"
    pq.write_table(table.set_column(place, "Der_Procedure_All", codes), path, store_schema=False)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    messages = []
    for reads in (True, False):
        if not reads:
            monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
        with pytest.raises(ebi.ExtractError) as error:
            _counted(extract, [])
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "joined by ^" in messages[0]


def test_other_row_groups_are_not_read_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made.parquet"
    _made("ncdr-opa").write_parquet(path, row_group_size=10)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    read: list[int] = []

    def refuse(rows: pl.DataFrame, texts: object) -> None:
        read.append(rows.height)
        raise ebi.ExtractError("no further")

    with pytest.raises(ebi.ExtractError, match="no further"):
        list(RowGroups(extract.table, ["OPA_Ident"], ["Sex"]).read(refuse))
    assert len(read) <= pl.thread_pool_size()


@pytest.mark.parametrize("change", ["cut", "emptied", "without a column", "gone"])
def test_a_file_that_changes_is_damage(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_texts, "_FEW", 1e9)
    path = tmp_path / "made.parquet"
    rows = _made("ncdr-opa")
    rows.write_parquet(path, row_group_size=300)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    groups = RowGroups(extract.table, ["OPA_Ident"], ["Sex"])
    assert groups.can_be_read()
    content = path.read_bytes()
    match change:
        case "cut":
            path.write_bytes(content[:-100])
        case "emptied":
            path.write_bytes(b"")
        case "without a column":
            rows.drop("Sex").write_parquet(path, row_group_size=300)
        case "gone":
            path.unlink()
    assert not groups.can_be_read()
    with pytest.raises(DamagedExtractError):
        list(groups.read(lambda rows, texts: None))


@pytest.mark.parametrize("field", ["age", "sex"])
@pytest.mark.parametrize("criteria", [61, 62, 63, 64, 130])
def test_a_field_may_have_any_number_of_criteria(field: str, criteria: int, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    _made("ncdr-opa").write_parquet(path)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    texts = [f"{field} >= {low}" if field == "age" else f"{field} = '{low}'" for low in range(criteria)]
    asked = [parse(text, {}) for text in texts]
    fields = list(extract.binding.fields)
    grouping = Grouping(*fields_to_read(extract, asked, fields), asked, ["provider"])
    groups = grouping.groups(RowsDone(quiet, "counting", _ROWS))
    values = pl.read_parquet(path).select(
        age=pl.coalesce("Age_at_Start_of_Episode_SUS", "Der_Age_at_CDS_Activity_Date"), sex="Sex"
    )
    for low, criterion in enumerate(asked):
        expected = (values["age"] >= low).sum() if field == "age" else (values["sex"] == str(low)).sum()
        assert groups.where(grouping.holds([criterion])).sum() == expected


def test_an_activity_without_key_has_no_codes_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made.parquet"
    write_extract(path, _ROWS, 4, layout="unified-sus-op")
    children = {name: tmp_path / f"made.{name}.parquet" for name in ("procedures", "diagnoses")}
    with_codes = pl.read_parquet(children["procedures"]).to_series(0)[0]
    for file in (path, *children.values()):
        # The activity with the key 0 has codes.
        rows = pl.read_parquet(file).with_columns(pl.first() - with_codes)
        place = pl.int_range(pl.len())
        is_kept = place % 3 > 0 if file == path else pl.lit(True)
        rows.with_columns(pl.when(is_kept | (pl.first() == 0)).then(pl.first())).write_parquet(file)
    extract = ebi.open(path, layout="unified-sus-op", **children)
    assert isinstance(extract, FrameExtract)
    _require_same(extract, monkeypatch)
