"""Providers that merged: their old codes are read as the new one, for all dates, so that a trend runs through.

Hints find codes that may belong together: a trust and its sites (RAA, RAA00), and a code that ends as another begins.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.normal_values import normal_code
from ebi_rules.cube import dimensions_of, in_order
from ebi_rules.translate.date_formats import as_date
from opcs_icd import WHITE_SPACE

_OLD, _NEW = ("old", "old_code", "predecessor"), ("new", "new_code", "successor")
_WHEN = ("from", "from_when", "from when", "date", "when")
_TRUST, _SITE = 3, 5
_MOST_HINTS = 5
_SIMILAR = 2
"""A code can only take over from another if it has at most this many times its activity in a month, or its inverse."""


@dataclass(frozen=True)
class MergedProviders:
    """Providers that merged.

    Attributes:
        codes: The new code by each old one; no new code is an old one of another.
        months: The month of each merger ("2024-04") by old code, where it was given.
    """

    codes: Mapping[str, str] = field(default_factory=dict)
    months: Mapping[str, str] = field(default_factory=dict)

    def with_old(self, providers: tuple[str, ...]) -> tuple[str, ...]:
        """Return provider codes with the old codes that are read as one of them."""
        old = [code for code, new in self.codes.items() if new in providers]
        return tuple(dict.fromkeys([*providers, *old]))

    def with_sites(self, providers: Iterable[str | None]) -> "MergedProviders":
        """Return the same mergers with each site code, of five characters, read as the trust it begins with.

        Only where the trust is among the providers too: one dataset names sites, and another trusts.

        Example:
            >>> MergedProviders().with_sites(["R1H", "R1H01", "NVC21"]).codes
            {'R1H01': 'R1H'}
        """
        known = {code for code in providers if code}
        sites = {code: code[:_TRUST] for code in sorted(known) if len(code) == _SITE and code[:_TRUST] in known}
        return replace(self, codes={**sites, **self.codes})

    def in_cube(self, cube: pl.DataFrame) -> pl.DataFrame:
        """Return a cube in which old codes are the new ones, added up."""
        if not self.codes:
            return cube
        merged = self.in_column(cube)
        keys = [name for name in cube.columns if name != "count"]
        summed = merged.group_by(keys).agg(pl.col("count").sum()).select(cube.columns)
        return in_order(summed, dimensions_of(cube))

    def in_column(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame whose column `provider` has new codes for old ones."""
        if not self.codes or "provider" not in frame.columns:
            return frame
        dtype = frame.schema["provider"]
        codes = frame["provider"].cast(pl.String).replace(dict(self.codes))
        return frame.with_columns(codes.cast(pl.Categorical() if dtype != pl.String else dtype).alias("provider"))


def read_merged_providers(path: str | Path) -> MergedProviders:
    """Read which providers merged.

    Args:
        path: A CSV file with the columns old, new and, if known, from: the day or month of the merger.

    Raises:
        UsageError: The file cannot be read, lacks a column, or has a code that is merged twice or into itself.
    """
    option = f"--merge-providers {path}"
    frame = read_small_csv(path, "--merge-providers")
    columns = [next((name for name in names if name in frame.columns), None) for names in (_OLD, _NEW, _WHEN)]
    if columns[0] is None or columns[1] is None:
        raise UsageError(f"{option}: it needs the headings old, new; it has {', '.join(frame.columns)}.")
    old, new = ([normal_code(FIELDS["provider"], code) for code in frame[name]] for name in (columns[0], columns[1]))
    whens = frame[columns[2]].to_list() if columns[2] else [None] * frame.height
    codes: dict[str, str] = {}
    months: dict[str, str] = {}
    for before, after, when in zip(old, new, whens, strict=True):
        if not before or not after:
            raise UsageError(f"{option}: a row has no old or no new code.")
        if before in codes:
            raise UsageError(f"{option}: the old code {before} appears more than once.")
        codes[before] = after
        if when and when.strip(WHITE_SPACE):
            months[before] = _month(when.strip(WHITE_SPACE), option)
    return MergedProviders({before: _last(before, codes, option) for before in codes}, months)


def _last(code: str, codes: Mapping[str, str], option: str) -> str:
    """Return the code at the end of a chain of mergers."""
    seen = {code}
    while code in codes:
        code = codes[code]
        if code in seen:
            raise UsageError(f"{option}: the code {code} is merged into itself.")
        seen.add(code)
    return code


def _month(text: str, option: str) -> str:
    """Return the month ("2024-04") of a day or a month as text."""
    day_text = f"{text}-01" if re.fullmatch(r"[0-9]{4}-[0-9]{2}", text) else text
    day = pl.select(as_date(pl.lit(day_text), pl.String())).item()
    if day is None:
        raise UsageError(f"{option}: {text} is not a day such as 2024-04-01.")
    return f"{day:%Y-%m}"


def merger_hints(cube: pl.DataFrame) -> list[str]:
    """Return hints on codes of one extract that may be one provider.

    Args:
        cube: A cube.
    """
    activity = cube.filter(pl.col("measure") == "activity").with_columns(pl.col("provider", "month").cast(pl.String))
    by_provider = activity.drop_nulls("provider").group_by("provider").agg(pl.col("count").sum())
    hints = list(_sites(set(by_provider["provider"])))
    hints += _successions(activity.drop_nulls(["provider", "month"]))
    return hints


def _sites(codes: set[str]) -> Iterator[str]:
    sites = sorted(code for code in codes if len(code) == _SITE and code[:_TRUST] in codes)
    if sites:
        pairs = ", ".join(f"{site} and {site[:_TRUST]}" for site in sites[:_MOST_HINTS])
        more = f" and {len(sites) - _MOST_HINTS} more" if len(sites) > _MOST_HINTS else ""
        yield (
            f"some codes of providers have 5 characters and begin with another of 3 ({pairs}{more}): if these are one "
            "provider, join them with --merge-providers FILE (old, new)."
        )


def _successions(activity: pl.DataFrame) -> Iterator[str]:
    """Find codes that end in a month after which another begins, with similar activity."""
    months = sorted(activity["month"].unique())
    place = {month: number for number, month in enumerate(months)}
    spans = activity.group_by("provider").agg(
        pl.col("month").min().alias("first"), pl.col("month").max().alias("last"), pl.col("count").sum().alias("count")
    )
    rows = spans.sort("provider").to_dicts()
    hints = 0
    for before in rows:
        for after in rows:
            ends = place[before["last"]] + 1 if before["last"] != months[-1] else None
            if ends is None or after["first"] == months[0] or place[after["first"]] != ends:
                continue
            lengths = [place[row["last"]] - place[row["first"]] + 1 for row in (before, after)]
            rates = [row["count"] / length for row, length in zip((before, after), lengths, strict=True)]
            if min(lengths) > 1 and max(rates) <= _SIMILAR * min(rates) and hints < _MOST_HINTS:
                hints += 1
                yield (
                    f"the provider {before['provider']} has no activity after {before['last']}, and "
                    f"{after['provider']} has none before {after['first']}: if one took over from the other, use "
                    "--merge-providers FILE (old, new, from)."
                )
