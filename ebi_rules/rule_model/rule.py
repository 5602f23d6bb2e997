"""A rule: named criteria over an activity, all of which must hold, with its variants and editions.

A `Rule` is one reading: the current edition as designed, or what `variant()` and `edition()` give, which
are rules too. Files are read in `rulefile`; nothing here touches an extract.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds, matched_codes
from ebi_rules.criteria.nodes import And, Criterion, NamedCodes, code_atoms, fields_needed, lists_named
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import Layout, find_layout
from opcs_icd import CodeList, CodeSystem
from opcs_icd.reference import Reference

if TYPE_CHECKING:
    import polars as pl

DATASETS = {"outpatient": "outpatient appointments", "admitted": "admitted care"}
"""The kinds of activity that a rule or a layout is about, with what they are called."""

DEFAULT = "default"
"""What outputs call a rule's own reading, beside its variants."""


@dataclass(frozen=True)
class Example:
    """A made-up activity with the answer that the rule must give; `given` is the activity as the file writes it."""

    about: str
    activity: Activity
    given: Mapping[str, object]
    flagged: bool
    stopped_by: str | None
    variant: str | None
    edition: str | None


@dataclass(frozen=True)
class Intervention:
    """One intervention of the programme's lists, coded or not.

    `letter` is its number and letter (2S), `category` 1 (not routinely commissioned) or 2 (only when criteria are met),
    `page` its address, None where none was found; `specialty` is ours, to choose by. A letter that was not
    `letter_seen` on a page follows from the order of the list.
    """

    letter: str
    title: str
    list_number: int
    category: int
    specialty: str
    page: str | None
    letter_seen: bool


@dataclass(frozen=True)
class Port:
    """Somebody else's rendering of the programme's scripts, from which codes were taken.

    `about` says what it is, `limits` what every rule that comes from it has in common.
    """

    name: str
    about: str
    limits: tuple[str, ...]


@dataclass(frozen=True)
class CriterionResult:
    """What `explain` says of one criterion: whether it held, and the activity's codes in its lists."""

    name: str
    held: bool
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Why a rule flags an activity or does not, criterion by criterion, in the rule's order.

    `codes` are the activity's codes in any list that the rule asks for, procedures first, each once.
    """

    rule: str
    criteria: tuple[CriterionResult, ...]
    codes: tuple[str, ...]

    @property
    def flagged(self) -> bool:
        return self.stopped_by is None

    @property
    def stopped_by(self) -> str | None:
        """The first criterion that does not hold; None when the activity is flagged."""
        return next((result.name for result in self.criteria if not result.held), None)


@dataclass(frozen=True, eq=False)
class Rule:
    """One reading of one rule.

    `criteria` are in the order of the attrition table; `eligible` names those that make the denominator.
    `interventions` are what the rule codes: mostly one, two where they share a coding. `port` is what a ported coding
    comes from, `edition_about` what is to be known of an edition that is not the current one.
    `words` are phrases for criteria and code lists, `titles` the code titles that the source prints.
    `variants` and `editions` are the other readings; a variant of a variant there is none.
    """

    key: str
    title: str
    aliases: tuple[str, ...]
    list_number: int | None
    dataset: str
    status: str
    source: str
    port: Port | None
    interventions: tuple[Intervention, ...]
    edition_name: str
    edition_about: str
    revised: tuple[str, ...]
    about: str
    limits: tuple[str, ...]
    eligible: tuple[str, ...]
    lists: Mapping[str, NamedCodes]
    criteria: Mapping[str, Criterion]
    words: Mapping[str, str]
    titles: Mapping[str, str]
    examples: tuple[Example, ...]
    variants: Mapping[str, "Rule"]
    editions: Mapping[str, "Rule"]
    variant_name: str = DEFAULT
    variant_about: str = ""

    @property
    def codes(self) -> Mapping[str, CodeList]:
        """The code lists by name."""
        return {name: named.codes for name, named in self.lists.items()}

    @cached_property
    def fields_needed(self) -> tuple[str, ...]:
        """The canonical fields that the criteria of this reading ask about, each once."""
        return tuple(dict.fromkeys(name for criterion in self.criteria.values() for name in fields_needed(criterion)))

    def lists_asked(self, code_field: str | None = None) -> tuple[NamedCodes, ...]:
        """Give the code lists that the criteria of this reading name, each once; of one field of codes or all."""
        atoms = (atom for criterion in self.criteria.values() for atom in code_atoms(criterion))
        asked = (atom for atom in atoms if code_field in (None, atom.code_field))
        return tuple(dict.fromkeys(codes for atom in asked for codes in lists_named(atom)))

    @cached_property
    def content_hash(self) -> str:
        """A hash of what this reading means: it changes when a criterion, code or denominator does."""
        meaning = (self.key, self.edition_name, self.variant_name, self.eligible, dict(self.criteria))
        return hashlib.sha256(repr(meaning).encode()).hexdigest()

    def variant(self, name: str) -> "Rule":
        """Give the reading called `name`; `default` is the rule itself. Raises `UsageError`."""
        if name == self.variant_name:
            return self
        if name not in self.variants:
            raise UsageError(f"{self.key}: " + unknown("variant", name, [DEFAULT, *self.variants]))
        return self.variants[name]

    def edition(self, name: str) -> "Rule":
        """Give the coding dated `name`, for example "2023-12". Raises `UsageError`."""
        if name == self.edition_name:
            return self
        if name not in self.editions:
            raise UsageError(f"{self.key}: " + unknown("edition", name, [self.edition_name, *self.editions]))
        return self.editions[name]

    def readings(self) -> Mapping[str, "Rule"]:
        """Give this reading and every variant, by name."""
        return {self.variant_name: self, **self.variants}

    def explain(self, activity: Activity | Mapping[str, object]) -> Explanation:
        """Say why the rule flags an activity, or does not."""
        if not isinstance(activity, Activity):
            activity = Activity.of(activity)
        return Explanation(
            self.key,
            tuple(
                CriterionResult(name, holds(criterion, activity), matched_codes(criterion, activity))
                for name, criterion in self.criteria.items()
            ),
            matched_codes(And(tuple(self.criteria.values())), activity),
        )

    def describe(self, reference: Reference | None = None) -> str:
        """Give the rule in English, as Markdown; with the user's own classification files codes have their titles."""
        from ebi_rules.translate.english import describe

        return describe(self, reference)

    def _repr_html_(self) -> str:
        """Show the rule in a notebook."""
        from ebi_rules.report.notebook import notebook_rule

        return notebook_rule(self)

    def title_of(self, system: CodeSystem, code: str, reference: Reference | None = None) -> str | None:
        """Give the title of a code: that of the classification files, else the one that the source prints."""
        held = reference.title(system, code) if reference else None
        return held or self.titles.get(code)

    def expr(
        self,
        layout: str | Path | Layout,
        columns: Iterable[str] | None = None,
        overrides: Mapping[str, str] | None = None,
        any_dataset: bool = False,
    ) -> "pl.Expr":
        """Give the rule as a Polars expression over an extract's own columns.

        The result is boolean without nulls. `columns` are the extract's column names where they may differ
        in case from the layout's; `overrides` maps canonical fields to columns. Raises `ExtractError` when
        the layout lacks a field or, unless `any_dataset`, is of another dataset; `UsageError` for a layout whose
        codes are in child tables: use `flag`.
        """
        from ebi_rules.translate.polars import expression

        return expression(self.criteria, self._binding(layout, columns, overrides, any_dataset)).alias(self.key)

    def sql(
        self,
        dialect: str,
        layout: str | Path | Layout,
        table: str,
        shape: str = "flags",
        overrides: Mapping[str, str] | None = None,
        any_dataset: bool = False,
        strategy: str | None = None,
    ) -> str:
        """Give the rule as SQL text in a warehouse's dialect.

        `shape` is `flags`, `predicate`, `case`, `counts`, `view` or `cube`, `strategy` `distinct` or `inline` (see
        `translate.statements.statement`).
        Raises `DialectError`, `UsageError`, or `ExtractError` as `expr` does.
        """
        from ebi_rules.statements.rule_sql import statement

        binding = self._binding(layout, None, overrides, any_dataset)
        return statement([self], dialect, binding, table, shape, strategy=strategy)

    def _binding(
        self,
        layout: str | Path | Layout,
        columns: Iterable[str] | None,
        overrides: Mapping[str, str] | None,
        any_dataset: bool,
    ) -> Binding:
        binding = bind(find_layout(layout), columns, overrides)
        available([self], binding, skip_unavailable=False, any_dataset=any_dataset)
        return binding


