"""Codes and code lists as hospital data and coding scripts write them: OPCS-4, ICD-10, NICIP and SNOMED CT.

`CodeList` reads the patterns that coding scripts publish and finds the codes that match them; `ImagingCodes` is a list
of imaging codes, compared whole. The package knows nothing of rules, extracts or data frames, and contains no
classification.
"""

from opcs_icd.codelist import CodeList, CodeSystemError, PrefixSet
from opcs_icd.codes import (
    ICD10,
    MISSING_TEXTS,
    NOT_CODABLE,
    OPCS4,
    SEPARATORS,
    WHITE_SPACE,
    CodeError,
    CodeSystem,
    is_valid,
    normal_form,
    single_code,
    split_codes,
)
from opcs_icd.imaging import ImagingSystem
from opcs_icd.imaging_lists import ImagingCodes
from opcs_icd.patterns import PatternError

__all__ = [
    "ICD10",
    "MISSING_TEXTS",
    "NOT_CODABLE",
    "OPCS4",
    "SEPARATORS",
    "WHITE_SPACE",
    "CodeError",
    "CodeList",
    "CodeSystem",
    "CodeSystemError",
    "ImagingCodes",
    "ImagingSystem",
    "PatternError",
    "PrefixSet",
    "is_valid",
    "normal_form",
    "single_code",
    "split_codes",
]
