"""An extract that was opened: its tables, its layout bound to its columns, and the files behind it.

Opening checks where the data are and what columns they have; it reads no values. Everything that runs over an extract
takes an `Extract`, so that layout, columns and child tables are decided once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import polars as pl

from ebi_rules.criteria.labels import Recoding
from ebi_rules.layouts.binding import Binding, bind, detect
from ebi_rules.layouts.layout import Layout, find_layout

Source = str | Path | pl.LazyFrame | pl.DataFrame | Any
"""Where data are: a path, the name of a table, a Polars frame, or an Arrow table."""


@dataclass(frozen=True)
class TextOptions:
    """How text files are written.

    Attributes:
        separator: The name of the separator (comma, semicolon, bar, tab) or one character; None to recognise it.
        encoding: The name of the encoding; None for that of the mark at the start of a file, or UTF-8.
    """

    separator: str | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class ExtractSource:
    """What a user says about an extract: where it is, and how to read it.

    Attributes:
        data: A path, the name of a table in a warehouse, or a frame.
        layout: The name of a layout, a layout file, or a layout; None to detect it.
        columns: Columns by canonical field, where they differ from the layout's.
        children: Further tables: of codes by field (procedures, diagnoses), and a second table by what its rows are
            called (contacts), for layouts that have them; what is not named is looked for beside the extract.
        text: How text files are written, where that is not to be recognised.
    """

    data: Source
    layout: str | Path | Layout | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, Source] = field(default_factory=dict)
    text: TextOptions = TextOptions()

    def layout_of(self, available: Iterable[str]) -> Layout:
        """Return the layout, as named or detected.

        Raises:
            UsageError: There is no such layout.
            LayoutError: The layout file is wrong.
            ExtractError: No layout fits.
        """
        return detect(available, self.columns) if self.layout is None else find_layout(self.layout)

    def bind_to(self, available: Iterable[str], of_second: Iterable[str] | None = None) -> Binding:
        """Return the layout, as named or detected, bound to the columns that an extract and its second table have.

        Raises:
            UsageError: There is no such layout, or a column that the user named does not exist.
            LayoutError: The layout file is wrong.
            ExtractError: No layout fits, or the key is missing.
        """
        names = list(available)
        return bind(self.layout_of(names), names, self.columns, of_second)


@dataclass(frozen=True)
class InputFile:
    """A file that was read.

    Attributes:
        path: Its path as the user gave it.
        bytes: Its size.
        rows: Its number of rows.
    """

    path: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Table:
    """A table to read.

    Attributes:
        frame: The rows, not yet read.
        schema: Types by column.
        files: The files behind it; none for a frame.
        path: The file, folder or glob as the user gave it; None for a frame.
        differences: How files differ in a column that not all of them have, or have of one type, by column.
        origin: What run.json says of a table that is no file: its address or path, format and version.
        is_filtered: Whether rows of the files are left out.
        as_in_files: The frame whose rows are just those of the files, if it is this table's; see `is_whole`.
    """

    frame: pl.LazyFrame
    schema: Mapping[str, pl.DataType]
    files: tuple[InputFile, ...] = ()
    path: Path | None = None
    differences: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, object] = field(default_factory=dict)
    is_filtered: bool = False
    as_in_files: pl.LazyFrame | None = field(default=None, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether the rows are just those of the files, with their columns: nothing was left out, added or renamed."""
        return self.frame is self.as_in_files

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.schema)


@dataclass(frozen=True)
class Extract:
    """An extract that was opened where it is.

    Attributes:
        binding: Its layout, bound to its columns.
        engine: The name of the engine that counts it.
        profiler: Returns what the extract contains; `ebi_rules.open` sets it.
        checks_keys: Whether repeated keys are looked for when it is counted.
    """

    binding: Binding
    engine: str
    profiler: Callable[..., Any] | None = field(default=None, compare=False, repr=False, kw_only=True)
    checks_keys: bool = field(default=True, kw_only=True)

    @property
    def files(self) -> list[InputFile]:
        """The files behind the extract, including those of child tables."""
        return []

    def profile(self, rules: Any = None) -> Any:
        """Return what the extract contains: fields, months, and which rules it can answer.

        Args:
            rules: The rules to ask about; without names, all for the extract's dataset.

        Returns:
            A `results.extract_profile.Profile`, with exact counts.
        """
        assert self.profiler, "ebi_rules.open sets the profiler"
        return self.profiler(self, rules)

    def with_labels(self, recodings: Iterable[Recoding]) -> Self:
        """Return the same extract with fields that are labels of other fields' codes."""
        return replace(self, binding=self.binding.recoded(recodings))


@dataclass(frozen=True)
class FrameExtract(Extract):
    """An extract that this process reads, by Polars.

    Attributes:
        table: The activity table.
        children: The tables of codes by field, and a second table by what its rows are called, for layouts that have
            them. The rows of a second table are in `table` already.
        kind: The kind of result that `flag` returns: lazy, frame, pandas or arrow, as the data were given.
        distinct_dates: What `polars_dates.distinct_dates` found, by column: a part of the extract has no others.
    """

    table: Table
    children: Mapping[str, Table] = field(default_factory=dict)
    kind: str = "lazy"
    distinct_dates: dict[str, pl.DataFrame] = field(default_factory=dict, compare=False)

    @property
    def files(self) -> list[InputFile]:
        """The files behind the extract, including those of child tables."""
        return [file for table in (self.table, *self.children.values()) for file in table.files]

    @property
    def paths(self) -> list[Path]:
        """Where the extract is on disk: paths as given, and the files in them. No output may overlap them."""
        tables = (self.table, *self.children.values())
        given = [table.path for table in tables if table.path is not None]
        return [*given, *(Path(file.path) for file in self.files)]
