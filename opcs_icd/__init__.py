"""OPCS-4 and ICD-10 codes and code lists, as hospital data and coding scripts write them.

`CodeList` reads the patterns that coding scripts publish and finds the codes that match them. The package knows nothing
of rules, extracts or data frames, and contains no classification.
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
    "PatternError",
    "PrefixSet",
    "is_valid",
    "normal_form",
    "single_code",
    "split_codes",
]
