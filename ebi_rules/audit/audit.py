"""Run an audit and write its outputs: tables as CSV, what was run as JSON, the report as HTML."""

import json
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules.audit import tables
from ebi_rules.audit.cube import Audited, compute_cube
from ebi_rules.catalogue import choose
from ebi_rules.engines.extract import Source, open_extract
from ebi_rules.engines.polars import prepare
from ebi_rules.errors import ExtractError, UsageError, unknown
from ebi_rules.fields import GROUPABLE
from ebi_rules.layouts import Binding, Layout
from ebi_rules.output import require_apart, whole_file, whole_folder
from ebi_rules.rules import DEFAULT, Rule, unavailable
from ebi_rules.version import __version__
from opcs_icd.reference import Reference

OURS = re.compile(r"(providers|attrition|sensitivity|by_[a-z_]+)\.csv|run\.json|report\.html")
"""The names of the files that an audit writes."""


@dataclass(frozen=True)
class Audit:
    """What an audit found. Everything but `run` and `warnings` derives from `cube` and the rules.

    `by` are the fields that it was asked to group by, `provider` among them; `run` says what was run. With the
    user's own classification files as `reference` the report gives codes their titles.
    """

    cube: pl.DataFrame
    audited: tuple[Audited, ...]
    by: tuple[str, ...]
    run: Mapping[str, Any]
    warnings: tuple[str, ...]
    reference: Reference | None = None

    @cached_property
    def providers(self) -> pl.DataFrame:
        """A row a rule and provider: activity, eligible, flagged, rate_per_1000_eligible."""
        return tables.by_dimension(self.cube, "provider")

    @cached_property
    def attrition(self) -> pl.DataFrame:
        """How much activity is left after each criterion: rule, step, criterion, left, removed."""
        return tables.attrition(self.cube, self.audited)

    @cached_property
    def sensitivity(self) -> pl.DataFrame:
        """What each variant flags: rule, variant, flagged, difference, about."""
        return tables.sensitivity(self.cube, self.audited)

    def totals(self) -> pl.DataFrame:
        """All providers together: rule, activity, eligible, flagged, rate_per_1000_eligible."""
        return tables.totals(self.cube)

    def recorded_at(self, folder: str) -> "Audit":
        """Give the same audit with its inputs recorded as they stand once their folder has its final name."""
        inputs = [{**file, "path": f"{folder}/{Path(str(file['path'])).name}"} for file in self.run["inputs"]]
        return replace(self, run={**self.run, "inputs": inputs})

    def grouped(self, field: str) -> pl.DataFrame:
        """The same as `providers`, by another of the fields in `by`. Raises `UsageError`."""
        if field not in self.by:
            raise UsageError(unknown("grouping", field, self.by))
        return tables.by_dimension(self.cube, field)

    def write(self, folder: str | Path, force: bool = False) -> None:
        """Write providers.csv, attrition.csv, sensitivity.csv, one by_FIELD.csv each, run.json and report.html.

        The folder appears whole or not at all. Raises `UsageError` when it exists and `force` is not given, when
        it holds files that no audit wrote, or an input.
        """
        require_apart(Path(folder), self._input_paths())
        with whole_folder(Path(folder), OURS, force) as target:
            self.providers.write_csv(target / "providers.csv")
            self.attrition.write_csv(target / "attrition.csv")
            self.sensitivity.write_csv(target / "sensitivity.csv")
            for field in self.by:
                if field != "provider":
                    self.grouped(field).write_csv(target / f"by_{field}.csv")
            (target / "run.json").write_text(json.dumps(self.run, indent=2) + "\n", encoding="utf-8")
            self._write_report(target / "report.html")

    def report(self, path: str | Path, force: bool = False) -> None:
        """Write the report alone: one HTML file that loads nothing. Raises `UsageError` when it exists."""
        require_apart(Path(path), self._input_paths())
        with whole_file(Path(path), force) as target:
            self._write_report(target)

    def _input_paths(self) -> list[Path]:
        return [Path(file["path"]) for file in self.run["inputs"]]

    def _write_report(self, path: Path) -> None:
        from ebi_rules.report import render

        path.write_text(render(self), encoding="utf-8")


def audit(
    source: Source,
    rules: Iterable[str | Rule] | None = None,
    by: Sequence[str] = ("provider",),
    layout: str | Path | Layout | None = None,
    variant: str = DEFAULT,
    overrides: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
    reference: Reference | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Audit:
    """Count rules over an extract, by provider and the other fields in `by`.

    `source` is a parquet file, folder or glob, a LazyFrame or a DataFrame; `layout` is detected when not
    given; `overrides` maps canonical fields to columns. `variant` is the reading that is counted; all variants
    are compared. With `skip_unavailable`, rules that the extract cannot answer are left out with a warning. A rule
    that is named must be of the extract's dataset, unless `any_dataset`; when none is named these are all of it.
    `reference` gives the report titles of codes (`opcs_icd.reference`).
    Raises `UsageError`, `RuleError`, `LayoutError` or `ExtractError`.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    dimensions = _dimensions(by)
    progress("opening the extract")
    extract, binding = open_extract(source, layout, overrides, {"procedures": procedures, "diagnoses": diagnoses})
    for field in dimensions:
        if field not in binding.fields:
            raise ExtractError(f"this extract has no column for {field}. {binding.why_lacking(field)}")
    chosen, warnings = choose(rules, variant, binding, skip_unavailable, any_dataset)
    audited = [_audited(rule, reading, binding) for rule, reading in chosen]
    progress("checking values and deciding codes")
    readings = [reading for entry in audited for reading in (entry.reading, *entry.compared)]
    prepared = prepare(extract, binding, readings, extra_fields=dimensions)
    progress("counting")
    cube = compute_cube(prepared, audited, dimensions)
    warnings += prepared.warnings
    if prepared.rows == 0:
        warnings.append("the extract has no rows.")
    run = {
        "program": "ebi-rules",
        "version": __version__,
        "python": platform.python_version(),
        "polars": pl.__version__,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
        "rules": [
            {
                "key": entry.key,
                "edition": entry.reading.edition_name,
                "variant": entry.reading.variant_name,
                "content_hash": entry.reading.content_hash,
            }
            for entry in audited
        ],
        "layout": binding.layout.name,
        "columns": {name: list(columns) for name, columns in binding.fields.items()},
        "options": {"by": dimensions, "variant": variant, "overrides": dict(overrides or {})},
        "inputs": [{"path": file.path, "bytes": file.bytes, "rows": file.rows} for file in extract.files],
        "rows": prepared.rows,
        "warnings": warnings,
    }
    return Audit(cube, tuple(audited), tuple(dimensions), run, tuple(warnings), reference)


def _dimensions(by: Sequence[str]) -> list[str]:
    for field in by:
        if field not in GROUPABLE:
            raise UsageError("--by: " + unknown("field to group by", field, GROUPABLE))
    return list(dict.fromkeys(["provider", *by]))


def _audited(rule: Rule, reading: Rule, binding: Binding) -> Audited:
    """Put beside a reading the variants that the extract can answer."""
    reasons = {name: unavailable(other, binding) for name, other in rule.readings().items()}
    return Audited(rule, reading, {name: reason for name, reason in reasons.items() if reason})
