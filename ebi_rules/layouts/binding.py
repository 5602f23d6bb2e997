"""A layout held against the columns that an extract has: detection, overrides, and what is missing.

Names match without regard to case; what an override names must exist.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ebi_rules._support.errors import ExtractError, UsageError, nearest, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.labels import Recoding
from ebi_rules.criteria.nodes import CODE_FIELDS, Criterion, FollowedBy, HasCode, Position, atoms, fields_needed
from ebi_rules.layouts.layout import ChildTable, Layout, Numbered, builtin_layouts
from opcs_icd import single_code


@dataclass(frozen=True)
class Binding:
    """A layout with the names that the columns really have.

    `fields` holds only fields that are there, as columns of which the first not null wins. `codes` holds
    columns in code order, or the child table. `available` are the extract's columns, None when there is no
    extract to look at (SQL for a warehouse). `recodings` give fields that come from the codes of another, in whose
    columns they are.
    """

    layout: Layout
    fields: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, tuple[str, ...] | ChildTable]
    available: tuple[str, ...] | None
    recodings: Mapping[str, Recoding] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The column that identifies an activity."""
        return self.fields["id"][0]

    def child(self, code_field: str) -> ChildTable | None:
        """Give the child table of a field of codes, None when the extract holds them itself."""
        shape = self.codes.get(code_field)
        return shape if isinstance(shape, ChildTable) else None

    def code_columns(self, code_field: str) -> tuple[str, ...]:
        """Give the extract's own columns of a field of codes, in code order."""
        shape = self.codes.get(code_field, ())
        return () if isinstance(shape, ChildTable) else shape

    def lacking(self, criterion: Criterion) -> Iterator[str]:
        """Give what the criterion needs and this binding lacks: canonical fields, or the order of codes."""
        for name in fields_needed(criterion):
            if name in self.recodings or not (self.codes if name in CODE_FIELDS else self.fields).get(name):
                yield name
        for atom in atoms(criterion):
            if isinstance(atom, FollowedBy) or (isinstance(atom, HasCode) and atom.position is not Position.ANY):
                child = self.child(atom.code_field)
                if child and not child.position:
                    yield f"the order of {atom.code_field}"

    def why_lacking(self, name: str) -> str:
        """Say where the layout looks for a field that is lacking, and what to do about it."""
        if name not in CODE_FIELDS and name not in FIELDS:
            return f"The layout {self.layout.name} does not keep it."
        sought = self._sought(name)
        if not sought:
            return f"The layout {self.layout.name} has no place for it. Use --column {name}=COLUMN."
        text = f"The layout {self.layout.name} looks for {' or '.join(sought)}"
        close = nearest(sought[0], self.available or (), count=1)
        if not close:
            return f"{text}; no column here is like it. Use --column {name}=COLUMN."
        return f"{text}; the nearest column here is {close[0]}. Use --column {name}={close[0]}."

    def _sought(self, name: str) -> Sequence[str]:
        if name not in CODE_FIELDS:
            return self.layout.fields.get(name, ())
        shape = self.layout.codes.get(name)
        return shape.templates if isinstance(shape, Numbered) else [shape.table] if shape else ()

    def only(self, names: Iterable[str]) -> "Binding":
        """Give the same binding with no other fields than those named."""
        return replace(self, fields={name: self.fields[name] for name in names if name in self.fields})

    def recoded(self, recodings: Iterable[Recoding]) -> "Binding":
        """Give the same binding with fields that come from the codes of others, where these are there."""
        found = {each.name: each for each in recodings if each.name not in self.fields and each.field in self.fields}
        fields = {**self.fields, **{name: self.fields[each.field] for name, each in found.items()}}
        return replace(self, fields=fields, recodings={**self.recodings, **found})

    def activity(self, row: Mapping[str, object], child_cells: Mapping[str, Sequence[str | None]]) -> Activity:
        """Read one row of the extract into an activity; `child_cells` are its child rows' codes, in order."""
        values: dict[str, object] = {
            name: next((row[column] for column in columns if row[column] is not None), None)
            for name, columns in self.fields.items()
            if FIELDS[name].kind is not Kind.LABEL
        }
        for name in CODE_FIELDS:
            if self.child(name):
                values[name] = [single_code(cell) for cell in child_cells.get(name, ())]
            else:
                values[name] = [row[column] for column in self.code_columns(name)]
        return Activity.of(values)


