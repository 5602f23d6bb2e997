"""What an extract contains, as an analyst wants to know it first: fields, months, and which rules it can answer.

Its counts are exact: it is for the people who have the extract. Nothing here flags activity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ebi_rules._support.clock import today
from ebi_rules._support.errors import ExtractError
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.cube import ALWAYS_CHECKED
from ebi_rules.engines import polars_profile, warehouse
from ebi_rules.engines.extract import Extract, FrameExtract
from ebi_rules.engines.findings import CHECKS, Finding, notices_of
from ebi_rules.engines.warehouse import WarehouseExtract
from ebi_rules.provider_audit.plausible_months import plausible_span
from ebi_rules.rule_model.availability import why_unavailable
from ebi_rules.rule_model.catalogue import RuleNames, rules_of_dataset
from ebi_rules.rule_model.catalogue import rules as find_rules

ALWAYS = (
    *("id", "provider", *ALWAYS_CHECKED, "age", "sex", "administrative_category", "ethnic_category", "commissioner"),
    *("nicip", "snomed", "source_setting"),
)
"""The fields that are checked beside those that rules need."""

_COLUMNS = (
    "missing",
    "unknown",
    "implausible",
    "malformed",
    "unlisted",
    "disagree",
    "short",
    "filler",
    "not_codable",
    "ambiguous",
    "booked",
    "repeated",
)


@dataclass(frozen=True)
class Profile:
    """What an extract contains. All counts are exact.

    Attributes:
        layout: The name of its layout.
        rows: How many rows it has.
        fields: One row per field in use: field, column, rows (of the table it is in), and what was found, as counts of
            rows (`engines.findings.CHECKS`); null where it does not apply.
        months: One row per month of activity, in order: month ("2024-04", null where there is no date), rows, plausible
            (whether it can be a month of care; an audit reads the others as missing).
        rules: One row per rule of the extract's dataset: rule, answer (whether the extract can answer it), why_not.
        unlisted_codes: Imaging codes that the crosswalk does not have, by field and length: field, length ("5
            characters"), rows.
        warnings: What a run would say of the extract.
        problem: Why a run would be refused; None if it would not be.
    """

    layout: str
    rows: int
    fields: pl.DataFrame
    months: pl.DataFrame
    rules: pl.DataFrame
    unlisted_codes: pl.DataFrame
    warnings: tuple[str, ...]
    problem: str | None

    def as_record(self) -> dict[str, Any]:
        """Return the profile as JSON can contain it."""
        return {
            "layout": self.layout,
            "rows": self.rows,
            "fields": self.fields.to_dicts(),
            "months": self.months.to_dicts(),
            "rules": self.rules.to_dicts(),
            "unlisted_codes": self.unlisted_codes.to_dicts(),
            "warnings": list(self.warnings),
            "problem": self.problem,
            "exact": True,
        }


def profile_of(extract: Extract, rules: RuleNames | None = None) -> Profile:
    """Return what an extract contains.

    Args:
        extract: The extract.
        rules: The rules to ask about; without names, the usual ones for the extract's dataset.

    Raises:
        ExtractError: A column has a type that its field cannot have.
        EngineError: The engine failed.
    """
    binding = extract.binding
    chosen = rules_of_dataset(None, binding.layout.dataset) if rules is None else find_rules(rules)
    reasons = {rule.key: why_unavailable(rule.logic, binding) for rule in chosen}
    needed = {name for rule in chosen if not reasons[rule.key] for name in rule.logic.fields_needed}
    names = [name for name in FIELDS if name in binding.fields and name in {*needed, *ALWAYS}]
    if isinstance(extract, WarehouseExtract):
        rows, findings, months = warehouse.profile(extract, names)
    else:
        assert isinstance(extract, FrameExtract), "an extract is read here or in a warehouse"
        rows, findings, months = polars_profile.profile(extract, names)
    problem: str | None = None
    warnings: list[str] = []
    try:
        warnings += notices_of(findings, needed)
    except ExtractError as error:
        problem = str(error)
    first, last = plausible_span(months.drop_nulls("month").rename({"rows": "count"}), today())
    months = months.with_columns(plausible=pl.col("month").is_between(pl.lit(first), pl.lit(last)))
    answers = pl.DataFrame(
        [{"rule": key, "answer": reason is None, "why_not": reason} for key, reason in reasons.items()],
        schema={"rule": pl.String, "answer": pl.Boolean, "why_not": pl.String},
    )
    fields = field_table(findings, rows)
    unlisted = pl.DataFrame(
        [(found.field, found.detail, found.rows) for found in findings if found.check == "unlisted" and found.rows],
        schema={"field": pl.String, "length": pl.String, "rows": pl.Int64},
        orient="row",
    )
    return Profile(binding.layout.name, rows, fields, months, answers, unlisted, tuple(warnings), problem)


def field_table(findings: list[Finding], rows: int) -> pl.DataFrame:
    """Return what was found, one row per field.

    Args:
        findings: What was found.
        rows: The number of rows of the extract.
    """
    table: dict[str, dict[str, Any]] = {}
    for finding in findings:
        row = table.setdefault(
            finding.field, {"field": finding.field, "column": finding.column.removeprefix("the column "), "rows": rows}
        )
        if finding.check == "missing":
            row["rows"] = finding.of
        if finding.check in _COLUMNS:
            row[finding.check] = row.get(finding.check, 0) + finding.rows
    schema: Mapping[str, Any] = {
        "field": pl.String,
        "column": pl.String,
        "rows": pl.Int64,
        **dict.fromkeys(_COLUMNS, pl.Int64),
    }
    assert set(_COLUMNS) <= set(CHECKS), "every column is a check"
    return pl.DataFrame(list(table.values()), schema=schema)
