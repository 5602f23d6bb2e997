"""The layout file: read, checked, and nothing assumed about any extract yet.

Codes come in one of three shapes: one delimited column, numbered columns (both are `Numbered`: some columns
of the extract, in order), or a child table (`ChildTable`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import LayoutError, UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules._support.toml_file import TomlFile, read_text_file
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELDS, SPELL_FIELD

_OPTIONAL = {"title", "source", "baby_ages", "not_with", *CODE_FIELDS}
_SHAPES = {
    "delimited": ({"column"}, set[str]()),
    "numbered": ({"columns", "positions"}, {"first"}),
    "child": ({"table", "key", "code"}, {"position"}),
}


@dataclass(frozen=True)
class Numbered:
    """Codes in columns of the extract.

    `templates` are column names in which NN stands for the position, the preferred naming first;
    `first` are other names that the first column may have. One delimited column is a template without NN.
    """

    templates: tuple[str, ...]
    positions: int = 1
    first: tuple[str, ...] = ()

    def names(self, template: str) -> tuple[str, ...]:
        """Give the column names of a template: OPERTN_4_01, OPERTN_4_02, ..."""
        if "NN" not in template:
            return (template,)
        return tuple(template.replace("NN", f"{place:02d}") for place in range(1, self.positions + 1))


@dataclass(frozen=True)
class ChildTable:
    """Codes in a second table, a row a code; `position` orders the codes of an activity, None: no order."""

    table: str
    key: str
    code: str
    position: str | None = None


@dataclass(frozen=True)
class Layout:
    """Where extracts of one kind keep an activity's fields and codes.

    `fields` maps canonical names to columns, the first not null of which wins; `codes` gives the shape of
    each field of codes. `baby_ages`: ages under one year are written 7001 to 7007, as HES does. An extract with a
    column of `not_with` is not of this kind, whatever else it has.
    """

    name: str
    title: str
    dataset: str
    source: str
    fields: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, Numbered | ChildTable]
    baby_ages: bool = False
    not_with: tuple[str, ...] = ()

    @property
    def is_child(self) -> bool:
        """Whether any codes come in a second table."""
        return any(isinstance(shape, ChildTable) for shape in self.codes.values())


@cache
def builtin_layouts() -> Mapping[str, Layout]:
    """Give the layouts that come with the package, by name."""
    files = toml_files(data_folder("layouts"))
    layouts = (read_layout(file.read_text(encoding="utf-8"), file.name) for file in files)
    return {layout.name: layout for layout in layouts}


def find_layout(name: str | Path | Layout) -> Layout:
    """Give a built-in layout by its name, or read a user's from a TOML file.

    Raises `UsageError` for an unknown name and `LayoutError` for a file that is wrong.
    """
    if isinstance(name, Layout):
        return name
    text = str(name)
    if text in builtin_layouts():
        return builtin_layouts()[text]
    if not text.endswith(".toml"):
        raise UsageError(unknown("layout", text, builtin_layouts()) + " A layout of your own is a .toml file.")
    return read_layout(read_text_file(text, "the layout file", LayoutError), text)


def read_layout(content: str, file: str) -> Layout:
    """Read a layout from the text of its file.

    Args:
        content: The text of the file.
        file: The file's name, for error messages.

    Raises:
        LayoutError: The file is wrong; the message names the file, the line and the entry.
    """
    source = TomlFile(content, file, LayoutError)
    table = source.table
    source.require_keys((), table, {"name", "dataset", "fields"}, _OPTIONAL)
    if table["dataset"] not in ("outpatient", "admitted"):
        source.fail(("dataset",), "the dataset must be outpatient or admitted.")
    return Layout(
        name=source.text(("name",), table["name"]),
        title=source.text(("title",), table.get("title", table["name"])),
        dataset=table["dataset"],
        source=table.get("source", ""),
        fields=_fields(source),
        codes={name: _shape(source, name, table[name]) for name in CODE_FIELDS if name in table},
        baby_ages=source.flag(("baby_ages",), table.get("baby_ages", False)),
        not_with=source.texts(("not_with",), table["not_with"]) if "not_with" in table else (),
    )


def _fields(source: TomlFile) -> dict[str, tuple[str, ...]]:
    fields = {}
    for name, columns in source.table["fields"].items():
        if name not in FIELDS:
            source.fail(("fields", name), unknown("field", name, FIELDS))
        fields[name] = source.texts(("fields", name), columns)
    if "id" not in fields:
        source.fail(("fields",), "the field id is missing: every activity needs its key.")
    return fields


def _shape(source: TomlFile, name: str, table: Mapping[str, Any]) -> Numbered | ChildTable:
    shape = table.get("shape")
    if name in SPELL_FIELD.values() and shape != "delimited":
        source.fail((name, "shape"), "this is one code in one column: shape = 'delimited'.")
    if shape not in _SHAPES:
        source.fail((name, "shape"), f"the shape must be one of {', '.join(map(repr, _SHAPES))}.")
    required, optional = _SHAPES[shape]
    source.require_keys((name,), table, {"shape"} | required, optional)
    if shape == "child":
        return ChildTable(**{key: source.text((name, key), value) for key, value in table.items() if key != "shape"})
    if shape == "delimited":
        return Numbered(source.texts((name, "column"), table["column"]))
    positions = source.whole_number((name, "positions"), table["positions"], 1, 99)
    first = source.texts((name, "first"), table["first"]) if "first" in table else ()
    return Numbered(source.texts((name, "columns"), table["columns"]), positions, first)
