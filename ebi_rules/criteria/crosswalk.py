"""Which SNOMED CT codes stand for the same examination as a NICIP code, read from `data/crosswalks`.

The crosswalk contains the codes that the package's rules name, and no others: a code that it lacks may exist.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from ebi_rules._support.package_data import data_folder
from ebi_rules._support.toml_file import TomlFile
from opcs_icd import ImagingCodes, ImagingSystem, PatternError

_FILE = "nicip_snomed.toml"


@dataclass(frozen=True)
class Crosswalk:
    """The SNOMED CT codes of NICIP codes.

    Attributes:
        snomed: The SNOMED CT codes of each NICIP code: the one in use first, then those it replaced.
        source: Where the pairs come from.
    """

    snomed: Mapping[str, tuple[str, ...]]
    source: str

    def codes_of(self, system: ImagingSystem) -> frozenset[str]:
        """Return every code of a kind that the crosswalk contains."""
        if system is ImagingSystem.NICIP:
            return frozenset(self.snomed)
        return frozenset(code for codes in self.snomed.values() for code in codes)

    def other_kind(self, codes: ImagingCodes) -> ImagingCodes:
        """Return the codes of the other kind that stand for any of the same examinations.

        Example:
            >>> crosswalk().other_kind(ImagingCodes.nicip(["MLUSP"]))
            ImagingCodes.snomed(['241648005'])
        """
        if codes.system is ImagingSystem.NICIP:
            return ImagingCodes.snomed(snomed for code in codes for snomed in self.snomed.get(code, ()))
        return ImagingCodes.nicip(nicip for nicip, pairs in self.snomed.items() if any(each in codes for each in pairs))

    def disagree(self, nicip: str, snomed: str) -> bool:
        """Return whether two codes of one examination are in the crosswalk and do not stand for the same.

        Example:
            >>> crosswalk().disagree("MLUSP", "241641004"), crosswalk().disagree("MLUSP", "241648005")
            (True, False)
        """
        if nicip not in self.snomed or snomed not in self.codes_of(ImagingSystem.SNOMED):
            return False
        return snomed not in self.snomed[nicip]


@cache
def crosswalk() -> Crosswalk:
    """Return the crosswalk that comes with the package.

    Example:
        >>> crosswalk().snomed["MTLSP"]
        ('700319007', '419636004')
    """
    return read_crosswalk((data_folder("crosswalks") / _FILE).read_text(encoding="utf-8"), _FILE)


def read_crosswalk(content: str, file: str) -> Crosswalk:
    """Read a crosswalk from the text of its file.

    Args:
        content: The text of the file.
        file: The file's name, for error messages.

    Raises:
        DataFileError: The file is wrong; the message names the file, the line and the entry.
    """
    source = TomlFile(content, file)
    source.require_keys((), source.table, {"source", "snomed"}, ())
    if not isinstance(source.table["snomed"], dict):
        source.fail(("snomed",), "this must be a table of NICIP codes with their SNOMED CT codes.")
    pairs = {}
    for nicip, snomed in source.table["snomed"].items():
        place = ("snomed", nicip)
        codes = source.texts(place, snomed)
        _require(source, place, ImagingSystem.NICIP, [nicip])
        _require(source, place, ImagingSystem.SNOMED, codes)
        pairs[nicip] = codes
    return Crosswalk(pairs, source.text(("source",), source.table["source"]))


def _require(source: TomlFile, place: tuple[str, ...], system: ImagingSystem, codes: Iterable[str]) -> None:
    """Check that codes are of a kind."""
    try:
        ImagingCodes(system, codes)
    except PatternError as error:
        source.fail(place, str(error))
