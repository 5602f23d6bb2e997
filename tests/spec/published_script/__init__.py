"""The published script, and where we differ from it

The variant `as_published` gives the script's rows as SQL Server gives them, wherever codes are well formed
(`tests/engines/test_as_published.py`). On data like these it knowingly does not.
"""
