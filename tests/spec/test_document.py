"""docs/semantics.md is what the spec tests say."""

from tests.spec.document import CHAPTERS, PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.spec.document"


def test_no_chapter_is_left_out() -> None:
    folders = {path.parent.name for path in (PAGE.parents[1] / "tests" / "spec").glob("*/test_*.py")}
    assert folders == set(CHAPTERS)
