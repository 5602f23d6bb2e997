"""Attack disclosure control: work out suppressed counts from the files that an audit writes.

The attack does not know how the files were made. A number is any count that rounds to it, `*` is 1 to 7, and `**` is
anything; parts add up to their whole, and a criterion leaves no more than the one before. Linear programming finds the
smallest and the largest value that each suppressed count can have. A count is recovered if only one value from 1 to 7
is possible: a count of 0 is not secret.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

ALL, MONTHS = "all providers", "all months"
_MOST = 10**6

Key = tuple[str, ...]


@dataclass
class Attack:
    """What files say about the counts of one rule: an interval for each count, and the sums and orders they obey."""

    bounds: dict[Key, tuple[float, float]] = field(default_factory=dict)
    starred: set[Key] = field(default_factory=set)
    sums: list[tuple[Key, list[Key]]] = field(default_factory=list)
    orders: list[tuple[Key, Key]] = field(default_factory=list)

    def learn(self, key: Key, text: str | None) -> None:
        """Narrow the interval of a count by what is published; None for a count that is not."""
        low, high = interval(text)
        if text in ("*", "**"):
            self.starred.add(key)
        before = self.bounds.get(key, (0, _MOST))
        self.bounds[key] = (max(low, before[0]), min(high, before[1]))

    def add_up(self, whole: Key, parts: list[Key]) -> None:
        """Note that counts add up to another."""
        if parts:
            self.sums.append((whole, parts))

    def combine(self, other: "Attack") -> None:
        """Add what another output of the same activity says."""
        for key, (low, high) in other.bounds.items():
            before = self.bounds.get(key, (0, _MOST))
            self.bounds[key] = (max(low, before[0]), min(high, before[1]))
        self.starred |= other.starred
        self.sums += other.sums
        self.orders += other.orders

    def learn_midpoints(self, files: Mapping[str, pl.DataFrame]) -> None:
        """Add what the providers' counts say that are the midpoints of bands of six."""
        for row in files["providers"].iter_rows(named=True):
            middle = int(row["flagged"])
            low, high = (middle - 2, middle + 3) if middle else (0, 0)
            key = ("provider", str(row["provider"]))
            before = self.bounds.get(key, (0, _MOST))
            self.bounds[key] = (max(low, before[0]), min(high, before[1]))

    def recovered(self) -> dict[Key, int]:
        """Return the suppressed counts that have only one possible value, with that value."""
        possible = self._solve()
        assert possible is not None, "the files contradict each other"
        return {key: low for key, (low, high) in possible.items() if low == high and 0 < low < 8}

    def _solve(self) -> dict[Key, tuple[int, int]] | None:
        keys = list(self.bounds)
        place = {key: number for number, key in enumerate(keys)}
        limits = [self.bounds[key] for key in keys]
        equal = _matrix(
            [{place[whole]: 1.0, **{place[part]: -1.0 for part in parts}} for whole, parts in self.sums], keys
        )
        above = _matrix([{place[less]: 1.0, place[more]: -1.0} for less, more in self.orders], keys)
        results: dict[Key, tuple[int, int]] = {}
        for key in self.starred:
            ends = []
            for sign in (1, -1):
                goal = np.zeros(len(keys))
                goal[place[key]] = sign
                solution = linprog(
                    goal,
                    A_ub=above,
                    b_ub=None if above is None else np.zeros(above.shape[0]),
                    A_eq=equal,
                    b_eq=None if equal is None else np.zeros(equal.shape[0]),
                    bounds=limits,
                )
                if solution.status == 2:
                    return None
                ends.append(solution.fun * sign)
            results[key] = (int(np.ceil(ends[0] - 1e-6)), int(np.floor(ends[1] + 1e-6)))
        return results


def interval(text: str | None) -> tuple[float, float]:
    """Return the smallest and largest count that a published text can mean."""
    if text is None or text == "**":
        return 0, _MOST
    if text == "*":
        return 1, 7
    number = int(text)
    return (0, 0) if number == 0 else (max(number - 2, 8), number + 2)


def by_figures(files: Mapping[str, pl.DataFrame]) -> int:
    """Count the suppressed counts that a figure in the same row gives away: a rate, a ratio or a difference."""
    count = 0
    for table in files.values():
        derived = {"rate_per_1000_eligible", "standardised_ratio", "ratio_lower_95", "rate_lower_95", "signal", "rank"}
        figures = sorted(derived & set(table.columns))
        if "flagged" in table.columns and figures:
            suppressed = table.filter(pl.col("flagged").is_in(["*", "**"]))
            count += suppressed.filter(
                pl.any_horizontal([~pl.col(name).fill_null("*").is_in(["*", "**", ""]) for name in figures])
            ).height
        if "difference" in table.columns:
            suppressed = table.filter(pl.col("flagged").is_in(["*", "**"]))
            count += suppressed.filter(~pl.col("difference").fill_null("*").is_in(["*", "**"])).height
        if "removed" in table.columns:
            suppressed = table.filter(pl.col("left").is_in(["*", "**"]))
            count += suppressed.filter(~pl.col("removed").fill_null("*").is_in(["*", "**", ""])).height
    return count


