"""The columns of an extract by name: in any case, without surrounding white space, numbered ones in their order."""

import re
from collections.abc import Iterable, Mapping

from ebi_rules._support.errors import ExtractError, UsageError, nearest
from ebi_rules.layouts.layout import MOST_POSITIONS, Numbered, is_numbered, numbered_names
from opcs_icd import WHITE_SPACE


def bare_name(column: str) -> str:
    """Return the name of a column as names are compared: in small letters, without surrounding white space.

    Example:
        >>> bare_name(" Sex ")
        'sex'
    """
    return column.strip(WHITE_SPACE).lower()


def _letters_and_digits(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", bare_name(name)).strip()


class Columns:
    """The columns of an extract, found in any case and without blanks. With no extract, every column exists.

    Args:
        available: The columns; None if there is no extract.
        other_names: Other names that a column of the layout may have.
    """

    def __init__(
        self, available: tuple[str, ...] | None, other_names: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.available = available
        self.other_names = other_names or {}
        self.by_bare_name: dict[str, list[str]] = {}
        for name in available or ():
            self.by_bare_name.setdefault(bare_name(name), []).append(name)

    def find(self, name: str) -> str | None:
        """Return a column under the name that the extract has for it. Raises `ExtractError` when it is ambiguous."""
        if self.available is None or name in self.available:
            return name
        matches = self.by_bare_name.get(bare_name(name), [])
        if len(matches) > 1:
            raise ExtractError(f"the columns {' and '.join(matches)} differ only in case: choose with --column.")
        return matches[0] if matches else None

    def present(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of a layout's columns that exist, under the names that the extract has for them."""
        return tuple(column for name in names if (column := self._under_any_name(name)))

    def _under_any_name(self, name: str) -> str | None:
        every = (name, *self.other_names.get(name, ()))
        found = next(filter(None, map(self.find, every)), None)
        return found or next(filter(None, map(self._spelt_alike, every)), None)

    def _spelt_alike(self, name: str) -> str | None:
        """Return the only column whose name has the same letters and digits, with other marks between them."""
        alike = [column for column in self.available or () if _letters_and_digits(column) == _letters_and_digits(name)]
        return alike[0] if len(alike) == 1 else None

    def numbered(self, shape: Numbered) -> tuple[str, ...]:
        """Return the columns of the first template that the extract uses, in code order.

        Raises:
            ExtractError: There are later positions and no first one.
        """
        for template in shape.templates:
            first, *others = self._positions(template, shape)
            later = tuple(column for column in others if column)
            if later and not first:
                first = next(iter(self.present(shape.first)), None)
            if later and not first:
                names = " or ".join(dict.fromkeys(numbered_names(template, 1)))
                raise ExtractError(
                    f"this extract has {later[0]} but no first position: rename the column of the first codes "
                    f"to {names}."
                )
            if first:
                return (first, *later)
        return self.present(shape.first)[:1]

    def has_numbered(self, shape: Numbered) -> bool:
        """Return whether the extract has a column of any template."""
        return any(any(self._positions(template, shape)) for template in shape.templates) or bool(
            self.present(shape.first)
        )

    def _positions(self, template: str, shape: Numbered) -> list[str | None]:
        """Return the column of each position, None where there is none; there may be more than in the layout."""
        if not is_numbered(template):
            return [self.find(template)]
        if self.available is None:
            return list(shape.names(template))
        names = (numbered_names(template, place) for place in range(1, MOST_POSITIONS + 1))
        return [self.find(padded) or self.find(plain) for padded, plain in names]

    def named(self, field: str, column: str) -> str:
        """Return the column of an override. Raises `UsageError` when there is none."""
        match = self.find(column)
        if match is None:
            close = nearest(column, self.available or (), count=1)
            hint = f"; the nearest is {close[0]}" if close else ""
            raise UsageError(f"--column {field}={column}: this extract has no column {column}{hint}.")
        return match

    def overriding(self, field: str, shape: Numbered) -> tuple[str, ...]:
        """Return the columns of an override of a code field. Raises `UsageError` when there are none."""
        (template,) = shape.templates
        if self.available is not None and (exact := self.find(template)):
            return (exact,)
        return self.numbered(shape) or (self.named(field, shape.names(template)[0]),)
