"""The part of a TOML file that rules and measures have in common: code lists and criteria over them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ebi_rules._support.errors import unknown
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELDS, Criterion, CriterionError, NamedCodes
from ebi_rules.criteria.parser import parse
from ebi_rules.rule_model.rule import Intervention, Port
from ebi_rules.rule_model.toml_source import RuleSource, WrongEntryError, are_texts
from opcs_icd import ICD10, OPCS4, CodeList, CodeSystem, PatternError

_SYSTEMS = {"opcs": OPCS4, "icd": ICD10}


@dataclass(frozen=True)
class Shared:
    """Code lists, criteria, words, ports and interventions that every rule may use by name.

    `limits` are what no rule of a folder can show.
    """

    lists: Mapping[str, NamedCodes] = field(default_factory=dict)
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, Port] = field(default_factory=dict)
    interventions: Mapping[str, Intervention] = field(default_factory=dict)
    limits: tuple[str, ...] = ()


class CodedSource(RuleSource):
    """A TOML file with code lists and criteria, which may use what is shared by name."""

    def __init__(self, content: str, file: str, shared: Shared) -> None:
        super().__init__(content, file)
        self.shared = shared
        self.broken: set[str] = set()

    def lists(self, table: Mapping[str, Any], place: tuple[str, ...]) -> dict[str, NamedCodes]:
        """Read the code lists of a table, by name."""
        lists: dict[str, NamedCodes] = {}
        for kind, group in table.get("codes", {}).items():
            if kind not in _SYSTEMS:
                self.fail((*place, "codes", kind), unknown("kind of code", kind, _SYSTEMS))
            if not isinstance(group, dict):
                self.fail((*place, "codes", kind), "this is a table of code lists.")
            for name, patterns in group.items():
                where = (*place, "codes", kind, name)
                self.broken.add(name)
                with self.noting():
                    if name in lists or name in self.shared.lists:
                        self.fail(where, f"another list is called {name} too: choose another name.")
                    if name in FIELDS or name in CODE_FIELDS:
                        self.fail(where, f"{name} is the name of a field: choose another name.")
                    if not patterns or not are_texts(patterns):
                        self.fail(where, "a code list is a list of patterns in quotation marks, at least one.")
                    lists[name] = NamedCodes(name, self._codes(where, _SYSTEMS[kind], patterns))
                    self.broken.discard(name)
        return lists

    def _codes(self, where: tuple[str, ...], system: CodeSystem, patterns: list[str]) -> CodeList:
        """Read the patterns of a list, and note each that cannot be read."""
        readable = []
        for pattern in patterns:
            try:
                CodeList(system, [pattern])
                readable.append(pattern)
            except PatternError as error:
                self.problem(where, str(error))
        if len(readable) < len(patterns):
            raise WrongEntryError
        return CodeList(system, patterns)

    def criteria(
        self, table: Mapping[str, Any], place: tuple[str, ...], lists: Mapping[str, NamedCodes]
    ) -> dict[str, Criterion]:
        """Read named criteria, which may name these lists and what is shared."""
        criteria = {}
        known = {**self.shared.lists, **lists}
        for name, text in table.get("criteria", {}).items():
            where = (*place, "criteria", name)
            with self.noting():
                if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                    self.fail(where, "the name of a criterion is small letters, digits and underscores.")
                if not isinstance(text, str):
                    self.fail(where, "a criterion is a text in quotation marks.")
                if self.broken & set(re.findall(r"\w+", text)):
                    raise WrongEntryError  # The list that it names is told already.
                try:
                    criteria[name] = parse(text, known, self.shared.criteria)
                except CriterionError as error:
                    self.fail(where, str(error))
        if self.problems:
            raise WrongEntryError
        return criteria
