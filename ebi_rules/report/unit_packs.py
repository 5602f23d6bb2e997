"""Packs: one small report for each provider, practice, network or commissioner, with its own place among the others.

Everything comes from the tables of the audit, which are under disclosure control together: packs show no other count,
so that the whole set says no more than the audit's files do. The others are anonymous unless they are to be named.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
from markupsafe import Markup

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.criteria.fields import AREAS, ORGANISATIONS, PRACTITIONERS
from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.provider_audit.audit_tables import SIGNS, AuditTables
from ebi_rules.provider_audit.comparability import rules_not_compared
from ebi_rules.provider_audit.signals import variance_of
from ebi_rules.provider_audit.standardisation import compared
from ebi_rules.report.audit_sentences import period
from ebi_rules.report.drawing import Chart, Drawing
from ebi_rules.report.page_tables import count_text
from ebi_rules.report.page_templates import environment, is_of_made_up_data, resource
from ebi_rules.report.plot import Plot
from ebi_rules.report.provider_charts import drawable, plot_funnel
from ebi_rules.report.report_words import SIGNAL_WORDS, field_label, figure_text
from ebi_rules.rule_model.audited_rule import AuditedRule

FIELDS = (*ORGANISATIONS, *AREAS)
"""The fields whose units may have packs; there are none of people."""

INDEX = "index"
RATIOS = ("standardised_ratio", "ratio_lower_95", "ratio_upper_95")
OWN = "#D55E00"
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Pack:
    """A small report.

    Attributes:
        file: The name of its file, without the ending.
        unit: The unit's name.
        page: The report as HTML.
    """

    file: str
    unit: str
    page: str


def require_field(field: str, counted: Collection[str]) -> None:
    """Raise `UsageError` if the units of a field can have no packs.

    Args:
        field: The field.
        counted: The fields that are counted beside provider.
    """
    if field in PRACTITIONERS:
        raise UsageError(f"--pack {field}: there are no packs of people.")
    if field not in FIELDS:
        raise UsageError("--pack: " + unknown("field", field, FIELDS))
    if field != "provider" and field not in counted:
        raise UsageError(f"--pack {field}: count by it too, with --by {field}.")


def file_name(place: int, unit: str) -> str:
    """Return the name of a unit's file, without the ending.

    Example:
        >>> file_name(3, "St Mary's")
        '0003_St_Mary_s'
    """
    return f"{place:04d}_{re.sub('[^A-Za-z0-9]+', '_', unit).strip('_')[:_LONGEST_NAME] or 'unit'}"


def unit_packs(audit: AuditTables, field: str, name_others: bool = False) -> Iterator[Pack]:
    """Yield the pack of each unit that has one, and an index of them all at the end.

    Args:
        audit: The tables of the audit.
        field: provider, or a field that was counted.
        name_others: Whether the other units are named.

    Raises:
        UsageError: The units of the field can have no packs.
    """
    require_field(field, audit.counts.fields)
    table = audit.providers if field == "provider" else audit.by_field(field)
    units = table.filter(pl.col(field).is_not_null())[field].unique(maintain_order=True).to_list()
    grounds = [
        _Ground.of(audit, entry, table, field, name_others) for entry in audit.audited if not entry.fitness.is_unsafe
    ]
    names = audit.settings.names if field == "provider" else {}
    yield from rendered_packs(units, names, grounds, _fixed(audit, field))


class Ground(Protocol):
    """What is the same in all packs about one rule or measure; each unit's own figures come from it."""

    def told(self, unit: str) -> dict[str, Any] | None:
        """Return what a unit's pack says: title, figures, words, chart, is_shown; None if it has nothing to count."""
        ...


def rendered_packs(
    units: Iterable[str], names: Mapping[str, str], grounds: Sequence[Ground], fixed: Mapping[str, Any]
) -> Iterator[Pack]:
    """Yield the pack of each unit that has something to count, and an index of them all at the end.

    Args:
        units: The units, in order.
        names: Their names, where they have one.
        grounds: What packs are about.
        fixed: What every pack says alike.
    """
    template = environment().get_template("pack.jinja")
    written = []
    for place, unit in enumerate(units, start=1):
        told = [part for ground in grounds if (part := ground.told(unit))]
        if not told:
            continue
        name = names.get(unit, unit)
        file = file_name(place, name)
        written.append((file, name))
        shown = [part for part in told if part["is_shown"]]
        few = [part["title"] for part in told if not part["is_shown"]]
        yield Pack(file, name, template.render(unit=name, parts=shown, few=few, **fixed))
    yield Pack(INDEX, "", environment().get_template("pack_index.jinja").render(packs=written, **fixed))


