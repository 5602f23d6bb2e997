"""What rule files and measure files have in common: code lists, and criteria over them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import RuleError, unknown
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELDS, Criterion, CriterionError, NamedCodes, NamedImagingCodes
from ebi_rules.criteria.parser import Lists, parse
from ebi_rules.rule_model.code_files import read_code_file, read_codes
from ebi_rules.rule_model.rule_documentation import Intervention, Port
from ebi_rules.rule_model.toml_source import Place, RuleSource, WrongEntryError, is_list_of_texts
from opcs_icd import ICD10, OPCS4, CodeList, CodeSystem, ImagingCodes, ImagingSystem, PatternError

KINDS: Mapping[str, CodeSystem | ImagingSystem] = {
    "opcs": OPCS4,
    "icd": ICD10,
    "nicip": ImagingSystem.NICIP,
    "snomed": ImagingSystem.SNOMED,
}
"""The kinds of code that a rule file can list."""


@dataclass(frozen=True)
class SharedDefinitions:
    """What every rule of a folder may use by name.

    Attributes:
        lists: Code lists.
        criteria: Whole criteria.
        words: Phrases for criteria and code lists.
        ports: Other organisations' versions of the scripts.
        interventions: The programme's interventions, by letter.
        limits: What no rule of the folder can show.
        dataset_limits: What no rule of the folder for a dataset can show, by dataset.
        folder: The folder, in which code lists may be files of their own; None if there is none.
        files: The files of shared definitions: name and text of each.
    """

    lists: Lists = field(default_factory=dict)
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, Port] = field(default_factory=dict)
    interventions: Mapping[str, Intervention] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    dataset_limits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: Path | None = None
    files: tuple[tuple[str, str], ...] = ()

    def limits_of(self, dataset: str) -> tuple[str, ...]:
        """Return what no rule of the folder for a dataset can show."""
        return self.dataset_limits.get(dataset, ())


class CodedSource(RuleSource):
    """A TOML file with code lists and criteria, which may use shared definitions by name.

    A file of shared definitions may repeat a definition that is already shared: the package's own file, checked as a
    user's file is, is added to itself.
    """

    def __init__(self, content: str, file: str, shared: SharedDefinitions) -> None:
        super().__init__(content, file)
        self.shared = shared
        self.broken_lists: set[str] = set()
        self.may_repeat_shared = False

    def code_lists(self, table: Mapping[str, Any], place: Place) -> dict[str, NamedCodes | NamedImagingCodes]:
        """Read the code lists of a table, by name."""
        lists: dict[str, NamedCodes | NamedImagingCodes] = {}
        for kind, group in table.get("codes", {}).items():
            if kind not in KINDS:
                self.fail((*place, "codes", kind), unknown("kind of code", kind, KINDS))
            if not isinstance(group, dict):
                self.fail((*place, "codes", kind), "this must be a table of code lists.")
            for name, patterns in group.items():
                self.broken_lists.add(name)
                with self.continuing():
                    lists[name] = self._code_list((*place, "codes", kind, name), KINDS[kind], patterns, lists)
                    self.broken_lists.discard(name)
        return lists

    def criteria(self, table: Mapping[str, Any], place: Place, lists: Lists) -> dict[str, Criterion]:
        """Read the criteria of a table, which may name these lists and shared definitions."""
        criteria = {}
        known_lists = {**self.shared.lists, **lists}
        for name, text in table.get("criteria", {}).items():
            with self.continuing():
                criteria[name] = self._criterion((*place, "criteria", name), text, known_lists)
        if len(criteria) < len(table.get("criteria", {})):
            raise WrongEntryError
        return criteria

    def _code_list(
        self, place: Place, system: CodeSystem | ImagingSystem, patterns: object, lists: Lists
    ) -> NamedCodes | NamedImagingCodes:
        name = place[-1]
        if name in lists or (name in self.shared.lists and not self.may_repeat_shared):
            self.fail(place, f"another list is also called {name}: choose another name.")
        if name in FIELDS or name in CODE_FIELDS:
            self.fail(place, f"{name} is the name of a field: choose another name.")
        if isinstance(patterns, dict):
            patterns = self._codes_of_file(place, system, patterns)
        if not patterns or not is_list_of_texts(patterns):
            self.fail(
                place,
                'a code list must be a list of patterns in quotation marks, at least one, or { file = "NAME.csv" }.',
            )
        codes = self._codes(place, system, patterns)
        named = NamedCodes(name, codes) if isinstance(codes, CodeList) else NamedImagingCodes(name, codes)
        if self.shared.lists.get(name, named) != named:
            self.fail(place, f"another shared list with other codes is also called {name}: choose another name.")
        return named

    def _codes_of_file(self, place: Place, system: CodeSystem | ImagingSystem, entry: dict[str, Any]) -> list[str]:
        """Read a list that is a file of its own."""
        self.require_keys(place, entry, {"file", "category"}, {"file"})
        if not all(isinstance(value, str) for value in entry.values()):
            self.fail(place, "file and category must be text in quotation marks.")
        try:
            return read_code_file(self.shared.folder, entry["file"], entry.get("category"), system)
        except RuleError as error:
            self.fail(place, str(error))

    def _codes(self, place: Place, system: CodeSystem | ImagingSystem, patterns: Any) -> CodeList | ImagingCodes:
        """Read the patterns of a list, and note each that cannot be read."""
        for pattern in patterns:
            try:
                read_codes(system, [pattern])
            except PatternError as error:
                self.note(place, str(error))
        try:
            return read_codes(system, patterns)
        except PatternError:
            raise WrongEntryError from None

    def _criterion(self, place: Place, text: object, known_lists: Lists) -> Criterion:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", place[-1]):
            self.fail(place, "the name of a criterion must be small letters, digits and underscores.")
        if not isinstance(text, str):
            self.fail(place, "a criterion must be text in quotation marks.")
        if self.broken_lists & set(re.findall(r"\w+", text)):
            raise WrongEntryError  # The problem of the list that it names is already noted.
        try:
            return parse(text, known_lists, self.shared.criteria)
        except CriterionError as error:
            self.fail(place, str(error))
