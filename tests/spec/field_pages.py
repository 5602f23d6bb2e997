"""Write docs/reference/fields.md from the fields' definitions: `python -m tests.spec.field_pages docs`."""

import sys
from pathlib import Path

from ebi_rules.criteria.fields import FIELDS, GROUPABLE
from ebi_rules.criteria.nodes import CODE_FIELDS

PAGE = "reference/fields.md"
_HEAD = """# Fields

What a column can mean, in rule files, layouts and options. Which column of an extract has a field is for its layout to
say ([layouts](../layouts.md)). This page is written by `make docs`.

## Codes

| field | classification |
|---|---|
"""
_OTHERS = """
## Other fields

*By* says whether `--by` can name it. Codes that are shorter than their length are filled with leading zeros. Meanings
follow the NHS Data Dictionary.

| field | what it is | kind | by | meanings |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    codes = "".join(f"| `{name}` | {system.value} |\n" for name, system in CODE_FIELDS.items())
    rows = []
    for name, field in FIELDS.items():
        kind = f"{field.kind.value}{f' of {field.width}' if field.width else ''}"
        meanings = {**field.meanings, **{f"{code}...": text for code, text in field.beginnings.items()}}
        words = "; ".join(f"{code} {text}" for code, text in meanings.items()).replace("|", "&#124;")
        by = "yes" if name in GROUPABLE else ""
        rows.append(f"| `{name}` | {field.label} | {kind} | {by} | {words} |\n")
    return _HEAD + codes + _OTHERS + "".join(rows)


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(page(), encoding="utf-8")
