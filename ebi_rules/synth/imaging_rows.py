"""Made-up imaging examinations, some of them in scope of a policy on who may request musculoskeletal scans.

What is in scope is decided when a row is made, without the rule engine: by the scenario of its codes and by the setting
of its request. Without a list of specialist settings, requests from another provider (06) are in no known setting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ebi_rules.criteria.crosswalk import crosswalk
from ebi_rules.synth.random_values import PROVIDERS, Array, Organisations, common_columns, draw, organisations

if TYPE_CHECKING:
    from numpy.random import Generator

RULE = "nwl_did_any"

_SCENARIOS: Sequence[tuple[str, float, bool, Sequence[str]]] = (
    ("MRI of the spine", 0.040, True, ("MLUSP", "MLSPN", "MCSPN", "MTSPN", "MSPNW", "MLUSPC")),
    ("MRI of the knee", 0.025, True, ("MKNEL", "MKNER", "MKNEB", "MKNELC")),
    ("MRI of the hip", 0.008, True, ("MHIPL", "MHIPR", "MHIPB")),
    ("MRI or ultrasound of the shoulder", 0.020, True, ("MSHRL", "MSHRR", "USHRL", "USHRR")),
    ("MRI or ultrasound of another joint", 0.020, True, ("MANKL", "MWRIR", "UANKR", "UHANL", "UACTL")),
    ("near miss: plain x-ray or CT", 0.120, False, ("XLSPN", "XLSPE", "CLSPN", "XKNEL", "XHIPB")),
    ("near miss: guided procedure or lump", 0.015, False, ("USOFTB", "USLUM")),
    ("near miss: MRI of the skull", 0.010, False, ("MSKUL", "MHEAD")),
)
"""What is planted: its share of examinations at a usual provider, whether its codes are in scope, its NICIP codes."""

_BACKGROUND = ("XCHES", "XABDO", "CABPEC", "CHEAD", "UABDO", "UPELV", "XPELV", "FBARSW", "NBONE")
"""Examinations of other parts of the body."""

_NOT_LISTED = "168537006"
"""A SNOMED CT code that the crosswalk does not have."""

SETTINGS: Mapping[str | None, float] = {
    "01": 0.16,
    "02": 0.03,
    "03": 0.33,
    "04": 0.26,
    "4": 0.02,
    "05": 0.13,
    "06": 0.04,
    "07": 0.01,
    "99": 0.01,
    None: 0.01,
}
"""Shares of settings of requests; `4` is 04 without its zero."""

OUTSIDE, EMERGENCY, UNKNOWN = ("04", "4"), ("05",), ("06", "07", "99", None)
"""The settings outside specialist care, those of emergency departments, and those that are not known."""

_KINDS: Mapping[str | None, float] = {"both": 0.80, "nicip": 0.12, "snomed": 0.08}
_LAST_BIRTH = date(2022, 12, 31)


@dataclass(frozen=True)
class Population:
    """What all rows of one seed share.

    Attributes:
        organisations: The providers.
        codes: No fields of several codes: an examination has one code of each kind.
    """

    organisations: Organisations
    codes: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)


def population(seed: int) -> Population:
    """Return what all rows of a seed share."""
    return Population(organisations(seed))


def activities(rng: "Generator", start: int, rows: int, population: Population, marks_cancer: bool) -> pl.DataFrame:
    """Return rows, and their truth.

    Args:
        rng: The random numbers.
        start: The number of the first row.
        rows: How many rows.
        population: What all rows of the seed share.
        marks_cancer: Whether the layout has the priority and the cancer pathway flag: what an extract does not say
            leaves nothing out.

    Returns:
        Columns by canonical field, and the truth: rule, in_scope, why.
    """
    provider = rng.choice(PROVIDERS, rows, p=population.organisations.size)
    planted = _plant(rng, provider, population)
    setting = draw(rng, SETTINGS, rows)
    columns = common_columns(rng, start, provider, np.zeros(rows, dtype=bool))
    day = columns["activity_date"]
    waited = pl.Series(np.minimum(rng.exponential(24, rows), 300).astype(np.int32))
    reported = pl.Series(np.minimum(rng.exponential(3, rows), 60).astype(np.int32))
    columns["id"] = pl.Series([f"A{number:09d}" for number in range(start, start + rows)], dtype=pl.String)
    columns["priority"] = draw(rng, {"1": 0.74, "2": 0.2, "3": 0.05, None: 0.01}, rows)
    columns["cancer_pathway"] = draw(rng, {"N": 0.93, "Y": 0.04, None: 0.03}, rows)
    is_suspected = (columns["priority"] == "3").fill_null(False) | (columns["cancer_pathway"] == "Y").fill_null(False)
    is_cancer = is_suspected & marks_cancer
    born = births(rng, rows)
    return pl.DataFrame(
        {
            **columns,
            **examination_codes(rng, planted),
            "source_setting": setting,
            "referrer": _referrers(rng, setting),
            "referring_organisation": _organisations(rng, setting, columns),
            "request_date": _days_before(day, waited),
            "received_date": _days_before(day, (waited * 9) // 10),
            "report_date": _days_before(day, -reported),
            "birth_date": born,
            "age": _completed_years(born, day),
            "rule": pl.Series([RULE, None]).gather(np.where(planted >= 0, 0, 1)),
            **_truth(planted, setting, is_cancer),
        }
    )


def births(rng: "Generator", rows: int) -> pl.Series:
    """Draw dates of birth from about 1930 to 2022."""
    days_ago = rng.integers(0, 33_600, rows)
    return pl.Series((_LAST_BIRTH - date(1970, 1, 1)).days - days_ago, dtype=pl.Int32).cast(pl.Date)


def _completed_years(born: pl.Series, day: pl.Series) -> pl.Series:
    """Return ages by the numbers that days are when written 20240328: their difference begins with the years."""
    written = [each.dt.strftime("%Y%m%d").cast(pl.Int64) for each in (born, day)]
    return (written[1] - written[0]) // 10_000


def examination_codes(rng: "Generator", planted: Array) -> dict[str, pl.Series]:
    """Draw the codes of examinations by the numbers of their scenarios, -1 for another part of the body."""
    rows = len(planted)
    nicip = np.array(_BACKGROUND, dtype=object)[rng.integers(0, len(_BACKGROUND), rows)]
    for scenario, (_, _, _, codes) in enumerate(_SCENARIOS):
        is_planted = planted == scenario
        nicip[is_planted] = np.array(codes, dtype=object)[rng.integers(0, len(codes), int(is_planted.sum()))]
    pairs = crosswalk().snomed
    snomed = pl.Series([pairs.get(code, (_NOT_LISTED,))[0] for code in nicip], dtype=pl.String)
    # A code that the crosswalk lacks is always beside its NICIP code: by itself nobody could say what it is.
    kind = draw(rng, _KINDS, rows).set(pl.Series([code not in pairs for code in nicip]), "nicip")
    written = pl.Series(nicip, dtype=pl.String)
    return {
        "nicip": written.set(kind == "snomed", None),
        "snomed": snomed.set(kind == "nicip", None),
    }


def _plant(rng: "Generator", provider: Array, population: Population) -> Array:
    """Return the number of each row's scenario, -1 for none."""
    shares = np.array([share for _, share, _, _ in _SCENARIOS])
    chance = rng.random(len(provider)) / np.sqrt(population.organisations.habit[provider])
    planted = np.searchsorted(np.cumsum(shares), chance, side="right")
    return np.where(planted < len(shares), planted, -1)


