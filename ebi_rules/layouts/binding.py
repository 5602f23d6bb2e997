"""Match a layout to the columns of an extract: detect the layout, apply overrides and report what is missing.

Column names match without regard to case and surrounding blanks. An override must name a column that exists. This
module reads no data.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from ebi_rules._support.errors import ExtractError, InvalidInputError, UsageError, nearest, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.labels import Recoding
from ebi_rules.criteria.nodes import (
    CODE_FIELDS,
    IMAGING_FIELD,
    Criterion,
    FollowedBy,
    HasCode,
    Position,
    atoms,
    fields_needed,
)
from ebi_rules.layouts.column_names import Columns
from ebi_rules.layouts.layout import (
    ChildTable,
    Layout,
    Numbered,
    builtin_layouts,
    is_numbered,
    numbered_names,
)
from opcs_icd import WHITE_SPACE, single_code, split_codes

DERIVED_AGE = "__ebi_age"
"""The column of ages that an engine adds where they are worked out from the date of birth."""

BIRTH_AND_ACTIVITY = ("birth_date", "activity_date")
"""The fields from which age is worked out where the extract has no column for it."""


@dataclass(frozen=True)
class JoinedTable:
    """The second table of a layout, matched to its columns.

    Attributes:
        called: What its rows are called.
        table: The layout's name of the table.
        key: The column of the first table by which rows are joined.
        other_key: That of the second table.
        columns: Its columns that fields have, each with the name that it has once the tables are joined.
    """

    called: str
    table: str
    key: str
    other_key: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Binding:
    """A layout matched to the columns of one extract.

    Attributes:
        layout: The layout.
        fields: The fields that the extract has, each with its columns; the first that is not null counts. Age has none
            where it is worked out from the date of birth. A coded field has none where the layout allows it to be
            absent, or where there is only the other kind of imaging code: it is then missing in every row.
        codes: The code fields that the extract has, each with its columns in code order or with its child table.
        available: All columns of the extract; None when there is no extract, as for the SQL of a warehouse.
        recodings: The fields that are derived from the codes of another field, and so have that field's columns.
        joined: The second table, if the layout has one and the extract does not contain it already.
    """

    layout: Layout
    fields: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, tuple[str, ...] | ChildTable]
    available: tuple[str, ...] | None
    recodings: Mapping[str, Recoding] = field(default_factory=dict)
    joined: JoinedTable | None = None

    @property
    def key(self) -> str:
        """The column that identifies an activity."""
        return self.fields["id"][0]

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that together identify an activity: the key, and what it is not unique without."""
        others = (self.fields[name][0] for name in self.layout.key_with if self.fields.get(name))
        return tuple(dict.fromkeys([self.key, *others]))

    @property
    def derives_age(self) -> bool:
        """Whether age is worked out from the date of birth, in completed years at the date of the activity."""
        return self.fields.get("age") == ()

    def absent(self, names: Iterable[str]) -> list[str]:
        """Return which of some coded fields the extract does not have, so that they are missing in every row."""
        asked = set(names)
        return [name for name, columns in self.fields.items() if name in asked and columns == () and name != "age"]

    def named_columns(self, name: str) -> str:
        """Return the columns of a field for a message: those of the dates where age is worked out from them."""
        is_derived = name == "age" and self.fields[name] in ((), (DERIVED_AGE,))
        names = BIRTH_AND_ACTIVITY if is_derived else (name,)
        return " and ".join(column for each in names for column in self.fields[each])

    def child(self, code_field: str) -> ChildTable | None:
        """Return the child table of a code field, None when its codes are in the extract itself."""
        shape = self.codes.get(code_field)
        return shape if isinstance(shape, ChildTable) else None

    def code_columns(self, code_field: str) -> tuple[str, ...]:
        """Return the extract's columns of a code field in code order, empty when its codes are in a child table."""
        shape = self.codes.get(code_field, ())
        return () if isinstance(shape, ChildTable) else shape

    def not_codes(self, code_field: str) -> tuple[str, ...]:
        """Return the texts, in normal form, that stand for no code: the classification's and the layout's."""
        shape = self.layout.codes.get(code_field)
        return (*CODE_FIELDS[code_field].not_codes, *(shape.fillers if shape else ()))

    def lone_fillers(self, code_field: str) -> tuple[str, ...]:
        """Return the codes that stand for no code where an activity has no other in the field."""
        shape = self.layout.codes.get(code_field)
        return shape.lone_fillers if isinstance(shape, Numbered) else ()

    def lacking(self, criterion: Criterion) -> Iterator[str]:
        """Return what the criterion requires and the extract lacks: canonical fields, or "the order of procedures"."""
        for name in fields_needed(criterion):
            present = self.codes.get(name) if name in CODE_FIELDS else name in self.fields
            if name in self.recodings or not present:
                yield name
        for atom in atoms(criterion):
            if isinstance(atom, FollowedBy) or (isinstance(atom, HasCode) and atom.position is not Position.ANY):
                child = self.child(atom.code_field)
                if child and not child.position:
                    yield f"the order of {atom.code_field}"

    def why_lacking(self, name: str) -> str:
        """Return sentences on where the layout looks for a missing field and how to name its column."""
        if name not in CODE_FIELDS and name not in FIELDS:
            return f"The layout {self.layout.name} does not have it."
        names = self._names_in_layout(name)
        if not names:
            return f"The layout {self.layout.name} has no column for it. Use --column {name}=COLUMN."
        text = f"The layout {self.layout.name} looks for {' or '.join(names)}"
        if is_numbered(names[0]):
            return f"{text}. {self._numbered_advice(name)}"
        close = nearest(names[0], self.available or (), count=1)
        if not close:
            return f"{text}; no column here has a similar name. Use --column {name}=COLUMN."
        column = close[0].strip(WHITE_SPACE)
        return f"{text}; the nearest column here is {column}. Use --column {name}={column}."

    def _numbered_advice(self, name: str) -> str:
        """Return how to name numbered columns: those here, if only one series is not in use yet."""
        available = [column.strip(WHITE_SPACE) for column in self.available or ()]
        in_use = {column for field in self.codes for column in self.code_columns(field)}
        series = [
            re.sub("0?1$", "NN", column)
            for column in available
            if column.endswith("1") and f"{column[:-1]}2" in available and column not in in_use
        ]
        if len(series) == 1:
            return (
                f"The numbered columns here are {series[0]}. Use --column {name}={series[0]}, with NN for the position."
            )
        return f"Use --column {name}=NAME_NN, with NN for the position, or with the name of one column of all codes."

    def _names_in_layout(self, name: str) -> Sequence[str]:
        if name not in CODE_FIELDS:
            return self.layout.fields.get(name, ())
        shape = self.layout.codes.get(name)
        return shape.templates if isinstance(shape, Numbered) else [shape.table] if shape else ()

    def only(self, names: Iterable[str]) -> "Binding":
        """Return the binding with only these fields; all codes remain."""
        return replace(self, fields={name: self.fields[name] for name in names if name in self.fields})

    def recoded(self, recodings: Iterable[Recoding]) -> "Binding":
        """Return the binding with the fields that recodings derive, where the extract has only the field of codes."""
        derived = {
            recoding.name: recoding
            for recoding in recodings
            if recoding.name not in self.fields and all(self.fields.get(name) for name in recoding.fields)
        }
        columns = {name: self.fields[recoding.field] for name, recoding in derived.items()}
        return replace(self, fields={**self.fields, **columns}, recodings={**self.recodings, **derived})

    def activity(self, row: Mapping[str, object], child_cells: Mapping[str, Sequence[str | None]]) -> Activity:
        """Return one row of the extract as an activity.

        Args:
            row: The values of the row by column.
            child_cells: The codes in the row's child tables, by code field and in code order.

        Raises:
            InvalidInputError: A number is not whole.
        """
        values: dict[str, object] = {
            name: next((row[column] for column in columns if row[column] is not None), None)
            for name, columns in self.fields.items()
            if FIELDS[name].kind is not Kind.LABEL
        }
        if self.derives_age:
            values["age"] = completed_years(*(values[name] for name in BIRTH_AND_ACTIVITY))
        for name, system in CODE_FIELDS.items():
            if self.child(name):
                codes = [single_code(cell) for cell in child_cells.get(name, ())]
            else:
                cells = [row[column] for column in self.code_columns(name)]
                codes = [code for cell in cells for code in split_codes(None if cell is None else str(cell), system)]
            codes = [code for code in codes if code not in self.not_codes(name)]
            is_filler = len(codes) == 1 and codes[0] in self.lone_fillers(name)
            values[name] = [] if is_filler else codes
        return Activity.of(values)


