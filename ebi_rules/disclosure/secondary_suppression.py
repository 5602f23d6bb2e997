"""Secondary suppression: find counts that must be withheld because they would reveal a suppressed count.

Suppression and rounding protect single counts. Counts that add up can still reveal a small one: if ten months are
suppressed and their total is shown as 10, each is almost certainly 1. This module does the attacker's arithmetic first.
Every count lies in an interval, parts add up to their whole, and the intervals are narrowed until nothing changes. If a
small count has fewer than `FEWEST_POSSIBLE` values left, the most detailed table that reveals it is withheld. This is
repeated until no small count is revealed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, intervals

FEWEST_POSSIBLE = 3
"""A suppressed count is protected if at least this many values are consistent with everything shown."""

_NO_UPPER_BOUND = 2**40
_MOST_ROUNDS = 30
_VARIANT_RANK = -1
"""The rank of sums of variants: they are withheld before anything else."""

Integers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Relation:
    """A table whose counts are parts of the counts of another table.

    Attributes:
        whole: The table of the wholes.
        parts: The table of the parts, or `FIELD`.
        keys: Pairs of columns, of the whole and of the part, that must be equal.
        gives_way: Which is withheld if they reveal a small count: `parts` or `whole`.
    """

    whole: str
    parts: str
    keys: tuple[tuple[str, str], ...]
    gives_way: str


_STANDARD_TABLES = ("total", "provider", "month", "provider_month", "quarter", "provider_quarter")
FIELD = "field"
"""In a relation, the table of any one field."""


@dataclass(frozen=True)
class Tables:
    """Tables in addition to those of every audit. Their column `unit` contains the whole that a count is part of.

    Attributes:
        crossed: Tables of units by the values of a field: for each, the table of the units and the field.
        nested: Fields whose values each lie within one value of another field, for example a primary care network
            within a borough: for each, the other field.
        further: Relations between other tables.
    """

    crossed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    nested: Mapping[str, str] = field(default_factory=dict)
    further: Sequence[Relation] = ()


def relations(tables: Tables) -> list[Relation]:
    """Return how the tables of an audit add up, the most expendable first. Each field has a table."""
    crossed = []
    for table, (units, field_name) in tables.crossed.items():
        unit_column = "provider" if units == "provider" else "value"
        crossed.append(Relation(units, table, ((unit_column, "unit"),), "parts"))
        crossed.append(Relation(field_name, table, (("value", "value"),), "parts"))
    nested = [Relation(whole, parts, (("value", "unit"),), "parts") for parts, whole in tables.nested.items()]
    return [
        *tables.further,
        *crossed,
        *nested,
        Relation("provider_quarter", "provider_month", (("provider", "provider"), ("month", "unit")), "whole"),
        Relation("quarter", "month", (("month", "unit"),), "whole"),
        Relation("quarter", "provider_quarter", (("month", "month"),), "whole"),
        Relation("provider", "provider_quarter", (("provider", "provider"),), "parts"),
        Relation("total", "quarter", (), "parts"),
        Relation("provider", "provider_month", (("provider", "provider"),), "parts"),
        Relation("month", "provider_month", (("month", "month"),), "whole"),
        Relation("total", FIELD, (), "parts"),
        Relation("total", "month", (), "parts"),
        Relation("total", "provider", (), "whole"),
    ]


SERIES = ("rule", "measure", "item")
"""The columns that identify a series of counts: only counts of the same series add up."""

STEPS = "left"
"""The measure of what remains after each criterion, in order: it never increases, and ends with `flagged`."""


def withheld(cells: pl.DataFrame, method: str, tables: Tables) -> pl.Series:
    """Return which counts must be withheld in addition to those suppressed for their size.

    Args:
        cells: One row per count, with the columns rule, measure, item, provider, month, value, unit (String); step
            (Int64, the position of a criterion, else null); table (String: total, provider, month, provider_month, a
            field, or one of `tables`); count (Int64, exact); and published (Boolean, false for a part that no table
            shows).
        method: One of `rounding.METHODS`.
        tables: The tables in addition to those of every audit.

    Returns:
        True for each count that must be withheld, in the order of `cells`.
    """
    if method == "none" or not cells.height:
        return pl.Series("withheld", [False] * cells.height, dtype=pl.Boolean)
    # No sum and no order of steps has counts of two rules: with each rule's side by side, it is worked out alone.
    cells = cells.with_columns(pl.col(pl.String).cast(pl.Categorical()))
    rules = cells["rule"].to_physical().cast(pl.Int64).fill_null(-1)
    order = rules.arg_sort()
    cells = cells[order]
    lower, upper = intervals(pl.col("count"), method)
    ends = cells.select(
        pl.when("published").then(lower).otherwise(0).alias("lower"),
        pl.when("published").then(upper).otherwise(_NO_UPPER_BOUND).alias("upper"),
        pl.col("count").is_between(1, SMALLEST_SHOWN - 1).alias("small"),
    )
    low, high = (ends[name].to_numpy().astype(np.int64) for name in ("lower", "upper"))
    small = ends["small"].to_numpy()
    sums, steps = _Sums.from_cells(cells, tables), _Steps.from_cells(cells)
    hidden = np.zeros(cells.height, dtype=bool)
    changes = np.flatnonzero(np.diff(rules[order].to_numpy())) + 1
    for rows in map(slice, [0, *changes], [*changes, cells.height]):
        hidden[rows] = _hidden(low[rows], high[rows], small[rows], sums.of_rows(rows), steps.of_rows(rows))
    in_their_order = np.empty_like(hidden)
    in_their_order[order.to_numpy()] = hidden
    return pl.Series("withheld", in_their_order)


def _hidden(shown_low: Integers, shown_high: Integers, small: Marks, sums: "_Sums", steps: "_Steps") -> Marks:
    """Return which counts of one rule must be withheld."""
    hidden = np.zeros(small.size, dtype=bool)
    while True:
        low, high = np.where(hidden, 0, shown_low), np.where(hidden, _NO_UPPER_BOUND, shown_high)
        _narrow(low, high, sums, steps)
        revealed = small & (high - low + 1 < FEWEST_POSSIBLE)
        newly_hidden = steps.to_hide(revealed, hidden)
        if not newly_hidden.any():
            newly_hidden = sums.to_hide(revealed, hidden)
        if not newly_hidden.any():
            return hidden
        hidden |= newly_hidden


def _narrow(low: Integers, high: Integers, sums: "_Sums", steps: "_Steps") -> None:
    """Narrow the intervals of all counts in place until no sum and no order of steps narrows them further."""
    to_narrow = sums
    for _ in range(_MOST_ROUNDS):
        low_before, high_before = low.copy(), high.copy()
        steps.narrow(low, high)
        to_narrow.narrow(low, high)
        is_changed = (low != low_before) | (high != high_before)
        if not is_changed.any():
            break
        to_narrow = sums.with_any_of(is_changed)
    assert (low <= high).all(), "counts that do not add up cannot be protected"


@dataclass(frozen=True)
class _Steps:
    """What remains after each criterion of a rule, which never increases from step to step.

    Attributes:
        earlier: Row numbers of counts.
        later: Row numbers of the counts one step later, which are never higher than those in `earlier`.
        by_provider: Which rows are steps of a single provider.
        may_be_revealed: Which rows these steps can reveal: counts of providers and totals.
    """

    earlier: Integers
    later: Integers
    by_provider: Marks
    may_be_revealed: Marks

    @classmethod
    def from_cells(cls, cells: pl.DataFrame) -> "_Steps":
        """Return the pairs of neighbouring steps among all counts."""
        is_step = pl.col("measure") == STEPS
        last = pl.col("step").filter(is_step).max().over("rule") + 1
        step = pl.when(pl.col("measure") == "flagged").then(last).when(is_step).then("step")
        in_chain = pl.col("table").is_in(["total", "provider"])
        chain = cells.with_row_index("row").with_columns(step=step).filter(in_chain, pl.col("step").is_not_null())
        keys = ["rule", "table", "provider"]
        earlier = chain.select(*keys, pl.col("step") + 1, earlier="row")
        later = chain.select(*keys, "step", later="row")
        pairs = earlier.join(later, on=[*keys, "step"], nulls_equal=True).sort("earlier")
        columns = cells.select(
            by_provider=is_step & (pl.col("table") == "provider"),
            may_be_revealed=in_chain,
        )
        return cls(
            earlier=pairs["earlier"].to_numpy().astype(np.int64),
            later=pairs["later"].to_numpy().astype(np.int64),
            by_provider=columns["by_provider"].to_numpy(),
            may_be_revealed=columns["may_be_revealed"].to_numpy(),
        )

    def narrow(self, low: Integers, high: Integers) -> None:
        """Narrow the intervals of all counts in place, by the order of steps."""
        for _ in range(3):
            np.maximum.at(low, self.earlier, low[self.later])
            np.minimum.at(high, self.later, high[self.earlier])

    def to_hide(self, revealed: Marks, hidden: Marks) -> Marks:
        """Return the steps of single providers, if a provider's count or a total of their rule is revealed."""
        is_revealed = bool((revealed & self.may_be_revealed).any())
        newly_hidden: Marks = self.by_provider & ~hidden & is_revealed
        return newly_hidden

    def of_rows(self, rows: slice) -> "_Steps":
        """Return the steps among the rows of one rule, with the place of each among them as its number."""
        chosen = slice(*np.searchsorted(self.earlier, (rows.start, rows.stop)))
        return _Steps(
            earlier=self.earlier[chosen] - rows.start,
            later=self.later[chosen] - rows.start,
            by_provider=self.by_provider[rows],
            may_be_revealed=self.may_be_revealed[rows],
        )


