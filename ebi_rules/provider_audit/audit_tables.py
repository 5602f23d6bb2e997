"""All tables of an audit, each made once, with what the report and the files say about them.

Columns whose names end in `_withheld` mark counts that are withheld to protect others; no file has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from ebi_rules._support.notices import Notice
from ebi_rules.disclosure.release_ledger import COMBINING
from ebi_rules.disclosure.rounding import ABOUT, control
from ebi_rules.engines.findings import Finding
from ebi_rules.provider_audit.attrition_table import attrition_table
from ebi_rules.provider_audit.inequality_table import inequality_table
from ebi_rules.provider_audit.opportunity_table import opportunity_table
from ebi_rules.provider_audit.quality_table import quality_table
from ebi_rules.provider_audit.rate_tables import provider_rates, rates_before_policy, rates_by_field, total_rates
from ebi_rules.provider_audit.rate_trend import RateTrends, rate_trends
from ebi_rules.provider_audit.referral_shares import referral_shares
from ebi_rules.provider_audit.sensitivity_table import provider_sensitivity, sensitivity_table
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.shown_counts import Counts
from ebi_rules.provider_audit.standardisation import population_rates
from ebi_rules.rule_model.audited_rule import AuditedRule
from opcs_icd.reference import Reference

READ = ("missing", "unknown", "malformed")
"""What is always said of a field that was read."""

SIGNS = "* means a suppressed count; ** means hidden because it could reveal a suppressed number."
"""What the signs in files and reports mean."""


@dataclass(frozen=True, repr=False)
class AuditTables:
    """The tables of an audit, and what must be said beside them.

    Attributes:
        exact_cube: The cube, with exact counts.
        audited: The rules that were audited.
        settings: How counts are shown and compared.
        exact_run: What was run, with exact counts.
        notices: What a reader must know, with exact counts.
        reference: The user's own classification files, for the titles of codes.
        findings: What was found in the extract's values, with exact counts; nothing for a saved cube.
    """

    exact_cube: pl.DataFrame
    audited: tuple[AuditedRule, ...]
    settings: Settings
    exact_run: Mapping[str, Any]
    notices: tuple[str, ...] = ()
    reference: Reference | None = None
    findings: tuple[Finding, ...] = ()
    _by_field: dict[str, pl.DataFrame] = field(default_factory=dict, init=False, compare=False)
    _by_rule: dict[int, tuple[pl.DataFrame, dict[str, pl.DataFrame]]] = field(
        default_factory=dict, init=False, compare=False
    )

    @cached_property
    def counts(self) -> Counts:
        """The counts that may be shown, from which all tables are made."""
        return Counts(self.exact_cube, self.audited, self.settings.disclosure)

    @cached_property
    def totals(self) -> pl.DataFrame:
        """See `rate_tables.total_rates`."""
        return total_rates(self.counts)

    @cached_property
    def before_policy(self) -> pl.DataFrame:
        """See `rate_tables.rates_before_policy`."""
        return rates_before_policy(self.counts)

    @cached_property
    def providers(self) -> pl.DataFrame:
        """See `rate_tables.provider_rates`."""
        return provider_rates(self.counts, self.settings)

    @cached_property
    def attrition(self) -> pl.DataFrame:
        """See `attrition_table.attrition_table`."""
        return attrition_table(self.counts)

    @cached_property
    def trends(self) -> RateTrends:
        """See `rate_trend.rate_trends`."""
        return rate_trends(self.counts, self.settings)

    @property
    def trend(self) -> pl.DataFrame:
        """The trend by month."""
        return self.trends.months

    @cached_property
    def sensitivity(self) -> pl.DataFrame:
        """See `sensitivity_table.sensitivity_table`."""
        return sensitivity_table(self.counts, self.audited)

    @cached_property
    def provider_sensitivity(self) -> pl.DataFrame:
        """See `sensitivity_table.provider_sensitivity`."""
        return provider_sensitivity(self.counts, self.audited)

    @cached_property
    def quality(self) -> pl.DataFrame:
        """See `quality_table.quality_table`."""
        return quality_table(self.counts)

    @cached_property
    def referrals(self) -> pl.DataFrame:
        """See `referral_shares.referral_shares`."""
        return referral_shares(self.counts, self.audited)

    @cached_property
    def inequalities(self) -> pl.DataFrame:
        """See `inequality_table.inequality_table`."""
        return inequality_table(self.counts, self.settings)

    @cached_property
    def opportunity(self) -> pl.DataFrame | None:
        """See `opportunity_table.opportunity_table`; None if no benchmark was named."""
        benchmark, prices = self.settings.benchmark, self.settings.prices
        if benchmark is None:
            return None
        return opportunity_table(self.providers, self.trend, self.counts, self.audited, benchmark, prices)

    @cached_property
    def population(self) -> pl.DataFrame | None:
        """See `standardisation.population_rates`; None if no population was given."""
        population = self.settings.population
        return population_rates(self.counts, population) if population else None

    @cached_property
    def what_was_read(self) -> pl.DataFrame:
        """The fields in use: field, column, and the rows with no value, an unknown or a malformed one."""
        shown = {(found.field, found.check): self._shown(found.rows) for found in self.findings}
        columns = {found.field: found.column.removeprefix("the column ") for found in self.findings}
        rows = [
            {"field": name, "column": column, **{check: shown.get((name, check), 0) for check in READ}}
            for name, column in columns.items()
            if name != "id"
        ]
        schema = {"field": pl.String, "column": pl.String, **dict.fromkeys(READ, pl.Int64)}
        return pl.DataFrame(rows, schema=schema)

    def by_field(self, name: str) -> pl.DataFrame:
        """Return `rate_tables.rates_by_field` for a field, made once."""
        if name not in self._by_field:
            self._by_field[name] = rates_by_field(self.counts, name, self.settings)
        return self._by_field[name]

    def of_rule(self, table: pl.DataFrame, rule: str) -> pl.DataFrame:
        """Return the rows of one rule in one of these tables, which is parted by rule only once."""
        if id(table) not in self._by_rule:
            parts = table.partition_by("rule", as_dict=True, maintain_order=True)
            # The table is kept with its parts, so that no other can have its identity.
            self._by_rule[id(table)] = table, {str(key): rows for (key,), rows in parts.items()}
        _, parts_of = self._by_rule[id(table)]
        return parts_of[rule] if rule in parts_of else table.clear()

    def by_file(self) -> dict[str, pl.DataFrame]:
        """Return every table that an audit writes, by the name of its file."""
        tables = {
            "providers": self.providers,
            "attrition": self.attrition,
            "trend": self.trend,
            "trend_quarters": self.trends.quarters,
            "sensitivity": self.sensitivity,
            "sensitivity_providers": self.provider_sensitivity,
            "quality": self.quality,
            **{f"by_{name}": self.by_field(name) for name in self.counts.fields},
            "inequalities": self.inequalities,
        }
        if self.referrals.height:
            tables["who_asked"] = self.referrals
        if self.population is not None:
            tables["population"] = self.population
        if self.opportunity is not None:
            tables["opportunity"] = self.opportunity
        return tables

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, with counts as they may be shown."""
        notices = [notice.shown(self._shown) if isinstance(notice, Notice) else notice for notice in self.notices]
        return (*notices, *self._low_coding(), *self._unused_rates())

    @cached_property
    def run_record(self) -> dict[str, Any]:
        """What was run, as run.json contains it, with counts as they may be shown."""
        inputs = [
            {**file, "rows": self._shown_rows(file["rows"])} if "rows" in file else file
            for file in self.exact_run["inputs"]
        ]
        return {
            **self.exact_run,
            "inputs": inputs,
            "rows": self._shown_rows(self.exact_run["rows"]),
            "shown": self.settings.as_record(),
            "disclosure": ABOUT[self.settings.disclosure],
            "further_outputs": COMBINING,
            "warnings": list(self.warnings),
        }

    def _shown(self, count: int) -> int | None:
        return control(count, self.settings.disclosure)

    def _shown_rows(self, rows: int) -> int | str:
        """Return a number of rows as it may be shown; the total may have to be withheld."""
        _, is_withheld = self.counts.total(None, "activity")
        if is_withheld:
            return "**"
        shown = self._shown(rows)
        return "*" if shown is None else shown

    def _unused_rates(self) -> list[str]:
        """Warn about prices and published rates of rules that are not audited: a name may be misspelt."""
        audited = {name.lower() for entry in self.audited for name in (entry.key, *entry.rule.documentation.aliases)}
        benchmark = self.settings.benchmark
        given = {
            "--benchmark": benchmark.rates if benchmark else {},
            "--prices": self.settings.prices,
            "--comparators": self.settings.comparators,
        }
        unused = {option: sorted(set(rules) - audited) for option, rules in given.items()}
        found = [
            f"{option}: not used, as no such rule is audited: {', '.join(names)}."
            for option, names in unused.items()
            if names
        ]
        for entry in self.audited:
            names = [name.lower() for name in (entry.key, *entry.rule.documentation.aliases)]
            for option, rules in given.items():
                twice = [name for name in names if name in rules]
                if len(twice) > 1:
                    found.append(f"{option}: {' and '.join(twice)} are one rule; {twice[0]} is used.")
        return found

    def _low_coding(self) -> list[str]:
        """Warn about providers whose low rate goes with incomplete coding."""
        if "low_coding" not in self.providers.columns:
            return []
        low = self.providers.filter(pl.col("signal").is_in(["below_95", "below_998"]), "low_coding")
        warnings = []
        for (rule,), part in low.group_by("rule", maintain_order=True):
            names = ", ".join(part["provider"].fill_null("not recorded"))
            warnings.append(
                f"{rule}: {names}: a rate below the limits, with few procedures coded. Providers with incomplete "
                "coding will appear to do less."
            )
        return warnings