def attack_of(
    files: Mapping[str, pl.DataFrame], measure: str = "flagged", nested: Mapping[str, str] | None = None
) -> Attack:
    """Return what the files of an audit of one rule say about one kind of count.

    Args:
        files: The tables as text, by the names of their files.
        measure: The kind of count: flagged, eligible or activity.
        nested: The borough of each network.
    """
    attack = Attack()
    attack.learn(("total",), None)
    providers = list(files["providers"].iter_rows(named=True))
    for row in providers:
        attack.learn(("provider", str(row["provider"])), row[measure])
    attack.add_up(("total",), [("provider", str(row["provider"])) for row in providers])
    for name, table in files.items():
        if name.startswith("by_"):
            column = name.removeprefix("by_")
            for row in table.iter_rows(named=True):
                attack.learn((name, str(row[column])), row[measure])
            attack.add_up(("total",), [(name, str(value)) for value in table[column]])
    _learn_referrals(attack, files, measure)
    for borough in set((nested or {}).values()):
        parts = [("by_pcn", network) for network, where in (nested or {}).items() if where == borough]
        published = [key for key in parts if key in attack.bounds]
        if published and ("by_borough", borough) in attack.bounds:
            attack.add_up(("by_borough", borough), published)
    _learn_months(attack, files, measure)
    if measure == "flagged":
        _learn_attrition(attack, files["attrition"])
        _learn_variants(attack, files["sensitivity"])
    return attack


def _learn_referrals(attack: Attack, files: Mapping[str, pl.DataFrame], measure: str) -> None:
    """Learn counts by source of referral: they add up to the unit, and to the total of each setting."""
    table = files.get("who_asked", pl.DataFrame({"of": [], "level": []})).filter(of=measure)
    wholes: dict[Key, list[Key]] = {}
    for row in table.filter(pl.col("level") != "all").iter_rows(named=True):
        level, unit, setting = row["level"], str(row["unit"]), str(row["referral_setting"])
        key = ("who_asked", level, unit, setting)
        attack.learn(key, row["count"])
        whole = ("provider", unit) if level == "provider" else (f"by_{level}", unit)
        wholes.setdefault(whole, []).append(key)
        attack.learn(whole, row["of_all"])
    by_setting: dict[tuple[str, str], list[Key]] = {}
    for key in [each for parts in wholes.values() for each in parts]:
        by_setting.setdefault((key[1], key[3]), []).append(key)
    for whole, parts in wholes.items():
        attack.add_up(whole, parts)
    for (_, setting), parts in by_setting.items():
        attack.add_up(("by_referral_setting", setting), parts)


def _learn_months(attack: Attack, files: Mapping[str, pl.DataFrame], measure: str) -> None:
    """Learn counts by provider and month: from the trend or, for all activity, from the quality table."""
    table = files["trend"] if measure in files["trend"].columns else files["quality"].filter(pl.col("month") != MONTHS)
    for row in table.iter_rows(named=True):
        key = ("month", row["month"]) if row["provider"] == ALL else ("cell", str(row["provider"]), row["month"])
        attack.learn(key, row[measure])
    months = sorted(set(table["month"]))
    codes = sorted({str(code) for code in table["provider"] if code != ALL})
    known = attack.bounds.keys()
    attack.add_up(("total",), [("month", month) for month in months])
    for code in codes:
        attack.add_up(("provider", code), [cell for month in months if (cell := ("cell", code, month)) in known])
    for month in months:
        attack.add_up(("month", month), [cell for code in codes if (cell := ("cell", code, month)) in known])


def _learn_attrition(attack: Attack, attrition: pl.DataFrame) -> None:
    """Learn what is left after each criterion: providers add up, and steps do not increase."""
    last = int(attrition["step"].cast(pl.Int64).max())  # type: ignore[arg-type]

    def key(code: str, step: int) -> Key:
        if step == last:
            return ("total",) if code == ALL else ("provider", code)
        return ("left", code, str(step))

    codes = [str(code) for code in attrition["provider"].unique(maintain_order=True)]
    for row in attrition.iter_rows(named=True):
        attack.learn(key(str(row["provider"]), int(row["step"])), row["left"])
    for step in range(last):
        attack.add_up(key(ALL, step), [key(code, step) for code in codes if code != ALL])
    for code in codes:
        attack.orders += [(key(code, step + 1), key(code, step)) for step in range(last)]


def _learn_variants(attack: Attack, sensitivity: pl.DataFrame) -> None:
    """Learn counts of variants, which are stricter than the rule: the difference is what they leave out."""
    for row in sensitivity.filter(pl.col("about").str.starts_with("not available").not_()).iter_rows(named=True):
        if row["variant"] == "default":
            attack.learn(("total",), row["flagged"])
            continue
        parts = [("variant", row["variant"]), ("differs", row["variant"])]
        for key, text in zip(parts, (row["flagged"], row["differs"]), strict=True):
            attack.learn(key, text)
        attack.add_up(("total",), parts)


def _matrix(rows: list[dict[int, float]], keys: list[Key]) -> csr_matrix | None:
    if not rows:
        return None
    data = [(number, place, value) for number, row in enumerate(rows) for place, value in row.items()]
    across, along, values = zip(*data, strict=True)
    return csr_matrix((values, (across, along)), shape=(len(rows), len(keys)))


def read(files: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    """Return tables from the text of CSV files, by name."""
    return {name: pl.read_csv(io.StringIO(text), infer_schema=False) for name, text in files.items()}
