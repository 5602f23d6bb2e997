"""The heatmap of many rules: each provider's ratio by each rule, with why there is none.

A cell is darker the farther its ratio is from 1, unless too few are expected to say so. Triangles mark providers
outside the 99.8% limits, so that the picture can be read in grey. Neither direction is good or bad: both have one
colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.signals import FEW_EXPECTED, LITTLE_COMPARED, NOT_FIT, OTHER_FUNCTIONS, SUPPRESSED
from ebi_rules.report.report_words import NOT_RECORDED, figure_text

FEWEST_EXPECTED = 10
"""A cell with fewer expected has no shade, unless it has a mark; a card does not name such a provider."""

_MOST_ROWS = 60
"""At most this many providers have a row: the most unusual ones."""

FEWEST_RULES = 3
"""With fewer rules the cards say it all."""

STATES = {
    OTHER_FUNCTIONS: ("n", "not comparable: other treatment functions"),
    LITTLE_COMPARED: ("n", "not comparable: little of its activity is compared"),
    FEW_EXPECTED: ("·", "too few"),
    SUPPRESSED: ("·", "too few"),
    NOT_FIT: ("×", "the rule is not fit for comparing providers"),
}
"""Why a provider has no ratio that counts: the sign in the cell, and what it says."""

_SHADES = ((1.1, 0), (1.25, 1), (1.5, 2), (2.0, 3))
"""Up to which ratio, or its inverse, a cell has which shade; beyond the last it has the darkest."""


@dataclass(frozen=True)
class Cell:
    """A cell of the heatmap: its text, its class in the page's style, and what it says to a pointer."""

    text: str
    shade: str
    about: str


@dataclass(frozen=True)
class Heatmap:
    """Providers by rules.

    Attributes:
        rules: The rules' letters, each with its title and the anchor of its section.
        rows: Each provider's name, and its cells.
        left_out: How many providers have no row, as there are many.
    """

    rules: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    left_out: int


def rule_heatmap(audit: AuditTables, sections: Sequence[dict[str, Any]]) -> Heatmap | None:
    """Return the heatmap of an audit; None for few rules, or if none is compared.

    Args:
        audit: The tables of the audit.
        sections: The sections of its rules.
    """
    compared = [section for section in sections if section["compared"]]
    if len(sections) < FEWEST_RULES or not compared:
        return None
    columns = [
        "rule",
        "provider",
        "expected",
        "standardised_ratio",
        "ratio_lower_95",
        "ratio_upper_95",
        "signal",
        "not_judged",
    ]
    rows = audit.providers.select(columns).rows(named=True)
    of = {(row["rule"], row["provider"]): row for row in rows}
    providers = audit.providers["provider"].unique(maintain_order=True).to_list()
    keys = [section["rule"].key for section in sections]
    names = audit.settings.names
    table = [
        (names.get(code, code) if code else NOT_RECORDED, tuple(_cell(of.get((key, code))) for key in keys))
        for code in providers
    ]
    heads = tuple((section["letters"], section["rule"].title, section["key"]) for section in sections)
    ordered = sorted(table, key=lambda row: _unusual(row[1]), reverse=True)
    return Heatmap(heads, tuple(ordered[:_MOST_ROWS]), max(len(ordered) - _MOST_ROWS, 0))


def _cell(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell("", "none", "no activity")
    ratio = row["standardised_ratio"]
    if row["not_judged"] is not None or ratio is None:
        sign, about = STATES.get(row["not_judged"], ("·", "too few"))
        return Cell(sign, "none", about)
    signal = row["signal"] or ""
    mark = "▲" if signal == "above_998" else "▼" if signal == "below_998" else ""
    away = max(ratio, 1 / ratio) if ratio > 0 else float("inf")
    shade = f"s{next((number for most, number in _SHADES if away < most), len(_SHADES))}"
    if row["expected"] < FEWEST_EXPECTED and not mark:
        shade = "none"
    interval = f"{figure_text(row['ratio_lower_95'], 2)} to {figure_text(row['ratio_upper_95'], 2)}"
    return Cell(f"{figure_text(ratio, 1)}{mark}", shade, f"ratio {figure_text(ratio, 2)} ({interval})")


def _unusual(cells: Sequence[Cell]) -> tuple[int, int]:
    """Return how unusual a provider is: cells with a mark, and then dark ones."""
    return sum(cell.text[-1:] in "▲▼" and bool(cell.text) for cell in cells), sum(cell.shade == "s4" for cell in cells)
