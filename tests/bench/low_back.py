"""How long the low back imaging rule takes, compared with a plain read of the same columns in the same run.

Run as `python -m tests.bench.low_back --rows 5000000`, or by `make bench`. It prints figures and asserts nothing.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

import ebi_rules as ebi
from ebi_rules.results.flags import write_flags
from ebi_rules.synth.made_up_extract import write_extract

COLUMNS = [
    "OPA_Ident",
    "Der_Procedure_All",
    "Der_Diagnosis_All",
    "Administrative_Category",
    "Age_at_Start_of_Episode_SUS",
    "Der_Age_at_CDS_Activity_Date",
    "Der_Provider_Code",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--peak", choices=["read", "flag", "audit"], help=argparse.SUPPRESS)
    parser.add_argument("--extract", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        _WORK[arguments.peak](arguments.extract)
        print(peak_memory())
        return
    with tempfile.TemporaryDirectory() as folder:
        extract = Path(folder) / "opa.parquet"
        started = time.perf_counter()
        write_extract(extract, arguments.rows)
        print(
            f"{arguments.rows:,} rows made up in {time.perf_counter() - started:.1f} s, "
            f"{extract.stat().st_size / 2**20:,.0f} MiB; Polars {pl.__version__}"
        )
        read = best("plain read of the columns", _WORK["read"], extract, None)
        best("flag, file to file", _WORK["flag"], extract, read)
        best("audit by provider, all variants", _WORK["audit"], extract, read)
        for name in _WORK:
            command = [sys.executable, "-m", "tests.bench.low_back", "--peak", name, "--extract", str(extract)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"peak memory, {name}: {int(done.stdout):,} MiB")


def peak_memory() -> int:
    """Return the largest resident size of this process and of those it started, in MiB, as Linux reports it."""
    statuses = {
        int(path.parent.name): path.read_text(encoding="utf-8", errors="replace")
        for path in Path("/proc").glob("[0-9]*/status")
        if path.exists()
    }
    ours, grown = {os.getpid()}, True
    while grown:
        started = {pid for pid, text in statuses.items() if int(re.findall(r"PPid:\s+(\d+)", text)[0]) in ours}
        grown = not started <= ours
        ours |= started
    peaks = [re.findall(r"VmHWM:\s+(\d+) kB", statuses[pid]) for pid in ours]
    return sum(int(peak[0]) for peak in peaks if peak) // 1024


def _read(extract: Path) -> None:
    """Read every column that the rule and the audit need, and touch every value."""
    sums = [
        pl.col(name).str.len_bytes().sum() if dtype == pl.String else pl.col(name).sum()
        for name, dtype in pl.scan_parquet(extract).collect_schema().items()
        if name in COLUMNS
    ]
    pl.scan_parquet(extract).select(sums).collect(engine="streaming")


def _flag(extract: Path) -> None:
    write_flags(extract, extract.with_name("flags.parquet"), rules=["2S"], force=True)


def _audit(extract: Path) -> None:
    ebi.audit(extract, rules=["2S"])


_WORK: dict[str, Callable[[Path], None]] = {"read": _read, "flag": _flag, "audit": _audit}


def best(name: str, work: Callable[[Path], None], extract: Path, read: float | None) -> float:
    """Time the best of five, after one run that is not counted."""
    work(extract)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        work(extract)
        times.append(time.perf_counter() - started)
    ratio = f"   {min(times) / read:5.1f} times the read" if read else ""
    print(f"{name:<34} {min(times):6.2f} s{ratio}", flush=True)
    return min(times)


if __name__ == "__main__":
    main()
