"""Imaging examinations

An examination has a NICIP code, a SNOMED CT code or both. `examination(list)` holds where either is in the list: a
list names codes of one kind, and the crosswalk says which codes of the other stand for the same examinations. Imaging
codes are compared whole, and never as prefixes.
"""
