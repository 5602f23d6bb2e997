"""Damaged files, and files that change, are errors of ours when they are read by row groups."""

from itertools import accumulate
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ebi_rules as ebi
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import DamagedExtractError
from ebi_rules.engines.row_groups import RowGroups
from tests.unit.row_group_files import CHANGES, ROWS, counted, extract_of, made


def test_a_damaged_row_group_is_an_error(tmp_path: Path) -> None:
    extract = extract_of("ncdr-opa", CHANGES["as made"], tmp_path, 100, 1)
    (path,) = (tmp_path / "files").iterdir()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = bytes(2_000)
    path.write_bytes(content)
    with pytest.raises(DamagedExtractError, match="damaged"):
        counted(extract, [])


@pytest.mark.parametrize("column", ["Der_Procedure_All", "Sex", "Der_Provider_Code", "GP_Practice_Code"])
@pytest.mark.parametrize("broken", [b"\xe9", b"U05\xff\xfe", b"\xed\xa0\x80"])
def test_texts_that_are_no_utf8_are_damage(column: str, broken: bytes, tmp_path: Path) -> None:
    table = made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
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
        counted(extract, ["gp_practice"])


def test_other_row_groups_are_not_read_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    made("ncdr-opa").write_parquet(path, row_group_size=10)
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
def test_a_file_that_changes_is_damage(change: str, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    rows = made("ncdr-opa")
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


def test_texts_of_a_dictionary_that_no_row_has_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = made("ncdr-opa").to_arrow(compat_level=pl.CompatLevel.oldest())
    codes = pa.DictionaryArray.from_arrays(
        pa.array([0] * (ROWS - 3) + [1, None, 1], pa.int32()),
        pa.array(["W1^Z2", "U05.1", *(f'["X{n}"]: u:1' for n in range(400))]),
    )
    place = table.schema.get_field_index("Der_Procedure_All")
    path = tmp_path / "unused.parquet"
    pq.write_table(table.set_column(place, "Der_Procedure_All", codes), path, store_schema=False)
    extract = ebi.open(path, layout="ncdr-opa")
    assert isinstance(extract, FrameExtract)
    messages = []
    for reads in (True, False):
        if not reads:
            monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
        with pytest.raises(ebi.ExtractError) as error:
            counted(extract, [])
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "joined by ^" in messages[0]