def explain(activity: Activity | Mapping[str, object], rule: Rule) -> Explanation:
    """Say why a rule flags an activity, or does not: criterion by criterion, and which codes matched.

    `activity` maps canonical fields to values: `procedures` and `diagnoses` to a list of codes or one text.
    Raises `ValueError` for a name that is no field.
    """
    return rule.explain(activity)


def criteria_of(rules: Iterable[Rule]) -> list[Criterion]:
    """Give the criteria of all rules, each once."""
    return list(dict.fromkeys(criterion for rule in rules for criterion in rule.criteria.values()))


def available(
    rules: Iterable[Rule], binding: Binding, skip_unavailable: bool, any_dataset: bool = False
) -> tuple[dict[str, Rule], list[str]]:
    """Give the rules that the binding can answer, by key, and a warning for each that it cannot.

    A rule of another dataset is not answered unless `any_dataset`. Raises `ExtractError` for a rule that the binding
    cannot answer, unless `skip_unavailable`, or when none is left.
    """
    found, warnings = {}, []
    for rule in rules:
        problem = (None if any_dataset else _of_another_dataset(rule, binding)) or unavailable(rule, binding)
        if problem and not skip_unavailable:
            raise ExtractError(problem)
        if problem:
            warnings.append(f"{rule.key} was skipped: {problem}")
        else:
            found[rule.key] = rule
    if not found:
        raise ExtractError("this extract can answer none of the rules. " + " ".join(warnings))
    return found, warnings


def _of_another_dataset(rule: Rule, binding: Binding) -> str | None:
    layout = binding.layout
    if rule.dataset == layout.dataset:
        return None
    return (
        f"{rule.key} is a rule for {DATASETS[rule.dataset]}, and the layout {layout.name} holds "
        f"{DATASETS[layout.dataset]}: what it counts here is not what the guidance means. If you want it all the same, "
        "say --any-dataset."
    )


def unavailable(rule: Rule, binding: Binding) -> str | None:
    """Say what a rule needs and the binding lacks, naming rule, criterion and field; None when nothing."""
    for name, criterion in rule.criteria.items():
        for lacking in binding.lacking(criterion):
            reading = rule.key if rule.variant_name == DEFAULT else f"{rule.key} ({rule.variant_name})"
            return (
                f"this extract has no column for {lacking}, which {reading} needs (criterion {name}). "
                f"{binding.why_lacking(lacking)}"
            )
    return None
