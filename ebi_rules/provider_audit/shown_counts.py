"""From the cube to the counts that may be shown, once and for all: everything else is worked out from these.

A rate, an interval, a limit, a signal or a rank therefore cannot give away more than the counts beside it. What is
suppressed counts in statistics as `STAND_IN`, whatever it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import polars as pl
from polars import selectors

from ebi_rules.criteria.fields import AREAS
from ebi_rules.criteria.labels import REFERRAL_SETTING
from ebi_rules.criteria.nodes import CODE_FIELD
from ebi_rules.cube import LAST_DATE, STANDARD_DIMENSIONS, dimensions_of, missing_counted
from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, WITHHELD, controlled
from ebi_rules.disclosure.secondary_suppression import Tables, withheld

STAND_IN = SMALLEST_SHOWN // 2
"""What a suppressed count is taken for in statistics: the middle of 1 to 7."""

_KEYS = {"total": (), "provider": ("provider",), "month": ("month",), "provider_month": ("provider", "month")}
_EVERYWHERE = ("flagged", "eligible", "activity")
_UNITS = ("provider", "commissioner", *AREAS)
"""Those whose activity is parted by who asked."""
_QUALITY = ("recorded", "codes", "invalid", "missing")
_VARIANTS = ("variant", "differs")

FIELD_TABLES = ("age_band", "sex")
"""Fields that every audit breaks its counts down by, beside those asked for."""


class Entry(Protocol):
    """What is counted under a key: a rule, or a measure."""

    @property
    def key(self) -> str: ...

    @property
    def steps(self) -> list[str]: ...

    @property
    def variants(self) -> list[str]: ...

    @property
    def counted_as(self) -> str: ...


@dataclass(frozen=True)
class Counts:
    """The counts of an audit, exact in `cube` and as they may be shown in `cells`.

    `method` is that of disclosure control.
    """

    cube: pl.DataFrame
    audited: Sequence[Entry]
    method: str

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields that have a table of their own."""
        others = [name for name in dimensions_of(self.cube) if name not in STANDARD_DIMENSIONS]
        return (*FIELD_TABLES, *others)

    @cached_property
    def crossed(self) -> dict[str, tuple[str, str]]:
        """The tables of units by who asked, where that was asked for: units and field by the table's name."""
        if REFERRAL_SETTING not in self.fields:
            return {}
        there = [name for name in _UNITS if name in ("provider", *self.fields)]
        return {f"{name}_{REFERRAL_SETTING}": (name, REFERRAL_SETTING) for name in there}

    @cached_property
    def nested(self) -> dict[str, str]:
        """Fields whose every value is within one of a larger, by their names: pairs of areas that were asked for."""
        there = [name for name in ("gp_practice", *AREAS) if name in self.fields]
        pairs = dict(pairwise(there))
        activity = self.cube.filter(pl.col("measure") == "activity")
        return {
            small: large
            for small, large in pairs.items()
            if activity.select(small, large).n_unique() == activity[small].n_unique()
        }

    @cached_property
    def coding_counted(self) -> tuple[str, ...]:
        """What the cube counts of coding: one that a warehouse made may have no codes, or nothing."""
        there = set(self.cube["measure"].unique().cast(pl.String))
        return (("recorded",) if "recorded" in there else ()) + (("codes", "invalid") if "codes" in there else ())

    @cached_property
    def months(self) -> list[str]:
        """The months in the extract, in order: those with any activity."""
        known = self.cube.filter(pl.col("measure") == "activity", pl.col("month").is_not_null())
        return sorted(known["month"].cast(pl.String).unique().to_list())

    @cached_property
    def last_date(self) -> date | None:
        """The latest day in the extract, None where there are no dates."""
        found = self.cube.filter(pl.col("measure") == LAST_DATE)["count"]
        return datetime.strptime(str(found.max()), "%Y%m%d").date() if found.len() else None

    @cached_property
    def cells(self) -> pl.DataFrame:
        """Every count of every table: rule, measure, item, table, provider, month, value, unit, shown, withheld.

        `rule` is null for counts of activity, `value` is the value of the field that `table` names, `unit` that of
        which it is a part in the tables of `crossed` and `nested`, and `shown` the count as it may be shown, null where
        it is suppressed or, to protect another, `withheld`.
        """
        exact = pl.concat([self._cells(table, keys) for table, keys in self._tables.items()])
        published = ~(pl.col("month").is_null() & pl.col("table").is_in(["month", "provider_month"]))
        exact = exact.with_columns(published.alias("published"))
        hidden = withheld(
            exact.join(self._steps, on=["rule", "measure", "item"], how="left", maintain_order="left"),
            self.method,
            Tables(self.crossed, self.nested),
        )
        shown = pl.when(~pl.col("withheld")).then(controlled(pl.col("count"), self.method))
        return (
            exact.with_columns(hidden.alias("withheld"))
            .with_columns(shown.alias("shown"))
            .filter("published")
            .drop("count", "published")
        )

    @property
    def _steps(self) -> pl.DataFrame:
        """The place of each criterion in its rule."""
        rows = [(entry.key, "left", name, step) for entry in self.audited for step, name in enumerate(entry.steps)]
        kinds = {"rule": pl.String, "measure": pl.String, "item": pl.String, "step": pl.Int64}
        return pl.DataFrame(rows, schema=kinds, orient="row")

    @cached_property
    def _tables(self) -> dict[str, tuple[str, ...]]:
        fields = {name: (name, self.nested[name]) if name in self.nested else (name,) for name in self.fields}
        return {**_KEYS, **fields, **self.crossed}

    @cached_property
    def _rules(self) -> pl.DataFrame:
        return pl.DataFrame({"rule": [entry.key for entry in self.audited]}, schema={"rule": pl.Categorical})

    def _cells(self, table: str, keys: Sequence[str]) -> pl.DataFrame:
        """Give the exact counts of one table: a row for every series and every group with activity, 0 too."""
        measures = [*_EVERYWHERE]
        if table in _KEYS:
            measures += _QUALITY
        if table in ("total", "provider"):
            measures.append("left")
        if table == "total":
            measures += _VARIANTS
        cube = self.cube.filter(pl.col("measure").is_in(measures))
        counted = cube.group_by("rule", "measure", "item", *keys).agg(pl.col("count").sum())
        activity = counted.filter(pl.col("measure") == "activity")
        wanted = self._series(measures)
        if keys:
            wanted = wanted.join(activity.select(keys), how="cross")
        filled = wanted.join(counted, on=["rule", "measure", "item", *keys], how="left", nulls_equal=True)
        own = {
            "provider": pl.col("provider") if "provider" in keys else pl.lit(None),
            "month": pl.col("month") if "month" in keys else pl.lit(None),
            "value": pl.col(table) if table in self.fields else pl.lit(None),
            "unit": pl.lit(None),
        }
        if table in self.crossed:
            unit, field = self.crossed[table]
            own |= {"provider": pl.lit(None), "value": pl.col(field), "unit": pl.col(unit)}
        if table in self.nested:
            own["unit"] = pl.col(self.nested[table])
        return filled.select(
            pl.col("rule", "measure", "item").cast(pl.String),
            pl.lit(table).alias("table"),
            *(expression.cast(pl.String).alias(name) for name, expression in own.items()),
            pl.col("count").fill_null(0),
        ).sort("rule", "measure", "item", "provider", "unit", "month", "value", nulls_last=True)

    def _series(self, measures: Sequence[str]) -> pl.DataFrame:
        """Give the series to count: of the rules audited, of activity and, where it was counted, of its coding."""
        rows: list[tuple[str | None, str, str | None]] = []
        for entry in self.audited:
            for measure in measures:
                match measure:
                    case "flagged" | "eligible":
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
            rows += [(None, "missing", name) for name in missing_counted(dimensions_of(self.cube))]
        names = {"rule": pl.Categorical(), "measure": pl.Categorical(), "item": pl.Categorical()}
        return pl.DataFrame(rows, schema=names, orient="row")

    def table(self, name: str) -> pl.DataFrame:
        """Give the counts of a table as they may be shown: rule, provider, month, value, activity, eligible, flagged.

        A row a rule and group, every group with activity; null where suppressed, or where activity_withheld and so on
        are true. Sorted by rule, then group. A table of `crossed` has `unit` too.
        """
        cells = self.cells.filter(pl.col("table") == name, pl.col("measure").is_in(_EVERYWHERE))
        keys = ["provider", "month", *(["unit"] if name in self.crossed else []), "value"]

        def counts(measure: str) -> pl.DataFrame:
            found = cells.filter(pl.col("measure") == measure)
            return found.select("rule", *keys, shown_as(measure), withheld_as(measure))

        wide = self._rules.cast(pl.String).with_row_index("place").join(counts("activity").drop("rule"), how="cross")
        for measure in ("eligible", "flagged"):
            wide = wide.join(counts(measure), on=["rule", *keys], how="left", nulls_equal=True)
        wide = wide.sort("place", *keys, nulls_last=True).drop("place")
        return wide.select(~selectors.ends_with(WITHHELD), selectors.ends_with(WITHHELD))

    def total(self, rule: str | None, measure: str, item: str | None = None) -> tuple[int | None, bool]:
        """Give one count over the whole extract as it may be shown, None where not, and whether it is withheld."""
        return self._totals.get((rule, measure, item), (0, False))

    @cached_property
    def _totals(self) -> dict[tuple[str | None, str, str | None], tuple[int | None, bool]]:
        rows = self.cells.filter(pl.col("table") == "total").select("rule", "measure", "item", "shown", "withheld")
        return {(rule, measure, item): (shown, hidden) for rule, measure, item, shown, hidden in rows.iter_rows()}


def shown_as(name: str) -> pl.Expr:
    """Give the shown count of cells under a name."""
    return pl.col("shown").alias(name)


def withheld_as(name: str) -> pl.Expr:
    """Give whether the count of that name is withheld."""
    return pl.col("withheld").alias(f"{name}{WITHHELD}")


def stand_in(count: pl.Expr) -> pl.Expr:
    """Give a shown count for use in statistics: `STAND_IN` where it is suppressed."""
    return count.fill_null(STAND_IN)
