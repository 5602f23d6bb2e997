"""Packs of measures: one small report for each unit, with its own shares among those of the others.

Everything comes from the tables of the run, which are under disclosure control together (see `unit_packs`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.pathway_tables import PathwayTables
from ebi_rules.provider_audit.audit_tables import SIGNS
from ebi_rules.provider_audit.percentages import PERCENT
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.axes import Linear, from_zero
from ebi_rules.report.chart_style import COMMON_CAUSE, COMMON_EDGE
from ebi_rules.report.drawing import Chart, Drawing
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.page_templates import is_of_made_up_data, resource
from ebi_rules.report.pathways_page import lead, outcome_words
from ebi_rules.report.plot import Plot
from ebi_rules.report.report_words import field_label, figure_text
from ebi_rules.report.unit_packs import OWN, RATIOS, Pack, rendered_packs, require_field, signal_words, with_interval

_HEIGHT = 240
_ADVICE = "Check first whether both sides of the pathway are recorded."


def measure_packs(tables: PathwayTables, field: str, name_others: bool = False) -> Iterator[Pack]:
    """Yield the pack of each unit that has one, and an index of them all at the end.

    Args:
        tables: The tables of the run.
        field: provider, or a field that was counted.
        name_others: Whether the other units are named.

    Raises:
        UsageError: The units of the field can have no packs.
    """
    require_field(field, tables.counts.fields if tables.entries else ())
    grounds = [_Ground.of(tables, entry.measure, field, name_others) for entry in tables.entries]
    units = sorted({unit for ground in grounds for unit in ground.rows})
    names = tables.settings.names if field == "provider" else {}
    yield from rendered_packs(units, names, grounds, _fixed(tables, field))


def _fixed(tables: PathwayTables, field: str) -> dict[str, Any]:
    """Return what every pack says alike."""
    return {
        "exact": tables.settings.disclosure == "none",
        "many": False,
        "made_up": is_of_made_up_data(tables.run),
        "disclosure": ABOUT[tables.settings.disclosure],
        "signs": SIGNS,
        "warnings": (),
        "heading": "what happened before and after",
        "note": "These figures show what happened, not why.",
        "more": "Whether it was right is for a clinician who knows the patient.",
        "field": field_label(field),
        "period": lead(tables),
        "style": Markup(resource("style.css")),
        "script": Markup(""),
    }


@dataclass(frozen=True)
class _Ground:
    """A measure with the shares of all units in order, in which each pack marks its own."""

    measure: Measure
    of_all: str
    rows: dict[str, dict[str, Any]]
    places: dict[str, int]
    plot: Plot | None
    chart: Chart | None

    @classmethod
    def of(cls, tables: PathwayTables, measure: Measure, field: str, name_others: bool) -> "_Ground":
        """Draw the shares of a measure once."""
        of_measure = pl.col("rule") == measure.key
        shares = tables.by_file["measures"].filter(of_measure)
        total = shares.filter(provider=ALL_PROVIDERS).row(0, named=True)
        if field == "provider":
            units = shares.filter(pl.col("provider").ne_missing(ALL_PROVIDERS))
        else:
            units = tables.by_file[f"by_{field}"].filter(of_measure).rename({field: "provider"})
        units = units.filter(pl.col("provider").is_not_null(), pl.col("followed").fill_null(1) > 0)
        if "signal" not in units.columns:
            units = units.with_columns(not_judged=pl.lit(None, pl.String), signal=pl.lit(None, pl.String))
        drawn = units.filter(pl.col(PERCENT[0]).is_not_null()).sort(PERCENT[0], "provider", descending=[True, False])
        places = {unit: place for place, unit in enumerate(drawn["provider"], start=1)}
        plot = _plot(drawn, measure, name_others) if drawn.height > 1 else None
        return cls(
            measure,
            "not shown" if total[PERCENT[0]] is None else f"{figure_text(total[PERCENT[0]], 1)}%",
            {row["provider"]: row for row in units.iter_rows(named=True)},
            places,
            plot,
            plot.chart(f"Shares of all, {measure.title}") if plot else None,
        )

    def told(self, unit: str) -> dict[str, Any] | None:
        """Return what a pack says of the measure; None if the unit has none that were followed."""
        row = self.rows.get(unit)
        if row is None:
            return None
        outcome = outcome_words(self.measure)
        figures = [(with_interval(row, PERCENT, 1), f"per cent {outcome}, you"), (self.of_all, f"{outcome}, all")]
        words = ""
        if "standardised_ratio" in row:
            figures.append((with_interval(row, RATIOS, 2), "ratio to what is expected of your case mix"))
            words = f"{self._compared(row)} "
        counts = f"{count_text(row['outcome'])} of {count_text(row['followed'])} followed."
        return {
            "title": self.measure.title,
            "is_shown": row[PERCENT[0]] is not None,
            "figures": figures,
            "words": words + counts,
            "chart": self._marked(row),
        }

    def _compared(self, row: dict[str, Any]) -> str:
        if "not_judged" not in row or row["standardised_ratio"] is None:
            return signal_words(row, _ADVICE)
        low, high = row[RATIOS[1]], row[RATIOS[2]]
        if low is None or low <= 1 <= high:
            return "Its interval contains 1: chance alone could explain the difference."
        return f"{'More' if low > 1 else 'Less'} than expected for the case mix. {_ADVICE}"

    def _marked(self, row: dict[str, Any]) -> Chart | None:
        """Return the chart with the unit's own place and interval marked."""
        place = self.places.get(row["provider"])
        if self.plot is None or self.chart is None or place is None:
            return None
        own = Drawing()
        low, high = (self.plot.at(place, row[name]) for name in PERCENT[1:])
        own.line(low, high, stroke=OWN, stroke_width=2)
        across, down = self.plot.at(place, row[PERCENT[0]])
        own.symbol((across, down), "circle", 7, "your place", fill="none", stroke=OWN, stroke_width=2.5)
        own.words((across, high[1] - 8), "you", font_weight="bold", text_anchor="middle")
        share = figure_text(row[PERCENT[0]], 1)
        name = f"{self.measure.title}: your {share} per cent, place {place} of {len(self.places)} from the highest"
        return Chart(self.chart.body + own.body, self.chart.width, self.chart.height, name)


def _plot(units: pl.DataFrame, measure: Measure, name_others: bool) -> Plot:
    """Paint the shares in order, the highest first."""
    title = f"per cent {outcome_words(measure)}"
    rows = list(units.select("provider", *PERCENT).iter_rows())
    plot = Plot(
        Linear("all in order, the highest share first", 0, len(rows) + 1, step=max(len(rows) // 8, 1)),
        from_zero(title, [high * 1.15 for *_, high in rows]),
        _HEIGHT,
    )
    with plot.drawing.group(class_="units", fill=COMMON_CAUSE, stroke=COMMON_EDGE, stroke_width=1.5):
        for place, (unit, share, _, _) in enumerate(rows, start=1):
            told = f"{unit}: {figure_text(share, 1)} per cent" if name_others else ""
            plot.drawing.symbol(plot.at(place, share), "circle", 4, told)
    return plot
