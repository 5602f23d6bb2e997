"""docs/dialects.md and the README's table name every dialect, engine and judge, as a run of the tests wrote them."""

import re
from pathlib import Path

from tests.engines.dialects_page import CLOSES, NOT_RUN, OPENS, page, short_form
from tests.engines.tally import Tally

ROOT = Path(__file__).parents[2]
_NUMBERS = re.compile(r"\| [^|]* \| ([\d,]+) \| ([\d,]+) \|")


def test_the_page_is_current() -> None:
    """Versions and numbers of cases are those of the run that wrote it; all else must be as it would be now."""
    written = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8")
    assert _NUMBERS.sub(f"| {NOT_RUN} | {NOT_RUN} | {NOT_RUN} |", written) == page(Tally()), "run make dialects"


def test_every_row_was_run_without_mismatch() -> None:
    written = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8")
    found = _NUMBERS.findall(written)
    assert len(found) == page(Tally()).count(f"| {NOT_RUN} | {NOT_RUN} | {NOT_RUN} |")
    assert all(int(cases.replace(",", "")) > 0 and mismatches == "0" for cases, mismatches in found)


def test_the_readme_has_the_short_form() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.partition(OPENS)[2].partition(CLOSES)[0] == short_form(), "run make dialects"
