"""SUS-like extracts made up by seed, in any layout; no row is or resembles a real patient's.

What is in scope is known when a row is planted, never asked of the rule engine, so that `truth` can judge it.
Providers truly differ; months have seasons; codes come in all the forms seen in real extracts. Organisation codes
begin with ZZ, which no real NHS organisation's code is assumed to do.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import polars as pl

from ebi_rules._support.atomic_output import whole_file
from ebi_rules._support.errors import UsageError
from ebi_rules.layouts.layout import ChildTable, Layout, find_layout
from ebi_rules.synth import admitted_rows as admitted
from ebi_rules.synth import outpatient_rows as outpatient
from ebi_rules.synth.layout_writer import lay_out
from ebi_rules.synth.random_values import provider_codes

CHUNK = 250_000
OURS_OF_PEOPLE = re.compile(r"(outpatient|admitted)\.parquet|truth\.csv")
"""The names of the files that a population is written to (`pathways.write_population`)."""

_DATASETS = {"outpatient": outpatient, "admitted": admitted}


def write_extract(
    output: Path,
    rows: int,
    seed: int = 1,
    layout: str | Path | Layout = "ncdr-opa",
    truth: Path | None = None,
    names: Path | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[Path]:
    """Write a made-up extract as parquet, and give the files written.

    `output` is the activity table; a child layout's tables stand beside it as NAME.procedures.parquet and
    NAME.diagnoses.parquet. `truth` gets the key of every row, the `rule` for which something was planted
    in it (null: for none), whether that is `in_scope` (null: not known), and `why`; `names` gets the made-up provider
    names as CSV (code, name). `progress` is told of every rows written. The same seed, rows and layout give the same
    data. Raises `UsageError` for a path that exists, unless `force`.
    """
    import pyarrow.parquet as pq

    if rows < 0:
        raise UsageError("the number of rows is 0 or more.")
    chosen = find_layout(layout)
    population = _DATASETS[chosen.dataset].population(seed)
    targets: dict[str, Path] = {"activity": output}
    for name, shape in chosen.codes.items():
        if isinstance(shape, ChildTable):
            targets[name] = output.with_name(f"{output.stem}.{name}.parquet")
    if truth is not None:
        targets["truth"] = truth
    every = [*targets.values(), *([names] if names else [])]
    if len({path.resolve() for path in every}) < len(every):
        raise UsageError("two of the files to write have the same name: give each its own.")
    with ExitStack() as stack:
        scratch = {name: stack.enter_context(whole_file(path, force)) for name, path in targets.items()}
        if names is not None:
            names_frame = pl.DataFrame({"code": provider_codes(), "name": population.organisations.names})
            names_frame.write_csv(stack.enter_context(whole_file(names, force)))
        with ExitStack() as writers:
            open_writers: dict[str, pq.ParquetWriter] = {}
            for tables in _chunks(rows, seed, population, chosen):
                for name, table in tables.items():
                    if name in scratch:
                        arrow = table.to_arrow(compat_level=pl.CompatLevel.oldest())
                        if name not in open_writers:
                            writer = pq.ParquetWriter(scratch[name], arrow.schema, compression="zstd")
                            open_writers[name] = writers.enter_context(writer)
                        open_writers[name].write_table(arrow)
                progress(tables["activity"].height)
    return every


def _chunks(
    rows: int, seed: int, population: outpatient.Population | admitted.Population, layout: Layout
) -> Iterator[dict[str, pl.DataFrame]]:
    """Give the tables of a layout in chunks of rows; at least one chunk, so that an empty table has columns."""
    for number, start in enumerate(range(0, max(rows, 1), CHUNK)):
        rng = np.random.default_rng([seed, number])
        count = min(CHUNK, rows - start)
        if isinstance(population, outpatient.Population):
            made = outpatient.activities(rng, start, count, population)
        else:
            made = admitted.activities(rng, start, count, population)
        yield lay_out(made, population.codes, layout, rng)
