"""Checklists for reviewers of notes: what to look for, as data; one is shipped for low back imaging."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from ebi_rules._support.errors import RuleError
from ebi_rules._support.package_data import data_folder
from ebi_rules._support.toml_text import TomlError, parse_toml

_KEY = re.compile(r"[a-z][a-z0-9_]{0,40}")
_TAKEN = ("case", "in_scope", "judgement")
"""What every workbook asks."""


@dataclass(frozen=True)
class Item:
    """One thing to look for.

    Attributes:
        key: Its name in files.
        question: What the reviewer reads.
    """

    key: str
    question: str


@dataclass(frozen=True)
class Checklist:
    """What a reviewer looks for.

    Attributes:
        source: Where the items come from.
        items: The items, in order; none for a review of the judgement alone.
    """

    source: str = ""
    items: Sequence[Item] = ()


def shipped_checklist(rule: str) -> Checklist:
    """Return the checklist that comes with the package for a rule; one without items if there is none."""
    path = data_folder("checklists") / f"{rule}.toml"
    return read_checklist(path) if path.is_file() else Checklist()


def read_checklist(path: Path | Traversable) -> Checklist:
    """Read a checklist.

    Args:
        path: A TOML file with source and, for each item, `[[items]]` with key and question.

    Raises:
        RuleError: The file cannot be read, or is not a checklist.
    """
    try:
        table = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise RuleError(f"{path}: the file cannot be read.") from None
    except TomlError as error:
        raise RuleError(f"{path}: {error}.") from None
    items = table.get("items")
    if not isinstance(items, list) or not items or not isinstance(table.get("source"), str):
        raise RuleError(f"{path}: a checklist needs a source and [[items]], each with key and question.")
    read = []
    for place, item in enumerate(items, start=1):
        key, question = (item.get(name) for name in ("key", "question"))
        if not isinstance(key, str) or not _KEY.fullmatch(key) or not isinstance(question, str) or not question:
            raise RuleError(f"{path}: item {place} needs a key of small letters, such as injury, and a question.")
        read.append(Item(key, question))
    taken = [item.key for item in read if item.key in _TAKEN]
    if taken:
        raise RuleError(f"{path}: every workbook has {taken[0]} already: name the item otherwise.")
    if len({item.key for item in read}) < len(read):
        raise RuleError(f"{path}: two items have the same key.")
    return Checklist(str(table["source"]), tuple(read))
