"""Tables of an audit as a page has them: headings in words, cells as text, `*` for what is suppressed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from markupsafe import Markup

from ebi_rules.disclosure.rounding import SUPPRESSED
from ebi_rules.provider_audit.table_files import mark

HEADINGS = {
    "flagged": "in scope",
    "rate_per_1000_eligible": "per 1,000 eligible",
    "rate_lower_95": "95% lower",
    "rate_upper_95": "95% upper",
    "ratio_lower_95": "ratio 95% lower",
    "ratio_upper_95": "ratio 95% upper",
    "standardised_ratio": "ratio",
    "differs": "judged otherwise",
    "low_coding": "coding",
    "label": "provider",
    "percent_lower_95": "95% lower",
    "percent_upper_95": "95% upper",
    "outcome": "with it",
    "mean_lower_95": "mean 95% lower",
    "mean_upper_95": "mean 95% upper",
    "percentile_90": "90th percentile",
    "per_100_pathways": "per 100 pathways",
    "people": "people",
    "rate_per_100000": "per 100,000 people",
    "standardised_rate_per_100000": "age-standardised per 100,000",
    "standardised_lower_95": "95% lower",
    "standardised_upper_95": "95% upper",
}
_NOTHING = "–"


@dataclass(frozen=True)
class Row:
    """The cells of one row as text, and attributes of the row that scripts read."""

    cells: tuple[str, ...]
    data: Mapping[str, int] = field(default_factory=dict)

    @property
    def attributes(self) -> Markup:
        """The attributes as markup."""
        return Markup("").join(Markup(' data-{}="{}"').format(name, value) for name, value in self.data.items())


@dataclass(frozen=True)
class PageTable:
    """A table of the page: its caption, headings (and whether numbers stand below), and rows."""

    caption: str
    headings: tuple[tuple[str, bool], ...]
    rows: tuple[Row, ...]


def page_table(
    table: pl.DataFrame, caption: str, columns: Sequence[str], data: Mapping[str, Sequence[int | None]] | None = None
) -> PageTable:
    """Give some columns of an audit's table as a table of the page; `data` are attributes of its rows."""
    shown = table.select(columns)
    signs = table.with_columns(mark(table, name).alias(name) for name in columns).select(columns)
    attributes = data or {}
    rows = []
    for place, (values, marks) in enumerate(zip(shown.iter_rows(), signs.iter_rows(), strict=True)):
        cells = [sign or _cell(name, value) for name, value, sign in zip(columns, values, marks, strict=True)]
        own = {name: places[place] for name, places in attributes.items()}
        rows.append(Row(tuple(cells), {name: at for name, at in own.items() if at is not None}))
    headings = tuple((HEADINGS.get(name, name.replace("_", " ")), table.schema[name].is_numeric()) for name in columns)
    return PageTable(caption, headings, tuple(rows))


def counted(value: object) -> str:
    """Give a count as text."""
    return SUPPRESSED if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _cell(name: str, value: object) -> str:
    if name == "low_coding":
        return "low" if value else _NOTHING
    if value is None:
        return _NOTHING
    if isinstance(value, float):
        return f"{value:,.1f}" if name == "expected" or name.startswith(("percent", "per_100_p")) else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
