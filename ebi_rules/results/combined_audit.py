"""Audit outpatients and imaging together: each dataset by itself, and the scans of both, each counted once."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebi_rules._support.atomic_output import require_apart, whole_folder
from ebi_rules._support.errors import ExtractError, UsageError
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.areas import recodings
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.engines.extract import Extract, Source
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results import audit_result, measure_result
from ebi_rules.results.audit_result import Audit
from ebi_rules.results.audit_run import audit
from ebi_rules.results.measure_result import MeasureResult
from ebi_rules.results.measure_run import run_measures
from ebi_rules.results.opened_extract import as_extract
from ebi_rules.rule_model.catalogue import RuleNames, rules_of_dataset
from ebi_rules.rule_model.measure_availability import require_people
from opcs_icd.reference import Reference

_TOGETHER = ("outpatient", "imaging")
"""The datasets that can be audited together, in the order of the results."""

_SCANS = "scans"
"""The folder of what both datasets record."""

_MEASURES = ("scans_outpatients_miss", "scans_imaging_misses")
_BY = "request_setting"
_PARTS = {**dict.fromkeys(_TOGETHER, audit_result.OUR_FILES), _SCANS: measure_result.OUR_FILES}
OUR_FILES = re.compile("|".join([*(f"{name}/({files.pattern})" for name, files in _PARTS.items()), r"run\.json"]))
"""The names of the files that a combined audit writes."""


@dataclass(frozen=True, repr=False)
class CombinedAudit:
    """The audit of two datasets, and of the scans that either of them records.

    Attributes:
        audits: The audit of each dataset.
        scans: How many scans there are in both together, each counted once, and how many each dataset misses; None if
            records cannot be paired.
        warnings: What a reader must know of the two together.
    """

    audits: dict[str, Audit]
    scans: MeasureResult | None
    warnings: tuple[str, ...]

    def write(self, folder: str | Path, force: bool = False, xlsx: bool = False, progress: Progress = quiet) -> None:
        """Write each audit, and the scans, into a folder of its own. If the run fails, no partial output is left.

        Args:
            folder: The folder to write: outpatient, imaging, scans and run.json.
            force: Replace a folder that exists, if only a combined audit wrote to it.
            xlsx: Write the tables of the audits as workbooks too.
            progress: Is called with each step.

        Raises:
            UsageError: The folder exists, or contains an input or files that no combined audit wrote.
        """
        require_apart(Path(folder), [path for result in self.audits.values() for path in result.inputs])
        with whole_folder(Path(folder), OUR_FILES, force) as target:
            for name, result in self.audits.items():
                result.write(target / name, xlsx=xlsx, progress=progress)
            if self.scans is not None:
                self.scans.write(target / _SCANS, progress=progress)
            (target / "run.json").write_text(json.dumps(self._record(), indent=2) + "\n", encoding="utf-8")

    def _record(self) -> dict[str, Any]:
        first = next(iter(self.audits.values())).run
        return {
            **{name: first[name] for name in ("program", "version", "started")},
            "datasets": {name: f"{name}/run.json" for name in self.audits},
            "scans": None if self.scans is None else f"{_SCANS}/run.json",
            "warnings": list(self.warnings),
        }


def audit_together(
    extracts: Sequence[Source | Extract],
    rules: RuleNames | None = None,
    by: Sequence[str] = (),
    settings: Settings | None = None,
    reference: Reference | None = None,
    progress: Progress = quiet,
) -> CombinedAudit:
    """Audit outpatients and imaging examinations, and count the scans of both, each once.

    A scan is one where both datasets have it: the same person, modality and part of the body, at most 3 days apart, one
    to one. Rates of the two datasets have denominators of their own and are never added.

    Args:
        extracts: One outpatient extract and one imaging extract, in any order.
        rules: Names of rules, rules, or folders, files and policies with rules, for both datasets; without names, the
            programme's for outpatients and the policy imaging-dataset for imaging.
        by: Fields to count by, for the datasets that have them.
        settings: How to count, show and compare.
        reference: The user's own classification files, for the titles of codes in the reports.
        progress: Is called with each step.

    Returns:
        Both audits, and the scans of both, which can be written.

    Raises:
        UsageError: The extracts are not one of each dataset, or a name is unknown.
        RuleError: A rule file is wrong.
        LayoutError: A layout file is wrong.
        ExtractError: An extract cannot be read, or cannot answer a rule.
        EngineError: The engine failed.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> from datetime import date
        >>> outpatients = pl.DataFrame({"OPA_Ident": [1], "Der_Pseudo_NHS_Number": ["a"], "Der_Diagnosis_All": [None],
        ...     "Appointment_Date": [date(2025, 9, 1)], "Der_Procedure_All": ["||U211,Z846"],
        ...     "OPA_Referral_Source": ["03"], "Age_at_Start_of_Episode_SUS": [45], "Priority_Type": ["1"],
        ...     "Attendance_Status": ["5"], "Der_Provider_Code": ["ZZ1"], "Administrative_Category": ["01"]})
        >>> imaging = pl.DataFrame({"RADIOLOGICAL ACCESSION NUMBER": ["A1", "A2"], "NHS NUMBER": ["a", "b"],
        ...     "PERSON BIRTH DATE": [date(1980, 1, 1)] * 2, "IMAGING CODE (NICIP)": ["MKNEL", "MKNER"],
        ...     "DIAGNOSTIC TEST DATE": [date(2025, 9, 1), date(2025, 9, 5)],
        ...     "PATIENT SOURCE SETTING TYPE (DIAGNOSTIC IMAGING)": ["04", "04"],
        ...     "SITE CODE (OF IMAGING)": ["ZZ101"] * 2})
        >>> result = audit_together([imaging, outpatients], "nwl-msk-imaging", settings=ebi.Settings(disclosure="none"))
        >>> [(name, part.totals().filter(rule=rule)["flagged"][0]) for name, part, rule in
        ...  (("outpatient", result.audits["outpatient"], "nwl_knee_imaging"),
        ...   ("imaging", result.audits["imaging"], "nwl_did_knee"))]
        [('outpatient', 1), ('imaging', 2)]
    """
    chosen_settings = settings or Settings()
    opened = _one_of_each(extracts)
    audits = {}
    for name in _TOGETHER:
        progress(f"auditing {DATASETS[name]}")
        fields = _fields_of(opened[name], by, chosen_settings)
        named = rules_of_dataset(rules, name)
        audits[name] = audit(opened[name], named, fields, chosen_settings, reference, progress)
    for field in by:
        if not any(field in _fields_of(extract, by, chosen_settings) for extract in opened.values()):
            raise ExtractError(f"no extract has a column for {field}. {opened['imaging'].binding.why_lacking(field)}")
    warnings: list[str] = []
    scans = None
    try:
        for extract in opened.values():
            require_people(extract.binding)
        progress("pairing scans")
        scans = run_measures(list(opened.values()), _MEASURES, by=[_BY], settings=chosen_settings, progress=progress)
    except ExtractError as error:
        warnings.append(f"records of one scan cannot be paired, and no total of both datasets is given: {error}")
    return CombinedAudit(audits, scans, tuple(warnings))


def _one_of_each(extracts: Sequence[Source | Extract]) -> dict[str, Extract]:
    opened = [as_extract(extract) for extract in extracts]
    by_dataset = {extract.binding.layout.dataset: extract for extract in opened}
    if len(opened) != len(_TOGETHER) or set(by_dataset) != set(_TOGETHER):
        named = ", ".join(DATASETS[extract.binding.layout.dataset] for extract in opened)
        raise UsageError(f"name one extract of outpatients and one of imaging examinations, not {named or 'none'}.")
    return {name: by_dataset[name] for name in _TOGETHER}


def _fields_of(extract: Extract, by: Sequence[str], settings: Settings) -> list[str]:
    """Return those of the fields to count by that an extract has."""
    binding = extract.binding.recoded(recodings(settings.areas))
    return [name for name in by if name in STANDARD_DIMENSIONS or name in binding.fields]
