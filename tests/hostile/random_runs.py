"""Random hostile runs, for as long as one likes: `python -m tests.hostile.random_runs --minutes 60 --seed 1`.

Each draws a command, options, damage to the bytes of one of its files, and perhaps a signal at a random moment or a
second process with the same output. What must hold of every end is in `runs.faults`.
"""

import argparse
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import xlsxwriter

from tests.hostile.makers import CANARY, frame
from tests.hostile.runs import End, contents, faults, finish, start
from tests.unit.small_rule import rule_text

STOPPING = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
LEAVES = ".ebi-rules-"
"""What begins the names of the hidden files beside an output; only KILL may leave them."""


def make(folder: Path, rng: random.Random) -> None:
    """Write the files that commands read."""
    rows = frame(rng.choice([0, 1, 50, 2_000]), rng.randrange(1000))
    rows.write_parquet(folder / "opa.parquet")
    rows.write_csv(folder / "opa.csv")
    _write_review(folder, 20, rng.choice(["appropriate", "cannot tell", CANARY]))
    (folder / "rule.toml").write_text(rule_text(more='aged = "age BETWEEN 19 AND 120"'))
    (folder / "ebi-rules.toml").write_text('extract = "opa.parquet"\n[audit]\nrules = "rule.toml"\nxlsx = true\n')


def _write_review(folder: Path, cases: int, judgement: str) -> None:
    """Write a reviewer's workbook, and the key to it."""
    with xlsxwriter.Workbook(folder / "answers.xlsx") as workbook:
        sheet = workbook.add_worksheet("cases")
        sheet.write_row(0, 0, ["case", "in_scope", "judgement"])
        for case in range(1, cases + 1):
            sheet.write_row(case, 0, [case, "yes", judgement if case == cases else "not appropriate"])
        workbook.add_worksheet("how to").write_row(0, 0, ["Sample", "s1"])
    heading = (
        "sample,case,OPA_Ident,flagged,provider,alternative,stratum,stratum_provider,in_stratum,items,rule,content_hash"
    )
    lines = [f"s1,{case},{CANARY},true,ZZ1,the rule,the rule,ZZ1,400,,2S,x" for case in range(1, cases + 1)]
    (folder / "key.csv").write_text("\n".join([heading, *lines]))


def damage(path: Path, rng: random.Random) -> str:
    """Change some bytes of a file, or its end, and return how."""
    content = bytearray(path.read_bytes())
    kind = rng.choice(["none", "none", "flip", "zero", "cut", "double", "insert"])
    if not content or kind == "none":
        return "none"
    place = rng.randrange(len(content))
    size = min(rng.choice([1, 4, 64, 1000]), len(content) - place)
    noise = np.random.default_rng(rng.randrange(2**32)).bytes(size)
    if kind == "flip":
        content[place : place + size] = noise
    elif kind == "zero":
        content[place : place + size] = bytes(size)
    elif kind == "cut":
        del content[place:]
    elif kind == "double":
        content[place:place] = content[place : place + size]
    else:
        content[place:place] = noise
    path.write_bytes(bytes(content))
    return f"{kind} {size} at {place} of {path.name}"


