"""Layouts

What a criterion says does not depend on where an extract keeps its fields and codes. Codes come as one text, in
numbered columns, or as rows of a child table.
"""