def completed_years(birth: object, day: object) -> int | None:
    """Return the age on a day in completed years; None where a date is missing.

    Raises:
        InvalidInputError: A value is not a date.

    Example:
        >>> from datetime import date
        >>> completed_years(date(1980, 3, 2), date(2025, 3, 1)), completed_years(None, date(2025, 3, 1))
        (44, None)
    """
    if birth is None or day is None:
        return None
    if not isinstance(birth, date) or not isinstance(day, date):
        raise InvalidInputError("age can be worked out from dates only.")
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def needs_second(layout: Layout, available: Iterable[str] | None) -> bool:
    """Return whether a layout has a second table, and an extract has none of its fields yet.

    Args:
        layout: The layout.
        available: The columns of the extract; None when there is no extract.
    """
    if layout.second is None or available is None:
        return layout.second is not None
    columns = Columns(tuple(available), layout.other_names)
    return not any(columns.present(names) for names in layout.second.fields.values())


def bind(
    layout: Layout,
    available: Iterable[str] | None = None,
    overrides: Mapping[str, str] | None = None,
    of_second: Iterable[str] | None = None,
) -> Binding:
    """Match a layout to the columns of an extract.

    Args:
        layout: The layout.
        available: The columns of the extract; None when there is no extract, and then every column is taken to exist.
        overrides: Columns by canonical field, instead of the layout's.
        of_second: The columns of the second table, if `needs_second`.

    Raises:
        UsageError: An override has an unknown field or column.
        ExtractError: The activity's key is missing, or two columns differ only in case.

    Example:
        >>> from ebi_rules.layouts.layout import find_layout
        >>> bind(find_layout("ncdr-opa"), ["OPA_IDENT", "Sex", "ProvCode"], {"provider": "provcode"}).fields
        {'id': ('OPA_IDENT',), 'sex': ('Sex',), 'provider': ('ProvCode',)}
    """
    overrides = dict(overrides or {})
    for name in overrides:
        if name not in FIELDS and name not in CODE_FIELDS:
            raise UsageError("--column: " + unknown("field", name, [*FIELDS, *CODE_FIELDS]))
    columns = Columns(None if available is None else tuple(available), layout.other_names)
    joined, fields_of_second = _second(layout, columns, overrides, of_second)
    fields: dict[str, tuple[str, ...]] = {}
    for name in FIELDS:
        if name in fields_of_second:
            fields[name] = fields_of_second[name]
        elif name in overrides:
            fields[name] = (columns.named(name, overrides[name]),)
        elif matches := columns.present(layout.fields.get(name, ())):
            fields[name] = matches
    if set(BIRTH_AND_ACTIVITY) <= set(fields):
        fields.setdefault("age", ())
    if any(name in fields for name in IMAGING_FIELD.values()):
        for name in IMAGING_FIELD.values():
            fields.setdefault(name, ())
    for name in layout.may_lack:
        fields.setdefault(name, ())
    codes: dict[str, tuple[str, ...] | ChildTable] = {}
    for name in CODE_FIELDS:
        shape = layout.codes.get(name)
        if name in overrides:
            positions = shape.positions if isinstance(shape, Numbered) else 1
            codes[name] = columns.overriding(name, Numbered((overrides[name],), positions))
        elif isinstance(shape, ChildTable):
            codes[name] = shape
        elif shape and (matches := columns.numbered(shape)):
            codes[name] = matches
    binding = Binding(layout, fields, codes, columns.available, joined=joined)
    if "id" not in fields:
        raise ExtractError(f"this extract has no column for id, the activity's key. {binding.why_lacking('id')}")
    return binding


