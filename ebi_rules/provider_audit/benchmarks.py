"""Benchmarks, published rates and prices that a user brings, for activity above a benchmark.

A benchmark is a percentile of the audit's own providers, one rate for all rules, or a rate per rule from a file.
Published rates are shown beside those of the audit; each says whose definition it is. No rate and no price is shipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError
from ebi_rules._support.small_csv import read_small_csv

MEDIAN = "median"
_PERCENTILE_LETTER = "p"
_RATE_COLUMNS = ("rule", "rate_per_1000", "source")
_PRICE_COLUMNS = ("rule", "price", "from", "to")


@dataclass(frozen=True)
class PublishedRate:
    """A rate that somebody published.

    Attributes:
        rate: The rate per 1,000 eligible.
        source: Whose it is, and by which definition.
    """

    rate: float
    source: str


@dataclass(frozen=True)
class Benchmark:
    """What providers are held against.

    Attributes:
        share: The share of providers whose true rates are below it; None for a rate.
        target: One rate per 1,000 for all rules; None for none.
        rates: A rate per rule, by the rule's key or alias in lower case.
    """

    share: float | None = None
    target: float | None = None
    rates: Mapping[str, PublishedRate] = field(default_factory=dict)

    def rate_of(self, names: Sequence[str]) -> PublishedRate | None:
        """Return the rate for a rule with these names; None if the benchmark is a percentile, or has none for it."""
        if self.target is not None:
            return PublishedRate(self.target, "a target of your own")
        return next((self.rates[name.lower()] for name in names if name.lower() in self.rates), None)

    @property
    def words(self) -> str:
        """What the benchmark is, in words; empty for rates from a file, which say it themselves."""
        if self.share == 0.5:
            return "the median of providers' rates"
        return "" if self.share is None else f"the {ordinal(round(self.share * 100))} percentile of providers' rates"

    def as_record(self) -> str:
        """Return the benchmark for run.json."""
        return self.words or ("rates from a file" if self.target is None else f"{self.target:g} per 1,000")


@dataclass(frozen=True)
class Price:
    """A price with the months in which it holds.

    Attributes:
        price: The price of one activity.
        first: The first month, "2024-04"; empty for no first.
        last: The last month; empty for no last.
    """

    price: float
    first: str = ""
    last: str = ""

    def holds_in(self, month: str) -> bool:
        """Return whether the price holds in a month."""
        return (not self.first or month >= self.first) and (not self.last or month <= self.last)


def read_benchmark(text: str) -> Benchmark:
    """Return the benchmark that a user names.

    Args:
        text: A percentile ("p25", "median"), a rate per 1,000 eligible ("12.5"), or a CSV file with the columns rule,
            rate_per_1000 and source.

    Raises:
        UsageError: It is none of these, or the file is wrong.

    Example:
        >>> read_benchmark("p25").words, read_benchmark("median").words
        ("the 25th percentile of providers' rates", "the median of providers' rates")
        >>> read_benchmark("12.5").target
        12.5
    """
    name = text.strip().lower()
    if name == MEDIAN:
        return Benchmark(share=0.5)
    if name.startswith(_PERCENTILE_LETTER) and name[1:].isdecimal():
        percent = int(name[1:])
        if not 1 <= percent <= 99:
            raise UsageError(f"--benchmark {text}: a percentile must be from p1 to p99.")
        return Benchmark(share=percent / 100)
    try:
        target = float(name)
    except ValueError:
        if not Path(text).exists():
            raise UsageError(
                f"--benchmark {text}: name a percentile (p25), median, a rate per 1,000 eligible, or a CSV file with "
                "the columns rule, rate_per_1000 and source."
            ) from None
        return Benchmark(rates=read_rates(text, "--benchmark"))
    if not 0 < target < 1000:
        raise UsageError(f"--benchmark {text}: a rate must be above 0 and below 1,000 per 1,000.")
    return Benchmark(target=target)


def read_rates(path: str | Path, option: str = "--comparators") -> dict[str, PublishedRate]:
    """Read published rates by rule.

    Args:
        path: A CSV file with the columns rule (key or alias), rate_per_1000 (per 1,000 eligible) and source (whose rate
            it is, and by which definition).
        option: The option, for messages.

    Raises:
        UsageError: The file cannot be read, lacks a column or a cell, or names a rule twice.
    """
    frame = _read(path, option, _RATE_COLUMNS)
    rates = _numbers(frame, "rate_per_1000", option, path)
    found: dict[str, PublishedRate] = {}
    for rule, rate, source in zip(frame["rule"], rates, frame["source"], strict=True):
        key, given = (rule or "").strip().lower(), PublishedRate(rate, (source or "").strip())
        if not key or not given.source:
            raise UsageError(f"{option} {path}: each row needs a rule and a source.")
        if key in found:
            raise UsageError(f"{option} {path}: the rule {rule} is there twice.")
        found[key] = given
    return found


def read_prices(path: str | Path) -> dict[str, tuple[Price, ...]]:
    """Read prices by rule.

    Args:
        path: A CSV file with the columns rule (key or alias), price, from and to (months, 2024-04; empty for no end).

    Raises:
        UsageError: The file cannot be read, lacks a column, or has a wrong number, month or overlapping prices.
    """
    option = "--prices"
    frame = _read(path, option, _PRICE_COLUMNS)
    prices = _numbers(frame, "price", option, path)
    ends = {name: frame[name].fill_null("").str.strip_chars() for name in ("from", "to")}
    for name, months in ends.items():
        wrong = int((~months.str.contains(r"^(\d{4}-(0[1-9]|1[0-2]))?$")).sum())
        if wrong:
            raise UsageError(f"{option} {path}: {wrong:,} of the cells in {name} are not months such as 2024-04.")
    found: dict[str, tuple[Price, ...]] = {}
    for rule, price, first, last in zip(frame["rule"], prices, ends["from"], ends["to"], strict=True):
        key, new = (rule or "").strip().lower(), Price(price, first, last)
        if not key:
            raise UsageError(f"{option} {path}: each row needs a rule.")
        if first and last and first > last:
            raise UsageError(f"{option} {path}: the rule {rule} has a price whose last month is before its first.")
        for old in found.get(key, ()):
            if (not new.last or not old.first or new.last >= old.first) and (
                not old.last or not new.first or old.last >= new.first
            ):
                raise UsageError(f"{option} {path}: the rule {rule} has two prices for the same month.")
        found[key] = (*found.get(key, ()), new)
    return found


def ordinal(number: int) -> str:
    """Return a number as an ordinal.

    Example:
        >>> [ordinal(number) for number in (1, 2, 3, 11, 25)]
        ['1st', '2nd', '3rd', '11th', '25th']
    """
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _read(path: str | Path, option: str, needed: Sequence[str]) -> pl.DataFrame:
    frame = read_small_csv(path, option)
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise UsageError(
            f"{option} {path} has no column {missing[0]}. It needs the headings {', '.join(needed)}; it has "
            f"{', '.join(frame.columns)}."
        )
    return frame


def _numbers(frame: pl.DataFrame, name: str, option: str, path: str | Path) -> list[float]:
    texts = frame[name].fill_null("").str.strip_chars().str.replace_all(r"[,£]", "")
    numbers = texts.cast(pl.Float64, strict=False)
    wrong = int((numbers.is_null() | ~(numbers > 0) | numbers.is_infinite()).sum())
    if wrong:
        raise UsageError(f"{option} {path}: {wrong:,} of the cells in {name} are not numbers above 0.")
    return numbers.to_list()
