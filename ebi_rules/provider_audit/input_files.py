"""Read the small files that an audit may be given: providers' names, a population, the rates to standardise by.

All are CSV, as text, with a header; names of columns match in any case. Errors name the file, the column and how many
rows, and are `UsageError`.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError, nearest, unknown
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.criteria.fields import FIELDS, GROUPABLE, normal_code
from ebi_rules.cube import AGE_BANDS
from ebi_rules.provider_audit.settings import Population

_SEXES = {"male": "1", "m": "1", "female": "2", "f": "2"}
_SPLIT_BAND = {"15-19": (("15-18", 0.8), ("19", 0.2))}


def read_names(path: str | Path) -> dict[str, str]:
    """Read providers' names by code: columns `code` and `name`. A code that stands twice is an error."""
    frame = _read(path, "--names", ("code", "name"))
    codes = [normal_code(FIELDS["provider"], code) for code in frame["code"]]
    if len(set(codes)) < len(codes):
        raise UsageError(f"--names {path}: {len(codes) - len(set(codes)):,} of its codes stand there already.")
    return {code: name.strip() for code, name in zip(codes, frame["name"], strict=True) if code and name}


def read_population(path: str | Path) -> Population:
    """Read people by area, age band and sex.

    Columns: a field to group by (`commissioner`, `gp_practice`, `provider` ...; `area` is read as commissioner),
    `age_band` (the cube's bands; of 15-19 a fifth is taken for 19), `sex` (1, 2, male, female), `count`.
    """
    option = "--population"
    frame = _read(path, option, ("age_band", "sex", "count"))
    areas = [name for name in frame.columns if name in (*GROUPABLE, "area") and name != "sex"]
    if len(areas) != 1:
        raise UsageError(f"{option} {path}: one column says the area: area, or one of {', '.join(GROUPABLE)}.")
    field = "commissioner" if areas[0] == "area" else areas[0]
    people = _stratified(frame, option, path).with_columns(_whole("count", option, path, frame).alias("people"))
    area = frame[areas[0]].map_elements(lambda code: normal_code(FIELDS[field], code), return_dtype=pl.String)
    people = people.with_columns(area.alias(field))
    split = [people.filter(~pl.col("age_band").is_in(list(_SPLIT_BAND)))]
    for band, parts in _SPLIT_BAND.items():
        here = people.filter(pl.col("age_band") == band).with_columns(pl.col("people").cast(pl.Float64))
        split += [
            here.with_columns(age_band=pl.lit(part), people=(pl.col("people") * share).round().cast(pl.Int64))
            for part, share in parts
        ]
    every = pl.concat(split).group_by(field, "age_band", "sex").agg(pl.col("people").sum())
    return Population(field, every)


def read_standard(path: str | Path) -> pl.DataFrame:
    """Read the rates to standardise by: rule, age_band, sex, eligible, flagged; further columns are summed over."""
    option = "--standard"
    frame = _read(path, option, ("rule", "age_band", "sex", "eligible", "flagged"))
    counts = [_whole(name, option, path, frame).alias(name) for name in ("eligible", "flagged")]
    standard = _stratified(frame, option, path).with_columns(frame["rule"], *counts)
    if "15-19" in standard["age_band"]:
        raise UsageError(f"{option} {path}: the band 15-19 is in two here, 15-18 and 19: count them so.")
    if (standard["flagged"] > standard["eligible"]).any():
        raise UsageError(f"{option} {path}: more is flagged than eligible in some of its rows.")
    return standard.group_by("rule", "age_band", "sex").agg(pl.col("eligible", "flagged").sum())


def _read(path: str | Path, option: str, needed: Sequence[str]) -> pl.DataFrame:
    frame = read_small_csv(path, option)
    for name in needed:
        if name not in frame.columns:
            close = nearest(name, frame.columns, count=1)
            hint = f" The nearest is {close[0]}." if close else ""
            raise UsageError(f"{option} {path} has no column {name}.{hint}")
    return frame


def _stratified(frame: pl.DataFrame, option: str, path: str | Path) -> pl.DataFrame:
    """Give age band and sex as the cube writes them."""
    bands = frame["age_band"].str.strip_chars(" ")
    known = [*AGE_BANDS, *_SPLIT_BAND]
    for band in bands.drop_nulls().unique().sort():
        if band not in known:
            raise UsageError(f"{option} {path}: " + unknown("age band", band, known))
    sex = frame["sex"].str.strip_chars(" ").str.to_lowercase().replace(_SEXES)
    return pl.DataFrame({"age_band": bands, "sex": sex}, schema={"age_band": pl.String, "sex": pl.String})


def _whole(name: str, option: str, path: str | Path, frame: pl.DataFrame) -> pl.Series:
    numbers = frame[name].str.strip_chars(" ").str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    wrong = int((numbers.is_null() | (numbers < 0)).sum())
    if wrong:
        raise UsageError(f"{option} {path}: {wrong:,} of the cells in {name} are not whole numbers of 0 or more.")
    return numbers
