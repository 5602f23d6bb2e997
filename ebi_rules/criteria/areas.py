"""Read the CSV of areas: the PCN, borough, ICB and deprivation decile of each GP practice or LSOA.

The result is a list of recodings. This module does not apply them to an extract.
"""

from pathlib import Path

from ebi_rules._support.errors import UsageError
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.criteria.fields import AREAS, FIELDS
from ebi_rules.criteria.labels import Recoding, recodings_in_force
from ebi_rules.criteria.normal_values import normal_code

_PLACES = ("gp_practice", "lsoa")
_LEVELS = (*AREAS, "imd_decile")
_DECILES = tuple(map(str, range(1, 11)))


def recodings(areas: str | Path | None = None) -> tuple[Recoding, ...]:
    """Return the recodings in force: settings of referrals and requests, types of referrers, and areas in a CSV.

    Raises:
        UsageError: The CSV of areas is wrong.
        DataFileError: A file of settings is wrong.
    """
    return (*recodings_in_force(), *(read_areas(areas) if areas else ()))


def read_areas(path: str | Path) -> tuple[Recoding, ...]:
    """Read a CSV of areas.

    Args:
        path: A CSV with a column `gp_practice` or `lsoa`, and at least one of `pcn`, `borough`, `icb` and `imd_decile`.
            `imd_decile` is 1 to 10, and 1 is the most deprived tenth. Column names may be in any case.

    Returns:
        One recoding per level, the smallest area first.

    Raises:
        UsageError: The file cannot be read, lacks a column, has a place more than once or a decile outside 1 to 10.
    """
    frame = read_small_csv(path, "--areas")
    places = [name for name in _PLACES if name in frame.columns]
    if len(places) != 1:
        raise UsageError(f"--areas {path}: the file must have one column {' or '.join(_PLACES)}, not both.")
    levels = [name for name in _LEVELS if name in frame.columns]
    if not levels:
        raise UsageError(f"--areas {path} has no column {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}.")
    (place,) = places
    codes = [normal_code(FIELDS[place], code) for code in frame[place]]
    missing = sum(code is None for code in codes)
    if missing:
        raise UsageError(f"--areas {path} has rows without {place} ({missing:,}): complete or remove them.")
    repeats = len(codes) - len(set(codes))
    if repeats:
        raise UsageError(f"--areas {path} has codes more than once in {place} ({repeats:,}): keep one row for each.")
    return tuple(_recoding(level, place, codes, frame[level].to_list()) for level in levels)


def _recoding(level: str, place: str, codes: list[str | None], names: list[str | None]) -> Recoding:
    labels = {code: name.strip() for code, name in zip(codes, names, strict=True) if code and name and name.strip()}
    if level == "imd_decile":
        wrong = sum(label not in _DECILES for label in labels.values())
        if wrong:
            raise UsageError(f"--areas: imd_decile has cells that are not whole numbers from 1 to 10 ({wrong:,}).")
    return Recoding(level, place, labels)
