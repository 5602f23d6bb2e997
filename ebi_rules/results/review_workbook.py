"""The workbook in which a reviewer answers: written with choices to pick from, and read back whole or not at all.

It has numbers of cases and questions, and nothing that says whose case it is: the key does, and stays apart.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import xlsxwriter

from ebi_rules._support.errors import EngineError, UsageError
from ebi_rules.rule_model.checklists import Checklist

CASE, IN_SCOPE, JUDGEMENT = "case", "in_scope", "judgement"
YES, NO, NOT_RECORDED = "yes", "no", "not recorded"
APPROPRIATE, NOT_APPROPRIATE, CANNOT_TELL = "appropriate", "not appropriate", "cannot tell"
_SHEET, _ABOUT = "cases", "how to"
_SAMPLE = "Sample"
_QUESTIONS = {
    IN_SCOPE: "By the notes: is this activity in scope of the guidance?",
    JUDGEMENT: "By the guidance and the notes: was it appropriate?",
}
_ANSWERS = {IN_SCOPE: (YES, NO), JUDGEMENT: (APPROPRIATE, NOT_APPROPRIATE, CANNOT_TELL)}
_CHECKLIST_ANSWERS = (YES, NO, NOT_RECORDED)
_HOW = (
    "One row per case. Pick an answer in each cell; leave none empty.",
    "Your colleague with the key gives you the notes of each case by its number.",
    "Write no names, numbers or dates of patients into this file.",
    "Do not change the numbers or the headings, and do not delete rows.",
)


def columns_of(checklist: Checklist) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the columns of answers: each with its question and the answers to pick from."""
    items = {item.key: (item.question, _CHECKLIST_ANSWERS) for item in checklist.items}
    return {**items, **{name: (_QUESTIONS[name], answers) for name, answers in _ANSWERS.items()}}


def write_review_workbook(path: Path, sample: str, cases: Sequence[int], checklist: Checklist, title: str) -> None:
    """Write a workbook for one reviewer.

    Args:
        path: The file to write.
        sample: The mark of the sample, which the key has too.
        cases: The numbers of the cases, in the order of its rows.
        checklist: What to look for.
        title: What is reviewed.
    """
    columns = columns_of(checklist)
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as workbook:
        head = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        sheet = workbook.add_worksheet(_SHEET)
        sheet.write_row(0, 0, [CASE, *columns], head)
        sheet.freeze_panes(1, 1)
        sheet.set_column(1, len(columns), 18)
        for row, case in enumerate(cases, start=1):
            sheet.write_number(row, 0, case)
        for column, (_, answers) in enumerate(columns.values(), start=1):
            choice = {
                "validate": "list",
                "source": list(answers),
                "error_title": "Pick an answer",
                "error_message": f"Pick one of: {', '.join(answers)}.",
            }
            sheet.data_validation(1, column, len(cases), column, choice)
        about = workbook.add_worksheet(_ABOUT)
        wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
        about.set_column(0, 0, 24, head)
        about.set_column(1, 1, 90, wrapped)
        lines = [(_SAMPLE, sample), ("What is reviewed", title), *(("How", text) for text in _HOW)]
        lines += [(name, f"{question} ({', '.join(answers)})") for name, (question, answers) in columns.items()]
        lines += [("Source of the checklist", checklist.source)] if checklist.source else []
        for row, (name, text) in enumerate(lines):
            about.write_string(row, 0, name)
            about.write_string(row, 1, text)


def read_review_workbook(
    path: Path, sample: str, cases: Sequence[int], items: Sequence[str]
) -> Mapping[int, Mapping[str, str]]:
    """Read the answers of one reviewer.

    Args:
        path: A workbook that `write_review_workbook` wrote and a reviewer filled in.
        sample: The mark of the sample in the key.
        cases: The numbers of all cases.
        items: The keys of the checklist's items.

    Returns:
        The answers by case and column.

    Raises:
        EngineError: fastexcel is not installed.
        UsageError: The workbook cannot be read, is of another sample than the key, or is not whole: a case is missing,
            unknown or there twice, a heading is missing, or a cell is empty or has another answer. The message names
            rows, and nothing is half read.
    """
    try:
        from fastexcel import FastExcelError
    except ImportError:
        raise EngineError("reading workbooks needs fastexcel: pip install 'ebi-rules[review]'.") from None
    try:
        frame = pl.read_excel(path, sheet_name=_SHEET, infer_schema_length=0, drop_empty_rows=False)
        about = pl.read_excel(path, sheet_name=_ABOUT, has_header=False, infer_schema_length=0)
    except (OSError, ValueError, pl.exceptions.PolarsError, FastExcelError) as error:
        raise UsageError(
            f"{path} cannot be read as a workbook with the sheets {_SHEET!r} and {_ABOUT!r} ({type(error).__name__})."
        ) from None
    if (_SAMPLE, sample) not in about.rows():
        raise UsageError(f"{path} belongs to another sample than the key: name the key of the same `ebi-rules sample`.")
    headings = [CASE, *items, *_ANSWERS]
    missing = [name for name in headings if name not in frame.columns]
    if missing:
        raise UsageError(f"{path} is not read: the heading {missing[0]} is missing.")
    if frame.width > len(headings):
        raise UsageError(
            f"{path} is not read: more columns than its headings: {frame.width - len(headings)}. Remove them."
        )
    is_empty = pl.all_horizontal(pl.all().is_null())
    numbers = frame.with_row_index("row", offset=2).filter(~is_empty).select("row", CASE).rows()
    problems = _wrong_numbers(numbers, cases)
    answers: dict[int, dict[str, str]] = {}
    for place, row in enumerate(frame.iter_rows(named=True), start=2):
        if not any(row.values()):
            continue
        cells = {name: (value or "").strip().lower() for name, value in row.items() if name != CASE}
        for name, value in cells.items():
            allowed = _ANSWERS.get(name, _CHECKLIST_ANSWERS)
            if value not in allowed:
                said = "another text than its answers" if value else "empty"
                problems.append(f"row {place}, {name}: {said} ({', '.join(allowed)})")
        if not problems:
            answers[int(float(str(row[CASE])))] = cells
    if problems:
        more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        raise UsageError(
            f"{path} is not read: {'; '.join(problems[:_MOST_NAMED])}{more}. Correct these, and read it again."
        )
    return answers


_MOST_NAMED = 8


def _wrong_numbers(found: Sequence[tuple[int, str | None]], cases: Sequence[int]) -> list[str]:
    """Return what is wrong with the numbers of cases, by row."""
    known, seen, problems = set(cases), dict[int, int](), []
    for place, text in found:
        try:
            case = int(float(text or ""))
        except (ValueError, OverflowError):
            problems.append(f"row {place}: there is no number of a case")
            continue
        if case not in known:
            problems.append(f"row {place}: no case has this number")
        elif case in seen:
            problems.append(f"rows {seen[case]} and {place} have the same case {case}")
        seen.setdefault(case, place)
    lost = sorted(known - seen.keys())
    if lost:
        problems.append(f"the rows of {len(lost)} cases are missing: {', '.join(map(str, lost[:_MOST_NAMED]))}")
    return problems