def command(rng: random.Random) -> list[str]:
    """Return a command with options."""
    source = rng.choice(["opa.parquet", "opa.csv"])
    rules = rng.choice([[], ["--rule", "2S"], ["--rules", "rule.toml"]])
    kind = rng.choice(["audit", "audit", "flag", "check", "lint", "measure", "synth", "sql", *_NEWER])
    if kind == "audit":
        by = rng.choice([[], ["--by", "sex"], ["--by", "treatment_function"], ["--by", "commissioner"]])
        method = ["--disclosure", rng.choice(["hes", "midpoint6", "none"])]
        return ["audit", source, "-o", "out", *rules, *by, *method, *rng.choice([[], ["--xlsx"], ["--force"]])]
    if kind == "flag":
        return ["flag", source, "-o", rng.choice(["flags.csv", "flags.parquet"]), *rules]
    if kind == "measure":
        return ["measure", source, "-o", "out"]
    if kind == "compare":
        return ["compare", source, "-o", "out", *rules, "--at", rng.choice(["2023-06", "2024-01", "2031-01"])]
    if kind == "sample":
        size = ["--size", rng.choice(["0", "2", "10", "500"]), "--unflagged", rng.choice(["0", "1", "5"])]
        return ["sample", source, "-o", "out", "--key", "sampled.csv", "--rule", "2S", *size]
    if kind == "review":
        return ["review", "answers.xlsx", *rng.choice([[], ["answers.xlsx"]]), "--key", "key.csv", "-o", "out"]
    if kind == "run":
        return ["run", *rng.choice([[], ["--json"], ["--again"]])]
    if kind == "synth":
        return ["synth", "-o", "made.parquet", "--rows", str(rng.choice([0, 10, 100_000]))]
    if kind == "sql":
        return ["sql", "x", "--rules", "rule.toml", "--dialect", rng.choice(["tsql", "duckdb"]), *_TABLE]
    return ["check", source, *rules] if kind == "check" else ["lint", "rule.toml"]


_NEWER = ("compare", "sample", "review", "run")
_TABLE = ["--layout", "ncdr-opa", "--table", "t"]
WRITES = ["out", "runs", "exact", "sampled.csv", "flags.csv", "flags.parquet", "made.parquet"]


def run_once(seed: int) -> tuple[str, list[str]]:
    """Run one case; return what kind it was, and what was wrong."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, rng)
        how = damage(
            folder / rng.choice(["opa.parquet", "opa.csv", "rule.toml", "answers.xlsx", "key.csv", "ebi-rules.toml"]),
            rng,
        )
        arguments = command(rng)
        before = contents(folder)
        stop = rng.choice([None, None, *STOPPING])
        processes = [start(arguments, folder) for _ in range(2 if rng.random() < 0.1 else 1)]
        if stop:
            time.sleep(rng.uniform(0.05, 2.5))
            for process in processes:
                process.send_signal(STOPPING[stop])
        kind = f"{arguments[0]}{f', {stop}' if stop else ''}{', two at once' if len(processes) > 1 else ''}"
        try:
            ends = [finish(process) for process in processes]
        except subprocess.TimeoutExpired:
            for process in processes:
                process.kill()
            return kind, [f"{arguments} ({how}): no end after 120 s"]
        wrong = [fault for end in ends for fault in _faults(end, before, folder, stop)]
        return kind, [f"{arguments} ({how}): {fault}" for fault in wrong]


def _faults(end: End, before: dict[str, bytes], folder: Path, stop: str | None) -> list[str]:
    """Return what is wrong with an end. A signal may come before Python has started, and KILL leaves hidden files."""
    found = list(faults(end, before, folder, WRITES))
    written = (*WRITES, *((LEAVES,) if stop == "KILL" else ()))
    found = [fault for fault in found if not (fault.endswith("was left") and fault.startswith(written))]
    if stop and end.code < 0:
        found = [fault for fault in found if not fault.startswith("exit code")]
    if stop == "INT" and end.code in (1, -signal.SIGINT) and "ebi_rules" not in end.text:
        found = [fault for fault in found if "Traceback" not in fault and not fault.startswith("exit code")]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, help="Stop after so many runs, however long they take.")
    options = parser.parse_args()
    end, seed, kinds, wrong = time.monotonic() + options.minutes * 60, options.seed, Counter[str](), 0
    while seed - options.seed < options.runs if options.runs else time.monotonic() < end:
        kind, found = run_once(seed)
        kinds[kind] += 1
        wrong += bool(found)
        for fault in found:
            print(f"seed {seed}: {fault}", flush=True)
        seed += 1
    print(f"{sum(kinds.values())} runs, seeds {options.seed} to {seed - 1}: {wrong} wrong. {dict(kinds.most_common())}")


if __name__ == "__main__":
    main()
