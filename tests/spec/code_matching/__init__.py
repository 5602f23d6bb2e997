"""Codes

A code is read in capitals, without dots and blanks; a pattern of a code list is the beginning of a code. OPCS-4 and
ICD-10 never mix: Z99.3 is in both.
"""
