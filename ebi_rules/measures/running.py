"""Run measures over one or several extracts, and write their tables."""

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ebi_rules.audit.disclosure import ABOUT, control, plain
from ebi_rules.audit.running import program_run
from ebi_rules.audit.settings import Settings
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.engines.extract import Source, open_extract
from ebi_rules.errors import ExtractError, UsageError, unknown
from ebi_rules.fields import GROUPABLE, PRACTITIONERS
from ebi_rules.measures import measures as find_measures
from ebi_rules.measures.measure import FIRST, Measure
from ebi_rules.notices import Notice
from ebi_rules.output import require_apart, whole_folder
from ebi_rules.progress import Progress, quiet
from ebi_rules.recoding import recodings

if TYPE_CHECKING:
    from ebi_rules.audit.counts import Counts
    from ebi_rules.measures.counting import MeasureEntry

OURS = re.compile(r"(measures|numbers|attrition|trend|inequalities|by_[a-z_]+)\.csv|run\.json")
"""The names of the files that measures write."""


@dataclass(frozen=True)
class Measured:
    """What measures found: everything but `run` and `notices` is worked out from `cube` and `spread`, which are exact.

    Tables have counts under the disclosure control that `settings` name, where a missing number is a suppressed one.
    """

    cube: pl.DataFrame
    spread: pl.DataFrame
    entries: tuple["MeasureEntry", ...]
    run: Mapping[str, Any]
    notices: tuple[str, ...]
    settings: Settings

    @cached_property
    def counts(self) -> "Counts":
        """The counts that may be shown."""
        from ebi_rules.audit.counts import Counts

        return Counts(self.cube, self.entries, self.settings.disclosure)

    @property
    def shares(self) -> pl.DataFrame:
        """Each measure's share by provider, with intervals, ratios and signals (`tables.shares`)."""
        return self.table("measures")

    @property
    def numbers(self) -> pl.DataFrame:
        """Means and percentiles of measures that count outcomes or days (`tables.numbers`)."""
        return self.table("numbers")

    def table(self, name: str) -> pl.DataFrame:
        """Give a table by the name of its file: attrition, trend, inequalities, by_sex ... Raises `UsageError`."""
        if name not in self._marked:
            raise UsageError(unknown("table", name, self._marked))
        return plain(self._marked[name]).rename({"rule": "measure"})

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, with counts as they may be shown."""
        return tuple(notice.told(self._control) if isinstance(notice, Notice) else notice for notice in self.notices)

    def write(self, folder: str | Path, force: bool = False, progress: Progress = quiet) -> None:
        """Write the tables as CSV and what was run as run.json; the folder appears whole or not at all.

        Raises `UsageError` when it exists and `force` is not given, when it holds other files, or an input.
        """
        from ebi_rules.audit import files

        require_apart(Path(folder), [Path(path) for path in self.run["inputs"]])
        with whole_folder(Path(folder), OURS, force) as target:
            progress("writing tables")
            for name, table in self._marked.items():
                files.told(table).rename({"rule": "measure"}).write_csv(target / f"{name}.csv")
            said = {**self.run, "disclosure": ABOUT[self.settings.disclosure], "warnings": list(self.warnings)}
            (target / "run.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")

    @cached_property
    def _marked(self) -> dict[str, pl.DataFrame]:
        from ebi_rules.audit import tables, trending, unequal
        from ebi_rules.measures.tables import numbers, shares

        counts, settings = self.counts, self.settings
        return {
            "measures": shares(counts, settings),
            "numbers": numbers(counts, self.spread, self.entries),
            "attrition": tables.attrition(counts),
            "trend": trending.trend(counts, settings),
            "inequalities": unequal.inequalities(counts, settings),
            **{f"by_{name}": tables.by_field(counts, name, settings) for name in counts.fields},
        }

    def _control(self, count: int) -> int | None:
        return control(count, self.settings.disclosure)


def measure(
    sources: Source | Sequence[Source],
    measures: Iterable[str | Measure] | str | Path | None = None,
    by: Sequence[str] = (),
    overrides: Mapping[str, str] | None = None,
    areas: str | Path | None = None,
    settings: Settings | None = None,
    skip_unavailable: bool = False,
    today: date | None = None,
    progress: Progress = quiet,
) -> Measured:
    """Work measures out over extracts of the same people: outpatients, admitted care, or both.

    `measures` are keys, or the path of a folder or file of one's own; all that come with the package when not given.
    `by` are further fields to group index activities by; `overrides` (fields to columns) are of every extract that has
    the column. With `skip_unavailable`, measures that the extracts cannot answer are left out with a warning. Days
    after `today` do not count as data. Child tables are found beside their extracts. Raises `UsageError`, `RuleError`,
    `LayoutError` or `ExtractError`.
    """
    from ebi_rules.measures.counting import MeasureEntry, answer, cube_of, spread_of, too_short
    from ebi_rules.measures.holding import nowhere
    from ebi_rules.measures.people import gather

    started, clock = datetime.now(UTC), time.perf_counter()
    chosen = settings or Settings()
    for field in by:
        if field not in GROUPABLE or field in PRACTITIONERS:
            allowed = [name for name in GROUPABLE if name not in PRACTITIONERS]
            raise UsageError("--by: " + unknown("field to group by", field, allowed))
    dimensions = list(dict.fromkeys([*STANDARD_DIMENSIONS, *by, *chosen.adjust]))
    progress("opening the extracts")
    several = [sources] if isinstance(sources, str | Path | pl.DataFrame | pl.LazyFrame) else list(sources)
    if not several:
        raise UsageError("name at least one extract.")
    opened = []
    for source in several:
        extract, binding = open_extract(source, overrides=overrides)
        opened.append((extract, binding.recoded(recodings(areas))))
    for field in dimensions:
        if field not in STANDARD_DIMENSIONS and not any(field in binding.fields for _, binding in opened):
            raise ExtractError(f"no extract has a column for {field}. {opened[0][1].why_lacking(field)}")
    found, notices = [], []
    bindings = [binding for _, binding in opened]
    for each in find_measures(measures):
        reason = nowhere(each, bindings)
        if reason and not skip_unavailable:
            raise ExtractError(reason)
        if reason:
            notices.append(f"{each.key} was skipped: {reason}")
        else:
            found.append(each)
    if not found:
        raise ExtractError("these extracts can answer none of the measures. " + " ".join(notices))
    asked = [each for measure in found for each in measure.asked]
    starts = {measure.start for measure in found if measure.start}
    keyed = any(measure.of == FIRST for measure in found)
    people = gather(opened, asked, dimensions, today or date.today(), starts, keyed, progress)
    notices += [text for each in found if (text := too_short(people.sources, each))]
    answers = []
    for each in found:
        progress(f"measuring {each.key}")
        answers.append(answer(people, each))
    run = {
        **program_run(started, clock),
        "measures": [{"key": each.key, "source": each.source} for each in found],
        "options": {"by": dimensions, "overrides": dict(overrides or {}), "areas": str(areas) if areas else None},
        "inputs": [file.path for extract, _ in opened for file in extract.files],
        "extracts": [{"dataset": each.dataset, "first_day": str(each.first), "last_day": str(each.last)}
                     for each in people.sources],
    }  # fmt: skip
    entries = tuple(MeasureEntry(each) for each in found)
    cube, spread = cube_of(people, answers, dimensions), spread_of(people, answers, "provider")
    return Measured(cube, spread, entries, run, (*notices, *people.notices), chosen)
