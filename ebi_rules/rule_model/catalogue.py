"""The catalogue: every rule that comes with the package, one TOML file each, and rules of the user's folders.

Folders named by the environment variable EBI_RULES_PATH join the catalogue; others are named where they are needed.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from ebi_rules._support.errors import RuleError, UsageError, unknown
from ebi_rules._support.package_data import data_folder
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.rule_model.availability import available_rules
from ebi_rules.rule_model.coded_source import SharedDefinitions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_documentation import Intervention
from ebi_rules.rule_model.rule_files import (
    Catalogue,
    RuleFile,
    builtin_policies,
    files_of_folder,
    find_rule_files,
    is_place_of_rules,
    read_interventions,
)
from opcs_icd import CodeList, CodeSystem

DEFAULT_POLICIES = {"imaging": "imaging-dataset"}
"""What is run over a dataset beside another for which the programme has rules."""

PATH_VARIABLE = "EBI_RULES_PATH"
"""The environment variable that names folders of rules, separated as the system separates paths."""

RuleNames = str | Path | Rule | Iterable[str | Path | Rule]
"""Rules, names of rules, or folders, files and policies with rules; one or several."""


@cache
def interventions() -> tuple[Intervention, ...]:
    """Return every intervention of lists 1 and 2, coded or not, in the order of the lists."""
    return read_interventions(data_folder("catalogue"))


@cache
def builtin_files() -> tuple[RuleFile, ...]:
    """Return the rule files of the package."""
    return tuple(files_of_folder(data_folder("catalogue"), "catalogue", SharedDefinitions(), True))


def shared_definitions() -> SharedDefinitions:
    """Return the code lists and criteria that the package's rules share."""
    return builtin_files()[0].shared


def open_catalogue(*places: str | Path) -> Catalogue:
    """Return the package's rules with those of EBI_RULES_PATH and of further folders, files or policies.

    Raises:
        UsageError: A place has no rules.
        RuleError: A file cannot be read, or two files use the same name.
    """
    files = list(builtin_files())
    for folder in filter(None, os.environ.get(PATH_VARIABLE, "").split(os.pathsep)):
        files += find_rule_files(folder, shared_definitions(), f"{PATH_VARIABLE}: ")
    for place in places:
        files += find_rule_files(place, shared_definitions())
    return Catalogue(files)


def open_policy(*places: str | Path) -> Catalogue:
    """Return the rules of folders, files or policies alone.

    Raises:
        UsageError: A place has no rules.
        RuleError: A file cannot be read, or two files use the same name.
    """
    return Catalogue(file for place in places for file in find_rule_files(place, shared_definitions()))


def rule(name: str) -> Rule:
    """Return a rule by its key or an alias, without regard to case.

    Args:
        name: The key or an alias; `2E@2020` is the edition of 2020.

    Returns:
        The rule as designed, in its current edition unless another is named.

    Raises:
        UsageError: There is no rule or edition of that name.
        RuleError: The rule's file is wrong.

    Example:
        >>> rule("2s").key
        '2S_lower_back_imaging'
    """
    return open_catalogue().rule(name)


def rules(names: RuleNames | None = None) -> list[Rule]:
    """Return several rules, each once.

    Args:
        names: Names of rules, rules, or folders, files and policies with rules; one or several. A text that is the
            name of a rule is that rule, whatever folders there are. Without names, all rules of the catalogue.

    Returns:
        The rules in the order of their names.

    Raises:
        UsageError: A name is unknown, there are no names, or two editions of one rule are named.
        RuleError: A rule's file is wrong.

    Example:
        >>> [rule.title for rule in rules("2S")]
        ['Low back pain imaging']
    """
    catalogue = open_catalogue()
    if names is None:
        return _without_repetition(catalogue)
    return _without_repetition([rule for name in _several(names) for rule in _rules_named(name, catalogue)])


def rules_of_dataset(names: RuleNames | None, dataset: str) -> list[Rule]:
    """Return those of several rules that are for a dataset; without names, what is run for it by default.

    By default these are the programme's rules, and for imaging, for which it has none, those of `DEFAULT_POLICIES`.

    Raises:
        UsageError: A name is unknown, or no rule is for the dataset.
        RuleError: A rule's file is wrong.
    """
    chosen = [rule for rule in rules(names) if rule.dataset == dataset]
    if not chosen and names is None and dataset in DEFAULT_POLICIES:
        return list(open_policy(DEFAULT_POLICIES[dataset]))
    if not chosen:
        raise UsageError(f"none of these rules is for {DATASETS[dataset]}: name at least one for each dataset.")
    return chosen


