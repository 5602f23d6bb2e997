"""The charts of an audit as files, named for slides: SVG, and PNG where the machine has a font to draw it with."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ebi_rules._support.errors import UsageError
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.comparability import rules_not_compared
from ebi_rules.report.audit_charts import CHARTS, chart_of
from ebi_rules.report.drawing import Chart
from ebi_rules.report.png import draw_png

_COMPARISONS = ("funnel", "rates", "adjusted")


def charts_of(audit: AuditTables) -> Iterator[tuple[str, Chart]]:
    """Yield each chart that the report shows, with the name of its file: 2S_lower_back_imaging_funnel.

    Rules that are unsafe have none, and rules by which providers are not compared have no comparison.
    """
    not_compared = rules_not_compared(audit.counts, audit.settings)
    for entry in audit.audited:
        if entry.fitness.is_unsafe:
            continue
        for name in (*CHARTS, *audit.counts.fields):
            if name in _COMPARISONS and entry.key in not_compared:
                continue
            with suppress(UsageError):
                yield (
                    re.sub("[^A-Za-z0-9-]+", "_", f"{entry.key}_{name}"),
                    chart_of(audit, name, entry.key, None),
                )


def write_charts(audit: AuditTables, folder: Path, font: str | None) -> int:
    """Write the charts, and return their number.

    Args:
        audit: The tables of the audit.
        folder: The folder to write to.
        font: The font to draw PNG with; None for SVG alone.
    """
    number = 0
    for name, chart in charts_of(audit):
        picture = folder / f"{name}.svg"
        picture.write_text(f"{chart.titled().svg()}\n", encoding="utf-8")
        if font:
            (folder / f"{name}.png").write_bytes(draw_png(chart, font))
        number += 1
    return number
