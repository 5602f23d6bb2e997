"""The report of pathways: measures and flows on one accessible page."""

import re
from pathlib import Path

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe

import ebi_rules as ebi
from ebi_rules.pathways.definitions import measures
from ebi_rules.synth.made_up_people import EXTRACTS, write_population
from tests.report.conftest import Open
from tests.report.test_report import EXACT, HOSTILE


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("people") / "population"
    write_population(folder, 5_000, seed=3)
    return [folder / f"{name}.parquet" for name in EXTRACTS]


def test_the_page_has_every_part(opened: Open, people: list[Path]) -> None:
    result = ebi.run_measures(people, by=["ethnic_category"])
    page = opened(result)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    text = page.inner_text("body")
    texts = [text for measure in measures() if not measure.only_when_named for text in (measure.title, *measure.limits)]
    for part in (
        *texts,
        "These figures show what happened next, not why",
        "Small numbers are protected",
        "from 1 April 2019 to 31 March 2026",
        "The musculoskeletal pathway",
        "By provider",
        "Over time",
        "no further activity",
        "All measures, all providers together",
        "By ethnic category",
        "Groups of people compared",
        "known to be waiting at the beginning of that day",
        "Waits by provider and patient characteristics",
        "Share seen by week, all providers together",
        "Contacts, by attendance status",
        "Method and limits",
    ):
        assert part in text, part
    assert page.locator("table").count() == page.locator("table caption").count() >= 12 * 5
    drawn = page.locator("#flow0 figure svg").first
    labels = drawn.locator("text").all_text_contents()
    stages = dict(result.table("flow_stages").filter(provider="all providers").select("stage", "entered").iter_rows())
    assert f"start {stages['start']:,}" in labels
    assert drawn.bounding_box()["width"] > 500
    assert page.locator("#flow0 figure svg").count() == 1 + 8 + 1


@pytest.mark.parametrize("disclosure", ["hes", pytest.param("none", marks=pytest.mark.long)])
def test_axe_finds_no_violation(opened: Open, people: list[Path], disclosure: str) -> None:
    some = ["attendances_after_imaging", "days_to_first_attendance"]
    page = opened(ebi.run_measures(people, some, "musculoskeletal", settings=ebi.Settings(disclosure=disclosure)))
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in violations] == []


def _cells(html: str, caption: str) -> list[list[str]]:
    """Return the rows of a table of the page, as text."""
    (table,) = [each for each in re.findall(r"<table.*?</table>", html, re.DOTALL) if f"{caption}</caption>" in each]
    rows = re.findall(r"<tr.*?</tr>", table.partition("<tbody>")[2], re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]


def test_the_page_says_what_the_tables_say(people: list[Path], tmp_path: Path) -> None:
    result = ebi.run_measures(people, ["did_not_attend", "days_to_first_attendance"], "musculoskeletal")
    result.report(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    for row in result.shares.filter(provider="all providers").iter_rows(named=True):
        assert f"<strong>{row['index_activity']:,}</strong> index activity" in html
        assert f"<strong>{row['percent']:.1f}%</strong>" in html
    moves = result.table("flow").filter(provider="all providers").select("step", "from", "to", "pathways")
    rows = _cells(html, "From stage to stage, all providers together")
    assert len(rows) == moves.height > 5
    for cells, (step, start, end, pathways) in zip(rows, moves.iter_rows(), strict=True):
        assert cells[:3] == [str(step), start, end]
        assert cells[3] == f"{pathways:,}" if pathways is not None else cells[3] in ("*", "**")
    with pytest.raises(ebi.UsageError, match="already exists"):
        result.report(tmp_path / "report.html")


def test_codes_are_never_markup(opened: Open, people: list[Path]) -> None:
    frames = [
        pl.read_parquet(path).with_columns(
            pl.lit(pl.Series(HOSTILE)).gather(pl.int_range(pl.len()) % len(HOSTILE)).alias("Der_Provider_Code")
        )
        for path in people[:2]
    ]
    page = opened(ebi.run_measures(frames, "did_not_attend", "musculoskeletal", settings=EXACT))
    assert page.locator("body img, body b").count() == 0
    assert page.evaluate("document.scripts.length") == 1
    text = page.locator("#flow0-providers").inner_text().upper().replace(" ", "")
    assert all(name.replace(" ", "").upper() in text for name in HOSTILE)
    assert page.locator("body.exact").count() == 1


def test_providers_have_their_names(people: list[Path], tmp_path: Path) -> None:
    names = {"ZZ1": "Made-up Hospitals 1"}
    ebi.run_measures(people, "did_not_attend", "musculoskeletal", settings=ebi.Settings(names=names)).report(
        tmp_path / "report.html"
    )
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ">ZZ1<" not in html and ">ZZ2<" in html
    assert html.count(">Made-up Hospitals 1<") >= 3


def test_a_page_of_few_people_or_none(opened: Open, people: list[Path]) -> None:
    few = [pl.read_parquet(path).head(40) for path in people[:2]]
    assert "no further activity" in opened(ebi.run_measures(few)).inner_text("body")


def test_a_page_without_anybody(opened: Open, people: list[Path]) -> None:
    page = opened(ebi.run_measures([pl.read_parquet(path).clear() for path in people[:2]]))
    assert "0\nindex activity" in page.inner_text("#measure0")


def test_flows_alone_and_measures_alone(opened: Open, people: list[Path], tmp_path: Path) -> None:
    alone = ebi.run_measures(people[0], flows="musculoskeletal")
    assert any("skipped the stages procedure, which no extract can contain" in text for text in alone.warnings)
    page = opened(alone)
    assert page.locator("#flow0").count() == 1 and page.locator("#measure0, #overview").count() == 0
    (tmp_path / "report.html").unlink()
    page = opened(ebi.run_measures(people[0], "did_not_attend"))
    assert page.locator("#flow0").count() == 0 and page.locator("#measure0").count() == 1


def test_a_notebook_shows_measures_by_title(people: list[Path]) -> None:
    result = ebi.run_measures(people, ["attendances_after_imaging", "days_to_first_attendance"])
    html = result._repr_html_()
    assert "who waited more than" in html and "with the outcome" in html
    assert "days_to_first_attendance" not in html and "\n" not in repr(result)
