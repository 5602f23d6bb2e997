"""Read back what reviewers said of a sample: shares appropriate, how right the flag is, what it missed, agreement."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_folder
from ebi_rules._support.errors import UsageError
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.disclosure.rounding import SMALLEST_SHOWN, control, find_method
from ebi_rules.provider_audit.table_files import write_csv
from ebi_rules.results.review_workbook import (
    APPROPRIATE,
    CANNOT_TELL,
    IN_SCOPE,
    JUDGEMENT,
    NOT_APPROPRIATE,
    YES,
    read_review_workbook,
)
from ebi_rules.statistics.review_figures import Stratum, cohen_kappa, corrected_count, gwet_ac1, stratified_share

OUR_FILES = re.compile(r"(figures|counts|by_provider|agreement)\.csv")
FEWEST_AT_A_PROVIDER = 10
"""Reviewed cases that a provider needs for a share of its own."""
SUPPRESSED = "suppressed: fewer than 8 on one side, here or beside it"

_NEEDED = ("sample", "case", "flagged", "stratum", "stratum_provider", "in_stratum", "items")
_FIGURES = {
    "figure": pl.String,
    "reviewed": pl.Int64,
    "percent": pl.Float64,
    "percent_lower_95": pl.Float64,
    "percent_upper_95": pl.Float64,
    "note": pl.String,
}
_COUNTS = {
    "count": pl.String,
    "reviewed": pl.Int64,
    **dict.fromkeys(("number", "number_lower_95", "number_upper_95"), pl.Int64),
    "note": pl.String,
}
_AGREEMENT = {"question": pl.String, "cases": pl.Int64, **dict.fromkeys(("percent_agreed", "kappa", "ac1"), pl.Float64)}

Answers = Mapping[int, Mapping[str, str]]
Case = Mapping[str, object]


@dataclass(frozen=True)
class NotesReview:
    """What reviewers said.

    Attributes:
        figures: One row per share, by the first reviewer's answers: reviewed (cases), percent with the interval of Korn
            and Graubard. It stands for all activity from which the sample was drawn.
        counts: How many activities are in scope by the notes, with the interval of the sum (`corrected_count`).
        by_provider: The share appropriate at providers with at least 10 reviewed cases.
        agreement: Of two reviewers, per question: the percentage agreed, Cohen's kappa and Gwet's AC1.
        inputs: The files that were read.
    """

    figures: pl.DataFrame
    counts: pl.DataFrame
    by_provider: pl.DataFrame
    agreement: pl.DataFrame
    inputs: tuple[Path, ...]

    def write(self, folder: str | Path, force: bool = False) -> None:
        """Write the tables as CSV. If the run fails, no partial output is left.

        Raises:
            UsageError: The folder exists, or contains an input or other files.
        """
        require_apart(Path(folder), self.inputs)
        with whole_folder(Path(folder), OUR_FILES, force) as target:
            for name in ("figures", "counts", "by_provider", "agreement"):
                write_csv(getattr(self, name), target / f"{name}.csv")


def review_notes(key: str | Path, workbooks: Sequence[str | Path], disclosure: str = "hes") -> NotesReview:
    """Read the answers of one or two reviewers.

    Args:
        key: The key that `draw_sample` wrote.
        workbooks: The workbook of each reviewer.
        disclosure: The method of disclosure control: with hes or midpoint6 no share is shown of which fewer than 8
            cases are on one side, and numbers are rounded.

    Raises:
        EngineError: fastexcel is not installed.
        UsageError: A file cannot be read, or a workbook is not whole.

    Example:
        >>> import tempfile
        >>> import polars as pl, ebi_rules as ebi
        >>> frame = pl.DataFrame({"OPA_Ident": range(40), "Der_Procedure_All": ["||U055", "||U051"] * 20,
        ...                       "Der_Diagnosis_All": ["M545"] * 40, "Age_at_Start_of_Episode_SUS": [45] * 40,
        ...                       "Administrative_Category": ["01"] * 40})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ebi.draw_sample(frame, "2S", size=8).write(f"{folder}/review", f"{folder}/key.csv")
        ...     try:
        ...         ebi.review_notes(f"{folder}/key.csv", [f"{folder}/review/review_1.xlsx"])
        ...     except ebi.UsageError as error:
        ...         "row 2, suspected_cancer: empty (yes, no, not recorded)" in str(error)
        True
    """
    find_method(disclosure)
    if len(workbooks) not in (1, 2):
        raise UsageError("name the workbook of one reviewer, or of two.")
    sample, items, cases = _read_key(Path(key))
    numbers = sorted(cases)
    answers = [read_review_workbook(Path(path), sample, numbers, items) for path in workbooks]
    first = answers[0]
    flagged = {number: case for number, case in cases.items() if case["flagged"]}
    others = {number: case for number, case in cases.items() if not case["flagged"]}
    figures = pl.DataFrame(list(_figures(flagged, others, first, items, disclosure)), schema=_FIGURES, orient="row")
    return NotesReview(
        figures,
        _counts(flagged, others, first, disclosure),
        _by_provider(flagged, first, disclosure),
        _agreement(answers, numbers),
        (Path(key), *map(Path, workbooks)),
    )


def _figures(
    flagged: Mapping[int, Case], others: Mapping[int, Case], answers: Answers, items: Sequence[str], method: str
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of figures."""
    judged = [
        _share_row(f"flagged: {answer}", flagged, answers, _is(JUDGEMENT, answer), method)
        for answer in (APPROPRIATE, NOT_APPROPRIATE, CANNOT_TELL)
    ]
    yield from _none_to_be_worked_out(judged)
    yield _share_row("flagged: in scope by the notes", flagged, answers, _is(IN_SCOPE, YES), method)
    for name in items:
        yield _share_row(f"flagged: {name.replace('_', ' ')}", flagged, answers, _is(name, YES), method)
    if others:
        yield _share_row("not flagged: in scope by the notes", others, answers, _is(IN_SCOPE, YES), method)


