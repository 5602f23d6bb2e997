"""Check the words of the documentation, the help and the messages: `python -m tests.words`, as `make check` does.

Spelling is for codespell. This is the project's own list: words of other Englishes, of offices, and words for which the
project has another one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

BETTER = {
    r"low[- ]value": "in scope of the guidance",
    r"inappropriate (activity|scan|imaging|procedure)s?": "activity in scope of the guidance",
    r"another reading|other readings|this reading": "interpretation, or variant",
    r"utili[sz]e[ds]?|leverage[ds]?": "use",
    r"in order to": "to",
    r"prior to": "before",
    r"going forward|moving forward": "from now on",
    r"simply|obviously|of course": "(leave it out)",
    r"colou?rful|robust|seamless(ly)?|powerful|cutting[- ]edge": "(say what it does)",
    r"behaviors?": "behaviour",
    r"(an|re)alyz(e|es|ed|ing)": "analyse",
    r"(?<!Health )organi[z]ations?": "organisation",
    r"summari[z]e[ds]?|normali[z]e[ds]?|standardi[z]e[ds]?|recogni[z]e[ds]?": "with an s",
    r"(?<!:)centers?": "centre",
    r"labeled|canceled|modeling|modeled": "with two l",
    r"programs? of care": "programme",
    r"it is not so that": "it is not the case that",
    r"for want of": "without",
    r"\bpatient's fault\b": "(never)",
}
"""What is not written, as patterns, and what is."""

_CODE = re.compile(r"```.*?```|`[^`\n]+`|^    .*$", re.M | re.S)
_QUOTED = re.compile(r"\(?https?://\S+")


def complaints() -> Iterator[str]:
    """Yield each place with such a word, and the better one."""
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md")]
    texts = {path: _CODE.sub(_blank, path.read_text(encoding="utf-8")) for path in pages}
    texts |= {path: path.read_text(encoding="utf-8") for path in (ROOT / "ebi_rules").rglob("*.py")}
    texts |= {path: path.read_text(encoding="utf-8") for path in (ROOT / "ebi_rules" / "report").rglob("*.jinja")}
    for path, text in sorted(texts.items()):
        plain = _QUOTED.sub("", text)
        for pattern, better in BETTER.items():
            for match in re.finditer(rf"\b({pattern})\b", plain, re.I):
                line = plain.count("\n", 0, match.start()) + 1
                yield f"{path.relative_to(ROOT)}, line {line}: {match[0]!r}: better {better}"


def _blank(match: re.Match[str]) -> str:
    """Return as many lines as a match has, empty."""
    return "\n" * match[0].count("\n")


if __name__ == "__main__":
    found = list(complaints())
    for complaint in found:
        sys.stdout.write(f"{complaint}\n")
    sys.exit(bool(found))
