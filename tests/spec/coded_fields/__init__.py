"""Coded fields

Codes compare in capitals and without blanks, as the NHS Data Dictionary writes them: where it fixes a width, a shorter
code is filled with zeros, so `2` is `02`. SQL asks for both spellings.
"""