def _none_for(dataset: str) -> str:
    """Return what to say where the programme has no rules for a dataset: which policies have some."""
    policies = [name for name in builtin_policies() if any(rule.dataset == dataset for rule in open_policy(name))]
    return (
        f"the programme has no rules for {DATASETS[dataset]}. Name rules of your own, or a policy: "
        f"{' or '.join(f'--rules {name}' for name in policies)}."
    )


def _several(names: str | Path | Rule | Iterable[str | Path | Rule]) -> list[str | Path | Rule]:
    return [names] if isinstance(names, str | Path | Rule) else list(names)


def _rules_named(name: str | Path | Rule, catalogue: Catalogue) -> list[Rule]:
    """Return a rule by its name, or the rules of a place."""
    if isinstance(name, Rule):
        return [name]
    return list(open_policy(name)) if _is_place(name, catalogue) else [catalogue.rule(str(name))]


def _is_place(name: str | Path | Rule, catalogue: Catalogue) -> bool:
    """Return whether a name is that of a place; a text that is the name of a rule is that rule."""
    return not isinstance(name, Rule) and not (isinstance(name, str) and name in catalogue) and is_place_of_rules(name)


def _of_dataset(names: str | Path | Rule | Iterable[str | Path | Rule], dataset: str) -> list[Rule]:
    """Return the rules that are named and, of each place, those for a dataset: all, if none is for it."""
    catalogue = open_catalogue()
    chosen: list[Rule] = []
    for name in _several(names):
        named = _rules_named(name, catalogue)
        fitting = [rule for rule in named if rule.dataset == dataset]
        chosen += fitting if fitting and _is_place(name, catalogue) else named
    return _without_repetition(chosen)


def choose_rules(
    names: RuleNames | None,
    variant: str,
    binding: Binding,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
) -> tuple[list[tuple[Rule, Rule]], list[str]]:
    """Return the rules to run over an extract, each with its variant, and warnings.

    Rules that are named must fit the extract. Of a folder or policy, and without names, all rules for the extract's
    dataset are chosen; without names, only those that have the variant, and a warning lists the others.

    Args:
        names: As for `rules`.
        variant: The name of the variant to run.
        binding: The extract's layout, bound to its columns.
        skip_unavailable: Warn about a rule that the extract cannot answer, instead of raising an error.
        any_dataset: Allow rules for another dataset than the extract's.

    Raises:
        UsageError: A name or the variant is unknown.
        ExtractError: The extract cannot answer a rule.
    """
    chosen = rules(names) if any_dataset or names is None else _of_dataset(names, binding.layout.dataset)
    warnings = []
    if names is None or isinstance(names, Catalogue):
        chosen = [rule for rule in chosen if any_dataset or rule.dataset == binding.layout.dataset]
        if names is None and not chosen:
            raise UsageError(_none_for(binding.layout.dataset))
        without = [rule.key for rule in chosen if variant not in rule.interpretations]
        if len(without) == len(chosen) > 0:
            known = list(dict.fromkeys(name for rule in chosen for name in rule.interpretations))
            raise UsageError(unknown("variant", variant, known))
        if without:
            warnings.append(f"skipped (no variant {variant}): {', '.join(without)}.")
        chosen = [rule for rule in chosen if rule.key not in without]
    variants = {rule.key: rule.variant(variant) for rule in chosen}
    logics = [interpretation.logic for interpretation in variants.values()]
    available, skipped = available_rules(logics, binding, skip_unavailable, any_dataset)
    return [(rule, variants[rule.key]) for rule in chosen if rule.key in available], warnings + skipped


@cache
def codes_by_rule() -> Mapping[str, Mapping[CodeSystem, CodeList]]:
    """Return the codes that the package's rules and policies name in any edition, by rule and classification.

    A rule whose file is wrong is left out: lint uses this, and reports such a file by itself.
    """
    codes = {}
    policies = (find_rule_files(name, shared_definitions()) for name in builtin_policies())
    for file in (*builtin_files(), *(file for files in policies for file in files)):
        with suppress(RuleError):
            codes[file.rule.key] = {system: _codes_of(file.rule, system) for system in CodeSystem}
    return codes


def _codes_of(rule: Rule, system: CodeSystem) -> CodeList:
    named = [codes for edition in (rule, *rule.editions.values()) for codes in edition.logic.code_lists()]
    return CodeList(system, [prefix for codes in named if codes.system is system for prefix in codes.codes.prefixes])


def _without_repetition(chosen: Iterable[Rule]) -> list[Rule]:
    by_key: dict[str, Rule] = {}
    for rule in chosen:
        if by_key.setdefault(rule.key, rule).edition_name != rule.edition_name:
            raise UsageError(
                f"two editions of {rule.key} would have the same name in every output: run them separately."
            )
    if not by_key:
        raise UsageError("name at least one rule, or none to run all of them.")
    return list(by_key.values())
