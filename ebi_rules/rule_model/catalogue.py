"""The catalogue: every rule that comes with the package, one TOML file each, and those of folders of one's own.

Folders that the variable EBI_RULES_PATH names join the catalogue; others are named where they are wanted.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder
from ebi_rules.layouts.binding import Binding
from ebi_rules.rule_model.coded_source import Shared
from ebi_rules.rule_model.rule import Intervention, Rule, available
from ebi_rules.rule_model.rule_files import Catalogue, RuleFile, find_files, in_folder
from opcs_icd import CodeList, CodeSystem

__all__ = [
    "Catalogue",
    "catalogue",
    "choose",
    "codes_by_rule",
    "contents",
    "interventions",
    "names",
    "own_files",
    "policy",
    "rule",
    "rules",
    "shared",
]

PATH = "EBI_RULES_PATH"
"""The environment variable that names folders of rules, parted as the system parts paths."""

_INTERVENTIONS = "_interventions.toml"


def shared() -> Shared:
    """Give the code lists and criteria that rules share."""
    return own_files()[0].shared


@cache
def interventions() -> tuple[Intervention, ...]:
    """Give every intervention of lists 1 and 2, coded or not, in the order of the lists."""
    file = data_folder("catalogue") / _INTERVENTIONS
    tables = tomllib.loads(file.read_text(encoding="utf-8"))["interventions"]
    return tuple(
        Intervention(
            table["letter"],
            table["title"],
            table["list"],
            table["category"],
            table["specialty"],
            table.get("page"),
            table.get("letter_seen", False),
        )
        for table in tables
    )


def catalogue(*places: str | Path) -> Catalogue:
    """Give the package's rules with those of EBI_RULES_PATH and of further folders, files or policies.

    Raises `UsageError` for a place without rules, `RuleError` for files that cannot be told apart or read.
    """
    known = [*own_files()]
    for folder in filter(None, os.environ.get(PATH, "").split(os.pathsep)):
        known += find_files(folder, shared(), f"{PATH}: ")
    for place in places:
        known += find_files(place, shared())
    return Catalogue(known)


def policy(*places: str | Path) -> Catalogue:
    """Give the rules of folders, files or policies alone."""
    return Catalogue(file for place in places for file in find_files(place, shared()))


def names() -> list[str]:
    """Give every key and alias, in order."""
    return catalogue().names()


def rule(name: str) -> Rule:
    """Give a rule by its key or an alias, without regard to case; 2E@2020 is its edition of 2020.

    Raises `UsageError` for an unknown name and `RuleError` when its file is wrong.
    """
    return catalogue().rule(name)


def rules(names: Iterable[str | Rule] | str | Path | None = None) -> list[Rule]:
    """Give the rules named, each once, or all of them; or those of a folder, a file or a policy, given by its path.

    Raises `UsageError`, also for two editions of one rule, and `RuleError`.
    """
    if isinstance(names, str | Path):
        return policy(names).rules()
    if isinstance(names, Catalogue):
        return names.rules()
    return catalogue().rules(names)


def choose(
    names: Iterable[str | Rule] | None,
    variant: str,
    binding: Binding,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
) -> tuple[list[tuple[Rule, Rule]], list[str]]:
    """Give the rules to run over an extract, each with its reading called `variant`, and warnings.

    Rules that are named must fit the extract. When none is named, or a whole `Catalogue`, these are all its rules of
    the extract's dataset that have the variant; what is left out for want of it is warned of. Raises `UsageError` or
    `ExtractError`.
    """
    found = rules(names)
    warnings = []
    if names is None or isinstance(names, Catalogue):
        found = [each for each in found if any_dataset or each.dataset == binding.layout.dataset]
        without = [each.key for each in found if variant not in each.readings()]
        if len(without) == len(found) > 0:
            every = list(dict.fromkeys(name for each in found for name in each.readings()))
            raise UsageError(unknown("variant", variant, every))
        if without:
            warnings.append(f"left out for want of a variant {variant}: {', '.join(without)}.")
        found = [each for each in found if each.key not in without]
    readings, skipped = available([each.variant(variant) for each in found], binding, skip_unavailable, any_dataset)
    return [(each, readings[each.key]) for each in found if each.key in readings], warnings + skipped


@cache
def codes_by_rule() -> Mapping[str, Mapping[CodeSystem, CodeList]]:
    """Give the codes that the package's rules ask for in any edition, by rule and classification."""
    return {each.key: {system: _codes_asked(each, system) for system in CodeSystem} for each in Catalogue(own_files())}


def contents() -> Mapping[str, str]:
    """Give the text of every rule file of the package, by the file's name."""
    return {file.name.rpartition("/")[2]: file.content for file in own_files()}


def _codes_asked(found: Rule, system: CodeSystem) -> CodeList:
    named = [codes for edition in (found, *found.editions.values()) for codes in edition.lists_asked()]
    return CodeList(system, [prefix for codes in named if codes.system is system for prefix in codes.codes.prefixes])


@cache
def own_files() -> tuple[RuleFile, ...]:
    """Give the rule files of the package."""
    letters = {each.letter: each for each in interventions()}
    return tuple(in_folder(data_folder("catalogue"), "catalogue", Shared(interventions=letters)))
