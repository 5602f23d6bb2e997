"""The catalogue: every rule that comes with the package, one TOML file each, found by key or alias."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from ebi_rules.errors import UsageError, unknown
from ebi_rules.layouts import Binding
from ebi_rules.rulefile import Shared, read_rule, read_shared
from ebi_rules.rules import Intervention, Rule, available
from opcs_icd import CodeList, CodeSystem

_SHARED, _INTERVENTIONS = "_shared.toml", "_interventions.toml"


@cache
def shared() -> Shared:
    """Give the code lists and criteria that rules share."""
    file = resources.files(__name__) / _SHARED
    letters = {each.letter: each for each in interventions()}
    return read_shared(file.read_text(encoding="utf-8"), _SHARED, letters)


@cache
def interventions() -> tuple[Intervention, ...]:
    """Give every intervention of lists 1 and 2, coded or not, in the order of the lists."""
    file = resources.files(__name__) / _INTERVENTIONS
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


def keys() -> list[str]:
    """Give the keys of all rules, in order."""
    return sorted(_files())


def names() -> list[str]:
    """Give every key and alias, in order."""
    return sorted(_keys_by_name())


def rule(name: str) -> Rule:
    """Give a rule by its key or an alias, without regard to case; 2E@2020 is its edition of 2020.

    Raises `UsageError` for an unknown name and `RuleError` when its file is wrong.
    """
    folded = {known.lower(): key for known, key in _keys_by_name().items()}
    known, at, edition = name.partition("@")
    if known.lower() not in folded:
        raise UsageError(unknown("rule", known, names()))
    found = _load(folded[known.lower()])
    return found.edition(edition) if at else found


def rules(names: Iterable[str | Rule] | None = None) -> list[Rule]:
    """Give the rules named, each once, or all of them. Raises `UsageError`, also for two editions of one rule."""
    chosen = keys() if names is None else names
    found = [name if isinstance(name, Rule) else rule(name) for name in chosen]
    if not found:
        raise UsageError("name at least one rule, or none for all of them.")
    by_key: dict[str, Rule] = {}
    for each in found:
        if by_key.setdefault(each.key, each).edition_name != each.edition_name:
            raise UsageError(f"two editions of {each.key} have the same name in every output: run them one by one.")
    return list(by_key.values())


def choose(
    names: Iterable[str | Rule] | None,
    variant: str,
    binding: Binding,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
) -> tuple[list[tuple[Rule, Rule]], list[str]]:
    """Give the rules to run over an extract, each with its reading called `variant`, and warnings.

    Rules that are named must fit the extract. When none is named these are all rules of the extract's dataset that
    have the variant; what is left out for want of it is warned of. Raises `UsageError` or `ExtractError`.
    """
    found = rules(names)
    warnings = []
    if names is None:
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
    """Give the codes that the rules ask for in any edition, by rule and classification."""
    return {each.key: {system: _codes_asked(each, system) for system in CodeSystem} for each in rules()}


def contents() -> Mapping[str, str]:
    """Give the text of every rule file, by the file's name."""
    return dict(_files().values())


def _codes_asked(found: Rule, system: CodeSystem) -> CodeList:
    named = [codes for edition in (found, *found.editions.values()) for codes in edition.lists_asked()]
    return CodeList(system, [prefix for codes in named if codes.system is system for prefix in codes.codes.prefixes])


@cache
def _load(key: str) -> Rule:
    name, content = _files()[key]
    return read_rule(content, f"catalogue/{name}", shared())


@cache
def _files() -> Mapping[str, tuple[str, str]]:
    """Give the file name and content of every rule, by key."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".toml")]
    contents = {file.name: file.read_text(encoding="utf-8") for file in files if not file.name.startswith("_")}
    return {tomllib.loads(content)["key"]: (name, content) for name, content in sorted(contents.items())}


@cache
def _keys_by_name() -> Mapping[str, str]:
    """Map every key and alias to the key."""
    return {
        name: key
        for key, (_, content) in _files().items()
        for name in (key, *tomllib.loads(content).get("aliases", []))
    }
