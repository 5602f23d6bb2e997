"""A national year: every kind of work over 1, 20 and 100 million rows, compared with a plain read of the same.

Run as `python -m tests.bench.national --rows 20000000 --layout ncdr-opa`, or by `make bench`; `--only` chooses some of
the work, `--hostile` makes almost every text of codes different, `--record FILE` adds the figures to a JSON file from
which `tests.bench.page` writes docs/performance.md. Each figure comes from a process of its own, which first reads
the extract plainly and then does the work: seconds, their ratio, and the peak memory of the process.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from ebi_rules._support.progress import quiet
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.engines.extract import Extract
from ebi_rules.engines.registry import find_engine
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import ChildTable, find_layout
from ebi_rules.layouts.scope import EVERYTHING
from ebi_rules.results.flags import write_flags
from ebi_rules.results.opened_extract import open_extract
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import choose_rules, rules
from ebi_rules.rule_model.rule import Rule
from ebi_rules.synth.made_up_extract import write_extract
from tests.bench.literal import script
from tests.bench.low_back import peak_memory

ONE = "2S"
OF_ADMITTED_CARE = {"admission_method": ("11", "12", "13", "21", "28", "81"), "patient_classification": ("1", "2", "3")}
"""Fields that only admitted care has, and values that made-up outpatient extracts get, so that all rules can run."""

_FIELDS_OF_CUBE = ("id", "provider", "activity_date", "age", "sex", "administrative_category")


class MadeUpExtract:
    """A made-up extract, and its rules: one, or all of the catalogue."""

    def __init__(self, path: Path, layout: str) -> None:
        self.path = path
        fields = find_layout(layout).fields
        self.columns = {name: f"made_up_{name}" for name in OF_ADMITTED_CARE if name not in fields}
        codes = find_layout(layout).codes.items()
        self.children = {
            name: path.with_name(f"{path.stem}.{name}.parquet")
            for name, shape in codes
            if isinstance(shape, ChildTable)
        }
        self.layout = layout

    def open(self, engine: str = "polars") -> Extract:
        return open_extract(str(self.path), self.layout, self.columns, **self.children, engine=engine)

    @property
    def binding(self) -> Binding:
        return self.open().binding

    def rules(self, name: str) -> list[Rule]:
        names = [ONE] if name == "one" else [rule.key for rule in rules() if rule.dataset != "imaging"]
        return [variant for _, variant in choose_rules(names, "default", self.binding, any_dataset=True)[0]]


def count(
    extract: MadeUpExtract, chosen: str, dimensions: Sequence[str], engine: str = "polars", checks_keys: bool = True
) -> None:
    opened = replace(extract.open(engine), checks_keys=checks_keys)
    audited = [AuditedRule.of(rule, rule, opened.binding) for rule in extract.rules(chosen)]
    counted = find_engine(engine).count_cube(opened, audited, dimensions, EVERYTHING, quiet)
    assert counted.cube.height


def flag(extract: MadeUpExtract) -> None:
    with tempfile.TemporaryDirectory() as folder:
        flags = Path(folder) / "flags.parquet"
        write_flags(extract.open(), flags, [ONE], any_dataset=True)


def expression(extract: MadeUpExtract) -> None:
    (rule,) = extract.rules("one")
    frame = pl.scan_parquet(extract.path)
    flag = rule.expr(extract.layout, available=frame.collect_schema().names(), any_dataset=True)
    (provider,) = extract.binding.fields["provider"]
    frame.group_by(provider).agg(flag.sum().alias("flagged")).collect(engine="streaming")


def floor_per_provider(extract: MadeUpExtract) -> None:
    """Count flagged rows per provider, and missing values of the columns that the cube checks: nothing less will do."""
    (rule,) = extract.rules("one")
    frame = pl.scan_parquet(extract.path)
    flag = rule.expr(extract.layout, available=frame.collect_schema().names(), any_dataset=True)
    columns = [column for name in _FIELDS_OF_CUBE for column in extract.binding.fields.get(name, ())]
    (provider,) = extract.binding.fields["provider"]
    missing = [pl.col(column).null_count().alias(f"no_{column}") for column in dict.fromkeys(columns)]
    frame.group_by(provider).agg(pl.len(), flag.sum().alias("flagged"), *missing).collect(engine="streaming")


def floor_of_groups(extract: MadeUpExtract) -> None:
    """Group rows by the cube's dimensions, and codes in child tables by their activity: no cube can do without."""
    binding = extract.binding
    frame = pl.scan_parquet(extract.path)
    provider, day, age, sex = (pl.col(binding.fields[name][0]) for name in ("provider", "activity_date", "age", "sex"))
    sums = [pl.len()]
    for name, path in extract.children.items():
        child = binding.child(name)
        assert child is not None
        codes = pl.scan_parquet(path).group_by(child.key).agg(pl.len().alias(name))
        frame = frame.join(codes, left_on=binding.key, right_on=child.key, how="left")
        sums.append(pl.col(name).sum())
    frame.group_by(provider, day.dt.truncate("1mo"), age, sex).agg(sums).collect(engine="streaming")


