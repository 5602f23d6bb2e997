"""The story in the documents, typed as printed: from a policy to a review of notes, on made-up activity."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from click.testing import Result

Run = Callable[..., Result]
STORY = (Path(__file__).parents[2] / "docs" / "story.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(console|python)\n(.*?)```", STORY, re.DOTALL)


@pytest.mark.usefixtures("no_report")
def test_the_story_is_what_the_commands_print(run: Run, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    commands = []
    for language, block in BLOCKS:
        if language == "python":
            exec(compile(block, "story", "exec"), {})
            continue
        command, *lines = block.splitlines()
        arguments = shlex.split(command.removeprefix("$ ebi-rules "))
        if arguments[0] == "review":
            key = pl.read_csv(tmp_path / "private" / "key.csv")
            flagged = set(key.filter("flagged")["case"])
            answer(tmp_path / "review" / "review_1.xlsx", flagged, otherwise=None)
            answer(tmp_path / "review" / "review_2.xlsx", flagged, otherwise=3)
        printed = run(*arguments).output.splitlines()
        assert lines and [line for line in lines if line not in printed] == [], printed
        commands.append(arguments[0])
    assert commands == ["synth", "audit", "compare", "sample", "review"]
    row = pl.read_csv(tmp_path / "audit" / "opportunity.csv", infer_schema_length=None).row(0, named=True)
    for name in ("above_benchmark", "above_lower_95", "above_upper_95", "above_with_chance"):
        assert f"{round(row[name], -1):,.0f}" in STORY, name


def answer(path: Path, flagged: set[int], otherwise: int | None) -> None:
    """Answer by the last digit of the case: below 3 and `otherwise` are appropriate; one flag in eight is wrong."""
    cases = pl.read_excel(path, sheet_name="cases", infer_schema_length=0)
    about = pl.read_excel(path, sheet_name="how to", has_header=False, infer_schema_length=0)
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet("cases")
        sheet.write_row(0, 0, cases.columns)
        for row, case in enumerate(map(int, cases["case"]), start=1):
            items = ["yes" if (case + place) % 9 == 0 else "no" for place in range(cases.width - 3)]
            judged = "appropriate" if case % 10 < 3 or case % 10 == otherwise else "not appropriate"
            sheet.write_row(row, 0, [case, *items, "yes" if case in flagged and case % 8 else "no", judged])
        other = workbook.add_worksheet("how to")
        for row, line in enumerate(about.rows()):
            other.write_row(row, 0, line)
