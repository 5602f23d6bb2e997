"""Write the catalogue's pages as Markdown, one a rule and an index: `python -m ebi_rules.catalogue.pages FOLDER`."""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ebi_rules.rule_model.catalogue import rules
from ebi_rules.rule_model.catalogue_listing import entries
from ebi_rules.rule_model.editions_diff import differences
from ebi_rules.rule_model.rule import DEFAULT, Example, Rule

_HEAD = """# The rules

One page a rule: what it asks, its codes, its variants and editions, every example, and where it comes from. How
published, ported and uncoded differ: [the catalogue](../catalogue.md). These pages are written by `make docs` from the
rule files; do not change them by hand.

| | intervention | dataset | status | editions | variants | examples |
|---|---|---|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """Give the text of every page by its file's name; the index is README.md."""
    return {"README.md": _index(), **{f"{rule.key}.md": _page(rule) for rule in rules()}}


def _index() -> str:
    return _HEAD + "".join(f"{row}\n" for row in map(_row, entries()))


def _row(entry: Mapping[str, object]) -> str:
    title = entry["title"]
    if entry["key"] is None:
        linked = f"[{title}]({entry['page']})" if entry["page"] else title
        return f"| {entry['letter']} | {linked} | | {entry['status']} | | | |"
    cells = [
        f"[{title}]({entry['key']}.md)",
        entry["dataset"],
        entry["status"],
        _listed(entry["editions"]),
        _listed(entry["variants"]),
        entry["examples"],
    ]
    return f"| {entry['letter'] or ''} | {' | '.join(map(str, cells))} |"


def _page(rule: Rule) -> str:
    parts = [rule.describe()]
    parts += [_demoted(differences(edition, rule)) for edition in rule.editions.values()]
    return "\n".join([*parts, *_examples(rule)]) + "\n"


def _demoted(text: str) -> str:
    """Put every heading one level lower."""
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
        yield "| activity | | reading | in scope |"
        yield "|---|---|---|---|"
        for example in rule.examples:
            if (example.edition or rule.edition_name) == edition:
                yield f"| {example.about} | {_given(example)} | {_reading(example)} | {_answer(example)} |"


def _given(example: Example) -> str:
    held = [(name, value) for name, value in example.given.items() if value not in (None, [])]
    return "; ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in held) or "nothing recorded"


def _value(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"`{text.replace('|', chr(92) + '|')}`"


def _reading(example: Example) -> str:
    return "" if example.variant in (None, DEFAULT) else str(example.variant)


def _answer(example: Example) -> str:
    if example.flagged:
        return "yes"
    return f"no: {example.stopped_by.replace('_', ' ')}" if example.stopped_by else "no"


def _listed(values: object) -> str:
    assert isinstance(values, list)
    return ", ".join(values)


def main() -> None:
    """Write the pages into the folder that is named, and remove those of rules that are gone."""
    folder = Path(sys.argv[1])
    written = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in written:
            old.unlink()
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
