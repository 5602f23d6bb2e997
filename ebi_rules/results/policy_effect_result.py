"""What a comparison before and after a change returns: its tables, its files and its report."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_file, whole_folder
from ebi_rules.provider_audit.policy_effect import Change, PolicyEffect, policy_effect
from ebi_rules.results.audit_result import Audit
from ebi_rules.results.releases import release_recorder

OUR_FILES = re.compile(r"(periods|series|months)\.csv|run\.json|report\.html")
"""The names of the files that a comparison writes."""


@dataclass(frozen=True, repr=False)
class PolicyComparison:
    """The result of a comparison before and after a change, from counts under disclosure control.

    Attributes:
        audit: The audit that counted both.
        effect: The tables.
    """

    audit: Audit
    effect: PolicyEffect

    @property
    def periods(self) -> pl.DataFrame:
        """Two periods by rule and provider."""
        return self.effect.periods

    @property
    def series(self) -> pl.DataFrame:
        """What the series of months says, by rule, comparison and figure."""
        return self.effect.series

    @property
    def run(self) -> dict[str, Any]:
        """What was run, as run.json contains it."""
        change = self.effect.change
        return {
            **self.audit.run,
            "compared": {
                "at": dict(self.effect.begins),
                "phase_in": change.phase_in,
                "immature": change.immature,
                "exclude_months": list(change.exclude),
                "treated": list(change.treated),
                "control_rules": list(change.controls),
                "per": change.per.kind,
                "notes": {rule: list(notes) for rule, notes in self.effect.notes.items()},
            },
        }

    def write(
        self,
        folder: str | Path,
        force: bool = False,
        release: str | Path | None = None,
        override: str | None = None,
    ) -> None:
        """Write the tables as CSV, run.json and report.html. If the run fails, no partial output is left.

        Args:
            folder: The folder to write.
            force: Replace a folder that exists, if only a comparison wrote to it.
            release: A ledger of releases, which remembers that this output leaves.
            override: Why the output may leave although it combines with an earlier release.

        Raises:
            UsageError: The folder exists, or contains an input or other files, or the output would combine with an
                earlier release.
        """
        from ebi_rules.provider_audit.table_files import write_csv

        require_apart(Path(folder), self.audit.inputs)
        recorded = release_recorder(
            release,
            override,
            Path(folder),
            self.audit.inputs,
            "compare",
            self.audit.exact_cube,
            self.audit.settings,
            _rules(self.audit.run),
        )
        with whole_folder(Path(folder), OUR_FILES, force) as target:
            for name, table in self.effect.by_file.items():
                write_csv(table, target / f"{name}.csv")
            (target / "run.json").write_text(json.dumps(self.run, indent=2) + "\n", encoding="utf-8")
            self._write_report(target / "report.html")
            recorded()

    def report(self, path: str | Path, force: bool = False) -> None:
        """Write the report alone: one HTML file that loads nothing.

        Raises:
            UsageError: The file exists and `force` is not given, or it is an input.
        """
        require_apart(Path(path), self.audit.inputs)
        with whole_file(Path(path), force) as target:
            self._write_report(target)

    def _write_report(self, path: Path) -> None:
        from ebi_rules.report.effect_page import effect_page

        path.write_text(effect_page(self.audit.tables, self.effect), encoding="utf-8")

    def __repr__(self) -> str:
        """Return the rules and months in one line."""
        rules = ", ".join(f"{rule} at {at}" for rule, at in self.effect.begins.items())
        return f"Comparison before and after: {rules}"


def compare(audit: Audit, change: Change) -> PolicyComparison:
    """Compare the months before and after a change: two periods by provider, and the series of months.

    Args:
        audit: An audit that counted both.
        change: When what changed, and which months tell.

    Raises:
        UsageError: The month is outside the data, or a rule or provider is unknown.

    Source:
        See `statistics.interrupted_series` and `provider_audit.two_periods`.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> days = pl.date_range(pl.date(2023, 4, 1), pl.date(2025, 3, 31), eager=True)
        >>> frame = pl.DataFrame({"Appointment_Date": days}).with_columns(
        ...     OPA_Ident=pl.int_range(pl.len()), Der_Procedure_All=pl.lit("||U055"), Der_Diagnosis_All=pl.lit("M545"),
        ...     Age_at_Start_of_Episode_SUS=45, Administrative_Category=pl.lit("01"), Der_Provider_Code=pl.lit("ZZ1"))
        >>> result = ebi.compare(ebi.audit(frame, "2S"), ebi.Change("2024-04", immature=0))
        >>> result.periods["months"].to_list(), result.periods["ratio"].round(1).to_list()
        ([12, 12], [1.0, 1.0])
    """
    return PolicyComparison(audit, policy_effect(audit.tables, change))


def _rules(run: Mapping[str, Any]) -> dict[str, str]:
    return {rule["key"]: f"{rule['edition']} {rule['variant']} {rule['content_hash']}" for rule in run["rules"]}