def _days_before(day: pl.Series, days: pl.Series) -> pl.Series:
    """Return the day that is some days before another, or after it where they are negative."""
    return (day.to_physical() - days.cast(pl.Int32)).cast(pl.Date)


def _referrers(rng: "Generator", setting: pl.Series) -> pl.Series:
    """Draw who requested: mostly a general practitioner by direct access, and a consultant elsewhere."""
    rows = len(setting)
    is_direct = setting.is_in(list(OUTSIDE)).fill_null(False).to_numpy()
    kind = np.where(is_direct, rng.choice([0, 2], rows, p=[0.93, 0.07]), rng.choice([1, 2], rows, p=[0.9, 0.1]))
    codes = [f"G{1_000_000 + each}" for each in range(3000)]
    codes += [f"C{1_000_000 + each}" for each in range(3000)]
    codes += [f"PH{100_000 + each}" for each in range(3000)]
    return pl.Series(codes).gather(kind * 3000 + rng.integers(0, 3000, rows))


def _organisations(rng: "Generator", setting: pl.Series, columns: Mapping[str, pl.Series]) -> pl.Series:
    """Return the organisation that requested: the practice by direct access, another one for 06, else the provider."""
    rows = len(setting)
    others = pl.Series([f"ZZS{place}" for place in range(8)]).gather(rng.integers(0, 8, rows))
    frame = pl.DataFrame(
        {"setting": setting, "practice": columns["gp_practice"], "provider": columns["provider"], "other": others}
    )
    is_direct = pl.col("setting").is_in(list(OUTSIDE)).fill_null(False)
    chosen = pl.when(is_direct).then("practice").when(pl.col("setting") == "06").then("other").otherwise("provider")
    return frame.select(chosen.alias("organisation"))["organisation"]


def _truth(planted: Array, setting: pl.Series, is_cancer: pl.Series) -> dict[str, pl.Series]:
    """Return whether each row is in scope, and why or why not."""
    names = [name for name, _, _, _ in _SCENARIOS]
    in_scope = np.isin(planted, [place for place, (_, _, scope, _) in enumerate(_SCENARIOS) if scope])
    values = setting.to_list()
    is_unknown = np.array([value in UNKNOWN for value in values], dtype=bool)
    is_emergency = np.array([value in EMERGENCY for value in values], dtype=bool)
    is_outside = np.array([value in OUTSIDE for value in values], dtype=bool)
    cancer = is_cancer.to_numpy()
    labels = ["nothing planted", "cancer suspected", "emergency", "setting not known", "specialist setting"]
    reasons = np.select(
        [planted < 0, ~in_scope, cancer, is_emergency, is_unknown, ~is_outside], [0, 5, 1, 2, 3, 4], default=5
    )
    index = np.where(reasons == 5, planted + len(labels), reasons)
    return {
        "in_scope": pl.Series(in_scope & ~cancer & is_outside),
        "why": pl.Series([*labels, *names]).gather(index),
    }
