"""What could be worked out of counts that are shown, and what is therefore withheld besides.

Suppression and rounding protect each count by itself. Counts that add up to one another can still give a small one
away: if ten months are suppressed and their total is shown as 10, then hardly anything but ones fits. Here the
attacker's arithmetic is done beforehand: every count lies in an interval, parts add up to their whole, and the
intervals are narrowed until nothing changes. Where a small count is left with fewer than `FEWEST_POSSIBLE` values, the
finest table that gives it away is withheld, and so on until none is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.disclosure.rounding import SMALLEST_SHOWN

FEWEST_POSSIBLE = 3
"""A suppressed count stays protected while at least so many values of it fit all that is shown."""

_WITHOUT_END = 2**40
_ROUNDS = 30

Whole = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Relation:
    """Parts that add up to a whole: the tables they are in, and the columns of whole and part that agree.

    `gives_way` says which is withheld when they give a small count away: `parts` or `whole`.
    """

    whole: str
    parts: str
    keys: tuple[tuple[str, str], ...]
    gives_way: str


_USUAL = ("total", "provider", "month", "provider_month")
FIELD = "field"
"""What stands in a relation for the table of any one field."""


@dataclass(frozen=True)
class Tables:
    """Tables beside those that every audit has, by their names, whose `unit` says of what a count is a part.

    `crossed` are tables of units by the values of a field: the table of the units, and the field. `nested` are fields
    whose every value is within one of another: a primary care network in a borough. `further` relations are of
    tables of their own.
    """

    crossed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    nested: Mapping[str, str] = field(default_factory=dict)
    further: Sequence[Relation] = ()


def relations(tables: Tables) -> list[Relation]:
    """Give how the tables of an audit add up, the most expendable first. Each further field is a table of its own."""
    own = []
    for table, (units, named) in tables.crossed.items():
        unit = "provider" if units == "provider" else "value"
        own.append(Relation(units, table, ((unit, "unit"),), "parts"))
        own.append(Relation(named, table, (("value", "value"),), "parts"))
    return [
        *tables.further,
        *own,
        *(Relation(whole, parts, (("value", "unit"),), "parts") for parts, whole in tables.nested.items()),
        Relation("provider", "provider_month", (("provider", "provider"),), "parts"),
        Relation("month", "provider_month", (("month", "month"),), "whole"),
        Relation("total", FIELD, (), "parts"),
        Relation("total", "month", (), "parts"),
        Relation("total", "provider", (), "whole"),
    ]


SERIES = ("rule", "measure", "item")
"""What tells one count from another: only counts of one series add up."""

STEPS = "left"
"""The measure whose items, a rule's criteria in their order, leave no more than the one before; last comes flagged."""


def intervals(count: pl.Expr, method: str) -> tuple[pl.Expr, pl.Expr]:
    """Give the least and the greatest exact count that would be shown as `count` is."""
    if method == "none":
        return count, count
    if method == "midpoint6":
        upper = (count + 5) // 6 * 6
        return pl.when(count == 0).then(0).otherwise(upper - 5), upper
    rounded = (count + 2) // 5 * 5
    small = count.is_between(1, SMALLEST_SHOWN - 1)
    lower = pl.when(count == 0).then(0).when(small).then(1).otherwise(pl.max_horizontal(rounded - 2, SMALLEST_SHOWN))
    upper = pl.when(count == 0).then(0).when(small).then(SMALLEST_SHOWN - 1).otherwise(rounded + 2)
    return lower, upper


def withheld(cells: pl.DataFrame, method: str, tables: Tables) -> pl.Series:
    """Say which of the counts must be withheld besides those that their size suppresses.

    `cells` has `rule`, `measure`, `item`, `step` (the place of a criterion, else null), `table` (total, provider,
    month, provider_month, a field, or one of `tables`), `provider`, `month`, `value`, `unit`, `count` (exact), and
    `published`, false for a part that is in no table. The result is in its order.
    """
    none = pl.Series("withheld", [False] * cells.height, dtype=pl.Boolean)
    if method == "none" or not cells.height:
        return none
    lower, upper = intervals(pl.col("count"), method)
    ends = cells.select(
        pl.when("published").then(lower).otherwise(0).alias("lower"),
        pl.when("published").then(upper).otherwise(_WITHOUT_END).alias("upper"),
        pl.col("count").is_between(1, SMALLEST_SHOWN - 1).alias("small"),
    )
    sums, steps = _Sums.among(cells, tables), _Steps.among(cells)
    hidden = np.zeros(cells.height, dtype=bool)
    least, most = (ends[name].to_numpy().astype(np.int64) for name in ("lower", "upper"))
    small = ends["small"].to_numpy()
    while True:
        low, high = _narrowed(np.where(hidden, 0, least), np.where(hidden, _WITHOUT_END, most), sums, steps)
        given_away = small & (high - low + 1 < FEWEST_POSSIBLE)
        hiding = steps.giving_way(given_away, hidden)
        if not hiding.any():
            hiding = sums.giving_way(given_away, hidden)
        if not hiding.any():
            return pl.Series("withheld", hidden)
        hidden |= hiding


