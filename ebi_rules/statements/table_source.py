"""The table that a statement reads: its layout, its name, and the tables of codes beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ebi_rules.criteria.fields import Kind
from ebi_rules.layouts.binding import Binding


@dataclass(frozen=True)
class TableSource:
    """An activity table in a warehouse.

    Attributes:
        binding: The table's layout, bound to its columns or to none.
        table: The name of the activity table, such as sus.opa.
        child_tables: Names of the tables of codes by field (procedures, diagnoses), and of a second table by what its
            rows are called (contacts), if they are not the layout's own names beside the activity table.
        types: The kinds of columns, by name, that are known to be text (`Kind.CODE`) or numbers; others are cast.
        as_read: Whether names of columns were read from the table, so that their case is its own.
    """

    binding: Binding
    table: str
    child_tables: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, Kind] = field(default_factory=dict)
    as_read: bool = False
