"""The user's own release files of OPCS-4 and ICD-10: titles, which codes there are, and when.

The files come from NHS England's TRUD under its licence; none is shipped. OPCS-4 is a `CodesAndTitles` text: tabs, no
header, a dotted code and its title. ICD-10 is a `CodesAndTitlesAndMetadata` text: tabs, a header of twelve columns, of
which ALT_CODE is the code without its dot. Both are UTF-8 or Windows-1252. A folder may hold several releases: what
began or ended between them is then known.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from opcs_icd.codelist import CodeList
from opcs_icd.codes import ICD10, OPCS4, CodeSystem, is_valid, normal_form

# Months in which releases came into force (TRUD: OPCS-4 classification and ICD-10 data files, releases).
_IN_FORCE: Mapping[CodeSystem, Mapping[str, str]] = {
    OPCS4: {
        "4.3": "2006-04",
        "4.4": "2007-04",
        "4.5": "2009-04",
        "4.6": "2011-04",
        "4.7": "2014-04",
        "4.8": "2017-04",
        "4.9": "2020-04",
        "4.10": "2023-04",
        "4.11": "2026-04",
    },
    ICD10: {"4": "2012-04", "5": "2016-04"},
}
_FILLED = 4
_ICD_HEADER = ("CODE", "ALT_CODE")
_VERSION = {
    OPCS4: re.compile(r"OPCS-?4\.?(\d{1,2})", re.IGNORECASE),
    ICD10: re.compile(r"Edition_?(\d)", re.IGNORECASE),
}


class ReferenceFolderError(ValueError):
    """A folder holds no release that can be read; the message says what was looked for."""


@dataclass(frozen=True)
class Release:
    """One release of one classification: `titles` maps every code, in normal form, to its title.

    `version` and `since`, the month in which it came into force (2023-04), are empty where the file's name does not
    tell.
    """

    system: CodeSystem
    version: str
    since: str
    titles: Mapping[str, str]

    @property
    def name(self) -> str:
        """The release's name: OPCS-4.10, ICD-10 edition 5."""
        if not self.version:
            return self.system.value
        return f"OPCS-{self.version}" if self.system is OPCS4 else f"{self.system.value} edition {self.version}"

    def starting(self, prefix: str) -> list[str]:
        """Give every code that begins with a prefix, in order."""
        start = bisect_left(self._sorted, prefix)
        return list(_while_starting(self._sorted[start:], prefix))

    def is_divided(self, code: str) -> bool:
        """Say whether the release divides a code into longer ones."""
        return len(self.starting(code)) > 1

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.titles)


@dataclass(frozen=True)
class Reference:
    """The releases of a folder, the oldest of each classification first."""

    releases: tuple[Release, ...]

    @classmethod
    def read(cls, folder: str | Path) -> "Reference":
        """Read every release file in a folder, at any depth. Raises `ReferenceFolderError` when there is none."""
        path = Path(folder)
        if not path.is_dir():
            raise ReferenceFolderError(f"{folder} is not a folder.")
        found = [release for file in sorted(path.rglob("*.txt")) if (release := _read(file))]
        if not found:
            raise ReferenceFolderError(
                f"{folder} holds no release of OPCS-4 (a CodesAndTitles text) or of ICD-10 "
                "(a CodesAndTitlesAndMetadata text)."
            )
        return cls(tuple(sorted(found, key=lambda release: (release.system.value, release.since))))

    def of(self, system: CodeSystem) -> list[Release]:
        """Give the releases of one classification, the oldest first."""
        return [release for release in self.releases if release.system is system]

    def title(self, system: CodeSystem, code: str) -> str | None:
        """Give a code's title, in the newest release that has the code; None when none has it."""
        normal = _key(code)
        return next((release.titles[normal] for release in self.of(system)[::-1] if normal in release.titles), None)

    def in_force(self, system: CodeSystem, month: str) -> Release | None:
        """Give the release in force in a month (2020-11): the newest that is not later, else the oldest there is."""
        releases = self.of(system)
        return next((release for release in releases[::-1] if release.since <= month), next(iter(releases), None))

    def expand(self, codes: CodeList, month: str = "9999-12") -> list[str]:
        """Give the undivided codes of a list in the release in force in a month, by default the newest."""
        release = self.in_force(codes.system, month)
        if release is None:
            return []
        held = (code for prefix in codes.prefixes for code in release.starting(prefix))
        return [code for code in held if not release.is_divided(code)]


def _while_starting(codes: list[str], prefix: str) -> Iterator[str]:
    for code in codes:
        if not code.startswith(prefix):
            return
        yield code


def _read(file: Path) -> Release | None:
    """Read a release file; None when the file is something else."""
    rows = [line.split("\t") for line in _text(file).splitlines() if line.strip()]
    if not rows:
        return None
    if tuple(name.strip().upper() for name in rows[0][:2]) == _ICD_HEADER:
        return _release(ICD10, file, dict(_icd_titles(rows)))
    if len(rows[0]) == 2 and is_valid(OPCS4, rows[0][0]):
        return _release(OPCS4, file, {normal_form(row[0]): row[1].strip() for row in rows if len(row) > 1})
    return None


def _icd_titles(rows: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Give codes and titles; what a fourth or fifth character adds stands behind the category's own title."""
    header = [name.strip().upper() for name in rows[0]]
    places = [header.index(name) for name in ("DESCRIPTION", "MODIFIER_4", "MODIFIER_5") if name in header]
    for row in rows[1:]:
        code = _key(row[1]) if len(row) > 1 else ""
        parts = [row[place].strip() for place in places if place < len(row)]
        if is_valid(ICD10, code):
            yield code, ", ".join(filter(None, parts))


def _key(code: str) -> str:
    """Give a code's normal form without the X that fills the fourth place of an undivided category: M45X is M45."""
    normal = normal_form(code)
    return normal[:-1] if len(normal) == _FILLED and normal.endswith("X") else normal


def _release(system: CodeSystem, file: Path, titles: Mapping[str, str]) -> Release:
    found = _VERSION[system].search(file.name)
    version = "" if found is None else f"4.{found[1]}" if system is OPCS4 else found[1]
    since = _IN_FORCE[system].get(version, "")
    return Release(system, version, since, titles)


def _text(file: Path) -> str:
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