def _narrowed(low: Whole, high: Whole, sums: "_Sums", steps: "_Steps") -> tuple[Whole, Whole]:
    """Narrow the intervals of all counts until neither a sum nor an order narrows them further."""
    for _ in range(_ROUNDS):
        before = int(low.sum()), int(high.sum())
        steps.narrow(low, high)
        sums.narrow(low, high)
        if before == (int(low.sum()), int(high.sum())):
            break
    return low, high


@dataclass(frozen=True)
class _Steps:
    """What is left after the criteria of a rule: no count in `later` exceeds the one beside it in `earlier`.

    `group` numbers the rule of every count, `by_provider` marks what single providers have left, and `coarse` the
    counts that such numbers may give away: those of providers and of all together.
    """

    earlier: Whole
    later: Whole
    group: Whole
    by_provider: Marks
    coarse: Marks

    @classmethod
    def among(cls, cells: pl.DataFrame) -> "_Steps":
        is_step = pl.col("measure") == STEPS
        last = pl.col("step").filter(is_step).max().over("rule") + 1
        chain = cells.with_row_index("place").with_columns(
            pl.when(pl.col("measure") == "flagged").then(last).when(is_step).then("step").alias("step")
        )
        chain = chain.filter(pl.col("table").is_in(["total", "provider"]), pl.col("step").is_not_null())
        keys = ["rule", "table", "provider"]
        pairs = chain.select(*keys, pl.col("step") + 1, earlier="place").join(
            chain.select(*keys, "step", later="place"), on=[*keys, "step"], nulls_equal=True
        )
        marks = cells.select(
            group=pl.col("rule").fill_null("").rank("dense").cast(pl.Int64),
            by_provider=is_step & (pl.col("table") == "provider"),
            coarse=pl.col("table").is_in(["total", "provider"]),
        )
        return cls(
            pairs["earlier"].to_numpy().astype(np.int64),
            pairs["later"].to_numpy().astype(np.int64),
            marks["group"].to_numpy(),
            marks["by_provider"].to_numpy(),
            marks["coarse"].to_numpy(),
        )

    def narrow(self, low: Whole, high: Whole) -> None:
        for _ in range(3):
            np.maximum.at(low, self.earlier, low[self.later])
            np.minimum.at(high, self.later, high[self.earlier])

    def giving_way(self, given_away: Marks, hidden: Marks) -> Marks:
        """Withhold what single providers have left, by the rules that have a provider's count or a total given away."""
        rules = np.unique(self.group[given_away & self.coarse])
        hiding: Marks = self.by_provider & ~hidden & np.isin(self.group, rules)
        return hiding


def _variants(cells: pl.DataFrame) -> list[pl.DataFrame]:
    """Give sums of variants: what one flags and what it judges otherwise is what is flagged, or the other way about.

    The first where a variant asks for more than the reading that was counted, the second where it asks for less;
    neither where it does both. They give way before anything else.
    """
    totals = cells.filter(pl.col("table") == "total")

    def counts(measure: str, *keys: str) -> pl.DataFrame:
        found = totals.filter(pl.col("measure") == measure)
        return found.select(*keys, pl.col("place").alias(measure), pl.col("count").alias(f"{measure}_count"))

    both = counts("variant", "rule", "item").join(counts("differs", "rule", "item"), on=["rule", "item"])
    both = both.join(counts("flagged", "rule"), on="rule").with_columns(
        more=pl.col("variant_count") > pl.col("flagged_count"),
        label=pl.concat_str(["rule", "item"], separator=" "),
    )
    pieces = []
    for more, whole, parts in ((False, "flagged", ("variant", "differs")), (True, "variant", ("flagged", "differs"))):
        for part in parts:
            larger, smaller = ("variant", "flagged") if more else ("flagged", "variant")
            adds_up = pl.col(f"{larger}_count") == pl.col(f"{smaller}_count") + pl.col("differs_count")
            chosen = both.filter(pl.col("more") == more, adds_up)
            pieces.append(
                chosen.select(
                    pl.col(part).alias("part"),
                    pl.col(whole).alias("whole"),
                    pl.col("label").alias("table"),
                    pl.lit(-1).alias("rank"),
                    pl.lit(not more).alias("hides_parts"),
                )
            )
    return pieces