def _second(
    layout: Layout, columns: Columns, overrides: Mapping[str, str], of_second: Iterable[str] | None
) -> tuple[JoinedTable | None, dict[str, tuple[str, ...]]]:
    """Return the second table of a layout if it is to be joined, and the columns of its fields after that."""
    second = layout.second
    if second is None or not needs_second(layout, columns.available):
        return None, {}
    others = Columns(None if of_second is None else tuple(of_second), layout.other_names)
    if others.available is None and columns.available is not None:
        raise ExtractError(f"the layout {layout.name} has {second.called} in a second table ({second.table}): name it.")
    names = [next(iter(found), None) for found in (columns.present(second.key), others.present(second.key))]
    key, other_key = names
    if not key or not other_key:
        raise ExtractError(
            f"the table {'of ' + second.called if key else 'itself'} has no column {second.key[0]}, by which the two "
            "tables are joined."
        )
    fields: dict[str, tuple[str, ...]] = {}
    joined: dict[str, str] = {}
    for name, of_layout in second.fields.items():
        found = (others.named(name, overrides[name]),) if name in overrides else others.present(of_layout)
        for column in found:
            joined[column] = f"{second.called}_{column}" if columns.available and columns.find(column) else column
        if found:
            fields[name] = tuple(joined[column] for column in found)
    missing = next((name for name in second.fields if name not in fields), None)
    if missing:
        wanted = second.fields[missing][0]
        raise ExtractError(
            f"the table of {second.called} has no column {wanted}. Use --column {missing}=COLUMN for another name."
        )
    return JoinedTable(second.called, second.table, key, other_key, joined), fields


