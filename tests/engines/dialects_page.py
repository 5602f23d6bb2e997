"""Write docs/dialects.md, and its short form in README.md, from what a test run showed: `make dialects`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import ebi_rules as ebi
from ebi_rules.layouts.layout import builtin_layouts
from ebi_rules.rule_model.catalogue import rules_of_dataset
from ebi_rules.translate.dialects.dialect import Dialect, builtin_dialects
from tests.engines.engine import Evidence
from tests.engines.evaluators import EVALUATORS, JUDGES
from tests.engines.tally import TALLY, Tally

OPENS, CLOSES = "<!-- dialects -->\n", "<!-- end of dialects -->"
NOT_RUN = "-"

_HEAD = """# SQL dialects, and how far each is proven

Written by `make dialects` from one run of the tests; do not change it by hand. A case is an extract with one rule or
several: every spec table, random extracts dense around the low back imaging rule's boundaries, the hand-labelled ones,
lists of 2,000 prefixes, columns with hard names, and rules and extracts that Hypothesis makes up. A mismatch is a case
in which one row differed from the reference (`ebi_rules/criteria/evaluate.py`). For a parser a case is one statement,
and a mismatch a complaint. Where two dialects have the same text on one engine, it is run once and counts for both.

- **executed**: the text ran on the engine, or the vendor's own implementation of the language, and gave the reference's
  rows.
- **executed under emulation**: it ran on another engine that stands in, as the notes say.
- **vendor's parser**: the vendor's own parser read it without complaint.
- **independent grammar**: a parser that is not sqlglot's read it. That finds broken text, not wrong meaning.
"""


def write(root: Path, tally: Tally = TALLY) -> None:
    """Write both pages under the project's root."""
    (root / "docs" / "dialects.md").write_text(page(tally), encoding="utf-8")
    readme = root / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(OPENS)
    after = rest.partition(CLOSES)[2]
    readme.write_text(before + OPENS + short_form() + CLOSES + after, encoding="utf-8")


def page(tally: Tally) -> str:
    """Return docs/dialects.md."""
    lines = [_HEAD, "## Evidence", ""]
    lines += _table(["dialect", "evidence", "by", "version", "cases", "mismatches", "note"], _evidence(tally))
    lines += ["## The engines that are not SQL", ""]
    lines += _table(["evaluator", "version", "cases", "mismatches"], _frames(tally))
    lines += ["## What differs", ""]
    lines += _table(["dialect", "for", "how its text differs"], _differences())
    lines += ["Why the text is not transpiled: [why-not-transpile.md](why-not-transpile.md).", ""]
    return "\n".join(lines)


def short_form() -> str:
    """Return the README's table: the engines that ran each dialect, or else everything that was tried."""
    rows = []
    for name, dialect in builtin_dialects().items():
        proofs = {kind: [by for of, found, by in _proofs() if of == name and found is kind] for kind in Evidence}
        shown = [Evidence.EXECUTED] if proofs[Evidence.EXECUTED] else list(filter(proofs.get, Evidence))
        evidence = "; ".join(f"{kind.value}: {', '.join(proofs[kind])}" for kind in shown)
        rows.append([f"`{name}`", dialect.title, evidence])
    return "\n".join(_table(["dialect", "for", "evidence"], rows))


def _proofs() -> Iterator[tuple[str, Evidence, str]]:
    for evaluator in EVALUATORS.values():
        if evaluator.dialect:
            yield evaluator.dialect, evaluator.evidence, evaluator.engine
    for judge in JUDGES.values():
        yield judge.dialect, judge.evidence, judge.name


def _evidence(tally: Tally) -> Iterator[Sequence[str]]:
    for name in builtin_dialects():
        for evaluator in EVALUATORS.values():
            if evaluator.dialect == name:
                numbers = _numbers(tally, evaluator.engine, evaluator.name)
                yield [f"`{name}`", evaluator.evidence.value, evaluator.engine, *numbers, evaluator.note]
        for judge in JUDGES.values():
            if judge.dialect == name:
                yield [
                    f"`{name}`",
                    judge.evidence.value,
                    judge.name,
                    *_numbers(tally, judge.name, judge.name),
                    judge.note,
                ]


def _frames(tally: Tally) -> Iterator[Sequence[str]]:
    for evaluator in EVALUATORS.values():
        if not evaluator.dialect:
            yield [evaluator.name, *_numbers(tally, evaluator.engine, evaluator.name)]


def _numbers(tally: Tally, engine: str, name: str) -> list[str]:
    """Return version, cases and mismatches."""
    if name not in tally.cases:
        return [NOT_RUN] * 3
    return [tally.versions[engine], f"{tally.cases[name]:,}", f"{tally.mismatches[name]:,}"]


def _differences() -> Iterator[Sequence[str]]:
    texts = {name: _texts(name) for name in builtin_dialects()}
    for name, dialect in builtin_dialects().items():
        differs = [*_switches(dialect)]
        alike = [f"`{other}`" for other, text in texts.items() if other != name and text == texts[name]]
        if alike:
            differs.append(f"for the built-in layouts the same text as {', '.join(alike)}")
        yield [f"`{name}`", dialect.title, "; ".join(differs)]


def _switches(dialect: Dialect) -> Iterator[str]:
    if dialect.like_classes:
        yield "LIKE has classes of characters, `U05[45]`, and they are used"
    if dialect.search:
        search = dialect.search.format("codes", pattern="',U13[2356]'")
        yield f"many codes are searched for at once, by `{search}`, unless `--plain`"
    if dialect.glob:
        yield "many codes are compared by GLOB, whose classes of characters are used"
    if dialect.empty_is_null:
        yield "an empty text is NULL, so another stands for it"
    if dialect.concat_with_pipes:
        yield "texts are joined by two bars"
    if dialect.distinct:
        yield "codes are decided on distinct texts, unless `--strategy inline`"
    if not dialect.extract:
        yield "months come from STRFTIME"
    if dialect.day_numbers:
        yield "days are moved and subtracted as numbers"
    if dialect.dates_have_time:
        yield "TRUNC takes the time of day from a date"


def _texts(dialect: str) -> list[str]:
    """Return the statements of the low back imaging rule, or of its counterpart, over every built-in layout."""
    (over_imaging,) = rules_of_dataset(None, "imaging")
    rules = {
        name: over_imaging if layout.dataset == "imaging" else "2S"
        for name, layout in builtin_layouts().items()
        if layout.is_coded
    }
    return [ebi.sql(rule, dialect, layout, "sus.opa", any_dataset=True) for layout, rule in rules.items()]


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(cells) + " |" for cells in lines), ""]
