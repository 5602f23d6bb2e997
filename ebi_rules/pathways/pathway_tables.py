"""All tables of a run of measures and flows, each made once, with what the report and the files say about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from ebi_rules._support.notices import Notice
from ebi_rules.disclosure.release_ledger import COMBINING
from ebi_rules.disclosure.rounding import ABOUT, control
from ebi_rules.pathways.days_trend import days_trend
from ebi_rules.pathways.flow import Flow
from ebi_rules.pathways.flow_tables import flow_cells, move_table, stage_table
from ebi_rules.pathways.measure_counts import MeasureEntry
from ebi_rules.pathways.measure_tables import measure_by_field, number_table, share_table
from ebi_rules.pathways.measure_trend import measure_trends
from ebi_rules.pathways.registered_rates import registered_rates
from ebi_rules.pathways.wait_tables import contact_table, seen_by_week, wait_table, waits_of
from ebi_rules.provider_audit.attrition_table import attrition_table
from ebi_rules.provider_audit.inequality_table import inequality_table
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.rule_model.measure_logic import DAYS, WAIT


@dataclass(frozen=True, repr=False)
class PathwayTables:
    """The tables of measures and flows, and what must be said beside them.

    Attributes:
        exact_cube: The counts of measures in the form of the audit's cube, exact.
        spread: How many index activities have each number of outcomes or days (`PathwayCounts.spread`).
        waits: The waits of measures of waits (`PathwayCounts.waits`).
        contacts: Their contacts by attendance status (`PathwayCounts.contacts`).
        moves: Each flow with the exact counts of its moves (see `flow_moves`).
        entries: The measures that were counted.
        run: What was run.
        notices: What a reader must know, with exact counts.
        settings: How counts are shown and compared.
    """

    exact_cube: pl.DataFrame
    spread: pl.DataFrame
    waits: pl.DataFrame
    contacts: pl.DataFrame
    moves: tuple[tuple[Flow, pl.DataFrame], ...]
    entries: tuple[MeasureEntry, ...]
    run: Mapping[str, Any]
    notices: tuple[str, ...]
    settings: Settings

    @cached_property
    def counts(self) -> Counts:
        """The counts that may be shown."""
        return Counts(self.exact_cube, self.entries, self.settings.disclosure)

    @cached_property
    def flow_cells(self) -> tuple[pl.DataFrame, ...]:
        """The counts of each flow as they may be shown (see `flow_tables.flow_cells`)."""
        return tuple(flow_cells(moves, flow, self.settings.disclosure) for flow, moves in self.moves)

    @cached_property
    def by_file(self) -> dict[str, pl.DataFrame]:
        """The tables by the names of their files, with marks of what is withheld."""
        return {**(self._of_measures() if self.entries else {}), **(self._of_flows() if self.moves else {})}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, with counts as they may be shown."""
        return tuple(notice.shown(self._shown) if isinstance(notice, Notice) else notice for notice in self.notices)

    @cached_property
    def run_record(self) -> dict[str, Any]:
        """What was run, as run.json contains it."""
        return {
            **self.run,
            "disclosure": ABOUT[self.settings.disclosure],
            "further_outputs": COMBINING,
            "warnings": list(self.warnings),
        }

    def _shown(self, count: int) -> int | None:
        return control(count, self.settings.disclosure)

    def _of_measures(self) -> dict[str, pl.DataFrame]:
        counts, settings = self.counts, self.settings
        trends = measure_trends(counts, settings)
        return {
            "measures": share_table(counts, settings),
            "numbers": number_table(counts, self.spread, self.entries),
            "attrition": attrition_table(counts),
            "trend": trends.months,
            "trend_quarters": trends.quarters,
            "trend_days": days_trend(counts, self.spread, self.entries),
            "inequalities": inequality_table(counts, settings),
            **{f"by_{name}": measure_by_field(counts, name, settings) for name in counts.fields},
            **self._of_waits(),
            **self._registered(),
        }

    def _of_waits(self) -> dict[str, pl.DataFrame]:
        """Return the tables of waits, if there are measures of days or of waits."""
        waits = waits_of(self.waits, self.spread, self.entries)
        tables = {}
        if any(entry.measure.gives in (DAYS, WAIT) for entry in self.entries):
            tables["waits"] = wait_table(self.counts, waits, self.entries)
        if any(entry.measure.gives == WAIT for entry in self.entries):
            tables["seen_by_week"] = seen_by_week(self.counts, waits, self.entries)
        if self.contacts.height:
            tables["contacts"] = contact_table(self.contacts, self.settings.disclosure)
        return tables

    def _registered(self) -> dict[str, pl.DataFrame]:
        """Return the rates per 1,000 registered, if a population was given and a measure has them."""
        population = self.settings.population
        if population is None or not any(entry.measure.pairing for entry in self.entries):
            return {}
        return {"registered": registered_rates(self.counts, self.entries, population)}

    def _of_flows(self) -> dict[str, pl.DataFrame]:
        flows = [(flow, shown) for (flow, _), shown in zip(self.moves, self.flow_cells, strict=True)]
        return {
            "flow": pl.concat(move_table(shown, flow) for flow, shown in flows),
            "flow_stages": pl.concat(stage_table(shown, flow, "provider") for flow, shown in flows),
            "flow_quarters": pl.concat(stage_table(shown, flow, "quarter") for flow, shown in flows),
        }