def _variant_sums(cells: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the sums of variants: a variant's count and the count it differs by add up to the rule's, or vice versa.

    The first applies where the variant only leaves activity out, the second where it only adds activity. There is no
    sum where it does both.
    """
    places = ["rule", "table", "provider"]
    chosen = cells.filter(pl.col("table").is_in(["total", "provider"]))

    def counts(measure: str, *keys: str) -> pl.DataFrame:
        rows = chosen.filter(pl.col("measure") == measure)
        return rows.select(*keys, pl.col("row").alias(measure), pl.col("count").alias(f"{measure}_count"))

    series = [*places, "item"]
    variants = counts("variant", *series).join(counts("differs", *series), on=series, nulls_equal=True)
    variants = variants.join(counts("flagged", *places), on=places, nulls_equal=True).with_columns(
        adds=pl.col("variant_count") > pl.col("flagged_count"),
        label=pl.concat_str(["rule", "item"], separator=" ").cast(pl.Categorical()),
    )
    pieces = []
    for adds, whole, part in ((False, "flagged", "variant"), (True, "variant", "flagged")):
        adds_up = pl.col(f"{whole}_count") == pl.col(f"{part}_count") + pl.col("differs_count")
        sums = variants.filter(pl.col("adds") == adds, adds_up)
        for part_or_difference in (part, "differs"):
            entries = sums.select(part=part_or_difference, whole=whole, table="label")
            pieces.append(_ranked(entries, _VARIANT_RANK, hides_parts=not adds))
    return pieces


def _ranked(entries: pl.DataFrame, rank: int, hides_parts: bool) -> pl.DataFrame:
    """Return parts and wholes of sums with the rank of the sums and which of the two is withheld."""
    return entries.select("part", "whole", "table", rank=pl.lit(rank), hides_parts=pl.lit(hides_parts))


@dataclass(frozen=True)
class _Sums:
    """All sums at once, as arrays. An entry is one part of one sum; entries are sorted by sum.

    Attributes:
        part: The row number of each entry's count.
        sum_of: The number of each entry's sum.
        starts: The first entry of each sum.
        whole: The row number of each sum's whole.
        rank: The rank of each sum; the lowest is the most expendable.
        hides_parts: Whether each sum's parts are withheld, rather than its whole.
    """

    part: Integers
    sum_of: Integers
    starts: Integers
    whole: Integers
    rank: Integers
    hides_parts: Marks

    @classmethod
    def from_cells(cls, cells: pl.DataFrame, tables: Tables) -> "_Sums":
        """Return the sums among all counts."""
        indexed = cells.with_row_index("row")
        tables_of_further = [name for relation in tables.further for name in (relation.whole, relation.parts)]
        other_tables = {*_STANDARD_TABLES, *tables.crossed, *tables_of_further}
        fields = [name for name in indexed["table"].unique(maintain_order=True) if name not in other_tables]
        pieces: list[pl.DataFrame] = []
        for rank, relation in enumerate(relations(tables)):
            keys = {**dict(zip(SERIES, SERIES, strict=True)), **dict(relation.keys)}
            part_tables = fields if relation.parts == FIELD else [relation.parts]
            part_keys = [pl.col(part).alias(whole) for whole, part in keys.items()]
            wholes = indexed.filter(table=relation.whole).select(*keys, whole="row")
            parts = indexed.filter(pl.col("table").is_in(part_tables)).select(*part_keys, "table", part="row")
            entries = parts.join(wholes, on=list(keys), how="inner", nulls_equal=True)
            pieces.append(_ranked(entries, rank, hides_parts=relation.gives_way == "parts"))
        pieces += _variant_sums(indexed)
        # A sum is what parts of one table make of one whole in one relation: three numbers in one, to sort by.
        entries = pl.concat(pieces).with_columns(
            of_table=pl.col("table").to_physical().cast(pl.Int64),
            of_rank=pl.col("rank").cast(pl.Int64) - _VARIANT_RANK,
        )
        number = pl.col("whole").cast(pl.Int64)
        for name in ("of_table", "of_rank"):
            number = number * (pl.col(name).max() + 1) + pl.col(name)
        entries = entries.with_columns(number=number).sort("number")
        is_first = entries["number"].diff().fill_null(1).to_numpy() != 0
        sum_of, starts = np.cumsum(is_first) - 1, np.flatnonzero(is_first).astype(np.int64)
        sums = entries[starts]
        return cls(
            part=entries["part"].to_numpy().astype(np.int64),
            sum_of=sum_of,
            starts=starts,
            whole=sums["whole"].to_numpy().astype(np.int64),
            rank=sums["rank"].to_numpy().astype(np.int64),
            hides_parts=sums["hides_parts"].to_numpy(),
        )

    def of_rows(self, rows: slice) -> "_Sums":
        """Return the sums among the rows of one rule, with the place of each among them as its number."""
        first, end = np.searchsorted(self.whole, (rows.start, rows.stop))
        entries = slice(*np.searchsorted(self.sum_of, (first, end)))
        return _Sums(
            part=self.part[entries] - rows.start,
            sum_of=self.sum_of[entries] - first,
            starts=self.starts[first:end] - entries.start,
            whole=self.whole[first:end] - rows.start,
            rank=self.rank[first:end],
            hides_parts=self.hides_parts[first:end],
        )

    def with_any_of(self, counts: Marks) -> "_Sums":
        """Return the sums of which some counts are a part or the whole."""
        if not self.starts.size:
            return self
        kept = np.logical_or.reduceat(counts[self.part], self.starts) | counts[self.whole]
        kept_parts = kept[self.sum_of]
        sizes = np.diff(self.starts, append=self.part.size)[kept]
        return _Sums(
            part=self.part[kept_parts],
            sum_of=np.repeat(np.arange(sizes.size), sizes),
            starts=np.cumsum(sizes) - sizes,
            whole=self.whole[kept],
            rank=self.rank[kept],
            hides_parts=self.hides_parts[kept],
        )

    def narrow(self, low: Integers, high: Integers) -> None:
        """Narrow the intervals of all counts in place, once, by every sum."""
        if not self.starts.size:
            return
        low_of_parts, high_of_parts = low[self.part], high[self.part]
        parts_low = np.add.reduceat(low_of_parts, self.starts)
        # As decimals, since the sum of many counts without an upper bound could overflow.
        parts_high = np.minimum(np.add.reduceat(high_of_parts.astype(np.float64), self.starts), _NO_UPPER_BOUND)
        parts_high = parts_high.astype(np.int64)
        np.maximum.at(low, self.whole, parts_low)
        np.minimum.at(high, self.whole, parts_high)
        # A part lies between what the whole leaves for it with all other parts at their highest and at their lowest.
        highest, lowest = high[self.whole] - parts_low, low[self.whole] - parts_high
        highest[high[self.whole] >= _NO_UPPER_BOUND] = _NO_UPPER_BOUND
        lowest[parts_high >= _NO_UPPER_BOUND] = -_NO_UPPER_BOUND
        sizes = np.diff(self.starts, append=self.part.size)
        np.minimum.at(high, self.part, np.repeat(highest, sizes) + low_of_parts)
        np.maximum.at(low, self.part, np.repeat(lowest, sizes) + high_of_parts)

    def to_hide(self, revealed: Marks, hidden: Marks) -> Marks:
        """Return what to withhold: for each revealed count, the parts or the whole of its most expendable sum."""
        newly_hidden = np.zeros_like(hidden)
        if not revealed.any() or not self.starts.size:
            return newly_hidden
        parts_hidden = np.logical_and.reduceat(hidden[self.part], self.starts)
        is_useful = np.where(self.hides_parts, ~parts_hidden, ~hidden[self.whole])
        entry_is_useful = is_useful[self.sum_of]
        # For each count, the rank of the most expendable sum that contains it and still shows something.
        best_rank = np.full(hidden.size, int(self.rank.max()) + 1)
        np.minimum.at(best_rank, self.part[entry_is_useful], self.rank[self.sum_of][entry_is_useful])
        np.minimum.at(best_rank, self.whole[is_useful], self.rank[is_useful])
        protects_part = revealed[self.part] & entry_is_useful & (best_rank[self.part] == self.rank[self.sum_of])
        chosen = is_useful & revealed[self.whole] & (best_rank[self.whole] == self.rank)
        chosen[self.sum_of[protects_part]] = True
        newly_hidden[self.part[chosen[self.sum_of] & self.hides_parts[self.sum_of]]] = True
        newly_hidden[self.whole[chosen & ~self.hides_parts]] = True
        return newly_hidden & ~hidden
