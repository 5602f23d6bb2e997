"""All rules over made-up extracts of outpatients and of admitted care: counts, seconds, memory, and agreement.

Run as `python -m tests.bench.catalogue --rows 1000000`, or by `make bench`. Polars' flags are compared row for row
with those of DuckDB, which runs our SQL over the same file, and with the reference, which works row by row and takes
minutes. It prints figures and asserts nothing about time.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from ebi_rules.criteria.evaluate import holds
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import find_layout
from ebi_rules.results.flags import write_flags
from ebi_rules.rule_model.catalogue import rules
from ebi_rules.rule_model.rule_logic import RuleLogic
from ebi_rules.statements.rule_sql import rule_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.synth.made_up_extract import write_extract
from tests.bench.low_back import best, peak_memory

LAYOUTS = ("ncdr-opa", "ncdr-apcs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        _flag(arguments.peak)
        print(peak_memory())
        return
    for layout in LAYOUTS:
        with tempfile.TemporaryDirectory() as folder:
            _one_layout(Path(folder) / "extract.parquet", layout, arguments.rows)


def _one_layout(extract: Path, layout: str, rows: int) -> None:
    write_extract(extract, rows, layout=layout)
    binding = bind(find_layout(layout), pl.scan_parquet(extract).collect_schema().names())
    chosen = [rule.logic for rule in rules() if rule.dataset == binding.layout.dataset]
    print(
        f"\n{layout}: {len(chosen)} rules, {rows:,} rows, {extract.stat().st_size / 2**20:,.0f} MiB; "
        f"Polars {pl.__version__}, DuckDB {duckdb.__version__}"
    )
    read = best("plain read of the columns", lambda file: _read(file, chosen, binding), extract, None)
    best("flag, file to file, all rules", _flag, extract, read)
    command = [sys.executable, "-m", "tests.bench.catalogue", "--peak", str(extract)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"peak memory, flag: {int(done.stdout):,} MiB")
    flags = pl.read_parquet(extract.with_name("flags.parquet"))
    _compare("DuckDB", flags, _by_duckdb(extract, chosen, binding))
    _compare("the reference", flags, _by_reference(extract, chosen, binding))
    for rule in chosen:
        print(f"    {rule.key:<28} {int(flags[rule.key].sum()):>8,}")


def _read(extract: Path, chosen: Sequence[RuleLogic], binding: Binding) -> None:
    """Read every column that the rules need, and touch every value."""
    needed = {name for rule in chosen for name in rule.fields_needed}
    columns = [
        binding.key,
        *(column for name in needed for column in (*binding.fields.get(name, ()), *binding.code_columns(name))),
    ]
    schema = pl.scan_parquet(extract).collect_schema()
    sums = [pl.col(name).str.len_bytes().sum() if schema[name] == pl.String else pl.col(name).sum() for name in columns]
    pl.scan_parquet(extract).select(sums).collect(engine="streaming")


def _flag(extract: Path) -> None:
    write_flags(str(extract), extract.with_name("flags.parquet"), force=True)


def _by_duckdb(extract: Path, chosen: Sequence[RuleLogic], binding: Binding) -> pl.DataFrame:
    text = rule_statement(chosen, "duckdb", TableSource(binding, "extract"))
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW extract AS SELECT * FROM read_parquet('{extract}')")
        started = time.perf_counter()
        flags = pl.from_arrow(connection.sql(text).to_arrow_table())
        print(f"{'DuckDB, our SQL, all rules':<34} {time.perf_counter() - started:6.2f} s")
    assert isinstance(flags, pl.DataFrame)
    return flags


def _by_reference(extract: Path, chosen: Sequence[RuleLogic], binding: Binding) -> pl.DataFrame:
    started = time.perf_counter()
    keys: list[int] = []
    columns: list[list[bool]] = [[] for _ in chosen]
    for row in pl.read_parquet(extract).iter_rows(named=True):
        activity = binding.activity(row, {})
        keys.append(row[binding.key])
        for rule, column in zip(chosen, columns, strict=True):
            column.append(all(holds(criterion, activity) for criterion in rule.criteria.values()))
    print(f"{'the reference, all rules':<34} {time.perf_counter() - started:6.2f} s")
    return pl.DataFrame({binding.key: keys, **{rule.key: column for rule, column in zip(chosen, columns, strict=True)}})


def _compare(name: str, flags: pl.DataFrame, other: pl.DataFrame) -> None:
    key, *columns = flags.columns
    same_order = other.sort(key)
    flags = flags.sort(key)
    wrong = sum((flags[column] != same_order[column].cast(pl.Boolean)).sum() for column in columns)
    print(f"{name}: {wrong} of {flags.height * len(columns):,} flags differ from Polars'", flush=True)


if __name__ == "__main__":
    main()
