"""Evidence-Based Interventions coding rules as data: Polars flags, provider audits and SQL for any warehouse.

A flag means that activity is in scope of the guidance, never that it was inappropriate.

    import ebi_rules as ebi

    extract = ebi.open("extract.parquet")
    flagged = ebi.flag(extract, "2S")
    ebi.audit(extract, "2S").write("out")

Everything that is public is listed in `__all__`. Names are imported when they are first used, so that importing the
package is fast.
"""

from ebi_rules.version import __version__

# Not from typing: until the command line runs, an interrupt ends in a traceback, so that nothing is imported before.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ebi_rules._support.errors import (
        DataFileError,
        DialectError,
        EbiError,
        EngineError,
        ExtractError,
        InvalidInputError,
        LayoutError,
        RuleError,
        UsageError,
    )
    from ebi_rules._support.notices import ExtractWarning
    from ebi_rules.criteria.activity import Activity
    from ebi_rules.engines.extract import Extract
    from ebi_rules.pathways.definitions import flow, flows, measure, measures
    from ebi_rules.pathways.flow import Flow
    from ebi_rules.pathways.measure import Measure
    from ebi_rules.provider_audit.policy_effect import Change
    from ebi_rules.provider_audit.settings import Population, Settings
    from ebi_rules.results.audit_result import Audit
    from ebi_rules.results.audit_run import audit, audit_cube
    from ebi_rules.results.combined_audit import CombinedAudit, audit_together
    from ebi_rules.results.descriptions import describe
    from ebi_rules.results.explanations import explain
    from ebi_rules.results.flags import flag, write_flags
    from ebi_rules.results.measure_result import MeasureResult
    from ebi_rules.results.measure_run import run_measures
    from ebi_rules.results.notes_review import NotesReview, review_notes
    from ebi_rules.results.notes_sample import NotesSample, draw_sample
    from ebi_rules.results.opened_extract import open_extract as open
    from ebi_rules.results.policy_effect_result import PolicyComparison, compare
    from ebi_rules.results.sql_text import measure_sql, sql
    from ebi_rules.rule_model.catalogue import rule, rules
    from ebi_rules.rule_model.explanation import Explanation
    from ebi_rules.rule_model.rule import Rule

__all__ = [
    "Activity",
    "Audit",
    "Change",
    "CombinedAudit",
    "DataFileError",
    "DialectError",
    "EbiError",
    "EngineError",
    "Explanation",
    "Extract",
    "ExtractError",
    "ExtractWarning",
    "Flow",
    "InvalidInputError",
    "LayoutError",
    "Measure",
    "MeasureResult",
    "NotesReview",
    "NotesSample",
    "PolicyComparison",
    "Population",
    "Rule",
    "RuleError",
    "Settings",
    "UsageError",
    "__version__",
    "audit",
    "audit_cube",
    "audit_together",
    "compare",
    "describe",
    "draw_sample",
    "explain",
    "flag",
    "flow",
    "flows",
    "measure",
    "measure_sql",
    "measures",
    "open",
    "review_notes",
    "rule",
    "rules",
    "run_measures",
    "sql",
    "write_flags",
]

_MODULES = {
    "_support.errors": "DataFileError DialectError EbiError EngineError ExtractError InvalidInputError LayoutError "
    "RuleError UsageError",
    "_support.notices": "ExtractWarning",
    "criteria.activity": "Activity",
    "engines.extract": "Extract",
    "pathways.definitions": "flow flows measure measures",
    "pathways.flow": "Flow",
    "pathways.measure": "Measure",
    "provider_audit.policy_effect": "Change",
    "provider_audit.settings": "Population Settings",
    "results.audit_result": "Audit",
    "results.audit_run": "audit audit_cube",
    "results.combined_audit": "CombinedAudit audit_together",
    "results.descriptions": "describe",
    "results.explanations": "explain",
    "results.flags": "flag write_flags",
    "results.measure_result": "MeasureResult",
    "results.measure_run": "run_measures",
    "results.notes_review": "NotesReview review_notes",
    "results.notes_sample": "NotesSample draw_sample",
    "results.opened_extract": "open",
    "results.policy_effect_result": "PolicyComparison compare",
    "results.sql_text": "measure_sql sql",
    "rule_model.catalogue": "rule rules",
    "rule_model.explanation": "Explanation",
    "rule_model.rule": "Rule",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first used."""
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'ebi_rules' has no attribute {name!r}")
    module = import_module(f"ebi_rules.{_MODULE_OF[name]}")
    value = getattr(module, "open_extract" if name == "open" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
