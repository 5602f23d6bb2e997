"""The counts of a cube as they may be shown; every table is made from these and not from exact counts.

A rate, an interval, a limit, a signal or a rank therefore cannot reveal more than the counts beside it. In statistics a
suppressed count is `STAND_IN`, whatever its value. The module makes no rates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
import polars as pl
from polars import selectors

from ebi_rules.criteria.fields import AREAS
from ebi_rules.criteria.labels import ASKED_BY
from ebi_rules.criteria.nodes import CODE_FIELD
from ebi_rules.cube import STANDARD_DIMENSIONS, dimensions_of, missing_counted
from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, WITHHELD, controlled
from ebi_rules.disclosure.secondary_suppression import Tables, withheld
from ebi_rules.provider_audit.cube_sums import CubeSums
from ebi_rules.provider_audit.plausible_months import partial_months
from ebi_rules.provider_audit.policy_periods import PERIODS, RELATIONS, period_of_month, sums_of_periods
from ebi_rules.provider_audit.quarters import quarter_of, quarters_of
from ebi_rules.provider_audit.table_cells import TableCells, in_order

STAND_IN = SMALLEST_SHOWN // 2
"""The value of a suppressed count in statistics: the middle of 1 to 7."""

_KEYS = {"total": (), "provider": ("provider",), "month": ("month",), "provider_month": ("provider", "month")}
_QUARTERS = {"quarter": ("quarter",), "provider_quarter": ("provider", "quarter")}
"""The fields that tables of quarters are grouped by; a quarter is in the column `month`."""

_IN_EVERY_TABLE = ("flagged", "eligible", "activity")
_COMPARED = ("compared", "comparable")
"""What providers are compared by, for a rule that says within which activity; not by month."""

_OF_PROVIDERS = ("variant", "differs", "undiagnosed")
"""What is counted in total and by provider."""

_UNITS = ("provider", "commissioner", *AREAS)
"""Fields whose activity is split by the source of referral."""

_QUALITY = ("recorded", "codes", "invalid", "missing")
FIELD_TABLES = ("age_band", "sex")
"""Fields that every audit has a table of."""


class Entry(Protocol):
    """What the cube counts under one key: a rule, or a measure."""

    @property
    def key(self) -> str:
        """The key."""
        ...

    @property
    def steps(self) -> list[str]:
        """The names of the steps after each of which the activity left is counted, in order."""
        ...

    @property
    def variants(self) -> list[str]:
        """The names of the variants that are compared."""
        ...

    @property
    def counted_as(self) -> str:
        """The name of the variant that is counted."""
        ...

    @property
    def start(self) -> str | None:
        """The month from which headline counts are made, "2025-07"; None for all months."""
        ...

    @property
    def allows_comparison(self) -> bool:
        """Whether providers may be compared by what is counted."""
        ...


@dataclass(frozen=True, repr=False)
class Counts:
    """The counts of an audit, or of a run of measures.

    Attributes:
        exact_cube: The cube, with exact counts.
        audited: The rules or measures that it counts.
        method: The method of disclosure control.
    """

    exact_cube: pl.DataFrame
    audited: Sequence[Entry]
    method: str

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields that have a table of their own."""
        others = [name for name in dimensions_of(self.exact_cube) if name not in STANDARD_DIMENSIONS]
        return (*FIELD_TABLES, *others)

    @cached_property
    def asked_by(self) -> str | None:
        """The field that says from what setting activity was asked for; None if the cube does not count by one."""
        return next((name for name in ASKED_BY if name in self.fields), None)

    @cached_property
    def crossed(self) -> dict[str, tuple[str, str]]:
        """The tables of units by who asked: for each, the field of the units and that of the settings (`asked_by`).

        Empty if the cube does not count by such a field.
        """
        if self.asked_by is None:
            return {}
        units = [name for name in _UNITS if name in ("provider", *self.fields)]
        return {f"{name}_{self.asked_by}": (name, self.asked_by) for name in units}

    @cached_property
    def nested(self) -> dict[str, str]:
        """Areas whose values each lie within one value of a larger area: for each, the larger area's field."""
        areas = [name for name in ("gp_practice", *AREAS) if name in self.fields]
        pairs = dict(pairwise(areas))
        activity = self.exact_cube.filter(pl.col("measure") == "activity")
        return {
            small: large
            for small, large in pairs.items()
            if activity.select(small, large).n_unique() == activity[small].n_unique()
        }

    @cached_property
    def sums(self) -> CubeSums:
        """Sums of the cube."""
        return CubeSums(self.exact_cube)

    @cached_property
    def coding_counted(self) -> tuple[str, ...]:
        """What the cube counts about coding: a cube from a warehouse may not count codes, or nothing at all."""
        measures = set(self.exact_cube["measure"].unique().cast(pl.String))
        recorded = ("recorded",) if "recorded" in measures else ()
        return (*recorded, *(("codes", "invalid") if "codes" in measures else ()))

    @cached_property
    def months(self) -> list[str]:
        """Every month from the first to the last with any activity, in order: "2024-04"."""
        known = self.exact_cube.filter(pl.col("measure") == "activity", pl.col("month").is_not_null())
        months = known["month"].unique().cast(pl.String)
        if not months.len():
            return []
        first, last = (date.fromisoformat(f"{month}-01") for month in (str(months.min()), str(months.max())))
        return pl.date_range(first, last, interval="1mo", eager=True).dt.strftime("%Y-%m").to_list()

    @cached_property
    def quarters(self) -> list[str]:
        """The quarters that contain these months, in order: "2024-04 to 2024-06"."""
        return quarters_of(self.months)

    @cached_property
    def partial_months(self) -> tuple[str, ...]:
        """Those of the first and the last month that the extract does not cover to their start or end."""
        return partial_months(self.exact_cube)

    @cached_property
    def cells(self) -> pl.DataFrame:
        """Every count of every table, as it may be shown.

        Columns: rule (null for counts of activity), measure, item, table, provider, month, value (of the field that
        `table` names), unit (in the tables of `crossed` and `nested`, the value that it is a part of), shown (null if
        suppressed or withheld), withheld (whether the count is hidden to protect another).
        """
        exact = pl.concat([self._cells(table, keys) for table, keys in self._tables.items()])
        exact = exact.with_columns(period_of_month(self.starts).alias("period"))
        exact = pl.concat([exact, sums_of_periods(exact, self.starts.keys())])
        of_time = ["month", "provider_month", *_QUARTERS]
        has_no_time = (pl.col("month").is_null() & pl.col("table").is_in(of_time)) | (
            pl.col("value").is_null() & (pl.col("table") == PERIODS)
        )
        exact = exact.with_columns(published=~has_no_time)
        hidden = withheld(
            exact.join(self._steps, on=["rule", "measure", "item"], how="left", maintain_order="left"),
            self.method,
            Tables(self.crossed, self.nested, RELATIONS if self.starts else ()),
        )
        shown = pl.when(~pl.col("withheld")).then(controlled(pl.col("count"), self.method))
        return (
            exact.with_columns(hidden.alias("withheld"))
            .with_columns(shown.alias("shown"))
            .filter("published")
            .drop("count", "published", "period")
        )

    @cached_property
    def _by_table(self) -> dict[tuple[object, ...], TableCells]:
        parts = self.cells.partition_by("table", as_dict=True, maintain_order=True)
        return {name: TableCells(rows) for name, rows in parts.items()}

    def cells_of(self, table: str) -> TableCells:
        """Return the cells of a table; none if the cube cannot fill it."""
        return self._by_table.get((table,), TableCells(self.cells.clear()))

    @cached_property
    def starts(self) -> dict[str, str]:
        """The month in which each rule that has one begins, by rule; none if the cube has no months."""
        starts = {entry.key: entry.start for entry in self.audited if entry.start is not None}
        return starts if self.months else {}

    @cached_property
    def _counted(self) -> dict[str, set[str]]:
        """The rules of which each measure that not every rule has was counted."""
        rows = self._by_month.cube.select("rule", "measure").unique().cast(pl.String)
        return {
            name: set(rows.filter(measure=name)["rule"])
            for name in (*_COMPARED, "undiagnosed")
            if rows.filter(measure=name).height
        }

    @property
    def compared_rules(self) -> set[str]:
        """The rules whose providers are compared within a part of the eligible activity."""
        return self._counted.get("comparable", set())

    @property
    def _steps(self) -> pl.DataFrame:
        """The place of each step in its rule: rule, measure, item, step."""
        rows = [(entry.key, "left", name, step) for entry in self.audited for step, name in enumerate(entry.steps)]
        schema = {"rule": pl.String, "measure": pl.String, "item": pl.String, "step": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def _tables(self) -> dict[str, tuple[str, ...]]:
        """The fields that each table is grouped by."""
        fields = {name: (name, self.nested[name]) if name in self.nested else (name,) for name in self.fields}
        return {**_KEYS, **_QUARTERS, **fields, **self.crossed}

    @cached_property
    def _by_month(self) -> CubeSums:
        """Sums of the cube by provider, month and quarter alone, from which most tables are added up."""
        summed = self.sums.by(["rule", "measure", "item", "provider", "month"])
        return CubeSums(summed.with_columns(quarter=self._quarter.cast(pl.Categorical)))

    @cached_property
    def _quarter(self) -> pl.Expr:
        """The quarter of a row's month."""
        months = self.exact_cube["month"].drop_nulls().unique().cast(pl.String)
        quarters = {month: quarter_of(month) for month in months}
        return pl.col("month").cast(pl.String).replace_strict(quarters, default=None, return_dtype=pl.String)

    def _cells(self, table: str, keys: Sequence[str]) -> pl.DataFrame:
        """Return the exact counts of one table: a row for every series and every group with activity, 0 included."""
        measures = [*_IN_EVERY_TABLE]
        if not {"month", "quarter"} & set(keys):
            measures += [name for name in _COMPARED if name in self._counted]
        if table in _KEYS:
            measures += _QUALITY
        if table in ("total", "provider"):
            measures.append("left")
        if table in ("total", "provider"):
            measures += _OF_PROVIDERS
        sums = self._by_month if {"provider", "month", "quarter"}.issuperset(keys) else self.sums
        counts = sums.by(["rule", "measure", "item", *keys], measures)
        rows = in_order(self._series(measures), {name: pl.col(name) for name in ("rule", "measure", "item")})
        group = self._group(table, keys)
        if keys:
            groups = counts.filter(pl.col("measure") == "activity").select(keys)
            # In order before they are joined: series and groups are few.
            rows = rows.join(in_order(groups, group), how="cross", maintain_order="left_right")
        filled = rows.join(
            counts, on=["rule", "measure", "item", *keys], how="left", nulls_equal=True, maintain_order="left"
        )
        return filled.select(
            pl.col("rule", "measure", "item").cast(pl.String),
            pl.lit(table).alias("table"),
            *(column.cast(pl.String).alias(name) for name, column in group.items()),
            pl.col("count").fill_null(0),
        )

    def _group(self, table: str, keys: Sequence[str]) -> dict[str, pl.Expr]:
        """Return the columns that identify a group of a table: provider, month, value, unit; null where unused."""
        nothing = pl.lit(None)
        if table in self.crossed:
            unit, field = self.crossed[table]
            return {"provider": nothing, "month": nothing, "value": pl.col(field), "unit": pl.col(unit)}
        return {
            "provider": pl.col("provider") if "provider" in keys else nothing,
            "month": pl.col("month") if "month" in keys else pl.col("quarter") if "quarter" in keys else nothing,
            "value": pl.col(table) if table in self.fields else nothing,
            "unit": self._unit(table, keys),
        }

    def _unit(self, table: str, keys: Sequence[str]) -> pl.Expr:
        """Return what a group is a part of: its larger area, or the quarter of its month."""
        if table in self.nested:
            return pl.col(self.nested[table])
        if "month" in keys:
            return self._quarter
        return pl.lit(None)

    def _series(self, measures: Sequence[str]) -> pl.DataFrame:
        """Return the series of counts: of the rules, of activity and, if it was counted, of coding."""
        rows: list[tuple[str | None, str, str | None]] = []
        for entry in self.audited:
            for measure in measures:
                match measure:
                    case "flagged" | "eligible":
                        rows.append((entry.key, measure, None))
                    case "compared" | "comparable" | "undiagnosed":
                        if entry.key in self._counted.get(measure, ()):
                            rows.append((entry.key, measure, None))
                    case "left":
                        rows += [(entry.key, measure, name) for name in entry.steps]
                    case "variant":
                        rows += [(entry.key, measure, name) for name in entry.variants]
                    case "differs":
                        rows += [(entry.key, measure, name) for name in entry.variants if name != entry.counted_as]
        rows.append((None, "activity", None))
        if "recorded" in measures:
            rows += [(None, measure, name) for measure in self.coding_counted for name in CODE_FIELD.values()]
        if "recorded" in measures and self.coding_counted:
            rows += [(None, "missing", name) for name in missing_counted(dimensions_of(self.exact_cube))]
        schema = dict.fromkeys(("rule", "measure", "item"), pl.Categorical())
        return pl.DataFrame(rows, schema=schema, orient="row")

    def table(self, name: str) -> pl.DataFrame:
        """Return the counts of a table as they may be shown.

        Args:
            name: `total`, `provider`, `month`, `provider_month`, `quarter`, `provider_quarter`, one of `fields`, or a
                table of `crossed`.

        Returns:
            One row per rule and group with activity, sorted by rule, then by group: rule, provider, month, value,
            activity, eligible, flagged (null if suppressed), and activity_withheld, eligible_withheld and
            flagged_withheld. A table of `crossed` also has `unit`. If a rule compares providers within a part of its
            eligible activity, tables that are not by month have comparable and compared, null for other rules.
        """
        measures = ["activity", "eligible", "flagged"]
        if name in ("total", "provider") or name not in (*_KEYS, *_QUARTERS):
            measures += [each for each in ("comparable", "compared") if each in self._counted]
        cells = self.cells_of(name)
        keys = ["provider", "month", *(["unit"] if name in self.crossed else []), "value"]
        order = cells.groups.select(pl.arg_sort_by(keys, nulls_last=True)).to_series()
        groups = order.to_numpy().astype(np.int64)
        rules = pl.Series([entry.key for entry in self.audited], dtype=pl.String)
        columns = [rules.gather(np.repeat(np.arange(rules.len()), groups.size)).alias("rule")]
        columns += cells.groups.select(keys)[np.tile(groups, rules.len())].get_columns()
        for measure in measures:
            series = [(None if measure == "activity" else rule, measure, None) for rule in rules]
            places = cells.places(series, groups)
            columns += [cells.rows["shown"].gather(places).alias(measure)]
            columns += [cells.rows["withheld"].gather(places).alias(f"{measure}{WITHHELD}")]
        return pl.DataFrame(columns).select(~selectors.ends_with(WITHHELD), selectors.ends_with(WITHHELD))

    def total(self, rule: str | None, measure: str, item: str | None = None) -> tuple[int | None, bool]:
        """Return one count over the whole extract as it may be shown.

        Args:
            rule: The rule's key; None for counts of activity.
            measure: What is counted, one of `cube.MEASURES`.
            item: What it is counted for, such as a criterion or a variant.

        Returns:
            The count, None if suppressed or withheld, and whether it is withheld.
        """
        return self._totals.get((rule, measure, item), (0, False))

    @cached_property
    def _totals(self) -> dict[tuple[str | None, str, str | None], tuple[int | None, bool]]:
        rows = self.cells.filter(pl.col("table") == "total").select("rule", "measure", "item", "shown", "withheld")
        return {tuple(series): (shown, is_withheld) for *series, shown, is_withheld in rows.iter_rows()}


def shown_as(name: str) -> pl.Expr:
    """Return the shown counts of cells as a column of this name."""
    return pl.col("shown").alias(name)


def withheld_as(name: str) -> pl.Expr:
    """Return whether cells are withheld, as the column that marks the counts of this name."""
    return pl.col("withheld").alias(f"{name}{WITHHELD}")


def stand_in(count: pl.Expr) -> pl.Expr:
    """Return shown counts for use in statistics: `STAND_IN` where a count is suppressed.

    Example:
        >>> pl.DataFrame({"flagged": [None, 20]}).select(stand_in(pl.col("flagged")))["flagged"].to_list()
        [4, 20]
    """
    return count.fill_null(STAND_IN)
