"""What an audit returns: its tables, its charts, its files and its report."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_file, whole_folder
from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.progress import Progress, quiet
from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.criteria.labels import settings_files
from ebi_rules.disclosure.rounding import ABOUT, SUPPRESSED, plain
from ebi_rules.provider_audit.audit_tables import SIGNS, AuditTables
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.run_record import started_at

if TYPE_CHECKING:
    from ebi_rules.report.drawing import Chart

OUR_FILES = re.compile(
    r"(providers|attrition|trend(_quarters)?|sensitivity(_providers)?|quality|population|inequalities|opportunity|who_asked|by_[a-z_]+)\.csv"
    r"|run\.json|report\.(html|pdf)|audit\.xlsx|slides\.pptx|packs/[A-Za-z0-9_]+\.html|changes\.csv|summary\.json"
)
"""The names of the files that an audit writes."""

STAR_FILES = re.compile(r"(fact|dim)_[A-Za-z0-9_]+\.parquet|data_dictionary\.parquet")
"""The names of the files of a star schema."""

CHART_FILES = re.compile(r"[A-Za-z0-9_-]+\.(svg|png)")
"""The names of the files of charts."""


@dataclass(frozen=True, repr=False)
class Audit:
    """The result of an audit.

    Tables have counts under disclosure control; a missing number is a suppressed one.

    Attributes:
        tables: All tables, with marks of what is withheld.
    """

    tables: AuditTables

    @property
    def exact_cube(self) -> pl.DataFrame:
        """The cube, with exact counts: keep it inside your organisation."""
        return self.tables.exact_cube

    @property
    def settings(self) -> Settings:
        """How counts are shown and compared."""
        return self.tables.settings

    @property
    def run(self) -> dict[str, Any]:
        """What was run, as run.json contains it, with counts as they may be shown."""
        return self.tables.run_record

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, with counts as they may be shown."""
        return self.tables.warnings

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields, beside provider, that `grouped` accepts."""
        return self.tables.counts.fields

    def totals(self) -> pl.DataFrame:
        """Return all providers together, one row per rule: activity, eligible, flagged, rate with its interval.

        A rule of a policy with a start has the counts from its start on; `since` says from which month.
        """
        return plain(self.tables.totals)

    @property
    def before_policy(self) -> pl.DataFrame:
        """The counts and rates of policies with a start before it, one row per rule; empty without such rules."""
        return plain(self.tables.before_policy)

    @property
    def providers(self) -> pl.DataFrame:
        """One row per rule and provider: counts, crude and standardised rates with intervals, funnel limits, signal."""
        return plain(self.tables.providers)

    @property
    def attrition(self) -> pl.DataFrame:
        """How much activity is left after each criterion: rule, provider, step, criterion, left, removed."""
        return plain(self.tables.attrition)

    @property
    def trend(self) -> pl.DataFrame:
        """The rate by month with XmR limits and signals, for all providers and for each."""
        return plain(self.tables.trend)

    @property
    def trend_quarters(self) -> pl.DataFrame:
        """The rate by quarter with XmR limits and signals, where counts are too rare by month."""
        return plain(self.tables.trends.quarters)

    @property
    def sensitivity(self) -> pl.DataFrame:
        """What each variant flags: rule, variant, flagged, difference, differs, about."""
        return plain(self.tables.sensitivity)

    @property
    def provider_sensitivity(self) -> pl.DataFrame:
        """What each variant flags at each provider: rule, provider, variant, flagged, difference, differs."""
        return plain(self.tables.provider_sensitivity)

    @property
    def quality(self) -> pl.DataFrame:
        """How complete the coding is, by provider and month."""
        return plain(self.tables.quality)

    @property
    def who_asked(self) -> pl.DataFrame:
        """Shares by source of referral, overall and by provider and commissioner; empty unless counted."""
        return plain(self.tables.referrals)

    @property
    def inequalities(self) -> pl.DataFrame:
        """Differences by deprivation, ethnic category, sex and age, and how much of these is not recorded."""
        return self.tables.inequalities

    @property
    def population(self) -> pl.DataFrame | None:
        """Rates per 100,000 people by area; None if no population was given."""
        return None if self.tables.population is None else plain(self.tables.population)

    def grouped(self, field: str) -> pl.DataFrame:
        """Return counts and rates by age_band, sex, or another field that was counted.

        Raises:
            UsageError: The field was not counted.
        """
        fields = ["provider", *self.fields]
        if field not in fields:
            raise UsageError(unknown("grouping", field, fields))
        return plain(self.tables.by_field(field))

    def shown(self, disclosure: str) -> "Audit":
        """Return the same audit under another method of disclosure control: hes, midpoint6 or none.

        Raises:
            UsageError: There is no such method.
        """
        return Audit(replace(self.tables, settings=replace(self.settings, disclosure=disclosure)))

    def chart(self, name: str, rule: str | None = None, provider: str | None = None) -> "Chart":
        """Return a chart of one rule: a notebook shows it, and `save` writes it as SVG.

        Args:
            name: attrition, funnel, rates, trend, sensitivity, or one of `fields`.
            rule: The rule; None for the first.
            provider: The provider of a trend; None for all providers together.

        Raises:
            UsageError: There is no such chart, rule or provider.
        """
        from ebi_rules.report.audit_charts import chart_of

        return chart_of(self.tables, name, rule, provider)

    def write(
        self,
        folder: str | Path,
        force: bool = False,
        xlsx: bool = False,
        progress: Progress = quiet,
        release: str | Path | None = None,
        override: str | None = None,
        pdf: bool = False,
        pptx: bool = False,
        pack: str | None = None,
        name_others: bool = False,
        further_files: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write the tables as CSV, run.json and report.html. If the run fails, no partial output is left.

        Args:
            folder: The folder to write.
            force: Replace a folder that exists, if only an audit wrote to it.
            xlsx: Write the tables as a workbook too, audit.xlsx.
            progress: Is called with each step.
            release: A ledger of releases (see `disclosure.release_ledger`), which remembers that this output leaves.
            override: Why the output may leave although it combines with an earlier release.
            pdf: Print the report too, report.pdf, by an installed Chromium, Chrome or Edge.
            pptx: Write slides too, slides.pptx: one for each rule. It needs the extra `slides`.
            pack: Write a small report for each unit of this field too, in the folder packs.
            name_others: Name the other units in each pack.
            further_files: The texts of further files, by name.

        Raises:
            UsageError: The folder exists, or contains an input or files that no audit wrote; or the output would
                combine with an earlier release; or there can be no packs of the field.
            EngineError: There is no browser, or it does not print; or python-pptx or a font is lacking for slides.
        """
        from ebi_rules.provider_audit.table_files import write_csv
        from ebi_rules.report.browser import print_pdf, require_browser
        from ebi_rules.report.slides import require_slides, write_slides
        from ebi_rules.report.unit_packs import require_field

        browser = require_browser() if pdf else None
        if pptx:
            require_slides()
        if pack is not None:
            require_field(pack, self.fields)
        require_apart(Path(folder), self._inputs())
        recorded = self._checked_release(release, override, Path(folder))
        with whole_folder(Path(folder), OUR_FILES, force) as target:
            progress("writing tables")
            for name, table in self.tables.by_file().items():
                write_csv(table, target / f"{name}.csv")
            further = {"run.json": json.dumps(self.run, indent=2) + "\n", **further_files}
            for name, text in further.items():
                (target / name).write_text(text, encoding="utf-8")
            if xlsx:
                from ebi_rules.provider_audit.workbook import write_workbook

                write_workbook(self.tables.by_file(), self._front_page(), target / "audit.xlsx", started_at(self.run))
            progress("drawing the report")
            self._write_report(target / "report.html")
            if pptx:
                progress("writing slides")
                write_slides(self.tables, target / "slides.pptx")
            if pack is not None:
                progress(f"writing packs by {pack}")
                self._write_packs(target / "packs", pack, name_others)
            if browser is not None:
                progress("printing the report")
                print_pdf(browser, target / "report.html", target / "report.pdf")
            recorded()

    def charts(self, folder: str | Path, force: bool = False) -> int:
        """Write every chart as SVG and, where the machine has a font for them, as PNG; return their number.

        Raises:
            UsageError: The folder exists, or contains an input or other files.
        """
        from ebi_rules.report.chart_files import write_charts
        from ebi_rules.report.png import find_font

        require_apart(Path(folder), self._inputs())
        with whole_folder(Path(folder), CHART_FILES, force) as target:
            return write_charts(self.tables, target, find_font())

    def star_schema(self, folder: str | Path, force: bool = False) -> int:
        """Write facts, dimensions and a data dictionary as parquet, for Power BI or Fabric; return their number.

        Counts are under disclosure control, as in the other files; a suppressed one is null, and its status says so.

        Raises:
            UsageError: The folder exists, or contains an input or other files.
        """
        from ebi_rules.provider_audit.star_schema import write_star_schema

        require_apart(Path(folder), self._inputs())
        with whole_folder(Path(folder), STAR_FILES, force) as target:
            return write_star_schema(self.tables, target)

    def report(
        self,
        path: str | Path,
        force: bool = False,
        release: str | Path | None = None,
        override: str | None = None,
    ) -> None:
        """Write the report alone: one HTML file that loads nothing.

        Args:
            path: The file to write.
            force: Replace a file that exists.
            release: A ledger of releases, which remembers that this output leaves.
            override: Why the output may leave although it combines with an earlier release.

        Raises:
            UsageError: The file exists and `force` is not given, it is an input, or the output would combine with an
                earlier release.
        """
        require_apart(Path(path), self._inputs())
        recorded = self._checked_release(release, override, Path(path))
        with whole_file(Path(path), force) as target:
            self._write_report(target)
            recorded()

    def save_cube(self, path: str | Path, force: bool = False) -> None:
        """Write the cube, with exact counts, as parquet or .csv: keep it inside your organisation.

        Parquet also says how it was counted, so that later months can be added to it.

        Raises:
            UsageError: The file exists, or is an input.
        """
        from ebi_rules.results.earlier_cube import save_cube

        require_apart(Path(path), self._inputs())
        with whole_file(Path(path), force) as target:
            save_cube(self.exact_cube, self.tables.exact_run, target)

    def with_inputs_in(self, folder: str) -> "Audit":
        """Return the same audit with its inputs recorded in another folder, where they will be moved."""
        inputs = [
            {**file, "path": f"{folder}/{Path(str(file['path'])).name}"} if "path" in file else file
            for file in self._inputs_read
        ]
        return Audit(replace(self.tables, exact_run={**self.tables.exact_run, "inputs": inputs}))

    def __repr__(self) -> str:
        """Return the number of rules and how counts are shown, in one line."""
        rules = len(self.tables.audited)
        return f"Audit of {rules} {'rule' if rules == 1 else 'rules'}, disclosure control {self.settings.disclosure}"

    def __str__(self) -> str:
        """Return a line for each rule, with counts as they may be shown."""
        lines = [f"Audit under disclosure control ({self.settings.disclosure}), counts over all providers:"]
        for total in self.totals().iter_rows(named=True):
            flagged, eligible = (SUPPRESSED if total[name] is None else total[name] for name in ("flagged", "eligible"))
            lines.append(f"  {total['rule']}: {flagged} in scope of {eligible} eligible")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return cards, a chart and warnings for a notebook."""
        from ebi_rules.report.notebook import audit_in_notebook

        return audit_in_notebook(self.tables)

    def _checked_release(self, ledger: str | Path | None, override: str | None, output: Path) -> Callable[[], None]:
        """Check that an output may be released, and return what records that it was."""
        from ebi_rules.results.releases import release_recorder

        rules = {
            rule["key"]: f"{rule['edition']} {rule['variant']} {rule['content_hash']}" for rule in self.run["rules"]
        }
        tables = self.tables
        return release_recorder(
            ledger, override, output, self._inputs(), "audit", tables.exact_cube, tables.settings, rules
        )

    def _front_page(self) -> list[tuple[str, str]]:
        record = self.run
        rules = [f"{rule['key']} (edition {rule['edition']}, {rule['variant']})" for rule in record["rules"]]
        return [
            ("Evidence-Based Interventions", "Activity in scope of the guidance, by provider"),
            ("What a flag means", FLAG_MEANING),
            ("Disclosure control", f"{ABOUT[self.settings.disclosure]} {SIGNS}"),
            ("Rules", ", ".join(rules)),
            ("Made by", f"ebi-rules {record['version']}, {record['started']}"),
            *(("Warning", text) for text in self.warnings),
        ]

    @property
    def inputs(self) -> list[Path]:
        """The files that were read."""
        return self._inputs()

    def _inputs(self) -> list[Path]:
        files = [Path(file["path"]) for file in self._inputs_read if "path" in file]
        return [*files, *map(Path, settings_files().values())]

    @property
    def _inputs_read(self) -> list[dict[str, Any]]:
        return list(self.tables.exact_run["inputs"])

    def _write_packs(self, folder: Path, field: str, name_others: bool) -> None:
        from ebi_rules.report.unit_packs import unit_packs

        folder.mkdir()
        for pack in unit_packs(self.tables, field, name_others):
            (folder / f"{pack.file}.html").write_text(pack.page, encoding="utf-8")

    def _write_report(self, path: Path) -> None:
        from ebi_rules.report.audit_page import audit_page

        path.write_text(audit_page(self.tables), encoding="utf-8")
