"""Read and check a layout file. It says where extracts of one kind have their fields and codes.

Codes have one of three shapes: one delimited column or numbered columns (both are `Numbered`), or a second table with
one row per code (`ChildTable`). Nothing here looks at an extract.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import LayoutError, UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules._support.toml_file import TomlFile, read_text_file
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS, IMAGING_FIELD, SPELL_FIELD
from opcs_icd import normal_form

_POSITION = re.compile(r"NN|(?<![A-Za-z])[Nn]$|\{N\}")
"""What stands for the position in the name of a numbered column."""

DATASETS = {
    "outpatient": "outpatient appointments",
    "admitted": "admitted care",
    "imaging": "imaging examinations",
    "community": "community care contacts",
    "waiting_list": "entries of waiting lists",
    "emergency": "emergency attendances",
}
"""The kinds of activity that a rule or a layout is about, with their names in sentences."""

WAITING_LIST = "waiting_list"
"""The dataset whose rows are no activity: who is on a list in a week."""

MOST_POSITIONS = 99

_OPTIONAL = {
    *("title", "source", "baby_ages", "not_with", "always_with", "key_with", "may_lack", "other_names", "second"),
    *CODE_FIELDS,
}
_SHAPES = {
    "delimited": ({"column"}, {"fillers", "lone_fillers"}),
    "numbered": ({"columns", "positions"}, {"first", "fillers", "lone_fillers", "too_short"}),
    "child": ({"table", "key", "code"}, {"position", "fillers"}),
}


@dataclass(frozen=True)
class Numbered:
    """Codes in one or more columns of the extract.

    Attributes:
        templates: Column names with NN for the position, the preferred name first; without NN, one delimited column.
        positions: How many positions there are.
        first: Other names of the first column.
        fillers: Texts that stand for no code, beside those of the classification (`CodeSystem.not_codes`).
        lone_fillers: Codes that stand for no code where an activity has no other.
        too_short: Names of columns, with NN, whose codes have only three characters.
    """

    templates: tuple[str, ...]
    positions: int = 1
    first: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    lone_fillers: tuple[str, ...] = ()
    too_short: tuple[str, ...] = ()

    def names(self, template: str) -> tuple[str, ...]:
        """Return the column names of a template: OPERTN_4_01, OPERTN_4_02, ..."""
        if not is_numbered(template):
            return (template,)
        return tuple(numbered_names(template, place)[0] for place in range(1, self.positions + 1))


def is_numbered(template: str) -> bool:
    """Return whether the name of a column has NN, or N at its end after a mark, in place of a position.

    Example:
        >>> is_numbered("opertn_NN"), is_numbered("op_N"), is_numbered("Region")
        (True, True, False)
    """
    return bool(_POSITION.search(template))


def numbered_names(template: str, place: int) -> tuple[str, str]:
    """Return the names of a position's column, with and without a leading zero.

    Example:
        >>> numbered_names("opertn_NN", 3)
        ('opertn_03', 'opertn_3')
    """
    return _POSITION.sub(f"{place:02d}", template, count=1), _POSITION.sub(str(place), template, count=1)


@dataclass(frozen=True)
class ChildTable:
    """Codes in a second table with one row per code.

    Attributes:
        table: The name of the table.
        key: Its column with the activity's key.
        code: Its column with the code.
        position: Its column with the position of the code in the activity; None when codes have no order.
        fillers: Texts that stand for no code, beside those of the classification (`CodeSystem.not_codes`).
    """

    table: str
    key: str
    code: str
    position: str | None = None
    fillers: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecondTable:
    """A table whose rows each belong to a row of the first: the contacts that a referral led to.

    Attributes:
        called: What its rows are called.
        table: The name of the table.
        key: The names that the column which both tables have may have.
        fields: The columns of the fields that it has.
    """

    called: str
    table: str
    key: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Layout:
    """Where extracts of one kind have the fields and codes of an activity.

    Attributes:
        name: The name that users choose it by.
        title: The name of the extract in English.
        dataset: A key of `DATASETS`.
        source: Where the column names come from.
        fields: The columns of each canonical field, those of the second table too; the first that is not null counts.
        codes: The shape of each code field.
        baby_ages: Ages under 1 year are written 7001 to 7007, as in HES.
        not_with: Columns that extracts of this kind never have.
        always_with: Columns that extracts of this kind always have.
        may_lack: Coded fields that extracts of this kind may not have: criteria then find them missing in every row.
        other_names: Other names that a column may have, by its name in `fields`.
        key_with: Fields without which the key is not unique: an accession number is unique at its site only.
        second: The second table, with the rows of which those of the first are joined; None if there is none. Rows of
            the first that have none in the second stay.
    """

    name: str
    title: str
    dataset: str
    source: str
    fields: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, Numbered | ChildTable]
    baby_ages: bool = False
    not_with: tuple[str, ...] = ()
    always_with: tuple[str, ...] = ()
    key_with: tuple[str, ...] = ()
    may_lack: tuple[str, ...] = ()
    other_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    second: SecondTable | None = None

    @property
    def is_coded(self) -> bool:
        """Whether activities have codes."""
        return bool(self.codes) or any(name in self.fields for name in IMAGING_FIELD.values())

    @property
    def is_child(self) -> bool:
        """Whether any codes are in a second table."""
        return any(isinstance(shape, ChildTable) for shape in self.codes.values())


@cache
def builtin_layouts() -> Mapping[str, Layout]:
    """Return the layouts that come with the package, by name."""
    files = toml_files(data_folder("layouts"))
    layouts = (read_layout(file.read_text(encoding="utf-8"), file.name) for file in files)
    return {layout.name: layout for layout in layouts}


def find_layout(name: str | Path | Layout) -> Layout:
    """Return a built-in layout by its name, or read a user's own from a TOML file.

    Args:
        name: A name, the path of a .toml file, or a layout, which is returned as it is.

    Raises:
        UsageError: There is no layout of that name.
        LayoutError: The file is wrong.

    Example:
        >>> find_layout("hes-op").dataset
        'outpatient'
    """
    if isinstance(name, Layout):
        return name
    text = str(name)
    if text in builtin_layouts():
        return builtin_layouts()[text]
    if not text.endswith(".toml"):
        raise UsageError(unknown("layout", text, builtin_layouts()) + " For a layout of your own, name its .toml file.")
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
    if table["dataset"] not in DATASETS:
        source.fail(("dataset",), unknown("dataset", str(table["dataset"]), DATASETS))
    return Layout(
        name=source.text(("name",), table["name"]),
        title=source.text(("title",), table.get("title", table["name"])),
        dataset=table["dataset"],
        source=table.get("source", ""),
        fields={**_fields(source), **_fields_of_second(source)},
        codes={name: _shape(source, name, table[name]) for name in CODE_FIELDS if name in table},
        baby_ages=source.flag(("baby_ages",), table.get("baby_ages", False)),
        not_with=source.texts(("not_with",), table["not_with"]) if "not_with" in table else (),
        always_with=source.texts(("always_with",), table["always_with"]) if "always_with" in table else (),
        other_names=_other_names(source),
        key_with=_fields_named(source, "key_with", [*source.table["fields"], *_fields_of_second(source)]),
        may_lack=_fields_named(source, "may_lack", [name for name, field in FIELDS.items() if field.kind is Kind.CODE]),
        second=_second(source),
    )


def _fields(source: TomlFile) -> dict[str, tuple[str, ...]]:
    fields = _columns_of_fields(source, ("fields",), source.table["fields"])
    if "id" not in fields:
        source.fail(("fields",), "the field id is missing: every activity requires a key.")
    return fields


def _columns_of_fields(
    source: TomlFile, place: tuple[str, ...], table: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
    fields = {}
    for name, columns in table.items():
        if name not in FIELDS:
            source.fail((*place, name), unknown("field", name, FIELDS))
        fields[name] = source.texts((*place, name), columns)
    return fields


def _second(source: TomlFile) -> SecondTable | None:
    table = source.table.get("second")
    if table is None:
        return None
    needed = {"called", "table", "key", "fields"}
    source.require_keys(("second",), table, needed, set())
    called, name = (source.text(("second", entry), table[entry]) for entry in ("called", "table"))
    fields = _columns_of_fields(source, ("second", "fields"), table["fields"])
    for repeated in fields.keys() & source.table["fields"].keys():
        source.fail(("second", "fields", repeated), "the first table has this field: name it once.")
    return SecondTable(called, name, source.texts(("second", "key"), table["key"]), fields)


def _fields_of_second(source: TomlFile) -> Mapping[str, tuple[str, ...]]:
    second = _second(source)
    return second.fields if second else {}


def _other_names(source: TomlFile) -> dict[str, tuple[str, ...]]:
    table = source.table.get("other_names", {})
    if not isinstance(table, dict):
        source.fail(("other_names",), "this must be a table of columns, each with its other names.")
    fields = [*_fields(source).values(), *_fields_of_second(source).values()]
    columns = [name for names in fields for name in names]
    for name in table:
        if name not in columns:
            source.fail(("other_names", name), unknown("column", name, columns))
    return {name: source.texts(("other_names", name), names) for name, names in table.items()}


def _fields_named(source: TomlFile, entry: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the fields that an entry names."""
    names = source.texts((entry,), source.table[entry]) if entry in source.table else ()
    for name in names:
        if name not in known:
            source.fail((entry,), unknown("field", name, known))
    return names