@dataclass(frozen=True)
class _Sums:
    """All sums at once: `part[i]` belongs to sum `of[i]` (sorted), whose whole is `whole[of[i]]`."""

    part: Whole
    of: Whole
    starts: Whole
    whole: Whole
    rank: Whole
    hides_parts: Marks

    @classmethod
    def among(cls, cells: pl.DataFrame, tables: Tables) -> "_Sums":
        indexed = cells.with_row_index("place")
        others = {*_USUAL, *tables.crossed, *(name for each in tables.further for name in (each.whole, each.parts))}
        fields = [name for name in indexed["table"].unique(maintain_order=True) if name not in others]
        pieces: list[pl.DataFrame] = []
        for rank, relation in enumerate(relations(tables)):
            keys = {**dict(zip(SERIES, SERIES, strict=True)), **dict(relation.keys)}
            named = fields if relation.parts == FIELD else [relation.parts]
            wholes = indexed.filter(table=relation.whole).select(*keys, pl.col("place").alias("whole"))
            own = [pl.col(part).alias(whole) for whole, part in keys.items()]
            parts = indexed.filter(pl.col("table").is_in(named)).select(*own, "table", pl.col("place").alias("part"))
            joined = parts.join(wholes, on=list(keys), how="inner", nulls_equal=True)
            pieces.append(
                joined.select(
                    "part",
                    "whole",
                    "table",
                    pl.lit(rank).alias("rank"),
                    pl.lit(relation.gives_way == "parts").alias("hides_parts"),
                )
            )
        pieces += _variants(indexed)
        every = pl.concat(pieces).with_columns(pl.struct("whole", "table", "rank").rank("dense").alias("of")).sort("of")
        of = every["of"].to_numpy().astype(np.int64) - 1
        starts = np.flatnonzero(np.diff(of, prepend=-1)).astype(np.int64)

        def first(name: str) -> Any:
            return every[name].to_numpy()[starts]

        return cls(
            every["part"].to_numpy().astype(np.int64),
            of,
            starts,
            first("whole").astype(np.int64),
            first("rank").astype(np.int64),
            first("hides_parts"),
        )

    def narrow(self, low: Whole, high: Whole) -> None:
        """Narrow the intervals of all counts once, by every sum."""
        if not self.starts.size:
            return
        least = np.add.reduceat(low[self.part], self.starts)
        most = np.minimum(np.add.reduceat(high[self.part].astype(np.float64), self.starts), _WITHOUT_END)
        most = most.astype(np.int64)
        np.maximum.at(low, self.whole, least)
        np.minimum.at(high, self.whole, most)
        # What one part can be is what the whole leaves it when the other parts are at their ends.
        room = (high[self.whole] - least)[self.of] + low[self.part]
        short = (low[self.whole] - most)[self.of] + high[self.part]
        np.minimum.at(high, self.part, np.where(high[self.whole][self.of] < _WITHOUT_END, room, _WITHOUT_END))
        np.maximum.at(low, self.part, np.where(most[self.of] < _WITHOUT_END, short, 0))

    def giving_way(self, given_away: Marks, hidden: Marks) -> Marks:
        """Say what to withhold: for each count that is given away, what gives way in its most expendable sum."""
        hiding = np.zeros_like(hidden)
        if not given_away.any() or not self.starts.size:
            return hiding
        none = int(self.rank.max()) + 1
        useful = np.array([True] * self.starts.size)
        parts_hidden = np.logical_and.reduceat(hidden[self.part], self.starts)
        useful &= np.where(self.hides_parts, ~parts_hidden, ~hidden[self.whole])
        touched = np.logical_or.reduceat(given_away[self.part], self.starts) | given_away[self.whole]
        # A count is helped by the most expendable of the sums that it is in and that still show something.
        best = np.full(hidden.size, none)
        entries = useful[self.of]
        np.minimum.at(best, self.part[entries], self.rank[self.of][entries])
        np.minimum.at(best, self.whole[useful], self.rank[useful])
        wanted = np.zeros(self.starts.size, dtype=bool)
        helped = given_away[self.part] & entries & (best[self.part] == self.rank[self.of])
        wanted[self.of[helped]] = True
        wanted |= useful & touched & given_away[self.whole] & (best[self.whole] == self.rank)
        hiding[self.part[wanted[self.of] & self.hides_parts[self.of]]] = True
        hiding[self.whole[wanted & ~self.hides_parts]] = True
        return hiding & ~hidden
