"""Write the catalogue's pages as Markdown, one per rule and an index.

Run `python -m ebi_rules.rule_model.catalogue_pages FOLDER`.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ebi_rules.rule_model.catalogue import rules
from ebi_rules.rule_model.catalogue_listing import catalogue_entries
from ebi_rules.rule_model.editions_diff import compare_editions
from ebi_rules.rule_model.rule import Example, Rule
from ebi_rules.rule_model.rule_description import rule_as_markdown
from ebi_rules.rule_model.rule_logic import DEFAULT

_HEAD = """# The rules

One page per rule: what it may be used for, its criteria and codes, its variants and editions, every example, and its
source. [The catalogue](../catalogue.md) explains the statuses and what a rule may be used for. `make docs` writes these
pages from the rule files; do not change them by hand.

| | intervention | dataset | status | fit for | edition | programme's coding read | page |
|---|---|---|---|---|---|---|---|
"""
_REASONS = """
## Why

| | fit for | reason |
|---|---|---|
"""
_UNREAD = """
## Not yet read

| | where the programme prints the coding | |
|---|---|---|
"""
_LIST_3 = """
List 3 exists too. Neither its titles nor its codings were found.
"""


def catalogue_pages() -> dict[str, str]:
    """Return the text of every page by the name of its file; the index is README.md."""
    every = rules()
    return {"README.md": _index(every), **{f"{rule.key}.md": _page(rule) for rule in every}}


def _index(every: Sequence[Rule]) -> str:
    entries = catalogue_entries(every)
    reasons = [
        f"| {entry['letter']} | {entry['fitness']} | {entry['fitness_reason']} |\n" for entry in entries if entry["key"]
    ]
    unread = [
        f"| {entry['letter']} | {entry['not_read']} | {entry['note']} |\n" for entry in entries if entry["not_read"]
    ]
    rows = [f"{_row(entry)}\n" for entry in entries]
    return "".join([_HEAD, *rows, _LIST_3, _REASONS, *reasons, _UNREAD, *unread])


def _row(entry: Mapping[str, object]) -> str:
    title = f"[{entry['title']}]({entry['key']}.md)" if entry["key"] else entry["title"]
    cells = [
        entry["letter"],
        title,
        entry["dataset"],
        entry["status"],
        entry["fitness"],
        entry["edition"],
        entry["source_read"],
        f"[page]({entry['page']})" if entry["page"] else "none found",
    ]
    return f"| {' | '.join(str(cell or '') for cell in cells)} |"


def _page(rule: Rule) -> str:
    parts = [rule_as_markdown(rule)]
    parts += [_one_level_lower(compare_editions(edition, rule)) for edition in rule.editions.values()]
    return "\n".join([*parts, *_examples(rule)]) + "\n"


def _one_level_lower(text: str) -> str:
    """Return Markdown with every heading one level lower."""
    return re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)


def _examples(rule: Rule) -> Iterator[str]:
    yield "## Examples"
    yield ""
    yield "Made up; each is run on every engine."
    editions = dict.fromkeys(example.edition or rule.edition_name for example in rule.examples)
    for edition in editions:
        yield ""
        yield f"### Edition {edition}"
        yield ""
        yield "| activity | | variant | in scope |"
        yield "|---|---|---|---|"
        for example in rule.examples:
            if (example.edition or rule.edition_name) == edition:
                yield f"| {example.about} | {_activity(example)} | {_variant(example)} | {_answer(example)} |"


def _activity(example: Example) -> str:
    values = [(name, value) for name, value in example.values.items() if value not in (None, [])]
    return "; ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in values) or "nothing recorded"


def _value(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"`{text.replace('|', chr(92) + '|')}`"


def _variant(example: Example) -> str:
    return "" if example.variant in (None, DEFAULT) else str(example.variant)


def _answer(example: Example) -> str:
    if example.flagged:
        return "yes"
    return f"no: {example.stopped_by.replace('_', ' ')}" if example.stopped_by else "no"


def main() -> None:
    """Write the pages to the folder named on the command line, and remove those of rules that no longer exist."""
    folder = Path(sys.argv[1])
    pages = catalogue_pages()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
