"""Made-up parquet files, and what is counted of them, for tests of reading by row groups."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules._support.progress import quiet
from ebi_rules.cube import cube_dimensions
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.registry import find_engine
from ebi_rules.engines.row_groups import RowGroups
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import choose_rules, rules_of_dataset
from ebi_rules.rule_model.rule import Rule
from ebi_rules.synth.made_up_extract import write_extract

ROWS = 1_500
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
def made(layout: str, table: str = "") -> pl.DataFrame:
    """Return a made-up extract, or one of the tables beside it."""
    with TemporaryDirectory() as folder:
        write_extract(Path(folder) / "made.parquet", ROWS, 4, layout=layout)
        return pl.read_parquet(Path(folder) / f"made{table}.parquet")


@cache
def _rules(dataset: str) -> list[Rule]:
    return rules_of_dataset(None, dataset)


def extract_of(layout: str, change: Change, folder: Path, group: int, files: int) -> FrameExtract:
    rows = change(made(layout))
    (folder / "files").mkdir()
    size = max(1, -(-rows.height // files))
    for number in range(files):
        path = folder / "files" / f"part-{number}.parquet"
        rows.slice(number * size, size).write_parquet(path, row_group_size=group)
    opened = ebi.open(folder / "files", layout=layout)
    assert isinstance(opened, FrameExtract)
    return opened


def counted(extract: FrameExtract, by: list[str], scope: Scope = EVERYTHING) -> CountedCube:
    chosen = choose_rules(_rules(extract.binding.layout.dataset), "default", extract.binding, skip_unavailable=True)[0]
    audited = [AuditedRule.of(rule, rule, extract.binding) for _, rule in chosen]
    return find_engine("polars").count_cube(extract, audited, cube_dimensions(by), scope, quiet)


def noting_row_groups(monkeypatch: pytest.MonkeyPatch) -> list[RowGroups]:
    """Note what is read by row groups."""
    read: list[RowGroups] = []
    of_row_groups: Callable[..., Iterator[object]] = RowGroups.read

    def note(groups: RowGroups, use: Callable[..., object]) -> Iterator[object]:
        read.append(groups)
        return of_row_groups(groups, use)

    monkeypatch.setattr(RowGroups, "read", note)
    return read


def require_same(extract: FrameExtract, monkeypatch: pytest.MonkeyPatch) -> CountedCube:
    by_row_groups = counted(extract, [])
    monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    by_polars = counted(extract, [])
    assert by_row_groups.cube.equals(by_polars.cube)
    assert by_row_groups.rows == by_polars.rows
    assert by_row_groups.notices == by_polars.notices
    assert by_row_groups.findings == by_polars.findings
    return by_row_groups
