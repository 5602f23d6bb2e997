"""Tables as a report page shows them: headings in words, cells as text, `*` for a suppressed count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from markupsafe import Markup, escape

from ebi_rules.disclosure.rounding import SUPPRESSED
from ebi_rules.provider_audit.table_columns import SUPPRESSIBLE
from ebi_rules.provider_audit.table_files import mark
from ebi_rules.report.report_words import figure_text

HEADINGS = {
    "flagged": "in scope",
    "rate_per_1000_eligible": "per 1,000 eligible",
    "rate_lower_95": "95% lower",
    "rate_upper_95": "95% upper",
    "ratio_lower_95": "ratio 95% lower",
    "ratio_upper_95": "ratio 95% upper",
    "standardised_ratio": "ratio",
    "flagged_before": "in scope before",
    "flagged_after": "in scope after",
    "smallest": "smallest that would show",
    "change": "latest year to the year before",
    "differs": "decided differently",
    "low_coding": "coding",
    "percent_undiagnosed": "% without a diagnosis",
    "label": "provider",
    "percent_lower_95": "95% lower",
    "percent_upper_95": "95% upper",
    "outcome": "with outcome",
    "mean_lower_95": "mean 95% lower",
    "mean_upper_95": "mean 95% upper",
    "percentile_90": "90th percentile",
    "percent_within": "% within the standard",
    "percent_within_lower_95": "95% lower",
    "percent_within_upper_95": "95% upper",
    "median_lower_95": "95% lower",
    "median_upper_95": "95% upper",
    "percentile_90_lower_95": "95% lower",
    "percentile_90_upper_95": "95% upper",
    "median_of_seen": "median of those seen",
    "percent_within_of_seen": "% within, of those seen",
    "percent_seen": "% seen",
    "percent_seen_lower_95": "95% lower",
    "percent_seen_upper_95": "95% upper",
    "percent_waiting": "% still waiting",
    "above_benchmark": "above the benchmark",
    "above_with_chance": "simple difference, with chance",
    "cost_above": "cost of that",
    "shrunk_ratio": "ratio without chance",
    "at_risk": "known to be waiting",
    "left_unseen": "left unseen",
    "per_100_pathways": "per 100 pathways",
    "people": "people",
    "rate_per_100000": "per 100,000 people",
    "standardised_rate_per_100000": "age-standardised per 100,000",
    "standardised_lower_95": "95% lower",
    "standardised_upper_95": "95% upper",
}
INTERVALS = {
    "rate_per_1000_eligible": ("rate_lower_95", "rate_upper_95"),
    "standardised_ratio": ("ratio_lower_95", "ratio_upper_95"),
    "standardised_rate_per_100000": ("standardised_lower_95", "standardised_upper_95"),
    "figure": ("95% lower", "95% upper"),
    "above_benchmark": ("above_lower_95", "above_upper_95"),
    "cost_above": ("cost_lower_95", "cost_upper_95"),
    "ratio": ("ratio_lower_95", "ratio_upper_95"),
    "change": ("change_lower_95", "change_upper_95"),
    **{
        name: (f"{name}_lower_95", f"{name}_upper_95")
        for name in ("percent", "mean", "median", "percentile_90", "percent_within", "percent_seen")
    },
}
"""Figures that stand in one cell with the ends of their interval."""

_NOTHING = "–"
_LONG_NAME = 14
"""Characters from which on a name is long."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        cells: The cells as text.
        data: Attributes of the row that the page's script reads, such as its place in a chart.
    """

    cells: tuple[str, ...]
    data: Mapping[str, int] = field(default_factory=dict)

    @property
    def attributes(self) -> Markup:
        """The attributes as markup."""
        return Markup("".join(f' data-{escape(name)}="{value:d}"' for name, value in self.data.items()))


@dataclass(frozen=True)
class PageTable:
    """A table of a page.

    Attributes:
        caption: The caption.
        headings: The headings, each with whether its column contains numbers.
        rows: The rows.
    """

    caption: str
    headings: tuple[tuple[str, bool], ...]
    rows: tuple[Row, ...]

    @property
    def has_long_names(self) -> bool:
        """Whether the first column is to be wide, so that its names are not broken into many lines."""
        return any(len(row.cells[0]) > _LONG_NAME for row in self.rows)

    @property
    def body(self) -> Markup:
        """The rows as markup, whose cells are escaped: a template takes three times as long for them."""
        ends = ["<td>" if is_number else '<td class="t">' for _, is_number in self.headings[1:]]
        lines = []
        for row in self.rows:
            first, *others = row.cells
            cells = "".join(f"{start}{escape(cell)}</td>" for start, cell in zip(ends, others, strict=True))
            lines.append(f'<tr{row.attributes}><th scope="row">{escape(first)}</th>{cells}</tr>')
        return Markup("\n".join(lines))


def page_table(
    table: pl.DataFrame, caption: str, columns: Sequence[str], data: Mapping[str, Sequence[int | None]] | None = None
) -> PageTable:
    """Return some columns of a table as a page shows them.

    Args:
        table: A table under disclosure control.
        caption: The caption.
        columns: The columns to show.
        data: Attributes of rows by name, one value per row; None for a row without the attribute.
    """
    limits = {name: ends for name, ends in INTERVALS.items() if {name, *ends} <= set(columns)}
    inside = {end for ends in limits.values() for end in ends}
    columns = [name for name in columns if name not in inside]
    cells = {name: [_cell_text(name, value) for value in table[name]] for name in columns}
    for name, ends in limits.items():
        cells[name] = [_with_limits(name, *values) for values in table.select(name, *ends).iter_rows()]
    # Only what is null can be suppressed.
    missing = [name for name in columns if name in SUPPRESSIBLE and table[name].has_nulls()]
    for signs in table.select(mark(table, name).alias(name) for name in missing):
        cells[signs.name] = [sign or text for sign, text in zip(signs, cells[signs.name], strict=True)]
    rows = []
    for place, texts in enumerate(zip(*cells.values(), strict=True)):
        numbers = {name: places[place] for name, places in (data or {}).items()}
        rows.append(Row(texts, {name: number for name, number in numbers.items() if number is not None}))
    headings = tuple(
        (
            HEADINGS.get(name, name.replace("_", " ")) + (" (95% interval)" if name in limits else ""),
            _is_number(table, name),
        )
        for name in columns
    )
    return PageTable(caption, headings, tuple(rows))


def count_text(value: object) -> str:
    """Return a count as text, or the sign of a suppressed count.

    Example:
        >>> count_text(1234), count_text(None)
        ('1,234', '*')
    """
    if value is None:
        return SUPPRESSED
    return f"{value:,}" if isinstance(value, int) else str(value)


def _is_number(table: pl.DataFrame, name: str) -> bool:
    return table.schema[name].is_numeric()


def _with_limits(name: str, value: object, low: object, high: object) -> str:
    """Return a figure with its interval: "21.2 (20.2 to 22.2)"."""
    if value is None or low is None or high is None:
        return _cell_text(name, value)
    return f"{_cell_text(name, value)} ({_cell_text(name, low)} to {_cell_text(name, high)})"


def _cell_text(name: str, value: object) -> str:
    if name == "low_coding":
        return "low" if value else _NOTHING
    if value is None:
        return _NOTHING
    if isinstance(value, float):
        if name.startswith("cost") or name == "observed":
            return figure_text(value, 0)
        has_one_decimal = name == "expected" or name.startswith(("percent", "per_100_p", "above"))
        return figure_text(value, 1 if has_one_decimal else 2)
    return f"{value:,}" if isinstance(value, int) else str(value)
