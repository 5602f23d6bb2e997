"""Made-up extracts in any layout, like those of SUS; no row is a real patient's, or resembles one.

What is in scope is decided when a row is made, without the rule engine, so the truth can test the engine. Providers
differ, months have seasons, and codes come in the forms seen in real extracts.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from ebi_rules._support.atomic_output import whole_file
from ebi_rules._support.errors import UsageError
from ebi_rules._support.made_up_mark import marked
from ebi_rules.layouts.layout import ChildTable, Layout, find_layout
from ebi_rules.synth import admitted_rows as admitted
from ebi_rules.synth import imaging_rows as imaging
from ebi_rules.synth import outpatient_rows as outpatient
from ebi_rules.synth.layout_writer import lay_out
from ebi_rules.synth.random_values import provider_codes

CHUNK = 250_000
"""Rows that are made at once."""

_DATASETS = {"outpatient": outpatient, "admitted": admitted, "imaging": imaging}

Population = outpatient.Population | admitted.Population | imaging.Population


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
    """Write a made-up extract as parquet. The same seed, rows and layout give the same data.

    Args:
        output: The activity table. Tables of codes, if the layout has them, are beside it as NAME.procedures.parquet
            and NAME.diagnoses.parquet.
        rows: The number of rows.
        seed: The seed of the random numbers.
        layout: The name of a layout, a layout file, or a layout.
        truth: A parquet file for the truth: the key of every row, the `rule` that something was planted for (null for
            none), whether that is `in_scope` (null if not known), and `why`.
        names: A CSV file for the made-up names of providers: code, name.
        force: Replace files that exist.
        progress: Is called with the number of rows after each part.

    Returns:
        The files written.

    Raises:
        UsageError: A file exists and `force` is not given, two files have the same name, the number of rows is less
            than 0, or the layout is of a dataset of which rows are not made up.
        LayoutError: The layout file is wrong.
    """
    if rows < 0:
        raise UsageError("the number of rows must be 0 or more.")
    chosen = find_layout(layout)
    if chosen.dataset not in _DATASETS:
        raise UsageError(
            f"single rows of the layout {chosen.name} cannot be made up, as they belong to people's pathways: use "
            "--people, which writes six datasets."
        )
    population = _DATASETS[chosen.dataset].population(seed)
    targets: dict[str, Path] = {"activity": output}
    for name, shape in chosen.codes.items():
        if isinstance(shape, ChildTable):
            targets[name] = output.with_name(f"{output.stem}.{name}.parquet")
    if truth is not None:
        targets["truth"] = truth
    files = [*targets.values(), *([names] if names else [])]
    if len({os.path.realpath(path) for path in files}) < len(files):
        raise UsageError("two of the files to write have the same name: use a different name for each.")
    with ExitStack() as stack:
        scratch = {name: stack.enter_context(whole_file(path, force)) for name, path in targets.items()}
        if names is not None:
            write_names(population.organisations.names, stack.enter_context(whole_file(names, force)))
        with ExitStack() as writers:
            open_writers: dict[str, pq.ParquetWriter] = {}
            for tables in _chunks(rows, seed, population, chosen):
                for name, table in tables.items():
                    if name in scratch:
                        arrow = marked(table.to_arrow(compat_level=pl.CompatLevel.oldest()))
                        if name not in open_writers:
                            writer = pq.ParquetWriter(scratch[name], arrow.schema, compression="zstd")
                            open_writers[name] = writers.enter_context(writer)
                        open_writers[name].write_table(arrow)
                progress(tables["activity"].height)
    return files


def write_names(names: Sequence[str], path: Path) -> None:
    """Write the names of the made-up providers as CSV: code, name."""
    pl.DataFrame({"code": provider_codes(), "name": names}).write_csv(path)


def _chunks(rows: int, seed: int, population: Population, layout: Layout) -> Iterator[dict[str, pl.DataFrame]]:
    """Yield the tables of a layout in chunks of rows: at least one chunk, so that an empty table has columns."""
    for number, start in enumerate(range(0, max(rows, 1), CHUNK)):
        rng = np.random.default_rng([seed, number])
        count = min(CHUNK, rows - start)
        match population:
            case outpatient.Population():
                made_up = outpatient.activities(rng, start, count, population)
            case admitted.Population():
                made_up = admitted.activities(rng, start, count, population)
            case imaging.Population():
                marks_cancer = {"priority", "cancer_pathway"} <= set(layout.fields)
                made_up = imaging.activities(rng, start, count, population, marks_cancer)
        yield lay_out(made_up, population.codes, layout, rng)