def _fixed(audit: AuditTables, field: str) -> dict[str, Any]:
    """Return what every pack says alike."""
    return {
        "exact": audit.settings.disclosure == "none",
        "many": False,
        "made_up": is_of_made_up_data(audit.run_record),
        "disclosure": ABOUT[audit.settings.disclosure],
        "signs": SIGNS,
        "warnings": (),
        "heading": "activity in scope of the guidance",
        "note": "In scope does not mean inappropriate.",
        "more": "Whether an intervention was right is for a clinician who knows the patient.",
        "field": field_label(field),
        "period": period(audit),
        "style": Markup(resource("style.css")),
        "script": Markup(""),
    }


@dataclass(frozen=True)
class _Ground:
    """A rule with its funnel of all units, in which each pack marks its own."""

    title: str
    rate: str
    not_compared: str
    rows: dict[str, dict[str, Any]]
    plot: Plot | None
    chart: Chart | None

    @classmethod
    def of(
        cls, audit: AuditTables, entry: AuditedRule, table: pl.DataFrame, field: str, name_others: bool
    ) -> "_Ground":
        """Draw the funnel of a rule once."""
        rule, title = entry.key, entry.counted.title
        is_compared = rule not in rules_not_compared(audit.counts, audit.settings)
        units = table.filter(pl.col("rule") == rule)
        if field != "provider":
            units = units.rename({field: "provider"})
        total = audit.totals.filter(pl.col("rule") == rule).row(0, named=True)
        shown = drawable(units)
        plot = None
        if is_compared and shown.height:
            tau2 = variance_of(compared(units, audit.counts), audit.settings, audit.counts.method)
            plot = plot_funnel(units, tau2, anonymous=not name_others)
        chart = plot.chart(f"Ratios of all, {title}") if plot else None
        rows = {row["provider"]: row for row in units.iter_rows(named=True) if row["provider"] is not None}
        rate = total["rate_per_1000_eligible"]
        reason = "" if is_compared else entry.fitness.sentence
        return cls(title, "–" if rate is None else figure_text(rate, 1), reason, rows, plot, chart)

    def told(self, unit: str) -> dict[str, Any] | None:
        """Return what a pack says of the rule; None if the unit has no eligible activity."""
        row = self.rows.get(unit)
        if row is None or row["eligible"] == 0:
            return None
        own = with_interval(row, ("rate_per_1000_eligible", "rate_lower_95", "rate_upper_95"), 1)
        figures = [(own, "per 1,000, you"), (self.rate, "per 1,000, all")]
        if not self.not_compared:
            figures.append((with_interval(row, RATIOS, 2), "ratio to what is expected of your case mix"))
        counts = f"{count_text(row['flagged'])} in scope of {count_text(row['eligible'])} eligible"
        return {
            "title": self.title,
            "is_shown": True,
            "figures": figures,
            "words": f"{self.not_compared or signal_words(row, 'Check coding first, then referral.')} {counts}.",
            "chart": self._marked(row),
        }

    def _marked(self, row: dict[str, Any]) -> Chart | None:
        """Return the funnel with the unit's own place marked."""
        if self.plot is None or self.chart is None or row["standardised_ratio"] is None:
            return None
        own = Drawing()
        across, down = self.plot.at(row["expected"], row["standardised_ratio"])
        own.symbol((across, down), "circle", 8, "your place", fill="none", stroke=OWN, stroke_width=2.5)
        own.words((across + 12, down), "you", font_weight="bold")
        name = f"{self.title}: your ratio of {figure_text(row['standardised_ratio'])} among those of all others"
        return Chart(self.chart.body + own.body, self.chart.width, self.chart.height, name)


def with_interval(row: Mapping[str, Any], columns: Sequence[str], decimals: int) -> str:
    """Return a figure with its interval; in words if it is not shown.

    Args:
        row: The row of a unit in a table.
        columns: The columns of the figure and of the ends of its interval.
        decimals: How many decimal places are shown.
    """
    values = [row.get(name) for name in columns]
    if any(value is None for value in values):
        return "not shown"
    texts = [figure_text(float(value), decimals) for value in values if value is not None]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def signal_words(row: Mapping[str, Any], advice: str) -> str:
    """Return what a unit's ratio means, in a sentence, and if it stands out the advice."""
    if row.get("not_judged"):
        return f"Not judged: {row['not_judged']}."
    if row["standardised_ratio"] is None:
        return "Too few to compare."
    signal = row.get("signal")
    if signal is None:
        return "As expected: no sign of more or less than others with the same case mix."
    side = "More" if signal.startswith("above") else "Less"
    return f"{side} than expected for the case mix ({SIGNAL_WORDS[signal]} limit). {advice}"
