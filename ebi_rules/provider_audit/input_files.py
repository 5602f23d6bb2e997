"""Read the small files that an audit can use: names of providers, a population, and rates to standardise by.

All are CSV files with a header, read as text; column names match in any case, and the separator is recognised. A
wrong file is a `UsageError` that names the file, the column and how many rows are wrong.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import UsageError, nearest, unknown
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.criteria.fields import FIELDS, GROUPABLE
from ebi_rules.criteria.normal_values import normal_code
from ebi_rules.cube import AGE_BAND_STARTS, AGE_BANDS
from ebi_rules.provider_audit.settings import Population
from opcs_icd import WHITE_SPACE

_SEXES = {"male": "1", "males": "1", "m": "1", "female": "2", "females": "2", "f": "2"}
_SPLIT_BAND = "15-19"
_SPLIT_SHARES = {"15-18": 0.8, "19": 0.2}
"""The cube's bands of which `_SPLIT_BAND` consists, with the share of its people that each is assumed to have."""


def read_names(path: str | Path) -> dict[str, str]:
    """Read the names of providers, by code.

    Args:
        path: A CSV file with the columns code and name.

    Raises:
        UsageError: The file cannot be read, lacks a column, or contains a code more than once.
    """
    frame = _read(path, "--names", ("code", "name"))
    codes = [normal_code(FIELDS["provider"], code) for code in frame["code"]]
    if repeated := len(codes) - len(set(codes)):
        raise UsageError(f"--names {path}: {repeated:,} of its codes appear more than once.")
    return {code: name.strip() for code, name in zip(codes, frame["name"], strict=True) if code and name}


def read_population(path: str | Path) -> Population:
    """Read people by area, age band and sex.

    Args:
        path: A CSV file with the columns age_band (the cube's bands; of 15-19, a fifth are taken to be 19), sex (1, 2,
            male, female), count, and one field to group by, such as commissioner, gp_practice or provider. A column
            named area is read as commissioner.

    Raises:
        UsageError: The file cannot be read, lacks a column, or contains an unknown age band or a wrong number.
    """
    option = "--population"
    frame = _read(path, option, ("age_band", "sex", "count"))
    areas = [name for name in frame.columns if name in (*GROUPABLE, "area") and name != "sex"]
    if len(areas) != 1:
        raise UsageError(
            f"{option} {path}: exactly one column must name the area: area, or one of {', '.join(GROUPABLE)}."
        )
    field = "commissioner" if areas[0] == "area" else areas[0]
    count = _whole_numbers("count", option, path, frame)
    area = frame[areas[0]].map_elements(lambda code: normal_code(FIELDS[field], code), return_dtype=pl.String)
    people = _age_and_sex(frame, option, path).with_columns(count.alias("people"), area.alias(field))
    parts = [people.filter(pl.col("age_band") != _SPLIT_BAND)]
    in_split_band = people.filter(pl.col("age_band") == _SPLIT_BAND)
    for band, share in _SPLIT_SHARES.items():
        people_in_band = (pl.col("people").cast(pl.Float64) * share).round().cast(pl.Int64)
        parts.append(in_split_band.with_columns(age_band=pl.lit(band), people=people_in_band))
    return Population(field, pl.concat(parts).group_by(field, "age_band", "sex").agg(pl.col("people").sum()))


def read_standard(path: str | Path) -> pl.DataFrame:
    """Read the rates to standardise by.

    Args:
        path: A CSV file with the columns rule, age_band (the cube's bands), sex, eligible and flagged. Rows of one
            rule, band and sex are added up, whatever other columns the file has.

    Returns:
        One row per rule, age band and sex: rule, age_band, sex, eligible, flagged.

    Raises:
        UsageError: The file cannot be read, lacks a column, or contains an unknown age band or a wrong number.
    """
    option = "--standard"
    frame = _read(path, option, ("rule", "age_band", "sex", "eligible", "flagged"))
    counts = [_whole_numbers(name, option, path, frame).alias(name) for name in ("eligible", "flagged")]
    standard = _age_and_sex(frame, option, path).with_columns(frame["rule"], *counts)
    if _SPLIT_BAND in standard["age_band"]:
        raise UsageError(f"{option} {path}: split the age band 15-19 into 15-18 and 19.")
    if (standard["flagged"] > standard["eligible"]).any():
        raise UsageError(f"{option} {path}: some rows have more flagged than eligible.")
    return standard.group_by("rule", "age_band", "sex").agg(pl.col("eligible", "flagged").sum())


def _read(path: str | Path, option: str, needed: Sequence[str]) -> pl.DataFrame:
    frame = read_small_csv(path, option)
    for name in needed:
        if name not in frame.columns:
            close = nearest(name, frame.columns, count=1)
            hint = f" The nearest is {close[0]}." if close else ""
            raise UsageError(
                f"{option} {path} has no column {name}.{hint} It needs the headings {', '.join(needed)}; it has "
                f"{', '.join(frame.columns)}."
            )
    return frame


def _age_and_sex(frame: pl.DataFrame, option: str, path: str | Path) -> pl.DataFrame:
    """Return age band and sex as the cube writes them."""
    known_bands = [*AGE_BANDS, _SPLIT_BAND]
    by_label = {label: _band(label) for label in frame["age_band"].drop_nulls().unique().sort()}
    for label, band in by_label.items():
        if band not in known_bands:
            raise UsageError(f"{option} {path}: " + unknown("age band", label, known_bands))
    bands = frame["age_band"].replace_strict(by_label, default=None, return_dtype=pl.String)
    sex = frame["sex"].str.strip_chars(WHITE_SPACE).str.to_lowercase().replace(_SEXES)
    return pl.DataFrame({"age_band": bands, "sex": sex}, schema={"age_band": pl.String, "sex": pl.String})


def _band(label: str) -> str:
    """Return an age band as the cube writes it: "Aged 0 to 4", "4 years and under", "90 and over", or one year of age.

    Source:
        Labels of the Office for National Statistics: mid-year population estimates, and Census 2021 (TS007A).

    Example:
        >>> _band("Aged 5 to 9 years"), _band("Aged 4 years and under"), _band("90 and over"), _band("47")
        ('5-9', '0-4', '90+', '45-49')
    """
    text = re.sub(r"\b(aged?|years?|yrs?|old)\b", "", label.strip(WHITE_SPACE).lower())
    text = re.sub(r"\s*(?:to|-|\u2013)\s*", "-", " ".join(text.split()))
    text = re.sub(r"^(\d+) (?:and|or) (?:over|above|older)$", r"\1+", text)
    text = re.sub(r"^(\d+) (?:and|or) (?:under|below|younger)$", r"0-\1", text)
    if text.isdecimal():
        return next(
            band for start, band in reversed(list(zip(AGE_BAND_STARTS, AGE_BANDS, strict=True))) if int(text) >= start
        )
    return text


def _whole_numbers(name: str, option: str, path: str | Path, frame: pl.DataFrame) -> pl.Series:
    numbers = (
        frame[name]
        .str.strip_chars(WHITE_SPACE)
        .str.replace_all(",", "", literal=True)
        .str.replace(r"\.0+$", "")
        .cast(pl.Int64, strict=False)
    )
    wrong = int((numbers.is_null() | (numbers < 0)).sum())
    if wrong:
        raise UsageError(f"{option} {path}: {wrong:,} of the cells in {name} are not whole numbers of 0 or more.")
    return numbers