def _counts(flagged: Mapping[int, Case], others: Mapping[int, Case], answers: Answers, method: str) -> pl.DataFrame:
    """Return how many are in scope by the notes."""
    parts = [_strata(each, answers, _is(IN_SCOPE, YES)) for each in (flagged, others)]
    shown = [control(round(number), method) for number in corrected_count(*parts)]
    note = "what the rule missed is included" if others else "what the rule missed is not known: none was reviewed"
    row = ("in scope by the notes", len(flagged) + len(others), *shown, note)
    return pl.DataFrame([row], schema=_COUNTS, orient="row")


def _is(column: str, answer: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda answers: answers[column] == answer


def _share_row(
    figure: str, cases: Mapping[int, Case], answers: Answers, holds: Callable[[Mapping[str, str]], bool], method: str
) -> tuple[object, ...]:
    share, note = _shown_share(cases, answers, holds, method), _note(cases, answers, holds, method)
    return figure, len(cases), *share, note


def _none_to_be_worked_out(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Suppress a second share, the smallest shown, where one of shares that add up to 100% is suppressed."""
    shown = [row for row in rows if row[-1] is None]
    second = min(shown, key=lambda row: row[2]) if len(shown) == len(rows) - 1 else None
    return [(*row[:2], *(None,) * 3, SUPPRESSED) if row is second else row for row in rows]


def _shown_share(
    cases: Mapping[int, Case], answers: Answers, holds: Callable[[Mapping[str, str]], bool], method: str
) -> tuple[float | None, float | None, float | None]:
    """Return a percentage with its limits; nothing if too few are on one side of it."""
    if _note(cases, answers, holds, method):
        return None, None, None
    share = stratified_share(_strata(cases, answers, holds))
    value, low, high = (round(100 * each, 1) for each in (share.value, share.lower, share.upper))
    return value, low, high


def _note(
    cases: Mapping[int, Case], answers: Answers, holds: Callable[[Mapping[str, str]], bool], method: str
) -> str | None:
    yes = sum(holds(answers[number]) for number in cases)
    is_small = any(0 < count < SMALLEST_SHOWN for count in (yes, len(cases) - yes))
    return SUPPRESSED if is_small and method != "none" else None


def _strata(cases: Mapping[int, Case], answers: Answers, holds: Callable[[Mapping[str, str]], bool]) -> list[Stratum]:
    by_stratum: dict[str, list[int]] = {}
    for number, case in cases.items():
        by_stratum.setdefault(str(case["stratum"]), []).append(number)
    return [
        Stratum(int(str(cases[members[0]]["in_stratum"])), len(members), sum(holds(answers[each]) for each in members))
        for members in by_stratum.values()
    ]


def _by_provider(flagged: Mapping[int, Case], answers: Answers, method: str) -> pl.DataFrame:
    schema = {"provider": pl.String, **{name: _FIGURES[name] for name in list(_FIGURES)[1:5]}, "note": pl.String}
    by_code: dict[str, dict[int, Case]] = {}
    for number, case in flagged.items():
        # A stratum of several providers says nothing of one.
        if case["stratum_provider"]:
            by_code.setdefault(str(case["stratum_provider"]), {})[number] = case
    rows = []
    for code, alone in sorted(by_code.items()):
        if len(alone) >= FEWEST_AT_A_PROVIDER:
            holds = _is(JUDGEMENT, APPROPRIATE)
            share = _shown_share(alone, answers, holds, method)
            rows.append((code, len(alone), *share, _note(alone, answers, holds, method)))
    return pl.DataFrame(rows, schema=schema, orient="row")


def _agreement(answers: Sequence[Answers], numbers: Sequence[int]) -> pl.DataFrame:
    if len(answers) == 1:
        return pl.DataFrame(schema=_AGREEMENT)
    rows = []
    for question in (JUDGEMENT, IN_SCOPE):
        one, other = ([each[number][question] for number in numbers] for each in answers)
        agreed = sum(a == b for a, b in zip(one, other, strict=True)) / len(numbers) * 100
        beyond = (round(figure(one, other), 3) for figure in (cohen_kappa, gwet_ac1))
        rows.append((question, len(numbers), round(agreed, 1), *beyond))
    return pl.DataFrame(rows, schema=_AGREEMENT, orient="row").fill_nan(None)


def _read_key(path: Path) -> tuple[str, list[str], dict[int, Case]]:
    """Return the mark of the sample, the items of its checklist, and its cases by number."""
    frame = read_small_csv(path, "--key")
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise UsageError(f"--key {path} has no column {missing[0]}: it must be the key that ebi-rules sample wrote.")
    rows = frame.select(
        "stratum",
        "stratum_provider",
        case=pl.col("case").cast(pl.Int64, strict=False),
        in_stratum=pl.col("in_stratum").cast(pl.Int64, strict=False),
        flagged=pl.col("flagged").str.to_lowercase().replace_strict({"true": True, "false": False}, default=None),
    )
    wrong = rows.filter(pl.any_horizontal(pl.col("stratum", "case", "in_stratum", "flagged").is_null())).height
    if wrong or not rows.height:
        raise UsageError(f"--key {path}: {wrong:,} of its {rows.height:,} rows are not as ebi-rules sample wrote them.")
    if frame["sample"].n_unique() != 1 or frame["items"].n_unique() != 1:
        raise UsageError(f"--key {path}: it must have the cases of one sample.")
    if rows["case"].is_duplicated().any():
        raise UsageError(f"--key {path}: a case is there twice.")
    sizes = rows.group_by("flagged", "stratum").agg(
        pl.col("in_stratum").n_unique(), is_less=pl.len() > pl.col("in_stratum").min()
    )
    if sizes["in_stratum"].max() != 1 or sizes["is_less"].any():
        raise UsageError(f"--key {path}: a stratum has two sizes, or more cases than there are.")
    items = (frame["items"][0] or "").split()
    return str(frame["sample"][0]), items, {row.pop("case"): row for row in rows.to_dicts()}