def audit_command(extract: MadeUpExtract) -> None:
    """Run the command, with all rules that the extract can answer, report included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ebi_rules", "audit", str(extract.path), "--layout", extract.layout]
        for name, path in extract.children.items():
            command += [f"--{name}", str(path)]
        subprocess.run([*command, "-o", f"{folder}/audit"], check=True, capture_output=True)


def literal_in_duckdb(extract: MadeUpExtract, chosen: str, together: bool) -> None:
    import duckdb

    binding = extract.binding
    scripts = [script(rule.logic, binding) for rule in extract.rules(chosen)]
    (provider,) = binding.fields["provider"]
    table = f"read_parquet('{extract.path}')"
    with duckdb.connect() as connection:
        if together:
            sums = ", ".join(f"SUM(CASE WHEN {text} THEN 1 ELSE 0 END)" for text in scripts)
            connection.sql(f"SELECT {provider}, {sums} FROM {table} GROUP BY {provider}").fetchall()
            return
        for text in scripts:
            connection.sql(f"SELECT {provider}, COUNT(*) FROM {table} WHERE {text} GROUP BY {provider}").fetchall()


def contains_in_pandas(extract: MadeUpExtract) -> None:
    import pandas as pd

    frame = pd.read_parquet(extract.path)
    procedures, diagnoses = frame["Der_Procedure_All"], frame["Der_Diagnosis_All"]

    def any_of(column: "pd.Series[str]", *patterns: str) -> "pd.Series[bool]":
        return column.str.contains("|".join(patterns), na=False)

    imaging = any_of(procedures, "U05[45]") | (
        any_of(procedures, "U13[2356]", "U21[1267]") & any_of(procedures, "Z665", "O162")
    )
    cancers = any_of(diagnoses, "C[0-9][0-9]", "D0", "D3[789]", "D4[012345678]")
    age = frame["Age_at_Start_of_Episode_SUS"].fillna(frame["Der_Age_at_CDS_Activity_Date"])
    flagged = imaging & age.between(19, 120) & ~cancers & (frame["Administrative_Category"] != "02")
    frame[flagged].groupby("Der_Provider_Code").size()


def rlike_in_spark(extract: MadeUpExtract) -> None:
    session = _spark()
    session.read.parquet(str(extract.path)).createOrReplaceTempView("t")
    (rule,) = extract.rules("one")
    text = script(rule.logic, extract.binding, "REGEXP")
    session.sql(f"SELECT Der_Provider_Code, COUNT(*) FROM t WHERE {text} GROUP BY Der_Provider_Code").collect()


def cube_in_spark(extract: MadeUpExtract) -> None:
    _spark()
    count(extract, "one", STANDARD_DIMENSIONS, "spark")


def _spark() -> "object":
    from pyspark.sql import SparkSession

    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "12g", "spark.ui.showConsoleProgress": "false"}
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


WORK: dict[str, tuple[str, Callable[[MadeUpExtract], None]]] = {
    "one rule, counts per provider": ("one", lambda extract: count(extract, "one", ["provider"])),
    "all rules, counts per provider": ("all", lambda extract: count(extract, "all", ["provider"])),
    "one rule, full cube": ("one", lambda extract: count(extract, "one", STANDARD_DIMENSIONS)),
    "all rules, full cube": ("all", lambda extract: count(extract, "all", STANDARD_DIMENSIONS)),
    "flag, one rule, file to file": ("one", flag),
    "rule.expr, flagged per provider": ("one", expression),
    "floor: flagged and missing values per provider": ("one", floor_per_provider),
    "floor: rows by provider, month, age and sex": ("one", floor_of_groups),
    "the command audit": ("all", audit_command),
    "one rule, full cube, DuckDB": ("one", lambda extract: count(extract, "one", STANDARD_DIMENSIONS, "duckdb")),
    "all rules, full cube, DuckDB": ("all", lambda extract: count(extract, "all", STANDARD_DIMENSIONS, "duckdb")),
    "one rule, full cube, Spark": ("one", cube_in_spark),
    "script of one rule, DuckDB": ("one", lambda extract: literal_in_duckdb(extract, "one", together=False)),
    "scripts of all rules, one after another, DuckDB": (
        "all",
        lambda extract: literal_in_duckdb(extract, "all", together=False),
    ),
    "scripts of all rules in one statement, DuckDB": (
        "all",
        lambda extract: literal_in_duckdb(extract, "all", together=True),
    ),
    "script of one rule, pandas": ("one", contains_in_pandas),
    "script of one rule, Spark": ("one", rlike_in_spark),
}
"""What is timed: whose columns are read for comparison (one rule or all), and the work itself."""

_DELIMITED_ONLY = tuple(name for name in WORK if name.startswith(("script", "rule.expr", "floor: flagged")))


def read(extract: MadeUpExtract, chosen: str) -> None:
    """Read every column that the rules and the cube need, including child tables, and touch every value."""
    binding = extract.binding
    needed = {*_FIELDS_OF_CUBE, *(name for rule in extract.rules(chosen) for name in rule.logic.fields_needed)}
    columns = {column for name in needed for column in (*binding.fields.get(name, ()), *binding.code_columns(name))}
    for path in (extract.path, *extract.children.values()):
        schema = pl.scan_parquet(path).collect_schema()
        here = columns if path == extract.path else set(schema)
        pl.scan_parquet(path).select(_touched(here, schema)).collect(engine="streaming")


def _touched(columns: Iterable[str], schema: pl.Schema) -> list[pl.Expr]:
    return [
        pl.col(name).str.len_bytes().sum() if schema[name] == pl.String else pl.col(name).max()
        for name in sorted(columns)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--layout", default="ncdr-opa", choices=["ncdr-opa", "hes-op", "unified-sus-op", "ncdr-apcs"])
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(WORK), default=list(WORK))
    parser.add_argument("--keep", type=Path, help="folder for the extract, used again when it is there")
    parser.add_argument("--record", type=Path, help="JSON file to add the figures to")
    parser.add_argument("--work", choices=list(WORK), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        name = f"{arguments.layout}-{arguments.rows}{'-hostile' if arguments.hostile else ''}"
        extract = MadeUpExtract(folder / name / "extract.parquet", arguments.layout)
        if arguments.work:
            print(json.dumps(_timed(extract, arguments.work)))
            return
        if not extract.path.exists():
            make(extract, arguments.rows, arguments.hostile)
        print(f"{name}: {sum(file.stat().st_size for file in extract.path.parent.iterdir()) / 2**20:,.0f} MiB")
        for work in arguments.only:
            if work in _DELIMITED_ONLY and arguments.layout not in ("ncdr-opa", "ncdr-apcs"):
                continue
            figures = _in_a_process(work, folder, arguments)
            print(
                f"{work:<48} {figures['seconds']:8.2f} s   {figures['seconds'] / figures['read']:7.1f} times the read"
                f"   {figures['peak']:>7,} MiB",
                flush=True,
            )
            if arguments.record:
                _record(arguments.record, {"extract": name, "work": work, **figures})


def _in_a_process(work: str, folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.bench.national",
        "--work",
        work,
        "--keep",
        str(folder),
        "--rows",
        str(arguments.rows),
        "--layout",
        arguments.layout,
    ]
    command += ["--hostile"] if arguments.hostile else []
    settings = {**os.environ, "POLARS_ROW_GROUP_PREFETCH_SIZE": "2"}  # as the command line has it
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, env=settings
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _timed(extract: MadeUpExtract, name: str) -> dict[str, float]:
    """Time the work, the best of three if it takes seconds, once if it takes minutes; and then the best of three reads.

    The work comes first, so that its memory is not that of the reads, which Polars does all at once.
    """
    chosen, work = WORK[name]
    taken = [_seconds(lambda: work(extract))]
    while len(taken) < 3 and sum(taken) < 30:
        taken.append(_seconds(lambda: work(extract)))
    peak = peak_memory()
    plain = min(_seconds(lambda: read(extract, chosen)) for _ in range(3))
    return {"seconds": min(taken), "read": plain, "peak": peak, "rows": _rows(extract)}


def _rows(extract: MadeUpExtract) -> int:
    return int(pl.scan_parquet(extract.path).select(pl.len()).collect().item())


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def make(extract: MadeUpExtract, rows: int, hostile: bool) -> None:
    extract.path.parent.mkdir(parents=True, exist_ok=True)
    write_extract(extract.path, rows, layout=extract.layout)
    _add_columns(extract)
    if hostile:
        _make_different(extract)


def _add_columns(extract: MadeUpExtract) -> None:
    """Give an extract the columns of admitted care that its layout lacks, with values in no order."""
    if not extract.columns:
        return
    place = pl.int_range(pl.len(), dtype=pl.UInt64)
    columns = [
        pl.lit(pl.Series(OF_ADMITTED_CARE[name])).gather(place.hash(seed) % len(OF_ADMITTED_CARE[name])).alias(column)
        for seed, (name, column) in enumerate(extract.columns.items())
    ]
    made = extract.path.with_name("made.parquet")
    pl.scan_parquet(extract.path).with_columns(columns).sink_parquet(made, row_group_size=250_000)
    made.replace(extract.path)


def _make_different(extract: MadeUpExtract) -> None:
    """Append two codes that are in no rule to every row that has codes, a different pair in each row."""
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    pair = pl.format(
        ",Q{}{},Y{}",
        (place // 1_000_000 % 90 + 10),
        (place // 100_000) % 10,
        (place % 100_000).cast(pl.String).str.zfill(5),
    )
    columns = [column for name in ("procedures", "diagnoses") for column in extract.binding.code_columns(name)[:1]]
    made = extract.path.with_name("made.parquet")
    frame = pl.scan_parquet(extract.path).with_columns([pl.col(column) + pair for column in columns])
    frame.sink_parquet(made, row_group_size=250_000)
    made.replace(extract.path)


def _record(path: Path, figures: dict[str, object]) -> None:
    """Add figures to a file; they replace earlier ones of the same work."""
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"figures": []}
    same = ("extract", "work")
    record["figures"] = [each for each in record["figures"] if any(each[name] != figures[name] for name in same)] + [
        figures
    ]
    record["machine"] = _machine()
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _machine() -> dict[str, str]:
    from importlib.metadata import version

    memory = re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"))
    return {
        "date": f"{date.today():%Y-%m-%d}",
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[0]) / 2**20:.0f} GiB",
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("polars", "duckdb", "pandas", "pyspark")},
    }


if __name__ == "__main__":
    main()
