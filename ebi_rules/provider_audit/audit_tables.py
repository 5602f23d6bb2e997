"""All tables of an audit, each once, with the marks of what is withheld: files and report need those."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from ebi_rules.cube import Audited
from ebi_rules.provider_audit import inequality_table as unequal
from ebi_rules.provider_audit import rate_tables as tables
from ebi_rules.provider_audit import rate_trend as trending
from ebi_rules.provider_audit import referral_shares as shares
from ebi_rules.provider_audit import standardisation as standardising
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts


@dataclass(frozen=True)
class MarkedTables:
    """The tables of an audit; columns that end in `_withheld` say which counts are withheld to protect another."""

    counts: Counts
    audited: Sequence[Audited]
    settings: Settings
    _grouped: dict[str, pl.DataFrame] = field(default_factory=dict)

    @cached_property
    def totals(self) -> pl.DataFrame:
        return tables.totals(self.counts)

    @cached_property
    def providers(self) -> pl.DataFrame:
        return tables.providers(self.counts, self.settings)

    @cached_property
    def attrition(self) -> pl.DataFrame:
        return tables.attrition(self.counts)

    @cached_property
    def trend(self) -> pl.DataFrame:
        return trending.trend(self.counts, self.settings)

    @cached_property
    def sensitivity(self) -> pl.DataFrame:
        return tables.sensitivity(self.counts, self.audited)

    @cached_property
    def quality(self) -> pl.DataFrame:
        return tables.quality(self.counts)

    @cached_property
    def who_asked(self) -> pl.DataFrame:
        return shares.shares(self.counts, self.audited)

    @cached_property
    def inequalities(self) -> pl.DataFrame:
        return unequal.inequalities(self.counts, self.settings)

    @cached_property
    def population(self) -> pl.DataFrame | None:
        given = self.settings.population
        return standardising.by_population(self.counts, given) if given else None

    def grouped(self, field: str) -> pl.DataFrame:
        """Give `tables.by_field`, worked out once."""
        if field not in self._grouped:
            self._grouped[field] = tables.by_field(self.counts, field, self.settings)
        return self._grouped[field]

    def by_file(self) -> dict[str, pl.DataFrame]:
        """Give every table that an audit writes, by the name of its file."""
        found = {
            "providers": self.providers,
            "attrition": self.attrition,
            "trend": self.trend,
            "sensitivity": self.sensitivity,
            "quality": self.quality,
        }
        found |= {f"by_{name}": self.grouped(name) for name in self.counts.fields}
        found["inequalities"] = self.inequalities
        found |= {"who_asked": self.who_asked} if self.who_asked.height else {}
        return found if self.population is None else {**found, "population": self.population}
