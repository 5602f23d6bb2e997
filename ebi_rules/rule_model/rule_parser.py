"""Parse a rule file: TOML to `Rule`, with everything checked and every problem at its line.

A rule file is data: parsing one never runs anything. A variant or an edition is built from the tables that it changes,
so it is checked exactly as the rule itself. A `RuleError` carries every problem, not only the first.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import Problem, RuleError, unknown
from ebi_rules._support.text_bytes import decode
from ebi_rules.criteria.nodes import Criterion, NamedCodes, code_atoms
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.example_source import ExampleSource
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_documentation import (
    FITNESS,
    LOCAL,
    NOT_STATED,
    Fitness,
    Intervention,
    Port,
    RuleDocumentation,
)
from ebi_rules.rule_model.rule_logic import DEFAULT, RuleLogic
from ebi_rules.rule_model.toml_source import Place, WrongEntryError, edition_table, is_list_of_texts, merged
from opcs_icd import CodeList

_REQUIRED = {"key", "title", "dataset", "status", "source", "edition", "criteria", "examples"}
_PLACEHOLDERS: Mapping[str, Any] = {
    **dict.fromkeys(_REQUIRED, "missing"),
    "dataset": next(iter(DATASETS)),
    "status": LOCAL,
    "criteria": {},
    "examples": [],
}
"""What stands in for entries that are missing, so that everything else can be checked too."""

_SHAPED = {"criteria": dict, "codes": dict, "variants": dict, "editions": dict, "words": dict, "examples": list}
"""Entries without whose shape nothing else can be checked."""

_NAMES = {"aliases", "list", "interventions", "port"}
_TEXT = {"about", "limits", "revised", "words", "titles"}
_OPTIONAL = (
    _NAMES | _TEXT | {"excerpt", "fitness", "start", "eligible", "compare_within", "codes", "variants", "editions"}
)
_REPLACEABLE = _TEXT | {"start", "fitness", "eligible", "compare_within", "codes", "criteria", "source"}
_DATED = _REPLACEABLE | {"status", "excerpt", "port", "variants"}
_SHARED = {"codes", "criteria", "words", "ports", "limits", "dataset_limits"}
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_FITNESS = {"use", "reason"}
_STATUSES = ("published", "ported", LOCAL)


def read_text(path: Path) -> str:
    """Return the text of a rule file.

    Raises:
        RuleError: The file cannot be read, or is not UTF-8 text.
    """
    try:
        return decode(path.read_bytes())
    except UnicodeDecodeError:
        raise RuleError(f"{path}: the file is not in the encoding UTF-8: save it as UTF-8.") from None
    except OSError as error:
        raise RuleError(f"{path}: the file cannot be read: {error.strerror}.") from None


def parse_rule(content: str, file: str, shared: SharedDefinitions, examples_are_checked: bool = False) -> Rule:
    """Return the rule in the text of a file.

    Args:
        content: The text of the file.
        file: The file's name, for error messages.
        shared: What the rule may use by name.
        examples_are_checked: Whether the examples need not be checked again, as those of the package's own rules.

    Raises:
        RuleError: The file is wrong; the message names the file, the line and the repair.
    """
    return _RuleFile(content, file, shared).rule(examples_are_checked)


def parse_with_problems(content: str, file: str, shared: SharedDefinitions) -> tuple[Rule | None, tuple[Problem, ...]]:
    """Return the rule as far as it can be built, with all problems; None if it cannot be built."""
    try:
        rule_file = _RuleFile(content, file, shared)
    except RuleError as error:
        return None, (Problem((), 1, str(error)),)
    try:
        return rule_file.rule(), ()
    except RuleError as error:
        return rule_file.parsed, error.problems


def parse_shared(content: str, file: str, shared: SharedDefinitions) -> SharedDefinitions:
    """Return the definitions in a `_shared.toml`, together with those already shared.

    Raises:
        RuleError: The file is wrong.
    """
    own = _RuleFile(content, file, shared).shared_definitions()
    return SharedDefinitions(
        lists={**shared.lists, **own.lists},
        criteria={**shared.criteria, **own.criteria},
        words={**shared.words, **own.words},
        ports={**shared.ports, **own.ports},
        interventions=shared.interventions,
        limits=tuple(dict.fromkeys([*shared.limits, *own.limits])),
        dataset_limits={
            dataset: tuple(dict.fromkeys([*shared.limits_of(dataset), *own.limits_of(dataset)]))
            for dataset in {**shared.dataset_limits, **own.dataset_limits}
        },
        folder=shared.folder,
        files=(*shared.files, (file, content)),
    )


class _RuleFile(ExampleSource):
    """Build a rule from its file."""

    def __init__(self, content: str, file: str, shared: SharedDefinitions) -> None:
        super().__init__(content, file, shared)
        self.parsed: Rule | None = None

    def rule(self, examples_are_checked: bool = False) -> Rule:
        with self.continuing():
            self.require_keys((), self.table, _REQUIRED | _OPTIONAL, _REQUIRED)
        with self.continuing():
            self.require_one_of(("dataset",), self.table.get("dataset", next(iter(DATASETS))), tuple(DATASETS))
        if any(key in _SHAPED and not isinstance(self.table[key], _SHAPED[key]) for key in self.table):
            self.raise_problems()
        self.table = {**_PLACEHOLDERS, **self.table}
        with self.continuing():
            rule = self._edition(self.table, (), self.table["edition"])
            self.parsed = rule
        if self.problems:
            self.check_declared_examples()
        self.raise_problems()
        self._refuse_unused_lists(rule)
        if not examples_are_checked:
            self.check_examples(rule)
            self.raise_problems()
        return rule

    def shared_definitions(self) -> SharedDefinitions:
        self.may_repeat_shared = True
        with self.continuing():
            self.require_keys((), self.table, _SHARED, set())
        self.raise_problems()
        with self.continuing():
            lists = self.code_lists(self.table, ())
            criteria = self.criteria(self.table, (), lists)
            for name, criterion in criteria.items():
                if self.shared.criteria.get(name, criterion) != criterion:
                    self.fail(("criteria", name), f"another criterion is also called {name}: choose another name.")
        ports = {}
        for name, entry in self.table.get("ports", {}).items():
            with self.continuing():
                self.require_keys(("ports", name), entry, {"about", "limits"}, {"about", "limits"})
                ports[name] = Port(name, entry["about"], tuple(entry["limits"]))
        self.raise_problems()
        limits = tuple(self.table.get("limits", ()))
        words, of_datasets = self.table.get("words", {}), self._dataset_limits()
        return SharedDefinitions(lists, criteria, words, ports, limits=limits, dataset_limits=of_datasets)

    def _dataset_limits(self) -> dict[str, tuple[str, ...]]:
        """Read what no rule for a dataset can show, by dataset."""
        limits = self.table.get("dataset_limits", {})
        if not isinstance(limits, dict) or not all(map(is_list_of_texts, limits.values())):
            self.fail(("dataset_limits",), "this must be a table of datasets, each with a list of sentences.")
        for dataset in limits:
            if dataset not in DATASETS:
                self.fail(("dataset_limits", dataset), unknown("dataset", dataset, DATASETS))
        return {dataset: tuple(sentences) for dataset, sentences in limits.items()}

    def _edition(self, table: Mapping[str, Any], place: Place, name: str) -> Rule:
        """Build an edition with its variants; the current one with the other editions too.

        The edition itself is checked first, so that a mistake is reported at its own line.
        """
        variants: dict[str, Rule] = {}
        editions: dict[str, Rule] = {}
        rule = None
        with self.continuing():
            rule = self._interpretation(table, place, name, DEFAULT, variants, editions)
        for variant, changes in table.get("variants", {}).items():
            variant_place = (*place, "variants", variant)
            with self._own_problems(changes, variant_place, rule is None):
                self.require_keys(variant_place, changes, _REPLACEABLE, {"about"})
                variants[variant] = self._interpretation(merged(table, changes), variant_place, name, variant, {}, {})
        for edition, changes in table.get("editions", {}).items():
            edition_place = ("editions", edition)
            with self._own_problems(changes, edition_place, rule is None):
                self.require_keys(edition_place, changes, _DATED, set())
                editions[edition] = self._edition(edition_table(table, changes), edition_place, edition)
        if rule is None:
            raise WrongEntryError
        return rule

    @contextmanager
    def _own_problems(self, changes: object, place: Place, rule_is_wrong: bool) -> Iterator[None]:
        """Continue after a wrong entry of a variant or an edition; what it inherits is not repeated."""
        before = len(self.problems)
        with self.continuing():
            yield
        if rule_is_wrong:
            own = [each for each in self.problems[before:] if _contains(changes, each.place[len(place) :])]
            self.problems[before:] = own

    def _interpretation(
        self,
        table: Mapping[str, Any],
        place: Place,
        edition: str,
        variant: str,
        variants: Mapping[str, Rule],
        editions: Mapping[str, Rule],
    ) -> Rule:
        self.require_one_of((*place, "status"), table["status"], _STATUSES)
        lists = self.code_lists(table, place)
        criteria = self.criteria(table, place, lists)
        if not criteria:
            self.fail((*place, "criteria"), "a rule needs at least one criterion.")
        self._check_words(table, place)
        eligible = self._eligible(table, place, criteria)
        within = self._compare_within(table, place)
        logic = RuleLogic(table["key"], table["dataset"], edition, variant, criteria, eligible, within)
        if not place:  # An older edition may lack a code whose title the newer one prints.
            own = [named for named in lists.values() if isinstance(named, NamedCodes)]
            self._check_titles([named.codes for named in (*own, *logic.code_lists())])
        documentation = self._documentation(table, place, variant)
        return Rule(logic, documentation, self.examples, variants, editions)

    def _documentation(self, table: Mapping[str, Any], place: Place, variant: str) -> RuleDocumentation:
        is_variant = variant != DEFAULT
        is_other_edition = table is not self.table and not is_variant
        return RuleDocumentation(
            title=table["title"],
            aliases=tuple(table.get("aliases", ())),
            list_number=table.get("list"),
            status=table["status"],
            source=table["source"],
            excerpt=table.get("excerpt", False),
            port=self._port(table, place),
            interventions=self._interventions,
            fitness=self.read_or(NOT_STATED, lambda: self._fitness(table, place)),
            start=self.read_or(None, lambda: self._start(table, place)),
            revised=tuple(table.get("revised", ())),
            about=self.table.get("about", ""),
            edition_about=table.get("about", "") if is_other_edition else "",
            variant_about=table["about"] if is_variant else "",
            limits=(*table.get("limits", ()), *self.shared.limits, *self.shared.limits_of(table["dataset"])),
            words={**self.shared.words, **table.get("words", {})},
            titles=table.get("titles", {}),
        )

    @cached_property
    def _interventions(self) -> tuple[Intervention, ...]:
        interventions = []
        for letter in self.table.get("interventions", ()):
            if letter not in self.shared.interventions:
                self.fail(("interventions",), unknown("intervention", letter, self.shared.interventions))
            intervention = self.shared.interventions[letter]
            if intervention.list_number != self.table.get("list"):
                self.fail(("list",), f"{letter} is on list {intervention.list_number}.")
            interventions.append(intervention)
        return tuple(interventions)

    def _port(self, table: Mapping[str, Any], place: Place) -> Port | None:
        name = table.get("port")
        if name is None:
            return None
        if name not in self.shared.ports:
            self.fail((*place, "port"), unknown("port", name, self.shared.ports))
        return self.shared.ports[name]

    def _fitness(self, table: Mapping[str, Any], place: Place) -> Fitness:
        """Read what the rule may be used for; a local rule need not state it."""
        if "fitness" not in table:
            if table["status"] == LOCAL:
                return NOT_STATED
            self.fail(place, "the entry fitness is missing: what the rule may be used for, and why.")
        entry, place = table["fitness"], (*place, "fitness")
        self.require_keys(place, entry, _FITNESS, _FITNESS)
        self.require_one_of((*place, "use"), entry["use"], tuple(FITNESS))
        return Fitness(entry["use"], entry["reason"])

    def _start(self, table: Mapping[str, Any], place: Place) -> str | None:
        start: str | None = table.get("start")
        if start is not None and not _MONTH.fullmatch(start):
            self.fail((*place, "start"), 'this must be a month, such as "2025-07".')
        return start

    def _eligible(self, table: Mapping[str, Any], place: Place, criteria: Mapping[str, Criterion]) -> tuple[str, ...]:
        eligible = tuple(table.get("eligible", list(criteria)[1:]))
        for name in eligible:
            if name not in criteria:
                self.fail((*place, "eligible"), unknown("criterion", name, criteria))
        return eligible

    def _compare_within(self, table: Mapping[str, Any], place: Place) -> Criterion | None:
        if "compare_within" not in table:
            return None
        within = self._criterion((*place, "compare_within"), table["compare_within"], {})
        if any(True for _ in code_atoms(within)):
            self.fail(
                (*place, "compare_within"), "this is about fields, such as treatment_function, and not about codes."
            )
        return within

    @cached_property
    def _names(self) -> set[str]:
        """The names of criteria and code lists anywhere in the file, and of those shared."""
        tables = [table for _, table in self._tables()]
        groups = [group for table in tables for group in table.get("codes", {}).values() if isinstance(group, dict)]
        criteria = [table.get("criteria", {}) for table in tables]
        return {name for names in (*groups, *criteria, self.shared.lists, self.shared.criteria) for name in names}

    def _tables(self) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        """Return the file's own table and that of every variant and edition, each with its place."""

        def tables_below(place: Place, table: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
            yield place, table
            for kind in ("variants", "editions"):
                for name, changes in table.get(kind, {}).items():
                    if isinstance(changes, dict):
                        yield from tables_below((*place, kind, name), changes)

        return tables_below((), self.table)

    def _check_words(self, table: Mapping[str, Any], place: Place) -> None:
        for name, phrase in table.get("words", {}).items():
            if name not in self._names:
                self.fail((*place, "words", name), unknown("criterion or code list", name, sorted(self._names)))
            if not isinstance(phrase, str):
                self.fail((*place, "words", name), "a phrase must be text in quotation marks.")

    def _check_titles(self, lists: list[CodeList]) -> None:
        for code, title in self.table.get("titles", {}).items():
            if not any(code in codes for codes in lists):
                self.fail(("titles", code), f"no list of the rule contains {code}.")
            if not isinstance(title, str):
                self.fail(("titles", code), "a title must be text in quotation marks.")

    def _refuse_unused_lists(self, rule: Rule) -> None:
        used = {
            name
            for edition in (rule, *rule.editions.values())
            for interpretation in edition.interpretations.values()
            for name in interpretation.logic.names_of_lists()
        }
        for place, table in self._tables():
            for kind, group in table.get("codes", {}).items():
                for name in group:
                    if name not in used:
                        self.note((*place, "codes", kind, name), "no criterion uses this list: use it or remove it.")


def _contains(table: object, path: Place) -> bool:
    """Return whether a table has an entry at a path of keys; the last key may be missing."""
    for key in path[:-1]:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return isinstance(table, dict) and (not path or path[-1] in table)
