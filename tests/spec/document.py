"""Write docs/semantics.md from the spec tests: `python -m tests.spec.document`.

A chapter is a folder, a section a file, a paragraph a test; what a test checks stands there as a table.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.spec.conftest import read_table

CHAPTERS = (
    "missing_values",
    "code_matching",
    "positions",
    "coded_fields",
    "boundaries",
    "layouts",
    "admitted_care",
    "imaging",
    "published_script",
)

PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"

_HEAD = """# What a criterion means

So that a rule can be read without reading code. `ebi_rules/criteria/evaluate.py` is this page as a program; every other
translator must give its rows. The page is written by `python -m tests.spec.document` from the tests in `tests/spec/`,
which run on every engine in [dialects.md](dialects.md); do not change it by hand.

In the tables an empty cell is a missing value, and codes of one activity stand side by side.
"""


@dataclass(frozen=True)
class _Table:
    """What one call of a fixture checks: the question, what it needs to be read, and rows of cells."""

    question: str
    about: str
    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...]
    answers: tuple[str, ...]


def page() -> str:
    """Return the page's text."""
    return "\n".join([_HEAD, *(line for chapter in CHAPTERS for line in _chapter(chapter))])


def _chapter(name: str) -> Iterator[str]:
    yield from _heading("##", import_module(f"tests.spec.{name}"))
    for file in sorted((Path(__file__).parent / name).glob("test_*.py")):
        module = import_module(f"tests.spec.{name}.{file.stem}")
        yield from _heading("###", module)
        for test in vars(module).values():
            if inspect.isfunction(test) and test.__name__.startswith("test_"):
                yield from _paragraph(test)


def _heading(marks: str, module: object) -> Iterator[str]:
    title, _, intro = inspect.getdoc(module).partition("\n")
    yield f"{marks} {title}\n"
    if intro.strip():
        yield intro.strip() + "\n"


def _paragraph(test: Callable[..., None]) -> Iterator[str]:
    yield inspect.getdoc(test) + "\n"
    tables: list[_Table] = []

    def spec(criterion: str, table: str, **given: object) -> None:
        tables.append(_read(table, f"`{criterion}`", given))

    def published(table: str) -> None:
        tables.append(_read(table, "the script", {}))
        tables.append(_read(table, "`as_published`", {}))

    test({"spec": spec, "published": published}[next(iter(inspect.signature(test).parameters))])
    while tables:
        alike = [other for other in tables if (other.rows, other.about) == (tables[0].rows, tables[0].about)]
        yield from _printed(alike)
        tables = [other for other in tables if other not in alike]


def _read(table: str, question: str, given: Mapping[str, object]) -> _Table:
    rows = read_table(table)
    answer = "holds" if "holds" in rows[0] else question.strip("`")
    head = tuple(name for name in rows[0] if name not in ("holds", "the script", "as_published"))
    lists = {name: codes for kind in ("opcs", "icd", "nicip", "snomed") for name, codes in given.get(kind, {}).items()}
    specialist = [f"the specialist settings {' '.join(f'`{code}`' for code in given.get('specialist', ()))}"]
    named = [
        f"{name}: {' '.join(f'`{pattern}`' for pattern in patterns)}"
        for name, patterns in lists.items()
        if name in question
    ]
    about = "; ".join([*named, *(specialist if given.get("specialist") else [])])
    return _Table(
        question,
        about,
        tuple(tuple(row[name] for name in head) for row in rows),
        head,
        tuple(row[answer] for row in rows),
    )


def _printed(tables: Sequence[_Table]) -> Iterator[str]:
    """Print tables with the same rows as one, a column a question."""
    first = tables[0]
    if first.about:
        yield f"With {first.about}:\n"
    yield _row([*first.head, *(table.question for table in tables)])
    yield _row(["---"] * (len(first.head) + len(tables)))
    for cells, answers in zip(first.rows, zip(*(table.answers for table in tables), strict=True), strict=True):
        yield _row([*(_cell(cell) for cell in cells), *(f"**{a}**" if a == "yes" else a for a in answers)])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(cell: str) -> str:
    escaped = cell.strip('"').replace("|", r"\|")
    if escaped.strip():
        return f"`{escaped}`"
    return {"": "", '""': "empty text"}.get(cell, "blanks")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
