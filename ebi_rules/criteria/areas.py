"""Areas: a CSV that says in what PCN, borough and ICB each GP practice, or each LSOA, is, and how deprived."""

from pathlib import Path

from ebi_rules._support.errors import UsageError
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.criteria.fields import AREAS, FIELDS, normal_code
from ebi_rules.criteria.labels import Recoding, referral_settings

_PLACES = ("gp_practice", "lsoa")
_LEVELS = (*AREAS, "imd_decile")
_DECILES = tuple(map(str, range(1, 11)))


def recodings(areas: str | Path | None = None) -> tuple[Recoding, ...]:
    """Give the recodings in force: referral settings, and those of a file of areas. Raises `UsageError`."""
    return (referral_settings(), *(read_areas(areas) if areas else ()))


def read_areas(path: str | Path) -> tuple[Recoding, ...]:
    """Read areas: a column `gp_practice` or `lsoa`, and one or more of `pcn`, `borough`, `icb` and `imd_decile`.

    `imd_decile` is 1 to 10, 1 the most deprived tenth. Names of columns match in any case. Raises `UsageError` for a
    file that cannot be read, lacks a column, or has a place twice.
    """
    frame = read_small_csv(path, "--areas")
    places = [name for name in _PLACES if name in frame.columns]
    if len(places) != 1:
        raise UsageError(f"--areas {path}: one column says the place: {' or '.join(_PLACES)}.")
    levels = [name for name in _LEVELS if name in frame.columns]
    if not levels:
        raise UsageError(f"--areas {path} has no column {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}.")
    (place,) = places
    codes = [normal_code(FIELDS[place], code) for code in frame[place]]
    without = sum(code is None for code in codes)
    if without:
        raise UsageError(f"--areas {path}: {without:,} of its rows have no {place}.")
    if len(set(codes)) < len(codes):
        raise UsageError(
            f"--areas {path}: {len(codes) - len(set(codes)):,} of its codes in {place} stand there already."
        )
    return tuple(_of_level(level, place, codes, frame[level].to_list()) for level in levels)


def _of_level(level: str, place: str, codes: list[str | None], names: list[str | None]) -> Recoding:
    given = {code: name.strip() for code, name in zip(codes, names, strict=True) if code and name and name.strip()}
    if level == "imd_decile" and (wrong := sum(name not in _DECILES for name in given.values())):
        raise UsageError(f"--areas: {wrong:,} of the cells in imd_decile are not whole numbers from 1 to 10.")
    return Recoding(level, place, given)
