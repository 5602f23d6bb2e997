"""Layouts: where an extract keeps an activity's fields, and in what shape its codes come.

`Layout` is one TOML file; `Binding` is a layout held against the columns that an extract really has.
"""

from ebi_rules.layouts.binding import Binding, bind, detect
from ebi_rules.layouts.layout import ChildTable, Layout, Numbered, builtin_layouts, find_layout

__all__ = ["Binding", "ChildTable", "Layout", "Numbered", "bind", "builtin_layouts", "detect", "find_layout"]
