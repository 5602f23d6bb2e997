"""Imaging examinations at a national size: seconds and memory beside the plain read and the script in DuckDB.

Run as `python -m tests.bench.imaging --rows 20000000`, or by `make bench`. It prints figures and asserts nothing.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars as pl

import ebi_rules as ebi
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.engines.polars_cube import count_frame
from ebi_rules.engines.polars_engine import require_frame
from ebi_rules.results.flags import write_flags
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import rules_of_dataset
from ebi_rules.rule_model.rule import Rule
from ebi_rules.synth.made_up_extract import write_extract
from ebi_rules.synth.scan_records import write_scans
from tests.bench.low_back import best, peak_memory

_WORK = ("read", "flag", "cube", "script")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--scans", type=int, default=1_000_000)
    parser.add_argument("--extract", type=Path, help="An extract in the layout dids-v1 that was made before.")
    parser.add_argument("--peak", choices=_WORK, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        _run(arguments.peak, arguments.extract)
        print(peak_memory())
        return
    with tempfile.TemporaryDirectory() as folder:
        extract = arguments.extract or Path(folder) / "imaging.parquet"
        if not extract.exists():
            write_extract(extract, arguments.rows, layout="dids-v1")
        size = extract.stat().st_size / 2**20
        print(f"{pl.scan_parquet(extract).select(pl.len()).collect().item():,} examinations, {size:,.0f} MiB")
        read = best("plain read of the columns", lambda file: _run("read", file), extract, None)
        best("flag, file to file, six rules", lambda file: _run("flag", file), extract, read)
        best("cube of six rules, with checks", lambda file: _run("cube", file), extract, read)
        best("six rules per provider, our SQL in DuckDB", lambda file: _run("script", file), extract, read)
        for work in _WORK:
            command = [sys.executable, "-m", "tests.bench.imaging", "--peak", work, "--extract", str(extract)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"peak memory, {work}: {int(done.stdout.splitlines()[-1]):,} MiB")
        write_scans(Path(folder) / "scans", arguments.scans)
        best(f"{arguments.scans:,} people's scans in both datasets paired", _pair, Path(folder) / "scans", read)


def _rules() -> list[Rule]:
    return rules_of_dataset("nwl-msk-imaging", "imaging")


def _run(work: str, extract: Path) -> None:
    if work == "flag":
        write_flags(extract, extract.with_name("flags.parquet"), _rules(), force=True)
        return
    opened = require_frame(ebi.open(extract))
    binding = opened.binding
    if work == "cube":
        count_frame(opened, [AuditedRule.of(rule, rule, binding) for rule in _rules()], STANDARD_DIMENSIONS)
    elif work == "read":
        fields = ("nicip", "snomed", "source_setting", "provider", "activity_date", "birth_date", "sex")
        columns = list(dict.fromkeys(column for name in fields for column in binding.fields[name]))
        pl.scan_parquet(extract).select(pl.col(columns).hash().sum()).collect(engine="streaming")
    else:
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW did AS SELECT * FROM read_parquet('{extract}')")
            text = ebi.sql(_rules(), "duckdb", "dids-v1", "did", shape="counts")
            assert len(connection.execute(text.rstrip(";")).fetchall()) > len(_rules())


def _pair(folder: Path) -> None:
    extracts = [folder / f"{name}.parquet" for name in ("outpatient", "imaging")]
    ebi.run_measures(extracts, ["scans_outpatients_miss"], settings=ebi.Settings(disclosure="none"))


if __name__ == "__main__":
    main()
