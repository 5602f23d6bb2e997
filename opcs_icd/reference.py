"""The user's own release files of OPCS-4 and ICD-10: which codes exist, their titles, and from when.

The files come from NHS England's TRUD under its licence; the package contains none. A folder may contain several
releases, which shows when codes began and ended. Files are tab-separated text, in UTF-8 or Windows-1252:

- OPCS-4 is a `CodesAndTitles` file: no header, a dotted code and its title.
- ICD-10 is a `CodesAndTitlesAndMetadata` file: a header of twelve columns; ALT_CODE is the code without its dot.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from opcs_icd.codelist import CodeList
from opcs_icd.codes import ICD10, OPCS4, CodeError, CodeSystem, is_valid, normal_form

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
_FILLED_LENGTH = 4
_ICD_HEADER = ("CODE", "ALT_CODE")
_ICD_TITLE_COLUMNS = ("DESCRIPTION", "MODIFIER_4", "MODIFIER_5")
_VERSION = {
    OPCS4: re.compile(r"OPCS-?4\.?(\d{1,2})", re.IGNORECASE),
    ICD10: re.compile(r"Edition_?(\d)", re.IGNORECASE),
}


class ReferenceFolderError(CodeError):
    """A folder does not exist or contains no release that can be read."""


@dataclass(frozen=True)
class Release:
    """One release of one classification.

    Attributes:
        system: The classification.
        version: The version, for example 4.10; empty if the file's name does not show it.
        since: The month in which the release came into force (YYYY-MM); empty if unknown.
        titles: The title of every code, by the code in normal form.
    """

    system: CodeSystem
    version: str
    since: str
    titles: Mapping[str, str]

    @property
    def name(self) -> str:
        """The release's name.

        Example:
            >>> Release(OPCS4, "4.10", "2023-04", {}).name, Release(ICD10, "5", "2016-04", {}).name
            ('OPCS-4.10', 'ICD-10 edition 5')
        """
        if not self.version:
            return self.system.value
        return f"OPCS-{self.version}" if self.system is OPCS4 else f"{self.system.value} edition {self.version}"

    def starting(self, prefix: str) -> list[str]:
        """Return every code of the release that begins with a prefix.

        Args:
            prefix: The prefix, in normal form.

        Returns:
            Codes in normal form, sorted.

        Example:
            >>> Release(OPCS4, "", "", {"W85": "Knee", "W851": "Knee, first", "X01": "Other"}).starting("W85")
            ['W85', 'W851']
        """
        first = bisect_left(self._sorted_codes, prefix)
        return list(_while_starting(self._sorted_codes[first:], prefix))

    def is_divided(self, code: str) -> bool:
        """Return whether the release divides a code into longer ones.

        Args:
            code: The code, in normal form.

        Example:
            >>> release = Release(OPCS4, "", "", {"W85": "Knee", "W851": "Knee, first"})
            >>> release.is_divided("W85"), release.is_divided("W851")
            (True, False)
        """
        return len(self.starting(code)) > 1

    @cached_property
    def _sorted_codes(self) -> list[str]:
        return sorted(self.titles)


@dataclass(frozen=True)
class Reference:
    """The releases found in a folder.

    Attributes:
        releases: The releases, sorted by classification and then by date, the oldest first.
    """

    releases: tuple[Release, ...]

    @classmethod
    def read(cls, folder: str | Path) -> "Reference":
        """Read every release file in a folder and its subfolders. Other files are ignored.

        Args:
            folder: The folder.

        Raises:
            ReferenceFolderError: The folder does not exist or contains no release.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> with TemporaryDirectory() as folder:
            ...     file = Path(folder) / "OPCS410 CodesAndTitles.txt"
            ...     _ = file.write_text("W85.1\\tMade-up look\\n")
            ...     reference = Reference.read(folder)
            >>> reference.releases[0].name, reference.title(OPCS4, "W851")
            ('OPCS-4.10', 'Made-up look')
        """
        path = Path(folder)
        if not path.is_dir():
            raise ReferenceFolderError(f"{folder} is not a folder.")
        releases = [release for file in sorted(path.rglob("*.txt")) if (release := _read(file))]
        if not releases:
            raise ReferenceFolderError(
                f"{folder} contains no release of OPCS-4 (a CodesAndTitles text file) or of ICD-10 "
                "(a CodesAndTitlesAndMetadata text file)."
            )
        return cls(tuple(sorted(releases, key=lambda release: (release.system.value, release.since))))

    def of(self, system: CodeSystem) -> list[Release]:
        """Return the releases of one classification, the oldest first.

        Args:
            system: The classification.

        Example:
            >>> reference = Reference((Release(ICD10, "5", "2016-04", {}), Release(OPCS4, "4.9", "2020-04", {})))
            >>> [release.name for release in reference.of(OPCS4)]
            ['OPCS-4.9']
        """
        return [release for release in self.releases if release.system is system]

    def title(self, system: CodeSystem, code: str) -> str | None:
        """Return a code's title in the newest release that contains the code.

        Args:
            system: The classification.
            code: A code in any spelling.

        Returns:
            The title, or None if no release contains the code.

        Example:
            >>> reference = Reference((Release(OPCS4, "4.10", "2023-04", {"W851": "Made-up look"}),))
            >>> reference.title(OPCS4, "w85.1")
            'Made-up look'
        """
        key = _without_filler(normal_form(code))
        return next((release.titles[key] for release in self.of(system)[::-1] if key in release.titles), None)

    def in_force(self, system: CodeSystem, month: str) -> Release | None:
        """Return the release in force in a month.

        Args:
            system: The classification.
            month: The month (YYYY-MM).

        Returns:
            The newest release that is not later than the month; if all are later, the oldest; None if there is none.

        Example:
            >>> reference = Reference((Release(OPCS4, "4.9", "2020-04", {}), Release(OPCS4, "4.10", "2023-04", {})))
            >>> reference.in_force(OPCS4, "2021-01").name, reference.in_force(OPCS4, "2019-01").name
            ('OPCS-4.9', 'OPCS-4.9')
        """
        releases = self.of(system)
        return next((release for release in releases[::-1] if release.since <= month), next(iter(releases), None))

    def expand(self, codes: CodeList, month: str = "9999-12") -> list[str]:
        """Return the undivided codes of a list in the release in force in a month.

        Args:
            codes: The code list.
            month: The month (YYYY-MM); by default the newest release is used.

        Returns:
            Codes in normal form, sorted. Empty if there is no release of the list's classification.

        Example:
            >>> titles = {"W85": "Knee", "W851": "Knee, first", "W852": "Knee, second"}
            >>> Reference((Release(OPCS4, "4.10", "2023-04", titles),)).expand(CodeList.opcs(["W85"]))
            ['W851', 'W852']
        """
        release = self.in_force(codes.system, month)
        if release is None:
            return []
        matches = (code for prefix in codes.prefixes for code in release.starting(prefix))
        return [code for code in matches if not release.is_divided(code)]


def _while_starting(codes: list[str], prefix: str) -> Iterator[str]:
    """Yield codes up to the first that does not begin with the prefix."""
    for code in codes:
        if not code.startswith(prefix):
            return
        yield code


def _read(file: Path) -> Release | None:
    """Read a release file, or return None if the file is something else."""
    rows = [line.split("\t") for line in _text(file).splitlines() if line.strip()]
    if not rows:
        return None
    if tuple(name.strip().upper() for name in rows[0][:2]) == _ICD_HEADER:
        return _release(ICD10, file, dict(_icd_titles(rows)))
    if len(rows[0]) == 2 and is_valid(OPCS4, rows[0][0]):
        return _release(OPCS4, file, {normal_form(row[0]): row[1].strip() for row in rows if len(row) > 1})
    return None


def _icd_titles(rows: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Yield codes and titles: the title of the category, then what the fourth and fifth characters add."""
    header = [name.strip().upper() for name in rows[0]]
    positions = [header.index(name) for name in _ICD_TITLE_COLUMNS if name in header]
    for row in rows[1:]:
        code = _without_filler(normal_form(row[1])) if len(row) > 1 else ""
        parts = [row[position].strip() for position in positions if position < len(row)]
        if is_valid(ICD10, code):
            yield code, ", ".join(filter(None, parts))


def _without_filler(code: str) -> str:
    """Return a code without a filler X as the fourth character of an undivided category: M45 for M45X."""
    return code[:-1] if len(code) == _FILLED_LENGTH and code.endswith("X") else code


def _release(system: CodeSystem, file: Path, titles: Mapping[str, str]) -> Release:
    """Return a release, with its version and date from the file's name."""
    match = _VERSION[system].search(file.name)
    if match is None:
        return Release(system, "", "", titles)
    version = f"4.{match[1]}" if system is OPCS4 else match[1]
    return Release(system, version, _IN_FORCE[system].get(version, ""), titles)


def _text(file: Path) -> str:
    """Return the text of a file in UTF-8 or Windows-1252."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
