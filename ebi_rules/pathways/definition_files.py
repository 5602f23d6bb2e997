"""Find definitions of one kind - measures or flows - by name: those of the package, and those of the user's files."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules.rule_model.catalogue import shared_definitions
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.rule_files import SHARED
from ebi_rules.rule_model.rule_parser import parse_shared, read_text


class Definition(Protocol):
    """A measure or a flow."""

    @property
    def key(self) -> str:
        """The key by which it is found."""
        ...


Defined = TypeVar("Defined", bound=Definition)
Parser = Callable[[str, str, SharedDefinitions], Defined]
"""Returns the definition in a file, from its text, its name and what it may use by name."""


class Definitions(Generic[Defined]):
    """The definitions of one kind.

    Args:
        kind: What one is called: measure or flow.
        folder: The name of their folder in the package's data.
        parse: Returns the definition in a file.
    """

    def __init__(self, kind: str, folder: str, parse: Parser[Defined]) -> None:
        self.kind = kind
        self.folder = folder
        self.parse = parse

    @cached_property
    def builtin(self) -> Mapping[str, Defined]:
        """The definitions that come with the package, by key."""
        files = toml_files(data_folder(self.folder))
        shared = _shared_by_pathways()
        parsed = [self.parse(file.read_text("utf-8"), f"{self.folder}/{file.name}", shared) for file in files]
        return {definition.key: definition for definition in parsed}

    def find(self, name: str) -> Defined:
        """Return a definition of the package by its key; raise `UsageError` if there is none."""
        if name not in self.builtin:
            raise UsageError(unknown(self.kind, name, self.builtin))
        return self.builtin[name]

    def find_all(self, names: Any) -> list[Defined]:
        """Return several definitions, each once; without names, all of the package.

        A text that is a key is that definition; any other text that is a path, and a `Path`, is a folder or a file.
        """
        if names is None:
            return list(self.builtin.values())
        several = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
        chosen: list[Defined] = []
        for name in several:
            if isinstance(name, Path) or (isinstance(name, str) and name not in self.builtin and Path(name).exists()):
                chosen += [self.parse_file(file) for file in self._files_of(Path(name))]
            else:
                chosen.append(self.find(name) if isinstance(name, str) else name)
        if not chosen:
            raise UsageError(f"name at least one {self.kind}, or none to use all of them.")
        return list({definition.key: definition for definition in chosen}.values())

    def parse_file(self, file: Path) -> Defined:
        """Return the definition in a file, which may use what `_shared.toml` beside it defines."""
        return self.parse(read_text(file), str(file), _shared_beside(file))

    def _files_of(self, path: Path) -> list[Path]:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.glob("*.toml") if not file.name.startswith("_"))
        if not files:
            raise UsageError(f"{path} contains no {self.kind} file: a {self.kind} file is called NAME.toml.")
        return files


@cache
def _shared_by_pathways() -> SharedDefinitions:
    """Return what the package's measures and flows share."""
    file = data_folder("measures") / SHARED
    return parse_shared(file.read_text(encoding="utf-8"), f"measures/{SHARED}", shared_definitions())


def _shared_beside(file: Path) -> SharedDefinitions:
    beside = file.with_name(SHARED)
    shared = _shared_by_pathways()
    return parse_shared(read_text(beside), str(beside), shared) if beside.exists() else shared
