"""The report: tables of an audit as one self-contained HTML file, its charts, and what a notebook shows."""

from ebi_rules.report.notebook import notebook_audit, notebook_rule
from ebi_rules.report.page import render

__all__ = ["notebook_audit", "notebook_rule", "render"]
