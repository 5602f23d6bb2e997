"""Read a rule file: TOML to `Rule`, with everything checked and every error at its line.

A rule file is data: reading one never runs anything. A variant or edition is built from the tables it
replaces, so it is checked exactly as the rule itself. What is wrong in one entry does not hide what is wrong in
another: a `RuleError` carries every problem.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import InvalidInputError, Problem, RuleError, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.nodes import Criterion, code_atoms, lists_named
from ebi_rules.rule_model.coded_source import CodedSource, Shared
from ebi_rules.rule_model.rule import DATASETS, DEFAULT, Example, Intervention, Port, Rule
from ebi_rules.rule_model.toml_source import dated, replaced
from opcs_icd import CodeList

_REQUIRED = {"key", "title", "dataset", "status", "source", "edition", "criteria", "examples"}
_OPTIONAL = {
    "aliases",
    "list",
    "interventions",
    "port",
    "revised",
    "about",
    "limits",
    "eligible",
    "codes",
    "words",
    "titles",
    "variants",
    "editions",
}
_REPLACEABLE = {"about", "eligible", "codes", "criteria", "revised", "limits", "source", "words", "titles"}
_DATED = _REPLACEABLE | {"status", "port", "variants"}
_EXAMPLE = {"about", "activity", "flagged", "stopped_by", "variant", "edition"}
_STATUSES = ("published", "ported", "local")


def read_rule_file(path: Path, shared: Shared) -> Rule:
    """Read the rule in a file. Raises `RuleError` that names the file, the line and the repair."""
    return read_rule(read_text(path), str(path), shared)


def read_text(path: Path) -> str:
    """Read a rule file's text. Raises `RuleError`."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RuleError(f"{path}: the file is not UTF-8 text.") from None
    except OSError as error:
        raise RuleError(f"{path}: the file cannot be read: {error.strerror}.") from None


def read_rule(content: str, file: str, shared: Shared) -> Rule:
    """Read the rule in a file's text; `file` is the name for error messages."""
    return _RuleFile(content, file, shared).rule()


def read_with_problems(content: str, file: str, shared: Shared) -> tuple[Rule | None, tuple[Problem, ...]]:
    """Read the rule as far as it goes, with all that is wrong; None where it cannot be built."""
    try:
        reader = _RuleFile(content, file, shared)
    except RuleError as error:
        return None, (Problem((), 1, str(error)),)
    try:
        return reader.rule(), ()
    except RuleError as error:
        return reader.read, error.problems


def read_shared(content: str, file: str, shared: Shared) -> Shared:
    """Read the code lists, criteria and words that rules share, and give them beside those shared already."""
    own = _RuleFile(content, file, shared).shared_parts()
    return Shared(
        {**shared.lists, **own.lists},
        {**shared.criteria, **own.criteria},
        {**shared.words, **own.words},
        {**shared.ports, **own.ports},
        shared.interventions,
        (*shared.limits, *own.limits),
    )


