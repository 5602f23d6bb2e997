"""The report: tables of an audit as one HTML file that loads nothing."""

from ebi_rules.report.page import render

__all__ = ["render"]
