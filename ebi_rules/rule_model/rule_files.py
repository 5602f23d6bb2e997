"""Rule files by place: those of the package, of a policy that comes with it, or of a user's folder.

A rule is found by its key or an alias, and parsed when it is first needed. In a folder, `_shared.toml` contains code
lists and criteria that its rules share, beside those of the catalogue.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path

from ebi_rules._support.errors import RuleError, UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules._support.toml_text import TomlError, parse_toml
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_documentation import Intervention
from ebi_rules.rule_model.rule_parser import parse_rule, parse_shared, read_text

SHARED = "_shared.toml"
"""The file of definitions that the rules of a folder share."""

INTERVENTIONS = "_interventions.toml"
"""The file of a catalogue that lists the programme's interventions."""


@dataclass(frozen=True)
class RuleFile:
    """A rule file.

    Attributes:
        name: The file's name in messages.
        content: Its text.
        shared: What the rule may use by name.
        is_ours: Whether it comes with the package, whose tests have checked its examples.
    """

    name: str
    content: str
    shared: SharedDefinitions
    is_ours: bool = False

    @cached_property
    def rule(self) -> Rule:
        """The rule, parsed once. Raises `RuleError` if the file is wrong."""
        return parse_rule(self.content, self.name, self.shared, examples_are_checked=self.is_ours)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The rule's key and its aliases. Raises `RuleError` if the file is wrong."""
        try:
            # Names stand before the first table: the rest is parsed when the rule is needed.
            table = parse_toml(self.content.partition("\n[")[0] if self.is_ours else self.content)
        except TomlError as error:
            raise RuleError(f"{self.name}: {error}.") from None
        names = (table.get("key"), *table.get("aliases", ()))
        if not all(isinstance(name, str) for name in names):
            return self.rule.key, *self.rule.documentation.aliases  # Parsing it reports what is wrong.
        return names


class Catalogue:
    """Rules by key and alias, without regard to case.

    Args:
        files: The rule files.

    Raises:
        RuleError: Two files use the same name.
    """

    def __init__(self, files: Iterable[RuleFile]) -> None:
        self._files: dict[str, RuleFile] = {}
        self._keys: dict[str, str] = {}
        self._names: list[str] = []
        for file in files:
            key = file.names[0]
            for name in file.names:
                if name.lower() in self._keys:
                    other = self._files[self._keys[name.lower()]]
                    raise RuleError(
                        f"{file.name}: the rule in {other.name} is also called {name}: choose another name."
                    )
            self._files[key] = file
            self._names += file.names
            self._keys |= {name.lower(): key for name in file.names}

    def __iter__(self) -> Iterator[Rule]:
        return (self._files[key].rule for key in self.keys())

    def __contains__(self, name: str) -> bool:
        return name.partition("@")[0].lower() in self._keys

    @property
    def files(self) -> Mapping[str, RuleFile]:
        """The files by the key of their rule."""
        return self._files

    def keys(self) -> list[str]:
        """Return the keys of all rules, in order."""
        return sorted(self._files)

    def names(self) -> list[str]:
        """Return every key and alias, in order."""
        return sorted(self._names)

    def rule(self, name: str) -> Rule:
        """Return a rule by its key or an alias; `2E@2020` is its edition of 2020.

        Raises:
            UsageError: There is no rule or edition of that name.
            RuleError: The rule's file is wrong.
        """
        known, at, edition = name.partition("@")
        if known.lower() not in self._keys:
            raise UsageError(unknown("rule", known, self.names()))
        rule = self._files[self._keys[known.lower()]].rule
        return rule.edition(edition) if at else rule


def builtin_policies() -> list[str]:
    """Return the names of the policies that come with the package: folders of rules that apply in one place."""
    folders = (folder for folder in data_folder("policies").iterdir() if folder.is_dir())
    return sorted(folder.name.replace("_", "-") for folder in folders if not folder.name.startswith(("_", ".")))


def is_place_of_rules(place: str | Path) -> bool:
    """Return whether a text or path is a folder, a file, or the name of a policy that comes with the package."""
    return isinstance(place, Path) or place in builtin_policies() or Path(place).exists()


def find_rule_files(place: str | Path, shared: SharedDefinitions, label: str = "") -> list[RuleFile]:
    """Return the rule files of a folder, of one file, or of a policy that comes with the package.

    Args:
        place: The folder, the file, or the policy's name.
        shared: What the rules may use beside their folder's own definitions.
        label: The beginning of error messages.

    Raises:
        UsageError: There are no rule files.
        RuleError: A file cannot be read.
    """
    path = Path(place)
    if path.is_dir():
        files = files_of_folder(path, str(path), shared)
        if not files:
            raise UsageError(f"{label}{path} contains no rule file: a rule file is called NAME.toml.")
        return files
    if path.is_file():
        return [RuleFile(str(path), read_text(path), _shared_beside(path.parent, str(path.parent), shared))]
    policy = str(place)
    if policy not in builtin_policies():
        policies = ", ".join(builtin_policies())
        raise UsageError(
            f"{label}there is no folder or rule file {policy}. Policies that come with the package: {policies}."
        )
    return files_of_folder(data_folder("policies") / policy.replace("-", "_"), f"policies/{policy}", shared, True)


def files_of_folder(
    folder: Traversable, label: str, shared: SharedDefinitions, is_ours: bool = False
) -> list[RuleFile]:
    """Return the rule files of a folder, each with what it may use by name.

    Args:
        folder: The folder.
        label: The name of the folder in messages.
        shared: What the rules may use beside the folder's own definitions.
        is_ours: Whether the folder comes with the package.
    """
    own = _shared_beside(folder, label, shared)
    return [RuleFile(f"{label}/{file.name}", _text(file), own, is_ours) for file in toml_files(folder)]


def read_interventions(folder: Traversable) -> tuple[Intervention, ...]:
    """Return the programme's interventions, coded or not, from the file of a catalogue's folder."""
    content = parse_toml(_text(folder / INTERVENTIONS))
    return tuple(
        Intervention(
            letter=table["letter"],
            title=table["title"],
            list_number=table["list"],
            category=table["category"],
            specialty=table["specialty"],
            page=table.get("page"),
            letter_seen=table.get("letter_seen", False),
            document=content["documents"][str(table["list"])],
            published=table.get("published"),
            reviewed=table.get("reviewed"),
            note=table.get("note", ""),
        )
        for table in content["interventions"]
    )


def _shared_beside(folder: Traversable, label: str, shared: SharedDefinitions) -> SharedDefinitions:
    """Return what the rules of a folder may use by name.

    A folder with a list of interventions is a whole catalogue, so nothing else is shared with it.
    """
    if (folder / INTERVENTIONS).is_file():
        letters = {intervention.letter: intervention for intervention in read_interventions(folder)}
        shared = replace(SharedDefinitions(), interventions=letters)
    shared = replace(shared, folder=folder if isinstance(folder, Path) else None)
    file = folder / SHARED
    return parse_shared(_text(file), f"{label}/{SHARED}", shared) if file.is_file() else shared


def _text(file: Traversable) -> str:
    return read_text(file) if isinstance(file, Path) else file.read_text(encoding="utf-8")