class _RuleFile(CodedSource):
    """A rule file of which a rule is made."""

    def __init__(self, content: str, file: str, shared: Shared) -> None:
        super().__init__(content, file, shared)
        self.read: Rule | None = None

    def rule(self) -> Rule:
        with self.noting():
            self.only((), self.table, _REQUIRED | _OPTIONAL, _REQUIRED)
            self.one_of((), "dataset", self.table["dataset"], tuple(DATASETS))
        self.raise_problems()
        with self.noting():
            rule = self._edition(self.table, (), self.table["edition"])
        self.raise_problems()
        self.read = rule
        self._refuse_unused_lists(rule)
        self._check_examples(rule)
        self.raise_problems()
        return rule

    def shared_parts(self) -> Shared:
        with self.noting():
            self.only((), self.table, {"codes", "criteria", "words", "ports", "limits"}, set())
        self.raise_problems()
        with self.noting():
            lists = self.lists(self.table, ())
            criteria = self.criteria(self.table, (), lists)
            for name in criteria:
                if name in self.shared.criteria:
                    self.fail(("criteria", name), "another criterion is called so too: choose another name.")
        ports = {}
        for name, entry in self.table.get("ports", {}).items():
            with self.noting():
                self.only(("ports", name), entry, {"about", "limits"}, {"about", "limits"})
                ports[name] = Port(name, entry["about"], tuple(entry["limits"]))
        self.raise_problems()
        return Shared(lists, criteria, self.table.get("words", {}), ports, limits=tuple(self.table.get("limits", ())))

    def _edition(self, table: Mapping[str, Any], place: tuple[str, ...], name: str) -> Rule:
        """Build an edition with its variants; the current one with the other editions too.

        The edition itself is checked first, so that a mistake is told at its own line.
        """
        variants: dict[str, Rule] = {}
        editions: dict[str, Rule] = {}
        rule = self._reading(table, place, name, DEFAULT, "", variants, editions)
        for variant, changes in table.get("variants", {}).items():
            where = (*place, "variants", variant)
            with self.noting():
                self.only(where, changes, _REPLACEABLE, {"about"})
                changed = replaced(table, changes)
                variants[variant] = self._reading(changed, where, name, variant, changes["about"], {}, {})
        for edition, changes in table.get("editions", {}).items():
            where = ("editions", edition)
            with self.noting():
                self.only(where, changes, _DATED, set())
                editions[edition] = self._edition(dated(table, changes), where, edition)
        return rule

    def _reading(
        self,
        table: Mapping[str, Any],
        place: tuple[str, ...],
        edition: str,
        variant: str,
        variant_about: str,
        variants: Mapping[str, Rule],
        editions: Mapping[str, Rule],
    ) -> Rule:
        self.one_of(place, "status", table["status"], _STATUSES)
        lists = self.lists(table, place)
        criteria = self.criteria(table, place, lists)
        if not criteria:
            self.fail((*place, "criteria"), "a rule needs at least one criterion.")
        named = [
            codes for criterion in criteria.values() for atom in code_atoms(criterion) for codes in lists_named(atom)
        ]
        self._check_words(table, place)
        if not place:  # An older edition may lack a code whose title the newer one prints.
            self._check_titles([codes.codes for codes in (*lists.values(), *named)])
        return Rule(
            key=table["key"],
            title=table["title"],
            aliases=tuple(table.get("aliases", ())),
            list_number=table.get("list"),
            dataset=table["dataset"],
            status=table["status"],
            source=table["source"],
            port=self._port(table, place),
            interventions=self._interventions,
            edition_name=edition,
            edition_about=table.get("about", "") if table is not self.table and variant == DEFAULT else "",
            revised=tuple(table.get("revised", ())),
            about=self.table.get("about", ""),
            limits=(*table.get("limits", ()), *self.shared.limits),
            eligible=self._eligible(table, place, criteria),
            lists={codes.name: codes for codes in named},
            criteria=criteria,
            words={**self.shared.words, **table.get("words", {})},
            titles=table.get("titles", {}),
            examples=self._examples,
            variants=variants,
            editions=editions,
            variant_name=variant,
            variant_about=variant_about,
        )

    @cached_property
    def _interventions(self) -> tuple[Intervention, ...]:
        found = []
        for letter in self.table.get("interventions", ()):
            if letter not in self.shared.interventions:
                self.fail(("interventions",), unknown("intervention", letter, self.shared.interventions))
            found.append(self.shared.interventions[letter])
            if found[-1].list_number != self.table.get("list"):
                self.fail(("list",), f"{letter} is on list {found[-1].list_number}.")
        return tuple(found)

    def _port(self, table: Mapping[str, Any], place: tuple[str, ...]) -> Port | None:
        name = table.get("port")
        if name is None:
            return None
        if name not in self.shared.ports:
            self.fail((*place, "port"), unknown("port", name, self.shared.ports))
        return self.shared.ports[name]

    def _eligible(
        self, table: Mapping[str, Any], place: tuple[str, ...], criteria: Mapping[str, Criterion]
    ) -> tuple[str, ...]:
        eligible = tuple(table.get("eligible", list(criteria)[1:]))
        for name in eligible:
            if name not in criteria:
                self.fail((*place, "eligible"), unknown("criterion", name, criteria))
        return eligible

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        examples = []
        for number, table in enumerate(self.table["examples"]):
            where = ("examples", str(number))
            with self.noting():
                self.only(where, table, _EXAMPLE, {"about", "activity", "flagged"})
                try:
                    activity = Activity.of(table["activity"])
                except InvalidInputError as error:
                    self.fail((*where, "activity"), str(error))
                examples.append(
                    Example(
                        about=table["about"],
                        activity=activity,
                        given=table["activity"],
                        flagged=table["flagged"],
                        stopped_by=table.get("stopped_by"),
                        variant=table.get("variant"),
                        edition=table.get("edition"),
                    )
                )
        return tuple(examples)

    @cached_property
    def _names(self) -> set[str]:
        """The names of criteria and code lists in any reading of the file, and of those shared."""
        tables = [table for _, table in self._tables()]
        groups = [group for table in tables for group in table.get("codes", {}).values() if isinstance(group, dict)]
        named = [*groups, *(table.get("criteria", {}) for table in tables), self.shared.lists, self.shared.criteria]
        return {name for names in named for name in names}

    def _tables(self) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        """Give the file's own table and that of every variant and edition, with its place."""

        def below(place: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
            yield place, table
            for kind in ("variants", "editions"):
                for name, changes in table.get(kind, {}).items():
                    if isinstance(changes, dict):
                        yield from below((*place, kind, name), changes)

        return below((), self.table)

    def _check_words(self, table: Mapping[str, Any], place: tuple[str, ...]) -> None:
        for name, phrase in table.get("words", {}).items():
            if name not in self._names:
                self.fail((*place, "words", name), unknown("criterion or code list", name, sorted(self._names)))
            if not isinstance(phrase, str):
                self.fail((*place, "words", name), "a phrase is a text in quotation marks.")

    def _check_titles(self, lists: list[CodeList]) -> None:
        for code, title in self.table.get("titles", {}).items():
            if not any(code in codes for codes in lists):
                self.fail(("titles", code), f"no list of the rule holds {code}.")
            if not isinstance(title, str):
                self.fail(("titles", code), "a title is a text in quotation marks.")

    def _refuse_unused_lists(self, rule: Rule) -> None:
        used = set()
        for edition in (rule, *rule.editions.values()):
            for reading in edition.readings().values():
                for criterion in reading.criteria.values():
                    used |= {codes.name for atom in code_atoms(criterion) for codes in lists_named(atom)}
        for place, table in self._tables():
            for kind, group in table.get("codes", {}).items():
                for name in group:
                    if name not in used:
                        where = (*place, "codes", kind, name)
                        self.problem(where, "no criterion uses this list: use it or take it out.")

    def _check_examples(self, rule: Rule) -> None:
        stopped = set()
        fired = False
        for number, example in enumerate(rule.examples):
            where = ("examples", str(number))
            with self.noting():
                reading = rule
                if example.edition is not None:
                    reading = self._named(where, "edition", example.edition, {rule.edition_name: rule, **rule.editions})
                if example.variant is not None:
                    reading = self._named(where, "variant", example.variant, reading.readings())
                stopped_by = reading.explain(example.activity).stopped_by
                if reading is rule:
                    stopped.add(stopped_by)
                    fired = fired or stopped_by is None
                self._check_answer(where, example, stopped_by)
        if not fired:
            self.problem(("examples", "0"), "no example is flagged: add one that is.")
        for name in rule.criteria:
            if name not in stopped:
                self.problem(("criteria", name), "no example is stopped by this criterion: add one that is.")

    def _check_answer(self, where: tuple[str, ...], example: Example, stopped_by: str | None) -> None:
        told = f"the example {example.about!r}"
        if example.flagged and stopped_by is not None:
            self.fail(
                where,
                f"{told} says flagged = true, but the criterion {stopped_by} does not hold. "
                "Correct the criterion, or set flagged = false.",
            )
        if not example.flagged and stopped_by is None:
            self.fail(
                where,
                f"{told} says flagged = false, but every criterion holds. "
                "Correct the criterion that should fail, or set flagged = true.",
            )
        if example.stopped_by is not None and example.stopped_by != stopped_by:
            self.fail(
                where,
                f"{told} says stopped_by = {example.stopped_by!r}, but the first criterion that fails is "
                f"{stopped_by or 'none'}.",
            )

    def _named(self, where: tuple[str, ...], kind: str, name: str, known: Mapping[str, Rule]) -> Rule:
        if name not in known:
            self.fail((*where, kind), unknown(kind, name, known))
        return known[name]
