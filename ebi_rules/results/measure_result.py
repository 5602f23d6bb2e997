"""What a run of measures and flows returns: its tables, its files and its report."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_file, whole_folder
from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.labels import settings_files
from ebi_rules.disclosure.rounding import ABOUT, plain
from ebi_rules.pathways.pathway_tables import PathwayTables
from ebi_rules.provider_audit.audit_tables import SIGNS
from ebi_rules.results.run_record import started_at

OUR_FILES = re.compile(
    r"(measures|numbers|attrition|trend(_quarters|_days)?|inequalities|by_[a-z_]+|registered|waits|seen_by_week|contacts|flow(_stages|_quarters)?)\.csv|run\.json|report\.html|measures\.xlsx|packs/[A-Za-z0-9_]+\.html"
)
"""The names of the files that a run of measures writes."""


@dataclass(frozen=True, repr=False)
class MeasureResult:
    """The result of measures and flows.

    Tables have counts under disclosure control; a missing number is a suppressed one.

    Attributes:
        tables: All tables, with marks of what is withheld.
    """

    tables: PathwayTables

    @property
    def exact_cube(self) -> pl.DataFrame:
        """The counts of measures in the form of the audit's cube: exact, so keep them inside your organisation."""
        return self.tables.exact_cube

    @property
    def run(self) -> Mapping[str, Any]:
        """What was run."""
        return self.tables.run

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, with counts as they may be shown."""
        return self.tables.warnings

    @property
    def shares(self) -> pl.DataFrame:
        """Each measure's share by provider, with intervals, ratios and signals."""
        return self.table("measures")

    @property
    def numbers(self) -> pl.DataFrame:
        """Means and percentiles of measures that count outcomes or days."""
        return self.table("numbers")

    def table(self, name: str) -> pl.DataFrame:
        """Return a table by the name of its file: attrition, trend, by_sex, flow and so on.

        Raises:
            UsageError: There is no table of that name.
        """
        if name not in self.tables.by_file:
            raise UsageError(unknown("table", name, self.tables.by_file))
        return _by_measure(plain(self.tables.by_file[name]))

    def write(
        self,
        folder: str | Path,
        force: bool = False,
        progress: Progress = quiet,
        release: str | Path | None = None,
        override: str | None = None,
        xlsx: bool = False,
        pack: str | None = None,
        name_others: bool = False,
    ) -> None:
        """Write the tables as CSV, run.json and report.html. If the run fails, no partial output is left.

        Args:
            folder: The folder to write.
            force: Replace a folder that exists, if only a run of measures wrote to it.
            progress: Is called with each step.
            release: A ledger of releases (see `disclosure.release_ledger`), which remembers that this output leaves.
            override: Why the output may leave although it combines with an earlier release.
            xlsx: Write the tables as a workbook too, measures.xlsx.
            pack: Write a small report for each unit of this field too, in the folder packs.
            name_others: Name the other units in each pack.

        Raises:
            UsageError: The folder exists, or contains an input or files that no run of measures wrote; or the output
                would combine with an earlier release; or there can be no packs of the field.
        """
        from ebi_rules.provider_audit.table_files import write_csv
        from ebi_rules.report.unit_packs import require_field

        if pack is not None:
            require_field(pack, self.tables.counts.fields if self.tables.entries else ())
        require_apart(Path(folder), self._inputs())
        recorded = self._checked_release(release, override, Path(folder))
        with whole_folder(Path(folder), OUR_FILES, force) as target:
            progress("writing tables")
            for name, table in self.tables.by_file.items():
                write_csv(_by_measure(table), target / f"{name}.csv")
            (target / "run.json").write_text(json.dumps(self.tables.run_record, indent=2) + "\n", encoding="utf-8")
            if xlsx:
                from ebi_rules.provider_audit.workbook import write_workbook

                sheets = {name: _by_measure(table) for name, table in self.tables.by_file.items()}
                write_workbook(sheets, self._front_page(), target / "measures.xlsx", started_at(self.run))
            progress("drawing the report")
            self._write_report(target / "report.html")
            if pack is not None:
                progress(f"writing packs by {pack}")
                self._write_packs(target / "packs", pack, name_others)
            recorded()

    def report(self, path: str | Path, force: bool = False) -> None:
        """Write the report alone: one HTML file that loads nothing.

        Raises:
            UsageError: The file exists and `force` is not given, or it is an input.
        """
        require_apart(Path(path), self._inputs())
        with whole_file(Path(path), force) as target:
            self._write_report(target)

    def __repr__(self) -> str:
        """Return the names of the tables and how their counts are shown."""
        names = ", ".join(self.tables.by_file)
        return f"Measures under disclosure control ({self.tables.settings.disclosure}), tables: {names}"

    def _repr_html_(self) -> str:
        """Return the measures over all providers and warnings for a notebook."""
        from ebi_rules.report.notebook import measures_in_notebook

        return measures_in_notebook(self.tables)

    def _checked_release(self, ledger: str | Path | None, override: str | None, output: Path) -> Callable[[], None]:
        """Check that an output may be released, and return what records that it was."""
        from ebi_rules.results.releases import release_recorder

        tables = self.tables
        names = [entry.key for entry in tables.entries] + [flow.key for flow, _ in tables.moves]
        return release_recorder(
            ledger,
            override,
            output,
            self._inputs(),
            "measures",
            tables.exact_cube,
            tables.settings,
            dict.fromkeys(names, tables.run["version"]),
        )

    def _front_page(self) -> list[tuple[str, str]]:
        record, method = self.run, self.tables.settings.disclosure
        return [
            ("Evidence-Based Interventions", "Pathways: what happened before and after"),
            ("What it shows", "What happened next, not why."),
            ("Disclosure control", f"{ABOUT[method]} {SIGNS}"),
            ("Measures", ", ".join(measure["key"] for measure in record["measures"])),
            ("Made by", f"ebi-rules {record['version']}, {record['started']}"),
            *(("Warning", text) for text in self.tables.warnings),
        ]

    def _inputs(self) -> list[Path]:
        files = [Path(file["path"]) for file in self.run["inputs"] if "path" in file]
        return [*files, *map(Path, settings_files().values())]

    def _write_packs(self, folder: Path, field: str, name_others: bool) -> None:
        from ebi_rules.report.measure_packs import measure_packs

        folder.mkdir()
        for pack in measure_packs(self.tables, field, name_others):
            (folder / f"{pack.file}.html").write_text(pack.page, encoding="utf-8")

    def _write_report(self, path: Path) -> None:
        from ebi_rules.report.pathways_page import pathways_page

        path.write_text(pathways_page(self.tables), encoding="utf-8")


def _by_measure(table: pl.DataFrame) -> pl.DataFrame:
    return table.rename({"rule": "measure"}, strict=False)