def _shape(source: TomlFile, name: str, table: Mapping[str, Any]) -> Numbered | ChildTable:
    shape = table.get("shape")
    if name in SPELL_FIELD.values() and shape != "delimited":
        source.fail((name, "shape"), "the shape must be 'delimited': this is one code in one column.")
    if shape not in _SHAPES:
        source.fail((name, "shape"), f"the shape must be one of {', '.join(map(repr, _SHAPES))}.")
    required, optional = _SHAPES[shape]
    source.require_keys((name,), table, {"shape"} | required, optional)
    fillers, lone_fillers = (_fillers(source, name, key) for key in ("fillers", "lone_fillers"))
    if shape == "child":
        names = ("table", "key", "code", "position")
        columns = {key: source.text((name, key), table[key]) for key in names if key in table}
        return ChildTable(**columns, fillers=fillers)
    if shape == "delimited":
        columns_of_codes = source.texts((name, "column"), table["column"])
        return Numbered(columns_of_codes, fillers=fillers, lone_fillers=lone_fillers)
    positions = source.whole_number((name, "positions"), table["positions"], 1, 99)
    first = source.texts((name, "first"), table["first"]) if "first" in table else ()
    templates = source.texts((name, "columns"), table["columns"])
    too_short = source.texts((name, "too_short"), table["too_short"]) if "too_short" in table else ()
    return Numbered(templates, positions, first, fillers, lone_fillers, too_short)


def _fillers(source: TomlFile, name: str, key: str) -> tuple[str, ...]:
    """Return texts that stand for no code, in normal form."""
    if key not in source.table[name]:
        return ()
    return tuple(normal_form(filler) for filler in source.texts((name, key), source.table[name][key]))
