"""An audit: what was counted, how it is shown, its tables, and its files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_file, whole_folder
from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.notices import Notice
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.cube import Audited
from ebi_rules.disclosure.rounding import ABOUT, control, plain
from ebi_rules.provider_audit.settings import Settings
from opcs_icd.reference import Reference

if TYPE_CHECKING:
    import altair as alt

    from ebi_rules.provider_audit.audit_tables import MarkedTables
    from ebi_rules.provider_audit.shown_counts import Counts

OURS = re.compile(
    r"(providers|attrition|trend|sensitivity|quality|population|inequalities|who_asked|by_[a-z_]+)\.csv"
    r"|run\.json|report\.html|audit\.xlsx"
)
"""The names of the files that an audit writes."""

SIGNS = "* is a suppressed count, ** one that is withheld as it would give another away; so are figures from them."
"""What stands in files and report for what is not shown."""

SCOPE = "In scope of the guidance does not mean inappropriate."


@dataclass(frozen=True)
class Audit:
    """What an audit found: everything but `run` and `notices` is worked out from `cube`.

    `cube` has exact counts; every table, chart and file has them under the disclosure control that `settings` name,
    where a missing number is a suppressed one. `run` says what was run. With the user's own classification files as
    `reference` the report gives codes their titles.
    """

    cube: pl.DataFrame
    audited: tuple[Audited, ...]
    run: Mapping[str, Any]
    notices: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    reference: Reference | None = None

    @cached_property
    def counts(self) -> "Counts":
        """The counts that may be shown, from which all tables come."""
        from ebi_rules.provider_audit.shown_counts import Counts

        return Counts(self.cube, self.audited, self.settings.disclosure)

    @cached_property
    def marked(self) -> "MarkedTables":
        """The tables with the marks of what is withheld, as files and report need them."""
        from ebi_rules.provider_audit.audit_tables import MarkedTables

        return MarkedTables(self.counts, self.audited, self.settings)

    @cached_property
    def providers(self) -> pl.DataFrame:
        """A row a rule and provider: counts, crude and standardised rates with intervals, funnel limits, signal."""
        return plain(self.marked.providers)

    @cached_property
    def attrition(self) -> pl.DataFrame:
        """How much activity is left after each criterion: rule, provider, step, criterion, left, removed."""
        return plain(self.marked.attrition)

    @cached_property
    def trend(self) -> pl.DataFrame:
        """The rate by month with XmR limits and signals, of all providers and of each."""
        return plain(self.marked.trend)

    @cached_property
    def sensitivity(self) -> pl.DataFrame:
        """What each variant flags: rule, variant, flagged, difference, differs, about."""
        return plain(self.marked.sensitivity)

    @cached_property
    def quality(self) -> pl.DataFrame:
        """How complete the coding is, by provider and month."""
        return plain(self.marked.quality)

    @cached_property
    def who_asked(self) -> pl.DataFrame:
        """Shares by referral setting, overall and of each provider and commissioner; empty unless counted so."""
        return plain(self.marked.who_asked)

    @cached_property
    def inequalities(self) -> pl.DataFrame:
        """How unequal rates are by deprivation, ethnic category, sex and age, and how much of these is missing."""
        return self.marked.inequalities

    @cached_property
    def population(self) -> pl.DataFrame | None:
        """Rates per 100,000 people by area, None when no population was given."""
        return None if self.marked.population is None else plain(self.marked.population)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields, beside provider, that `grouped` can be asked for."""
        return self.counts.fields

    def totals(self) -> pl.DataFrame:
        """All providers together, a row a rule: activity, eligible, flagged, rate with its interval."""
        return plain(self.marked.totals)

    def grouped(self, field: str) -> pl.DataFrame:
        """Counts and rates by `age_band`, `sex`, or another field that was asked for. Raises `UsageError`."""
        if field not in ("provider", *self.fields):
            raise UsageError(unknown("grouping", field, ["provider", *self.fields]))
        return plain(self.marked.grouped(field))

    def shown(self, disclosure: str) -> "Audit":
        """Give the same audit under another disclosure control: hes, midpoint6 or none. Raises `UsageError`."""
        return replace(self, settings=replace(self.settings, disclosure=disclosure))

    def chart(self, name: str, rule: str | None = None, provider: str | None = None) -> "alt.TopLevelMixin":
        """Give a chart of one rule (the first when none is named) as an altair chart.

        `name` is attrition, funnel, rates, trend (of one `provider`, or of all), sensitivity, or a field of `fields`.
        Raises `UsageError`.
        """
        from ebi_rules.report import charts

        return charts.chart_of(self, name, rule, provider)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, with counts as they may be shown."""
        return tuple(
            notice.told(self._control) if isinstance(notice, Notice) else notice for notice in self.notices
        ) + tuple(self._low_coding())

    @cached_property
    def said(self) -> dict[str, Any]:
        """What was run, as run.json has it: with counts as they may be shown."""
        inputs = [{**file, "rows": self._told(file["rows"])} for file in self.run["inputs"]]
        settings = {
            "disclosure": self.settings.disclosure,
            "overdispersion": self.settings.overdispersion,
            "trim": self.settings.trim,
            "baseline": self.settings.baseline,
            "rebase": list(self.settings.rebase),
            "standard": "all providers" if self.settings.standard is None else "a file",
            "population": self.settings.population.field if self.settings.population else None,
            "adjust": list(self.settings.adjust),
            "casemix": self.settings.casemix,
            "fewest_expected": self.settings.fewest_expected,
            "real_codes": self.settings.real_codes,
        }
        return {
            **self.run,
            "inputs": inputs,
            "rows": self._told(self.run["rows"]),
            "shown": settings,
            "disclosure": ABOUT[self.settings.disclosure],
            "warnings": list(self.warnings),
        }

    def recorded_at(self, folder: str) -> "Audit":
        """Give the same audit with its inputs recorded as they stand once their folder has its final name."""
        inputs = [{**file, "path": f"{folder}/{Path(str(file['path'])).name}"} for file in self.run["inputs"]]
        return replace(self, run={**self.run, "inputs": inputs})

    def write(
        self,
        folder: str | Path,
        force: bool = False,
        xlsx: bool = False,
        progress: Progress = quiet,
    ) -> None:
        """Write the tables as CSV, what was run as run.json, the report as report.html; with `xlsx` also audit.xlsx.

        The folder appears whole or not at all. Raises `UsageError` when it exists and `force` is not given, when
        it holds files that no audit wrote, or an input.
        """
        from ebi_rules.provider_audit import table_files as files

        require_apart(Path(folder), self._input_paths())
        with whole_folder(Path(folder), OURS, force) as target:
            progress("writing tables")
            for name, table in self.marked.by_file().items():
                files.write_csv(table, target / f"{name}.csv")
            (target / "run.json").write_text(json.dumps(self.said, indent=2) + "\n", encoding="utf-8")
            if xlsx:
                files.write_workbook(self.marked.by_file(), self._front_page(), target / "audit.xlsx")
            progress("drawing the report")
            self._write_report(target / "report.html")

    def report(self, path: str | Path, force: bool = False) -> None:
        """Write the report alone: one HTML file that loads nothing. Raises `UsageError` when it exists."""
        require_apart(Path(path), self._input_paths())
        with whole_file(Path(path), force) as target:
            self._write_report(target)

    def _repr_html_(self) -> str:
        """Show totals and warnings in a notebook."""
        from ebi_rules.report.notebook import notebook_audit

        return notebook_audit(self)

    def _control(self, count: int) -> int | None:
        return control(count, self.settings.disclosure)

    def _told(self, rows: int) -> int | str:
        """Give a number of rows as it may be shown; their total may have to be withheld."""
        shown = self._control(rows)
        if self.counts.total(None, "activity")[1]:
            return "**"
        return "*" if shown is None else shown

    def _low_coding(self) -> list[str]:
        """Warn of providers whose low rate goes with low coding."""
        if "low_coding" not in self.providers.columns:
            return []
        low = self.providers.filter(pl.col("signal").is_in(["below_95", "below_998"]), "low_coding")
        return [
            f"{rule}: {', '.join(part['provider'].fill_null('not recorded'))}: a rate below the limits goes with few "
            "procedures coded. It may say more of coding than of care."
            for (rule,), part in low.group_by("rule", maintain_order=True)
        ]

    def _front_page(self) -> list[tuple[str, str]]:
        rules = ", ".join(
            f"{rule['key']} (edition {rule['edition']}, {rule['variant']})" for rule in self.said["rules"]
        )
        return [
            ("Evidence-Based Interventions", "Activity in scope of the guidance, by provider"),
            ("What a flag means", SCOPE),
            ("Disclosure control", f"{ABOUT[self.settings.disclosure]} {SIGNS}"),
            ("Rules", rules),
            ("Made by", f"ebi-rules {self.said['version']}, {self.said['started']}"),
            *(("Warning", text) for text in self.warnings),
        ]

    def _input_paths(self) -> list[Path]:
        return [Path(file["path"]) for file in self.run["inputs"]]

    def _write_report(self, path: Path) -> None:
        from ebi_rules.report.audit_page import render

        path.write_text(render(self), encoding="utf-8")
