"""Whole parquet files with child tables: codes that are looked up by key are those that Polars joins."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.engines import key_ranges
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.row_groups import RowGroups
from ebi_rules.results.flags import write_flags
from ebi_rules.synth.made_up_extract import write_extract
from tests.unit.row_group_files import ROWS, Change, counted, made, noting_row_groups, require_same

_RULE = """
key = "x"
title = "Codes"
dataset = "outpatient"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"

[criteria]
codes = "({criterion}) AND administrative_category <> '02'"

[[examples]]
about = "a procedure alone"
activity = {{ procedures = ["U055"], diagnoses = [], administrative_category = "01" }}
flagged = true

[[examples]]
about = "a diagnosis alone"
activity = {{ procedures = [], diagnoses = ["M545"], administrative_category = "01" }}
flagged = false
stopped_by = "codes"
"""

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


def _with_children(change: str, folder: Path) -> FrameExtract:
    path = folder / "made.parquet"
    _, changed = CHANGES_OF_KEYS[change]
    children = {name: folder / f"made.{name}.parquet" for name in ("procedures", "diagnoses")}
    for file, table in ((path, ""), *((file, f".{name}") for name, file in children.items())):
        changed(made("unified-sus-op", table)).write_parquet(file, row_group_size=200)
    extract = ebi.open(path, layout="unified-sus-op", **children)
    assert isinstance(extract, FrameExtract)
    return extract


@pytest.mark.parametrize("change", list(CHANGES_OF_KEYS))
@pytest.mark.parametrize("in_part", [400, 1_000_000])
def test_codes_of_child_tables_are_found_by_key(
    change: str, in_part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract, is_by_key = _with_children(change, tmp_path), CHANGES_OF_KEYS[change][0]
    monkeypatch.setattr(key_ranges, "_ACTIVITIES_AT_ONCE", in_part)
    read = noting_row_groups(monkeypatch)
    by_key = counted(extract, [])
    assert len(read) == is_by_key
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    joined = counted(extract, [])
    assert by_key.cube.equals(joined.cube)
    assert (by_key.rows, by_key.notices, by_key.findings) == (joined.rows, joined.notices, joined.findings)
    assert by_key.cube.filter(measure="flagged")["count"].sum() > 0


@pytest.mark.parametrize("change", list(CHANGES_OF_KEYS))
def test_flags_of_child_tables_are_found_by_key(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract, is_by_key = _with_children(change, tmp_path), CHANGES_OF_KEYS[change][0]
    read = noting_row_groups(monkeypatch)
    by_key, joined = tmp_path / "a.csv", tmp_path / "b.csv"
    written = write_flags(extract, by_key, skip_unavailable=True, any_dataset=True)
    assert len(read) == is_by_key
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    assert write_flags(extract, joined, skip_unavailable=True, any_dataset=True) == written
    assert by_key.read_bytes() == joined.read_bytes()
    assert sum(written.flagged.values()) > 0


@pytest.mark.parametrize("criterion", ["procedure_recorded", "NOT diagnosis_recorded"])
def test_a_rule_may_only_ask_whether_codes_are_recorded(
    criterion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = _with_children("as made", tmp_path)
    rule = tmp_path / "x.toml"
    rule.write_text(_RULE.format(criterion=criterion), encoding="utf-8")
    read = noting_row_groups(monkeypatch)
    by_key, joined = tmp_path / "a.csv", tmp_path / "b.csv"
    written = write_flags(extract, by_key, rule)
    assert len(read) == 1
    cube = ebi.audit(extract, rule).exact_cube
    assert len(read) == 2
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    assert write_flags(extract, joined, rule) == written
    assert by_key.read_bytes() == joined.read_bytes()
    assert cube.filter(measure="flagged")["count"].sum() == written.flagged["x"] > 0


def test_an_activity_without_key_has_no_codes_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made.parquet"
    write_extract(path, ROWS, 4, layout="unified-sus-op")
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
    require_same(extract, monkeypatch)


@pytest.mark.parametrize("kept", ["none", "without key", "not listed", "null", "one activity"])
def test_child_tables_of_few_codes(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made.parquet"
    made("unified-sus-op", "").write_parquet(path)
    children = {name: tmp_path / f"made.{name}.parquet" for name in ("procedures", "diagnoses")}
    for name, file in children.items():
        rows = made("unified-sus-op", f".{name}")
        key, code, _ = rows.columns
        changed = {
            "none": rows.head(0),
            "without key": rows.with_columns(pl.lit(None, rows.schema[key]).alias(key)),
            "not listed": rows.with_columns(pl.lit("A011").alias(code)),
            "null": rows.with_columns(pl.lit(None, pl.String).alias(code)),
            "one activity": rows.head(1),
        }
        changed[kept].write_parquet(file)
    extract = ebi.open(path, layout="unified-sus-op", **children)
    assert isinstance(extract, FrameExtract)
    require_same(extract, monkeypatch)
