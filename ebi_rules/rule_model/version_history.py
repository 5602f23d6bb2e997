"""What each version's rules count, and what else changed numbers between versions: `ebi-rules changes`.

A version has a file in `data/history`: the content hash of each rule and policy that comes with it, and in words
whatever else changes numbers. `python -m ebi_rules.rule_model.version_history` writes the hashes of this version.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules._support.package_data import data_folder, toml_files
from ebi_rules._support.toml_text import parse_toml
from ebi_rules.rule_model.catalogue import builtin_files, open_policy
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_files import Catalogue, builtin_policies
from ebi_rules.version import __version__

_FOLDER = "history"
_ABOUT = """\
# What version {version} counts: of each rule the edition and the hash of its content. Written by
# `python -m ebi_rules.rule_model.version_history`; "numbers" is written by hand.
"""


@dataclass(frozen=True)
class VersionRecord:
    """What a version counts.

    Attributes:
        version: The version.
        numbers: What else changed numbers since the version before, in sentences.
        rules: The edition and content hash of each rule, by its key.
    """

    version: str
    numbers: tuple[str, ...]
    rules: Mapping[str, tuple[str, str]]


@cache
def versions() -> Mapping[str, VersionRecord]:
    """Return the records of all versions, the earliest first."""
    records = {}
    for file in toml_files(data_folder(_FOLDER)):
        table = parse_toml(file.read_text("utf-8"))
        of_rules = {key: (entry["edition"], entry["content"]) for key, entry in table["rules"].items()}
        records[table["version"]] = VersionRecord(table["version"], tuple(table["numbers"]), of_rules)
    return dict(sorted(records.items(), key=lambda item: _order(item[0])))


def changes(since: str, until: str = __version__) -> Iterator[str]:
    """Yield in sentences what can make numbers differ between two versions; nothing if nothing can.

    Args:
        since: The earlier version.
        until: The later version.

    Raises:
        UsageError: There is no record of a version.

    Example:
        >>> list(changes(__version__))
        []
    """
    known = versions()
    for version in (since, until):
        if version not in known:
            raise UsageError("--since: " + unknown("version", version, known))
    before, now = known[since].rules, known[until].rules
    for key in sorted({*before, *now}):
        if key not in before:
            yield f"{key} is new."
        elif key not in now:
            yield f"{key} is gone."
        elif before[key][1] != now[key][1]:
            editions = [each[key][0] for each in (before, now)]
            which = f"from edition {editions[0]} to {editions[1]}" if editions[0] != editions[1] else "its criteria"
            yield f"{key} changed: {which}."
    between = [version for version in known if _order(since) < _order(version) <= _order(until)]
    for version in between:
        for text in known[version].numbers:
            yield f"{version}: {text}"


def current_rules() -> dict[str, tuple[str, str]]:
    """Return the edition and content hash of each rule and policy that comes with this version, by key."""
    every: list[Rule] = [
        *Catalogue(builtin_files()),
        *(rule for name in builtin_policies() for rule in open_policy(name)),
    ]
    return {rule.key: (rule.edition_name, rule.logic.content_hash) for rule in sorted(every, key=lambda rule: rule.key)}


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _write() -> None:
    """Write the hashes of this version; what its file says of numbers stays."""
    path = Path(__file__).parents[1] / "data" / _FOLDER / f"{__version__}.toml"
    numbers = versions()[__version__].numbers if path.exists() else ()
    lines = [_ABOUT.format(version=__version__), f'version = "{__version__}"', "numbers = ["]
    lines += [f'    "{text}",' for text in numbers]
    lines += ["]", "", "[rules]"]
    lines += [
        f'{key} = {{ edition = "{edition}", content = "{content}" }}'
        for key, (edition, content) in current_rules().items()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path.name}: {len(current_rules())} rules\n")


if __name__ == "__main__":
    _write()
