"""The layout file: read, checked, and nothing assumed about any extract yet.

Codes come in one of three shapes: one delimited column, numbered columns (both are `Numbered`: some columns
of the extract, in order), or a child table (`ChildTable`).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import LayoutError, UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELDS, SPELL_FIELD

_TOP_LEVEL = {"name", "title", "dataset", "source", "baby_ages", "not_with", "fields", *CODE_FIELDS}
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
    try:
        content = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LayoutError(f"the layout file {text} cannot be read: {_reason(error)}.") from None
    return read_layout(content, text)


def read_layout(content: str, file: str) -> Layout:
    """Read a layout file's text; raises `LayoutError` that names the file and the place."""
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise LayoutError(f"{file}: {error}.") from None
    _only(file, "the file", table, _TOP_LEVEL, required={"name", "dataset", "fields"})
    if table["dataset"] not in ("outpatient", "admitted"):
        raise LayoutError(f"{file}: the dataset is outpatient or admitted.")
    fields = {}
    for name, columns in table["fields"].items():
        if name not in FIELDS:
            raise LayoutError(f"{file}: [fields]: {unknown('field', name, FIELDS)}")
        fields[name] = _texts(file, f"[fields] {name}", columns)
    if "id" not in fields:
        raise LayoutError(f"{file}: [fields] names no id: every activity needs its key.")
    return Layout(
        name=table["name"],
        title=table.get("title", table["name"]),
        dataset=table["dataset"],
        source=table.get("source", ""),
        fields=fields,
        codes={name: _shape(file, name, table[name]) for name in CODE_FIELDS if name in table},
        baby_ages=table.get("baby_ages", False) is True,
        not_with=_texts(file, "not_with", table["not_with"]) if "not_with" in table else (),
    )


def _shape(file: str, name: str, table: Mapping[str, Any]) -> Numbered | ChildTable:
    shape = table.get("shape")
    if name in SPELL_FIELD.values() and shape != "delimited":
        raise LayoutError(f"{file}: [{name}] is one code in one column: shape = 'delimited'.")
    if shape not in _SHAPES:
        raise LayoutError(f"{file}: [{name}] needs shape = one of {', '.join(map(repr, _SHAPES))}.")
    required, optional = _SHAPES[shape]
    _only(file, f"[{name}]", table, {"shape"} | required | optional, required)
    if shape == "child":
        return ChildTable(**{key: str(value) for key, value in table.items() if key != "shape"})
    if shape == "delimited":
        return Numbered(_texts(file, f"[{name}] column", table["column"]))
    positions = table["positions"]
    if not isinstance(positions, int) or not 1 <= positions <= 99:
        raise LayoutError(f"{file}: [{name}] positions is a whole number from 1 to 99.")
    first = _texts(file, f"[{name}] first", table["first"]) if "first" in table else ()
    return Numbered(_texts(file, f"[{name}] columns", table["columns"]), positions, first)


def _only(file: str, place: str, table: Mapping[str, Any], known: set[str], required: set[str]) -> None:
    for key in table:
        if key not in known:
            raise LayoutError(f"{file}: {place}: {unknown('entry', key, sorted(known))}")
    for key in sorted(required - set(table)):
        raise LayoutError(f"{file}: {place} lacks {key}.")


def _texts(file: str, place: str, value: object) -> tuple[str, ...]:
    texts: Sequence[object] = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise LayoutError(f"{file}: {place} is a column name or a list of them.")
    return tuple(str(text) for text in texts)


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"
