"""Evidence-Based Interventions coding rules as data: Polars flags, provider audits and SQL for any warehouse.

A flag means that activity is in scope of the guidance, never that it was inappropriate.

    import ebi_rules as ebi

    rule = ebi.rule("2S")
    flagged = ebi.flag(frame, rules=["2S"])
    ebi.audit("extract.parquet", rules=["2S"]).write("out")
"""

# `audit`, `flows`, `measures` and `rules` are names of modules too: the calls are imported last, so that they win.
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
from ebi_rules.criteria.activity import Activity
from ebi_rules.pathways.definitions import measures
from ebi_rules.pathways.flow_definitions import flows
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.audit_result import Audit
from ebi_rules.results.audit_run import audit, audit_cube
from ebi_rules.results.flags import ExtractWarning, flag
from ebi_rules.results.measure_run import Measured, measure
from ebi_rules.rule_model.catalogue import rule, rules
from ebi_rules.rule_model.rule import Explanation, Rule, explain
from ebi_rules.version import __version__

__all__ = [
    "Activity",
    "Audit",
    "DataFileError",
    "DialectError",
    "EbiError",
    "EngineError",
    "Explanation",
    "ExtractError",
    "ExtractWarning",
    "InvalidInputError",
    "LayoutError",
    "Measured",
    "Rule",
    "RuleError",
    "Settings",
    "UsageError",
    "__version__",
    "audit",
    "audit_cube",
    "explain",
    "flag",
    "flows",
    "measure",
    "measures",
    "rule",
    "rules",
]