def bind(layout: Layout, available: Iterable[str] | None = None, overrides: Mapping[str, str] | None = None) -> Binding:
    """Hold a layout against an extract's columns, or against none.

    `overrides` maps canonical names to columns. Raises `UsageError` for an override of an unknown field or
    with an unknown column, `ExtractError` when the key is missing or two columns differ in case alone.
    """
    overrides = dict(overrides or {})
    for name in overrides:
        if name not in FIELDS and name not in CODE_FIELDS:
            raise UsageError("--column: " + unknown("field", name, [*FIELDS, *CODE_FIELDS]))
    columns = _Columns(None if available is None else tuple(available))
    fields: dict[str, tuple[str, ...]] = {}
    for name in FIELDS:
        if name in overrides:
            fields[name] = (columns.named(name, overrides[name]),)
        elif found := columns.present(layout.fields.get(name, ())):
            fields[name] = found
    codes: dict[str, tuple[str, ...] | ChildTable] = {}
    for name in CODE_FIELDS:
        shape = layout.codes.get(name)
        if name in overrides:
            positions = shape.positions if isinstance(shape, Numbered) else 1
            codes[name] = columns.overriding(name, Numbered((overrides[name],), positions))
        elif isinstance(shape, ChildTable):
            codes[name] = shape
        elif shape and (cells := columns.numbered(shape)):
            codes[name] = cells
    binding = Binding(layout, fields, codes, columns.available)
    if "id" not in fields:
        raise ExtractError(f"this extract has no column for id, the activity's key. {binding.why_lacking('id')}")
    return binding


def detect(available: Iterable[str], overrides: Mapping[str, str] | None = None) -> Layout:
    """Give the built-in layout that fits an extract's columns best.

    A layout fits when it finds the key and, unless they come in a child table, the procedures, and no column that it
    is not found with. Raises
    `ExtractError` when none fits, or when two fit equally.
    """
    available = tuple(available)
    scores: dict[str, int] = {}
    for layout in builtin_layouts().values():
        columns = _Columns(available)
        if columns.present(layout.not_with):
            continue
        found = [name for name, sought in layout.fields.items() if columns.present(sought)]
        shapes = [shape for shape in layout.codes.values() if isinstance(shape, Numbered)]
        held = [shape for shape in shapes if columns.numbered(shape)]
        keyed = "id" in found or "id" in (overrides or {})
        if keyed and (held or not shapes or set(CODE_FIELDS) & set(overrides or {})):
            scores[layout.name] = len(found) + len(held)
    best = [name for name, score in scores.items() if score == max(scores.values())]
    if not best:
        raise ExtractError(
            "no built-in layout fits this extract's columns "
            f"({', '.join(available[:6])}{', ...' if len(available) > 6 else ''}). "
            f"Name one with --layout ({', '.join(builtin_layouts())}) and say with --column FIELD=COLUMN where "
            "your names differ, or write a layout file (docs/layouts.md)."
        )
    if len(best) > 1:
        raise ExtractError(f"the layouts {' and '.join(best)} fit this extract equally: choose with --layout.")
    return builtin_layouts()[best[0]]


class _Columns:
    """Look names up in an extract without regard to case; with no extract every name is there."""

    def __init__(self, available: tuple[str, ...] | None) -> None:
        self.available = available
        self.folded: dict[str, list[str]] = {}
        for name in available or ():
            self.folded.setdefault(name.lower(), []).append(name)

    def find(self, name: str) -> str | None:
        if self.available is None or name in self.available:
            return name
        found = self.folded.get(name.lower(), [])
        if len(found) > 1:
            raise ExtractError(f"the columns {' and '.join(found)} differ in case alone: use --column to choose.")
        return found[0] if found else None

    def present(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(found for name in names if (found := self.find(name)))

    def numbered(self, shape: Numbered) -> tuple[str, ...]:
        """Give the columns of the first naming that the extract uses, in code order."""
        for template in shape.templates:
            first, *rest = shape.names(template)
            found = self.present((first,)), self.present(rest)
            if any(found):
                return (found[0] or self.present(shape.first)[:1]) + found[1]
        return self.present(shape.first)[:1]

    def named(self, field: str, column: str) -> str:
        found = self.find(column)
        if found is None:
            close = nearest(column, self.available or (), count=1)
            hint = f"; the nearest is {close[0]}" if close else ""
            raise UsageError(f"--column {field}={column}: this extract has no column {column}{hint}.")
        return found

    def overriding(self, field: str, shape: Numbered) -> tuple[str, ...]:
        return self.numbered(shape) or (self.named(field, shape.names(shape.templates[0])[0]),)
