"""Figures of a reviewed sample: shares with intervals that allow for strata and finite numbers, and agreement."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from ebi_rules._support.errors import InvalidInputError

_LEVEL = 0.95


@dataclass(frozen=True)
class Stratum:
    """A part from which a sample was drawn.

    Attributes:
        size: How many there are.
        reviewed: How many of these were reviewed.
        positive: In how many of the reviewed the answer is yes.
    """

    size: int
    reviewed: int
    positive: int

    def __post_init__(self) -> None:
        if not 0 <= self.positive <= self.reviewed <= self.size or not self.reviewed:
            raise InvalidInputError("a stratum needs at least one reviewed, of no more than there are.")


@dataclass(frozen=True)
class Share:
    """A share with its 95% interval.

    Attributes:
        value: The share, from 0 to 1.
        lower: Its lower limit.
        upper: Its upper limit.
    """

    value: float
    lower: float
    upper: float


def stratified_share(strata: Sequence[Stratum]) -> Share:
    """Return the share of yes in all that a stratified sample stands for.

    Args:
        strata: The strata, each reviewed at least once.

    Returns:
        The share with the limits of Korn and Graubard: those of Clopper and Pearson for the number of independent
        answers that the sample is worth. A sample without a yes has a width too, and one of everybody has none.

    Raises:
        InvalidInputError: There are no strata.

    Source:
        Estimate and variance: Cochran, Sampling Techniques, 1977, 5.6 and 5.7. Interval: Korn and Graubard, 1998,
        Survey Methodology 24:193, as in NCHS, Vital and Health Statistics 2:175 (2017), with the finite population in
        the effective number. The variance of a stratum with one answer is that of all together.

    Example:
        >>> share = stratified_share([Stratum(1000, 20, 0)])
        >>> share.value, round(share.lower, 3), round(share.upper, 3)
        (0.0, 0.0, 0.165)
        >>> stratified_share([Stratum(20, 20, 5)])
        Share(value=0.25, lower=0.25, upper=0.25)
    """
    if not strata:
        raise InvalidInputError("a share needs at least one stratum.")
    whole = sum(each.size for each in strata)
    reviewed = sum(each.reviewed for each in strata)
    value = sum(each.size / whole * each.positive / each.reviewed for each in strata)
    if reviewed == whole:
        return Share(value, value, value)
    pooled = value * (1 - value)
    variance = 0.0
    for each in strata:
        share = each.positive / each.reviewed
        spread = share * (1 - share) / (each.reviewed - 1) if each.reviewed > 1 else pooled
        variance += (each.size / whole) ** 2 * (1 - each.reviewed / each.size) * spread
    most = reviewed / (1 - reviewed / whole)
    freedom = max(reviewed - len(strata), 1)
    ratio = stats.t.ppf((1 + _LEVEL) / 2, max(reviewed - 1, 1)) / stats.t.ppf((1 + _LEVEL) / 2, freedom)
    effective = min(pooled / variance if variance > 0 else most, most) * float(ratio) ** 2
    return Share(value, *_clopper_pearson(value * effective, effective))


def corrected_count(flagged: Sequence[Stratum], unflagged: Sequence[Stratum]) -> tuple[float, float, float]:
    """Return how many are in scope by the reviewers: flagged and right, and not flagged and missed.

    Args:
        flagged: The strata of flagged activity; yes is that the flag is right.
        unflagged: The strata of other activity; yes is that it should be flagged. Empty if none was reviewed: then what
            was missed is not in the count.

    Returns:
        The number with its 95% limits.

    Source:
        The limits of a sum from those of its parts: Zou and Donner, 2008, Statistics in Medicine 27:1693 (MOVER).

    Example:
        >>> [round(value) for value in corrected_count([Stratum(1000, 50, 40)], [Stratum(20000, 100, 0)])]
        [800, 665, 1527]
    """
    parts = [(sum(each.size for each in strata), stratified_share(strata)) for strata in (flagged, unflagged) if strata]
    value = sum(size * share.value for size, share in parts)
    below = sum((size * (share.value - share.lower)) ** 2 for size, share in parts) ** 0.5
    above = sum((size * (share.upper - share.value)) ** 2 for size, share in parts) ** 0.5
    return value, max(value - below, 0.0), value + above


def cohen_kappa(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the agreement of two reviewers beyond chance; NaN where both always give one answer.

    Source:
        Cohen, 1960, Educational and Psychological Measurement 20:37.

    Example:
        >>> round(cohen_kappa("yynn", "yynn"), 2), round(cohen_kappa("yynn", "ynyn"), 2)
        (1.0, 0.0)
    """
    agreed, shares = _agreement(one, other)
    expected = float((shares[0] * shares[1]).sum())
    return (agreed - expected) / (1 - expected) if expected < 1 else float("nan")


def gwet_ac1(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the agreement of two reviewers beyond chance, which stays high where one answer is usual.

    Source:
        Gwet, 2008, British Journal of Mathematical and Statistical Psychology 61:29.

    Example:
        >>> round(gwet_ac1("yyyyyyyyyn", "yyyyyyyyny"), 2)
        0.76
    """
    agreed, shares = _agreement(one, other)
    mean = shares.mean(axis=0)
    answers = max(mean.size, 2)
    expected = float((mean * (1 - mean)).sum() / (answers - 1))
    return (agreed - expected) / (1 - expected)


def _agreement(one: Sequence[str], other: Sequence[str]) -> tuple[float, np.ndarray]:
    """Return the share of equal answers, and each reviewer's share of every answer."""
    if len(one) != len(other) or not one:
        raise InvalidInputError("two reviewers need the same cases, at least one.")
    answers = sorted({*one, *other})
    shares = np.array([[list(each).count(answer) / len(each) for answer in answers] for each in (one, other)])
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one), shares


def _clopper_pearson(positive: float, number: float) -> tuple[float, float]:
    tail = (1 - _LEVEL) / 2
    lower = 0.0 if positive <= 0 else float(special.betaincinv(positive, number - positive + 1, tail))
    upper = 1.0 if positive >= number else float(special.betaincinv(positive + 1, number - positive, 1 - tail))
    return lower, upper
