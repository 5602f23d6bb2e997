"""Made-up musculoskeletal scans of people, of which outpatient data, the imaging dataset or both have a record.

Who asked decides how likely outpatient data have a scan: few of those that a general practitioner asks for directly.
Records of one scan are at most two days apart. Some people have two scans that must not be taken for one: of one kind
five days apart, or of two kinds on one day.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ebi_rules._support.atomic_output import whole_folder
from ebi_rules._support.errors import UsageError
from ebi_rules._support.made_up_mark import MARK
from ebi_rules.criteria.crosswalk import crosswalk
from ebi_rules.synth.imaging_rows import births
from ebi_rules.synth.random_values import PROVIDERS, Array, draw, provider_codes

if TYPE_CHECKING:
    from numpy.random import Generator

FIRST_DAY, LAST_DAY = date(2024, 4, 1), date(2026, 3, 31)
"""The first and the last day of both extracts."""

_OUR_FILES = re.compile(r"(outpatient|imaging)\.parquet|truth\.csv")
_EDGE = 10
"""No scan is within so many days of either end of the data."""

BOTH, IMAGING, OUTPATIENT = "both", "imaging only", "outpatient only"


@dataclass(frozen=True)
class _Kind:
    """A kind of scan: the NICIP codes and the lists of OPCS-4 codes that record it."""

    nicip: tuple[str, ...]
    procedures: tuple[str, ...]


_KINDS: Sequence[_Kind] = (
    _Kind(("MLUSP", "MCSPN", "MTSPN"), ("||U055", "||U211,Z665", "||U133,Y981,Z665")),
    _Kind(("ULSPN", "USPN"), ("||U216,Z665",)),
    _Kind(("MKNEL", "MKNER", "MKNEB"), ("||U211,Z846", "||U133,Z845")),
    _Kind(("UKNEL", "UKNER"), ("||U216,Z846", "||U132,Z846")),
    _Kind(("MHIPL", "MHIPR"), ("||U211,Z843",)),
    _Kind(("UHIPL", "UHIPR"), ("||U216,Z843",)),
    _Kind(("MSHRL", "MSHRR"), ("||U211,Z814", "||U133,Z812")),
    _Kind(("USHRL", "USHRR"), ("||U216,Z814",)),
    _Kind(("MANKL", "MWRIR", "MELBL"), ("||U211,Z856", "||U211,Z894", "||U211,Z815")),
    _Kind(("UANKR", "UHANL"), ("||U216,Z856", "||U216,Z894")),
)
_SHARES = np.array([0.34, 0.01, 0.24, 0.04, 0.06, 0.02, 0.08, 0.07, 0.09, 0.05])


@dataclass(frozen=True)
class _Setting:
    """A setting of requests: its label, its code in each dataset, its share, and how often each dataset has a scan."""

    label: str
    imaging: str | None
    outpatient: str | None
    share: float
    in_both: float
    in_imaging: float


_SETTINGS: Sequence[_Setting] = (
    _Setting("outside specialist settings", "04", "03", 0.40, 0.12, 0.87),
    _Setting("specialist", "03", "05", 0.38, 0.70, 0.22),
    _Setting("specialist", "01", "01", 0.08, 0.10, 0.88),
    _Setting("emergency", "05", "04", 0.09, 0.10, 0.89),
    _Setting("unknown", "06", "97", 0.04, 0.30, 0.65),
    _Setting("unknown", None, None, 0.01, 0.30, 0.65),
)


def write_scans(folder: Path, scans: int, seed: int = 1, force: bool = False) -> None:
    """Write outpatient.parquet, imaging.parquet and truth.csv of made-up scans into a folder.

    truth.csv has one row per provider, setting of the request and where a scan is recorded: provider, request_setting,
    recorded (both, imaging only, outpatient only), scans. The same seed and number of scans give the same data.

    Args:
        folder: The folder to write.
        scans: The number of people with a scan; one in twenty has a second one.
        seed: The seed of the random numbers.
        force: Replace a folder that exists, if only this function wrote to it.

    Raises:
        UsageError: The folder exists and `force` is not given, or the number of scans is less than 1.
    """
    if scans < 1:
        raise UsageError("the number of scans must be 1 or more.")
    rng = np.random.default_rng([seed, 77])
    made_up = _scans(rng, scans)
    with whole_folder(folder, _OUR_FILES, force) as target:
        _outpatients(rng, made_up, scans).write_parquet(target / "outpatient.parquet", metadata=MARK)
        _examinations(rng, made_up, scans).write_parquet(target / "imaging.parquet", metadata=MARK)
        keys = ["provider", "request_setting", "recorded"]
        made_up.group_by(keys).agg(pl.len().alias("scans")).sort(keys).write_csv(target / "truth.csv")


def _scans(rng: "Generator", people: int) -> pl.DataFrame:
    """Return the scans: person, kind, setting, provider, day of each record, and where it is recorded."""
    days = (LAST_DAY - FIRST_DAY).days
    person = np.arange(people)
    kind = rng.choice(len(_KINDS), people, p=_SHARES / _SHARES.sum())
    day = rng.integers(_EDGE, days - _EDGE - 5, people)
    second = np.flatnonzero(rng.random(people) < 0.05)
    same_kind = rng.random(second.size) < 0.5
    other_kind = (kind[second] + rng.integers(1, len(_KINDS), second.size)) % len(_KINDS)
    person = np.concatenate([person, second])
    kind = np.concatenate([kind, np.where(same_kind, kind[second], other_kind)])
    day = np.concatenate([day, day[second] + np.where(same_kind, 9, 0)])
    rows = person.size
    shares = np.array([setting.share for setting in _SETTINGS])
    setting = rng.choice(len(_SETTINGS), rows, p=shares / shares.sum())
    in_both = np.array([each.in_both for each in _SETTINGS])[setting]
    in_imaging = np.array([each.in_imaging for each in _SETTINGS])[setting]
    chance = rng.random(rows)
    recorded = np.where(chance < in_both, 0, np.where(chance < in_both + in_imaging, 1, 2))
    codes = pl.Series(provider_codes())
    return pl.DataFrame(
        {
            "person": person,
            "kind": kind,
            "setting": setting,
            "request_setting": pl.Series([each.label for each in _SETTINGS]).gather(setting),
            "provider": codes.gather(rng.integers(0, PROVIDERS, rows)),
            "day": day,
            "outpatient_day": day + rng.choice([-1, 0, 0, 0, 1, 2], rows),
            "recorded": pl.Series([BOTH, IMAGING, OUTPATIENT]).gather(recorded),
        }
    )


def _outpatients(rng: "Generator", scans: pl.DataFrame, people: int) -> pl.DataFrame:
    """Return the outpatient extract, in the layout ncdr-opa: scans recorded there, and as many other appointments."""
    recorded = scans.filter(pl.col("recorded") != IMAGING)
    others = _others(rng, recorded.height, people)
    rows = recorded.height + others.height
    chosen = _codes(rng, recorded["kind"].to_numpy(), "procedures")
    sources = pl.Series([each.outpatient for each in _SETTINGS], dtype=pl.String).gather(recorded["setting"])
    frame = pl.DataFrame(
        {
            "Der_Pseudo_NHS_Number": _pseudonyms(pl.concat([recorded["person"], others["person"]])),
            "Appointment_Date": _dates(pl.concat([recorded["outpatient_day"], others["day"]])),
            "Age_at_Start_of_Episode_SUS": pl.Series(rng.integers(19, 95, rows)),
            "Sex": draw(rng, {"1": 0.45, "2": 0.55}, rows),
            "Der_Provider_Code": pl.concat([recorded["provider"], others["provider"]]),
            "Administrative_Category": draw(rng, {"01": 0.97, None: 0.03}, rows),
            "OPA_Referral_Source": pl.concat([sources, draw(rng, {"03": 0.6, "05": 0.4}, others.height)]),
            "Priority_Type": draw(rng, {"1": 0.9, "2": 0.1}, rows),
            "Attendance_Status": draw(rng, {"5": 1.0}, rows),
            "Treatment_Function_Code": draw(rng, {"812": 0.6, "110": 0.4}, rows),
            "Der_Procedure_All": pl.concat([chosen, draw(rng, {None: 0.9, "||W903,Z846": 0.1}, others.height)]),
            "Der_Diagnosis_All": pl.Series([None] * rows, dtype=pl.String),
        }
    )
    return frame.sort("Appointment_Date", maintain_order=True).with_row_index("OPA_Ident", offset=1)


def _examinations(rng: "Generator", scans: pl.DataFrame, people: int) -> pl.DataFrame:
    """Return the imaging extract, in the layout dids-v1: scans recorded there, and as many x-rays and others."""
    recorded = scans.filter(pl.col("recorded") != OUTPATIENT)
    others = _others(rng, recorded.height, people)
    rows = recorded.height + others.height
    nicip = pl.concat([_codes(rng, recorded["kind"].to_numpy(), "nicip"), _x_rays(rng, others.height)])
    pairs = crosswalk().snomed
    snomed = pl.Series([pairs.get(code, (None,))[0] for code in nicip], dtype=pl.String)
    has_one = pl.Series(rng.random(rows) < 0.15) & snomed.is_not_null()
    settings = pl.Series([each.imaging for each in _SETTINGS], dtype=pl.String).gather(recorded["setting"])
    day = pl.concat([recorded["day"], others["day"]])
    waited = pl.Series(np.minimum(rng.exponential(25, rows), 200).astype(np.int64))
    sites = pl.concat([recorded["provider"], others["provider"]])
    frame = pl.DataFrame(
        {
            "NHS NUMBER": _pseudonyms(pl.concat([recorded["person"], others["person"]])),
            "PERSON BIRTH DATE": births(rng, rows),
            "ETHNIC CATEGORY": draw(rng, {"A": 0.7, "H": 0.2, None: 0.1}, rows),
            "PERSON GENDER CODE CURRENT": draw(rng, {"1": 0.45, "2": 0.55}, rows),
            "PATIENT SOURCE SETTING TYPE (DIAGNOSTIC IMAGING)": pl.concat(
                [settings, draw(rng, {"04": 0.3, "03": 0.4, "05": 0.3}, others.height)]
            ),
            "REFERRER CODE": draw(rng, {"G1234567": 0.5, "C2345678": 0.4, "PH12345": 0.1}, rows),
            "REFERRING ORGANISATION CODE": draw(rng, {"ZZS1": 0.5, "ZZS2": 0.5}, rows),
            "DIAGNOSTIC TEST REQUEST DATE": _dates(day - waited),
            "DIAGNOSTIC TEST DATE": _dates(day),
            "IMAGING CODE (NICIP)": nicip.set(has_one, None),
            "IMAGING CODE (SNOMED-CT)": snomed,
            "SERVICE REPORT ISSUE DATE": _dates(day + pl.Series(rng.integers(0, 20, rows))),
            "SITE CODE (OF IMAGING)": sites,
        }
    )
    numbered = frame.sort("DIAGNOSTIC TEST DATE", maintain_order=True).with_row_index("number")
    # Accession numbers are unique at a site only: two sites use the same ones.
    accession = (pl.lit("A") + (pl.col("number") // 2).cast(pl.String)).alias("RADIOLOGICAL ACCESSION NUMBER")
    site = pl.col("SITE CODE (OF IMAGING)") + pl.when(pl.col("number") % 2 == 0).then(pl.lit("01")).otherwise(
        pl.lit("02")
    )
    return numbered.with_columns(site, accession).drop("number")


def _others(rng: "Generator", rows: int, people: int) -> pl.DataFrame:
    """Return activity of the same people that is no scan: person, day, provider."""
    days = (LAST_DAY - FIRST_DAY).days
    day = rng.integers(0, days + 1, rows)
    day[:2] = [0, days][: min(rows, 2)]  # The data are known to begin and end there.
    return pl.DataFrame(
        {
            "person": rng.integers(0, people, rows),
            "day": day,
            "provider": pl.Series(provider_codes()).gather(rng.integers(0, PROVIDERS, rows)),
        }
    )


def _codes(rng: "Generator", kind: Array, name: str) -> pl.Series:
    """Draw one of the codes, or lists of codes, of each scan's kind."""
    choices: list[tuple[str, ...]] = [getattr(each, name) for each in _KINDS]
    starts = np.cumsum([0, *map(len, choices)])[:-1]
    sizes = np.array([len(each) for each in choices])
    place = starts[kind] + (rng.random(len(kind)) * sizes[kind]).astype(np.int64)
    return pl.Series([code for each in choices for code in each], dtype=pl.String).gather(place)


def _x_rays(rng: "Generator", rows: int) -> pl.Series:
    shares: Mapping[str | None, float] = {"XCHES": 0.6, "XKNEL": 0.2, "CHEAD": 0.2}
    return draw(rng, shares, rows)


def _pseudonyms(person: pl.Series) -> pl.Series:
    return (person + 9_000_000_000).cast(pl.String)


def _dates(day: pl.Series) -> pl.Series:
    return (day + (FIRST_DAY - date(1970, 1, 1)).days).cast(pl.Int32).cast(pl.Date)
