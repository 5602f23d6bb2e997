"""Rule files gathered: those of the package, of a policy that comes with it, or of a folder of one's own.

A rule is found by its key or an alias and read when it is asked for. In a folder, `_shared.toml` holds code lists and
criteria that its rules share, beside those of the catalogue.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path

from ebi_rules._support.errors import RuleError, UsageError, unknown
from ebi_rules._support.package_data import data_folder
from ebi_rules.rule_model.coded_source import Shared
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_parser import read_rule, read_shared, read_text

SHARED = "_shared.toml"


@dataclass(frozen=True)
class RuleFile:
    """A rule file's text, what messages call it, and what it may use by name."""

    name: str
    content: str
    shared: Shared

    @cached_property
    def rule(self) -> Rule:
        """The rule, read once. Raises `RuleError`."""
        return read_rule(self.content, self.name, self.shared)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The rule's key and its aliases. Raises `RuleError`."""
        try:
            table = tomllib.loads(self.content)
        except tomllib.TOMLDecodeError as error:
            raise RuleError(f"{self.name}: {error}.") from None
        named = (table.get("key"), *table.get("aliases", ()))
        if not all(isinstance(name, str) for name in named):
            return self.rule.key, *self.rule.aliases  # Reading it says what is wrong.
        return named


class Catalogue:
    """Rules by key and alias, without regard to case. Raises `RuleError` when two files use one name."""

    def __init__(self, files: Iterable[RuleFile]) -> None:
        self._files: dict[str, RuleFile] = {}
        self._keys: dict[str, str] = {}
        self._names: list[str] = []
        for file in files:
            key = file.names[0]
            for name in file.names:
                if name.lower() in self._keys:
                    other = self._files[self._keys[name.lower()]]
                    raise RuleError(f"{file.name}: a rule in {other.name} is called {name} too: choose another name.")
            self._files[key] = file
            self._names += file.names
            self._keys |= {name.lower(): key for name in file.names}

    def __iter__(self) -> Iterator[Rule]:
        return (self._files[key].rule for key in self.keys())

    @property
    def files(self) -> Mapping[str, RuleFile]:
        """The files by the key of their rule."""
        return self._files

    def keys(self) -> list[str]:
        """Give the keys of all rules, in order."""
        return sorted(self._files)

    def names(self) -> list[str]:
        """Give every key and alias, in order."""
        return sorted(self._names)

    def rule(self, name: str) -> Rule:
        """Give a rule by its key or an alias; 2E@2020 is its edition of 2020.

        Raises `UsageError` for an unknown name and `RuleError` when its file is wrong.
        """
        known, at, edition = name.partition("@")
        if known.lower() not in self._keys:
            raise UsageError(unknown("rule", known, self.names()))
        found = self._files[self._keys[known.lower()]].rule
        return found.edition(edition) if at else found

    def rules(self, names: Iterable[str | Rule] | None = None) -> list[Rule]:
        """Give the rules named, each once, or all. Raises `UsageError`, also for two editions of one rule."""
        found = list(self) if names is None else [name if isinstance(name, Rule) else self.rule(name) for name in names]
        if not found:
            raise UsageError("name at least one rule, or none for all of them.")
        by_key: dict[str, Rule] = {}
        for each in found:
            if by_key.setdefault(each.key, each).edition_name != each.edition_name:
                raise UsageError(f"two editions of {each.key} have the same name in every output: run them one by one.")
        return list(by_key.values())


def policies() -> list[str]:
    """Give the names of the policies that come with the package: folders of rules that hold in one place."""
    return sorted(folder.name.replace("_", "-") for folder in data_folder("policies").iterdir() if _is_policy(folder))


def find_files(place: str | Path, shared: Shared, named_in: str = "") -> list[RuleFile]:
    """Give the rule files of a folder, of one file, or of a policy that comes with the package, by its name.

    `shared` is what they may use beside the folder's own, `named_in` what messages begin with. Raises `UsageError`
    where there are none, `RuleError` when they cannot be read.
    """
    path = Path(place)
    if path.is_dir():
        files = in_folder(path, str(path), shared)
        if not files:
            raise UsageError(f"{named_in}{path} holds no rule file: they are called NAME.toml.")
        return files
    if path.is_file():
        return [RuleFile(str(path), read_text(path), _own_shared(path.parent, str(path.parent), shared))]
    named = str(place)
    if named not in policies():
        raise UsageError(
            f"{named_in}there is no folder or rule file {named}; policies that come with the package: "
            f"{', '.join(policies())}."
        )
    return in_folder(data_folder("policies") / named.replace("-", "_"), f"policies/{named}", shared)


def in_folder(folder: Traversable, called: str, shared: Shared) -> list[RuleFile]:
    """Give the rule files of a folder with what they share; `called` is the folder in messages."""
    own = _own_shared(folder, called, shared)
    files = sorted((file for file in folder.iterdir() if _is_rule_file(file)), key=lambda file: file.name)
    return [RuleFile(f"{called}/{file.name}", _text(file), own) for file in files]


def _own_shared(folder: Traversable, called: str, shared: Shared) -> Shared:
    file = folder / SHARED
    return read_shared(_text(file), f"{called}/{SHARED}", shared) if file.is_file() else shared


def _text(file: Traversable) -> str:
    return read_text(file) if isinstance(file, Path) else file.read_text(encoding="utf-8")


def _is_rule_file(file: Traversable) -> bool:
    return file.name.endswith(".toml") and not file.name.startswith(("_", "."))


def _is_policy(folder: Traversable) -> bool:
    return folder.is_dir() and not folder.name.startswith(("_", "."))
