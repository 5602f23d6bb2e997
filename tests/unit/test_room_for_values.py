"""Keys have room for what is usual; where an extract has more, rows are read again with room for all there can be."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules._support.progress import RowsDone, quiet
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.engines import cube_dimensions, polars_groups
from ebi_rules.engines.registry import find_engine
from ebi_rules.layouts.scope import EVERYTHING
from ebi_rules.synth.made_up_extract import write_extract

_MANY_CODES = 300


@pytest.mark.parametrize(
    ("module", "name", "few"),
    [
        (polars_groups, "_ANSWER_BITS", 1),
        (polars_groups, "_CODE_BITS", 1),
        (polars_groups, "_MALFORMED_BITS", 0),
        (polars_groups, "_TREATMENT_BITS", {"provider": 1, "treatment_function": 20, "month": 17}),
        (cube_dimensions, "_SOME", 3),
        (cube_dimensions, "_FEW", 1),
    ],
)
@pytest.mark.parametrize("layout", ["ncdr-opa", "ncdr-apcs"])
def test_the_cube_does_not_depend_on_the_room(
    layout: str, module: object, name: str, few: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "made.parquet"
    write_extract(path, 2_000, 4, layout=layout)
    codes = pl.col("Der_Procedure_All")
    malformed = pl.when(pl.int_range(pl.len()) % 9 == 0).then(codes + ",!!,??").otherwise(codes)
    pl.read_parquet(path).with_columns(malformed).write_parquet(path)
    extract = ebi.open(path, layout=layout)
    usual = ebi.audit(extract).exact_cube
    monkeypatch.setattr(module, name, few)
    readings: list[bool] = []

    class Counting(polars_groups._Counting):
        def __init__(self, grouping: polars_groups.Grouping, passed: RowsDone, is_wide: bool) -> None:
            super().__init__(grouping, passed, is_wide)
            readings.append(is_wide)

    monkeypatch.setattr(polars_groups, "_Counting", Counting)
    assert ebi.audit(extract).exact_cube.equals(usual)
    assert readings == [False, True]
    assert usual.filter(measure="invalid").height


def test_an_activity_may_have_hundreds_of_codes(tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    write_extract(path, 500, 4, layout="ncdr-opa")
    is_first = pl.int_range(pl.len()) == 0
    long = pl.lit(",".join(["Z999"] * _MANY_CODES))
    rows = pl.read_parquet(path).with_columns(Der_Procedure_All=pl.when(is_first).then(long).otherwise(None))
    rows.write_parquet(path)
    cube = ebi.audit(ebi.open(path, layout="ncdr-opa"), "2S").exact_cube
    counted = cube.filter(measure="codes", item="procedures")
    assert counted["count"].to_list() == [_MANY_CODES]


@pytest.mark.parametrize("day", ["1899-12-31", "1900-01-01", "2069-12-31", "2070-01-01", "2070-01-02", "0001-01-01"])
def test_months_at_the_ends_of_the_calendar(day: str, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    write_extract(path, 100, 4, layout="ncdr-opa")
    place = pl.int_range(pl.len())
    days = pl.when(place == 0).then(pl.lit(day).str.to_date()).when(place > 1).then("Appointment_Date")
    pl.read_parquet(path).with_columns(Appointment_Date=days).write_parquet(path)
    extract = ebi.open(path, layout="ncdr-opa")
    cube = find_engine("polars").count_cube(extract, [], STANDARD_DIMENSIONS, EVERYTHING, quiet).cube
    activity = cube.filter(measure="activity")
    by_month = activity.group_by(pl.col("month").cast(pl.String)).agg(pl.col("count").sum())
    counted = dict(by_month.filter((pl.col("month") == day[:7]) | pl.col("month").is_null()).iter_rows())
    assert counted == {day[:7]: 1, None: 1}
