"""What Spark's cube costs on two workers, by its own event log: CPU time of tasks, and what was shuffled.

Run as `python -m tests.bench.spark --rows 20000000`; `--keep FOLDER` uses an extract again. Seconds say little
on a shared machine; the event log counts the CPU time of each task, wherever it ran. Each work is compared with a
plain GROUP BY of provider, month, age and sex over the same files, which is run once before it is measured: the first
statement of a session costs half as much again.
"""

import argparse
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebi_rules.cube import STANDARD_DIMENSIONS
from tests.bench.literal import script
from tests.bench.national import MadeUpExtract, count, make

_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.memory": "4g",
    "spark.driver.maxResultSize": "2g",
    "spark.executor.memory": "4g",
    "spark.sql.shuffle.partitions": "8",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
}
_WORKERS = "local-cluster[2,1,5120]"


@dataclass
class Cost:
    """What one work cost: CPU seconds of tasks, MiB written to be shuffled, MiB of the result, and the tasks."""

    cpu: float = 0
    shuffled: float = 0
    result: float = 0
    tasks: int = 0
    hosts: frozenset[str] = frozenset()


def _session(events: Path) -> Any:
    import pyspark
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    builder = SparkSession.builder.master(_WORKERS).config(map={**_SETTINGS, "spark.eventLog.dir": events.as_uri()})
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _works(extract: MadeUpExtract, session: Any) -> Mapping[str, Callable[[], object]]:
    binding = extract.binding
    provider, day, age, sex = (binding.fields[name][0] for name in ("provider", "activity_date", "age", "sex"))
    keys = f"{provider}, year({day}), month({day}), {age}, {sex}"
    (one,) = extract.rules("one")
    text = script(one.logic, binding, "REGEXP")
    return {
        "plain GROUP BY of four columns": lambda: session.sql(
            f"SELECT {keys}, COUNT(*) FROM t GROUP BY {keys}"
        ).toArrow(),
        "script of one rule": lambda: session.sql(
            f"SELECT {provider}, COUNT(*) FROM t WHERE {text} GROUP BY {provider}"
        ).collect(),
        "one rule, full cube": lambda: count(extract, "one", STANDARD_DIMENSIONS, "spark"),
        "one rule, keys not checked": lambda: count(extract, "one", STANDARD_DIMENSIONS, "spark", checks_keys=False),
        "all rules, keys not checked": lambda: count(extract, "all", STANDARD_DIMENSIONS, "spark", checks_keys=False),
    }


def costs(events: Path) -> dict[str, Cost]:
    """Read an event log: what the tasks of each group of jobs cost."""
    group_of_stage: dict[int, str] = {}
    found: dict[str, Cost] = defaultdict(Cost)
    for file in sorted(
        path for path in events.rglob("*") if path.is_file() and path.name.startswith(("app", "events"))
    ):
        for line in file.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["Event"] == "SparkListenerJobStart":
                group = (event.get("Properties") or {}).get("spark.jobGroup.id", "")
                group_of_stage |= dict.fromkeys(event["Stage IDs"], group)
            elif event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
                metrics = event["Task Metrics"]
                cost = found[group_of_stage.get(event["Stage ID"], "")]
                cost.cpu += metrics["Executor CPU Time"] / 1e9
                cost.shuffled += metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"] / 2**20
                cost.result += metrics["Result Size"] / 2**20
                cost.tasks += 1
                cost.hosts |= {event["Task Info"]["Executor ID"]}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--layout", default="ncdr-opa")
    parser.add_argument("--keep", type=Path, help="folder for the extract, used again when it is there")
    parser.add_argument("--only", nargs="+", help="some of the works")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        extract = MadeUpExtract(
            (arguments.keep or Path(scratch)) / f"{arguments.layout}-{arguments.rows}" / "extract.parquet",
            arguments.layout,
        )
        if not extract.path.exists():
            make(extract, arguments.rows, hostile=False)
        events = Path(scratch) / "events"
        events.mkdir()
        session = _session(events)
        session.read.parquet(str(extract.path)).createOrReplaceTempView("t")
        works = _works(extract, session)
        next(iter(works.values()))()
        for name, work in works.items():
            if not arguments.only or name in arguments.only:
                session.sparkContext.setJobGroup(name, name)
                work()
        session.stop()
        found = costs(events)
        plain = found[next(iter(works))]
        print(f"{arguments.rows:,} rows, {_WORKERS}")
        for name in works:
            if name in found:
                cost = found[name]
                cpu, shuffled = cost.cpu / plain.cpu, cost.shuffled / plain.shuffled
                print(
                    f"{name:<32} CPU {cost.cpu:8.1f} s ({cpu:5.2f})   shuffled {cost.shuffled:8.1f} MiB "
                    f"({shuffled:5.2f})   result {cost.result:7.1f} MiB   {cost.tasks} tasks, {len(cost.hosts)} workers"
                )


if __name__ == "__main__":
    main()
