"""Run measures over one or several extracts, and write their tables."""

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_file, whole_folder
from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules._support.notices import Notice
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.areas import recodings
from ebi_rules.criteria.fields import GROUPABLE, PRACTITIONERS
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.disclosure.rounding import ABOUT, control, plain
from ebi_rules.engines.extract import Source, open_extract
from ebi_rules.layouts.binding import Binding
from ebi_rules.pathways.definitions import measures as find_measures
from ebi_rules.pathways.measure import FIRST, Measure
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.audit_run import program_run

if TYPE_CHECKING:
    from ebi_rules.pathways.flow import Flow
    from ebi_rules.pathways.measure_counts import MeasureEntry
    from ebi_rules.provider_audit.shown_counts import Counts

OURS = re.compile(
    r"(measures|numbers|attrition|trend|inequalities|by_[a-z_]+|flow(_stages|_quarters)?)\.csv"
    r"|run\.json|report\.html"
)
"""The names of the files that measures write."""


@dataclass(frozen=True)
class Measured:
    """What measures found: everything but `run` and `notices` is worked out from `cube`, `spread` and `walked`.

    These are exact; `walked` has a flow each with its moves (`flows.walking`).
    Tables have counts under the disclosure control that `settings` name, where a missing number is a suppressed one.
    """

    cube: pl.DataFrame
    spread: pl.DataFrame
    walked: tuple[tuple["Flow", pl.DataFrame], ...]
    entries: tuple["MeasureEntry", ...]
    run: Mapping[str, Any]
    notices: tuple[str, ...]
    settings: Settings

    @cached_property
    def counts(self) -> "Counts":
        """The counts that may be shown."""
        from ebi_rules.provider_audit.shown_counts import Counts

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
        """Give a table by the name of its file: attrition, trend, by_sex, flow ... Raises `UsageError`."""
        if name not in self.marked:
            raise UsageError(unknown("table", name, self.marked))
        return _renamed(plain(self.marked[name]))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, with counts as they may be shown."""
        return tuple(notice.told(self._control) if isinstance(notice, Notice) else notice for notice in self.notices)

    def write(self, folder: str | Path, force: bool = False, progress: Progress = quiet) -> None:
        """Write the tables as CSV, what was run as run.json, and the report; the folder appears whole or not at all.

        Raises `UsageError` when it exists and `force` is not given, when it holds other files, or an input.
        """
        from ebi_rules.provider_audit import table_files as files

        require_apart(Path(folder), [Path(path) for path in self.run["inputs"]])
        with whole_folder(Path(folder), OURS, force) as target:
            progress("writing tables")
            for name, table in self.marked.items():
                files.write_csv(_renamed(table), target / f"{name}.csv")
            said = {**self.run, "disclosure": ABOUT[self.settings.disclosure], "warnings": list(self.warnings)}
            (target / "run.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
            progress("drawing the report")
            self._write_report(target / "report.html")

    def report(self, path: str | Path, force: bool = False) -> None:
        """Write the report alone: one HTML file that loads nothing. Raises `UsageError` when it exists."""
        require_apart(Path(path), [Path(each) for each in self.run["inputs"]])
        with whole_file(Path(path), force) as target:
            self._write_report(target)

    @cached_property
    def flow_cells(self) -> tuple[pl.DataFrame, ...]:
        """The counts of each flow as they may be shown (`flows.tables.cells`)."""
        from ebi_rules.pathways.flow_tables import cells

        return tuple(cells(moved, flow, self.settings.disclosure) for flow, moved in self.walked)

    @cached_property
    def marked(self) -> dict[str, pl.DataFrame]:
        """The tables by file, with the marks of what is withheld, as files and report need them."""
        return {**(self._measured() if self.entries else {}), **(self._flowed() if self.walked else {})}

    def _measured(self) -> dict[str, pl.DataFrame]:
        from ebi_rules.pathways.measure_tables import by_field, numbers, shares
        from ebi_rules.pathways.measure_trend import trend
        from ebi_rules.provider_audit import inequality_table as unequal
        from ebi_rules.provider_audit import rate_tables as tables

        counts, settings = self.counts, self.settings
        return {
            "measures": shares(counts, settings),
            "numbers": numbers(counts, self.spread, self.entries),
            "attrition": tables.attrition(counts),
            "trend": trend(counts, settings),
            "inequalities": unequal.inequalities(counts, settings),
            **{f"by_{name}": by_field(counts, name, settings) for name in counts.fields},
        }

    def _flowed(self) -> dict[str, pl.DataFrame]:
        from ebi_rules.pathways.flow_tables import move_table, stage_table

        shown = [(flow, cells) for (flow, _), cells in zip(self.walked, self.flow_cells, strict=True)]
        return {
            "flow": pl.concat(move_table(cells, flow) for flow, cells in shown),
            "flow_stages": pl.concat(stage_table(cells, flow, "provider") for flow, cells in shown),
            "flow_quarters": pl.concat(stage_table(cells, flow, "quarter") for flow, cells in shown),
        }

    def _write_report(self, path: Path) -> None:
        from ebi_rules.report.pathways_page import render

        path.write_text(render(self), encoding="utf-8")

    def _control(self, count: int) -> int | None:
        return control(count, self.settings.disclosure)


_NO_SPREAD = pl.DataFrame(schema={"measure": pl.String, "provider": pl.String, "number": pl.Int64, "count": pl.Int64})


def _renamed(table: pl.DataFrame) -> pl.DataFrame:
    return table.rename({"rule": "measure"}, strict=False)


def measure(
    sources: Source | Sequence[Source],
    measures: Iterable[str | Measure] | str | Path | None = None,
    flows: Iterable["str | Flow"] | str | Path | None = None,
    by: Sequence[str] = (),
    overrides: Mapping[str, str] | None = None,
    areas: str | Path | None = None,
    settings: Settings | None = None,
    skip_unavailable: bool = False,
    today: date | None = None,
    progress: Progress = quiet,
) -> Measured:
    """Work measures and flows out over extracts of the same people: outpatients, admitted care, or both.

    `measures` and `flows` are keys, or the path of a folder or file of one's own; all that come with the package when
    neither is given. Stages of a flow that no extract can hold are left out with a warning. `by` are further fields to
    group index activities by; `overrides` (fields to columns) are of every extract that has the column. With
    `skip_unavailable`, measures that the extracts cannot answer are left out with a warning. Days after `today` do not
    count as data. Child tables are found beside their extracts. Raises `UsageError`, `RuleError`, `LayoutError` or
    `ExtractError`.
    """
    from ebi_rules.pathways.flow_definitions import flows as find_flows
    from ebi_rules.pathways.flow_moves import moves
    from ebi_rules.pathways.measure_counts import MeasureEntry, answer, counted, cube_of, spread_of, too_short
    from ebi_rules.pathways.people_events import gather

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
    bindings = [binding for _, binding in opened]
    wanted = [] if measures is None and flows is not None else find_measures(measures)
    flows_wanted = [] if flows is None and measures is not None else find_flows(flows)
    found, notices = _answerable(wanted, bindings, skip_unavailable)
    walkable, lacking = _walkable(flows_wanted, bindings)
    notices += lacking
    if not found and not walkable:
        raise ExtractError("these extracts can answer none of the measures. " + " ".join(notices))
    asked = [each for measure in found for each in measure.asked]
    asked += [stage.asked for flow in walkable for stage in flow.stages]
    starts = {measure.start for measure in found if measure.start}
    keyed = any(measure.of == FIRST for measure in found)
    people = gather(opened, asked, dimensions, today or date.today(), starts, keyed, progress)
    notices += [text for each in found if (text := too_short(people.sources, each))]
    walked, parts, spreads = [], [], []
    for flow in walkable:
        progress(f"walking {flow.key}")
        walked.append((flow, moves(people, flow)))
    for each in found:
        progress(f"measuring {each.key}")
        given = answer(people, each)
        parts.append(counted(people, given, dimensions))
        spreads.append(spread_of(people, given, "provider"))
    run = {
        **program_run(started, clock),
        "measures": [{"key": each.key, "source": each.source} for each in found],
        "flows": [{"key": flow.key, "source": flow.source} for flow in walkable],
        "options": {"by": dimensions, "overrides": dict(overrides or {}), "areas": str(areas) if areas else None},
        "inputs": [file.path for extract, _ in opened for file in extract.files],
        "extracts": [
            {"dataset": each.dataset, "first_day": str(each.first), "last_day": str(each.last)}
            for each in people.sources
        ],
    }
    entries = tuple(MeasureEntry(each) for each in found)
    cube = cube_of(people, parts, dimensions)
    spread = pl.concat(spreads).sort("measure", "provider", "number", nulls_last=True) if spreads else _NO_SPREAD
    return Measured(cube, spread, tuple(walked), entries, run, (*notices, *people.notices), chosen)


def _answerable(
    measures: Sequence[Measure], bindings: Sequence[Binding], skip_unavailable: bool
) -> tuple[list[Measure], list[str]]:
    """Give the measures that extracts can answer, and why not others. Raises `ExtractError` unless they are skipped."""
    from ebi_rules.rule_model.measure_availability import nowhere

    found, notices = [], []
    for each in measures:
        reason = nowhere(each, bindings)
        if reason and not skip_unavailable:
            raise ExtractError(reason)
        if reason:
            notices.append(f"{each.key} was skipped: {reason}")
        else:
            found.append(each)
    return found, notices


def _walkable(flows: "Sequence[Flow]", bindings: Sequence[Binding]) -> "tuple[list[Flow], list[str]]":
    """Give flows with the stages that extracts can hold, and say which they cannot."""
    from ebi_rules.rule_model.measure_availability import can_hold, require_people

    found, notices = [], []
    for binding in bindings:
        require_people(binding)
    for flow in flows:
        held = [stage for stage in flow.stages if any(can_hold(stage.asked, binding) for binding in bindings)]
        gone = [stage.name for stage in flow.stages if stage not in held]
        if gone:
            notices.append(f"{flow.key}: no extract holds what the stages {', '.join(gone)} ask for: left out.")
        if held:
            found.append(replace(flow, stages=tuple(held)))
    return found, notices
