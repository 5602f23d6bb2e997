"""Large extracts are counted in parts, and what batches contain is added up as it comes: the counts are the same."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.engines import key_ranges, tally
from ebi_rules.engines.tally import Tally
from ebi_rules.layouts.layout import find_layout
from ebi_rules.synth.made_up_extract import write_extract

_ROWS = 3_000


@pytest.mark.parametrize("layout", ["ncdr-opa", "hes-op", "unified-sus-op"])
@pytest.mark.parametrize("months", [None, "2024-05..2024-07"])
def test_parts_give_the_same_cube(
    layout: str, months: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_extract(tmp_path / "made.parquet", _ROWS, 4, layout=layout)
    folder = tmp_path / "files"
    folder.mkdir()
    key = find_layout(layout).fields["id"][0]
    rows = pl.read_parquet(tmp_path / "made.parquet").sample(fraction=1, shuffle=True, seed=2)
    rows = rows.with_columns(pl.when(pl.int_range(pl.len()) != 7).then(key))
    for place in range(3):
        rows.slice(place * 1_000, 1_000).write_parquet(folder / f"part-{place}.parquet")
    children = {
        name: tmp_path / f"made.{name}.parquet"
        for name in ("procedures", "diagnoses")
        if (tmp_path / f"made.{name}.parquet").exists()
    }
    settings = ebi.Settings(months=months)
    extract = ebi.open(folder, layout=layout, **children)
    whole = ebi.audit(extract, "2S", settings=settings)
    monkeypatch.setattr(key_ranges, "_ROWS_IN_PART", 700)
    monkeypatch.setattr(tally, "_ROWS_AT_ONCE", 50)
    in_parts = ebi.audit(extract, "2S", settings=settings)
    assert in_parts.exact_cube.equals(whole.exact_cube)
    assert in_parts.warnings == whole.warnings
    assert whole.totals()["eligible"][0] > 100


def test_a_tally_adds_up_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_ROWS_AT_ONCE", 10)
    counts = Tally({"key": pl.Int64()})
    for place in range(100):
        counts.add(pl.DataFrame({"rows": [1, 2], "key": [place % 7, 7]}))
        assert sum(map(len, counts._frames)) <= 2 * 8 + 2
    expected = {key: len(range(key, 100, 7)) for key in range(7)} | {7: 200}
    assert dict(counts.total().rows()) == expected