def detect(available: Iterable[str], overrides: Mapping[str, str] | None = None) -> Layout:
    """Return the built-in layout that fits the columns of an extract best.

    A layout fits when the extract has a column for the key, a column for codes (unless they are all in child tables,
    or such extracts have none), every column that the layout demands, and none that it rules out.

    Args:
        available: The columns of the extract.
        overrides: Columns by canonical field, instead of a layout's.

    Raises:
        ExtractError: No layout fits, or two fit equally well.
    """
    available = tuple(available)
    scores: dict[str, int] = {}
    for layout in builtin_layouts().values():
        columns = Columns(available, layout.other_names)
        if columns.present(layout.not_with) or len(columns.present(layout.always_with)) < len(layout.always_with):
            continue
        fields = [name for name, names in layout.fields.items() if columns.present(names)]
        shapes = [shape for shape in layout.codes.values() if isinstance(shape, Numbered)]
        present_shapes = [shape for shape in shapes if columns.has_numbered(shape)]
        has_key = "id" in fields or "id" in (overrides or {})
        coded = {*CODE_FIELDS, *IMAGING_FIELD.values()} & {*fields, *(overrides or {})}
        if has_key and (present_shapes or coded or not layout.is_coded or (layout.is_child and not shapes)):
            scores[layout.name] = len(fields) + len(present_shapes)
    best = [name for name, score in scores.items() if score == max(scores.values())]
    if not best:
        _refuse_short_codes(Columns(available))
        raise ExtractError(
            "no built-in layout fits this extract's columns "
            f"({', '.join(available[:6])}{', ...' if len(available) > 6 else ''}). "
            f"Choose one with --layout ({', '.join(builtin_layouts())}) and name the columns that differ with "
            "--column FIELD=COLUMN, or write a layout file (docs/layouts.md)."
        )
    if len(best) > 1:
        raise ExtractError(f"the layouts {' and '.join(best)} fit this extract equally: choose with --layout.")
    return builtin_layouts()[best[0]]


def _refuse_short_codes(columns: "Columns") -> None:
    """Raise `ExtractError` if the only columns of codes have codes of three characters."""
    for layout in builtin_layouts().values():
        for shape in layout.codes.values():
            if isinstance(shape, Numbered):
                short = [name for template in shape.too_short if (name := columns.find(numbered_names(template, 1)[0]))]
                if short:
                    raise ExtractError(
                        f"this extract has codes of three characters only ({short[0]}), which cannot tell U05.4 from "
                        f"U05.1. Ask for the columns of four characters ({shape.names(shape.templates[0])[0]})."
                    )
