"""The report: one complete file, correct numbers, safe with hostile names, accessible in a browser."""

import json
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe

import ebi_rules as ebi
from ebi_rules.provider_audit.benchmarks import read_benchmark
from ebi_rules.report.report_words import axis_label
from ebi_rules.synth.made_up_extract import write_extract
from opcs_icd.reference import Reference
from tests.report.conftest import Open
from tests.report.large import large_audit

_SVG = "{http://www.w3.org/2000/svg}"
EXACT = ebi.Settings(disclosure="none")
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><b>", "=HYPERLINK(1)", "{{ 7*7 }}"]


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {f"ZZ{letter}": f"Made-up Hospitals {letter}" for letter in "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"}


def test_the_page_has_every_part(opened: Open, extract: Path, names: dict[str, str]) -> None:
    page = opened(ebi.audit(extract, "2S", by=["referral_source"], settings=ebi.Settings(names=names)))
    text = page.inner_text("body")
    for part in (
        "In scope does not mean inappropriate",
        "Small numbers are protected",
        "April 2023 to March 2026",
        "Provider comparison, adjusted for age and sex",
        "Crude rates, ranked",
        "Over time",
        "By age",
        "By source of referral",
        "03 general practitioner",
        "How much depends on the interpretation",
        "Completeness of coding",
        "Method and limits",
        "What was run",
        "Made-up Hospitals 7",
    ):
        assert part in text, part
    assert page.locator("figure svg[role=img][aria-label]").count() == 9
    assert all(box["width"] > 300 for figure in page.locator("figure svg").all() if (box := figure.bounding_box()))
    # A chart has a table with the same figures, and every table a caption.
    assert page.locator("table").count() == page.locator("table caption").count() >= 10


@pytest.mark.parametrize(
    ("disclosure", "rules"), [("hes", ["2S", "2T"]), pytest.param("none", ["2S"], marks=pytest.mark.long)]
)
def test_axe_finds_no_violation(opened: Open, extract: Path, disclosure: str, rules: list[str]) -> None:
    settings = ebi.Settings(disclosure=disclosure, benchmark=read_benchmark("p25"))
    page = opened(ebi.audit(extract, rules, by=["ethnic_category"], settings=settings))
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.locator("select[data-trend]").first.select_option(index=2)
    page.wait_for_selector("[id$=-drawn] figure svg" if disclosure == "none" else "text=Too few in scope")
    for width in (1200, 420) if disclosure == "none" else (420,):
        page.set_viewport_size({"width": width, "height": 1000})
        violations = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in violations] == []


def test_tables_sort_filter_and_answer_the_keyboard(opened: Open, extract: Path) -> None:
    audit = ebi.audit(extract, "2S")
    page = opened(audit)
    table = page.locator("#rule0-providers")

    def column(place: int) -> list[str]:
        return [row.strip() for row in table.locator(f"tbody tr:visible > :nth-child({place})").all_inner_texts()]

    button = table.locator("thead button", has_text="in scope")
    button.focus()
    page.keyboard.press("Enter")
    assert table.locator("th[aria-sort=descending]").inner_text().startswith("in scope")
    for reverse in (True, False):
        shown = column(4)
        numbers = [int(text.replace(",", "")) for text in shown if text not in ("*", "**")]
        assert numbers == sorted(numbers, reverse=reverse)
        assert shown[len(numbers) :] == ["*"] * (len(shown) - len(numbers)), "suppressed counts come last"
        page.keyboard.press("Space")
    page.get_by_label("Filter these rows").nth(1).fill("zz1")
    assert column(1) == ["ZZ1"]
    assert page.locator("#rule0-providers-count").inner_text() == f"1 of {audit.providers.height} rows"


def test_a_symbol_of_the_funnel_is_linked_with_its_row(opened: Open, extract: Path) -> None:
    page = opened(ebi.audit(extract, "2S"))
    rows = page.locator("#rule0-providers tbody tr[data-f]")
    symbols = page.locator("figure[data-chart=funnel] .units > *")
    assert rows.count() == symbols.count() > 10
    for place in (0, 5, rows.count() - 1):
        row = rows.nth(place)
        symbol = symbols.nth(int(row.get_attribute("data-f") or ""))
        symbol.dispatch_event("mouseenter")
        assert page.locator("#tip").inner_text().startswith(row.locator("th").inner_text())
        assert "lit" in (row.get_attribute("class") or "")
        symbol.dispatch_event("mouseleave")
        assert page.locator("#tip").is_hidden()


def test_the_trend_of_one_provider_can_be_chosen(opened: Open, extract: Path) -> None:
    audit = ebi.audit(extract, "2S", settings=EXACT)
    page = opened(audit)
    code = audit.providers.sort("flagged", descending=True, nulls_last=True)["provider"][0]
    page.select_option("#rule0-of", label=code)
    page.wait_for_selector(f"#rule0-drawn svg[role=img][aria-label='Rate by month, {code}']")
    page.locator("#rule0-months").evaluate("table => { table.closest('details').open = true; }")
    rows = [row.split("\t") for row in page.locator("#rule0-months tbody tr").all_inner_texts()]
    series = audit.trend.filter(pl.col("provider") == code)
    for cells, row in zip(rows, series.iter_rows(named=True), strict=True):
        assert cells[0] == axis_label(row["month"])
        assert cells[1:3] == [f"{row['eligible']:,}", f"{row['flagged']:,}"]
        assert float(cells[3].replace(",", "")) == pytest.approx(row["rate_per_1000_eligible"] or 0, abs=0.0051)
    page.select_option("#rule0-of", index=0)
    assert page.locator("#rule0-drawn svg").get_attribute("aria-label").startswith("Rate by month, all providers")


def test_the_script_draws_what_the_library_draws(opened: Open, extract: Path) -> None:
    audit = ebi.audit(extract, ["2S", "2T"], settings=EXACT)
    page = opened(audit)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for place, rule in enumerate(("2S", "2T")):
        for provider in audit.providers["provider"].unique().sort():
            page.select_option(f"#rule{place}-of", label=provider)
            drawn = page.locator(f"#rule{place}-drawn svg")
            there = ElementTree.fromstring(drawn.evaluate("svg => new XMLSerializer().serializeToString(svg)"))
            here = ElementTree.fromstring(str(audit.chart("trend", rule, provider=provider).svg()))
            _require_alike(here, there)


def _require_alike(here: ElementTree.Element, there: ElementTree.Element) -> None:
    """Check that two pictures have the same shapes in the same places, in the same style, with the same texts."""
    for tag, places in (
        ("svg", ("width", "height")),
        ("rect", ("x", "y", "width", "height")),
        ("path", ("d", "transform")),
        ("circle", ("cx", "cy", "r")),
        ("line", ("x1", "y1", "x2", "y2")),
    ):
        assert _places(here, tag, places) == pytest.approx(_places(there, tag, places), abs=0.3)
    for style in ("fill", "stroke-dasharray"):
        for tag in ("path", "circle"):
            styles = [[each.get(style) for each in root.iter(_SVG + tag)] for root in (here, there)]
            assert styles[0] == styles[1], tag
    for tag in ("text", "title"):
        texts_here, texts_there = (sorted(str(each.text) for each in root.iter(_SVG + tag)) for root in (here, there))
        assert texts_here == texts_there


def _places(root: ElementTree.Element, tag: str, attributes: Sequence[str]) -> list[float]:
    """Return the numbers in some attributes of all elements of a kind."""
    texts = [each.get(name) or "" for each in root.iter(_SVG + tag) for name in attributes]
    return [float(number) for text in texts for number in re.findall(r"-?\d+\.?\d*", text)]


def test_the_page_says_what_the_tables_say(extract: Path, tmp_path: Path) -> None:
    audit = ebi.audit(extract, "2S")
    audit.report(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    totals = audit.totals().row(0, named=True)
    assert f"<strong>{totals['flagged']:,}</strong> in scope" in html
    assert f"<strong>{totals['eligible']:,}</strong> eligible" in html
    assert f"<strong>{_half_up(totals['rate_per_1000_eligible'])}</strong> per 1,000 eligible" in html
    for left in audit.attrition["left"]:
        assert f">{'*' if left is None else f'{left:,}'}</td>" in html
    for ratio in audit.providers["standardised_ratio"].drop_nulls():
        assert f">{_half_up(ratio)} (" in html
    assert not re.search(r"\bsrc=", re.sub(r"<script.*?</script>", "", html, flags=re.S))
    assert {target[0] for target in re.findall(r'<a [^>]*href="([^"]*)"', html)} <= {"#"}


def _half_up(figure: float) -> str:
    return f"{Decimal(str(figure)).quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def test_exact_counts_are_marked_as_exact(extract: Path, tmp_path: Path) -> None:
    exact = ebi.audit(extract, "2S", settings=EXACT)
    exact.report(tmp_path / "exact.html")
    page = (tmp_path / "exact.html").read_text(encoding="utf-8")
    assert '<body class="exact">' in page
    assert "Exact counts." in page
    assert "NOT TO BE PASSED ON" in page
    assert ">*</td>" not in page
    exact.shown("hes").report(tmp_path / "shown.html")
    assert '<body class="exact">' not in (tmp_path / "shown.html").read_text(encoding="utf-8")


def hostile_extract(rows: int = 40) -> pl.DataFrame:
    count = len(HOSTILE) * rows
    return pl.DataFrame(
        {
            "OPA_Ident": range(count),
            "Der_Provider_Code": HOSTILE * rows,
            "Appointment_Date": [f"2024-{place % 12 + 1:02d}-28" for place in range(count)],
            "Der_Procedure_All": ["U055", "U055", "X384"] * (count // 3) + ["U055"] * (count % 3),
            "Der_Diagnosis_All": ["M545"] * count,
            "Administrative_Category": ["01"] * count,
            "Age_at_Start_of_Episode_SUS": [45] * count,
            "Sex": ["1"] * count,
        }
    ).with_columns(pl.col("Appointment_Date").str.to_date())


def test_names_and_codes_are_never_markup(opened: Open, tmp_path: Path) -> None:
    frame = hostile_extract()
    codes = ebi.audit(frame, "2S").providers["provider"].to_list()
    named = ebi.Settings(disclosure="none", names=dict(zip(codes, HOSTILE, strict=True)))
    for settings in (EXACT, named):
        audit = ebi.audit(frame, "2S", settings=settings)
        page = opened(audit)
        assert page.locator("body img, body b").count() == 0
        assert page.evaluate("document.scripts.length") == 2
        text = page.inner_text("#rule0-providers").upper().replace(" ", "")
        assert all(name.replace(" ", "").upper() in text for name in HOSTILE)
        page.select_option("#rule0-of", index=1)
        page.wait_for_selector("#rule0-drawn svg[role=img]")
        assert json.loads(page.evaluate("document.getElementById('trends').textContent"))["months"]
        (tmp_path / "report.html").unlink()


def test_data_cannot_end_the_script_that_contains_it() -> None:
    from ebi_rules.report.audit_page import _json

    text = _json({"name": "</script><script>alert(1)</script> & <!--"})
    assert not set("<>&") & set(text)
    assert json.loads(text)["name"].startswith("</script>")


def test_an_empty_extract_has_a_report_too(opened: Open, extract: Path) -> None:
    page = opened(ebi.audit(pl.read_parquet(extract).clear(), "2S"))
    text = page.inner_text("body")
    assert "the extract has no rows" in text
    assert "0 of 0 eligible activities were in scope" in text


def test_a_report_that_exists_is_kept(extract: Path, tmp_path: Path) -> None:
    audit = ebi.audit(extract, "2S")
    (tmp_path / "report.html").write_text("precious")
    with pytest.raises(ebi.UsageError, match="already exists"):
        audit.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "precious"


def test_codes_have_titles_from_your_own_files(extract: Path, tmp_path: Path) -> None:
    sample = Reference.read(Path(__file__).parents[2] / "fixtures" / "reference")
    ebi.audit(extract, "2S", reference=sample).report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "U05.4 Computed tomography of spine" in text
    admitted = tmp_path / "apc.parquet"
    write_extract(admitted, 2_000, layout="ncdr-apcs")
    ebi.audit(admitted, "2R", reference=sample).report(tmp_path / "admitted.html")
    assert "H01.1 Made-up excision, first kind" in (tmp_path / "admitted.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rules", "providers", "width"), [(5, 60, 6), pytest.param(30, 200, 36, marks=pytest.mark.long)]
)
def test_many_rules_and_providers_are_one_small_page(
    opened: Open, tmp_path: Path, rules: int, providers: int, width: int
) -> None:
    page = opened(large_audit(rules, providers, width))
    size = (tmp_path / "report.html").stat().st_size
    assert size < 10 * 2**20
    assert page.locator("main > section").count() == rules + 4
    page.get_by_role("link", name="Grommets").first.click()
    page.wait_for_selector(
        "#rule3 details.rule[open]"
    )  # The browser tells the page of a link a moment after the click.
    assert page.locator("#rule3-providers tbody tr").count() == providers


def test_charts_are_pictures_that_a_notebook_shows(extract: Path, tmp_path: Path) -> None:
    audit = ebi.audit(extract, settings=ebi.Settings(disclosure="none"))
    for name in ("attrition", "funnel", "rates", "trend", "sensitivity", "age_band", "sex"):
        for rule in ("2S", "2T"):
            chart = audit.chart(name, rule)
            picture = ElementTree.fromstring(chart._repr_html_())
            assert picture.get("role") == "img"
            assert ebi.rule(rule).title in str(picture.get("aria-label"))
            words = "".join(picture.itertext())
            assert chart.finding and chart.finding.split()[-1] in words, "its title says what was found"
    with pytest.raises(ebi.UsageError, match="too little may be shown"):
        audit.chart("adjusted", "2S")
    chart = audit.chart("trend", "2S", provider="ZZ1")
    assert "ZZ1" in repr(chart)
    chart.save(tmp_path / "trend.svg")
    assert ElementTree.parse(tmp_path / "trend.svg").getroot().get("aria-label") == chart.name
    with pytest.raises(ebi.UsageError, match="exists"):
        chart.save(tmp_path / "trend.svg")
    for arguments, message in (
        (("funel",), "no chart 'funel'; the nearest is funnel"),
        (("funnel", "2X"), "no rule '2X'"),
        (("trend", "2S", "nobody"), "no provider 'nobody'"),
    ):
        with pytest.raises(ebi.UsageError, match=message):
            audit.chart(*arguments)


def test_a_notebook_shows_titles_a_chart_and_no_keys(extract: Path) -> None:
    audit = ebi.audit(extract, ["2S", "2T"])
    rule = ebi.rule("2S")
    explained = ebi.explain({"procedures": "||U13.5,Z665", "age": 45, "diagnoses": ["C509"]}, rule)
    for shown in (audit, rule, explained):
        html = shown._repr_html_()
        assert "Low back pain imaging" in html or rule.title in html
        for internal in ("2S_lower_back_imaging", "withheld", "no_cancer", "rule0", "<script"):
            assert internal not in html.replace('data-rule="rule0"', ""), internal
        assert "\n" not in repr(shown) and len(repr(shown)) < 120
    assert audit._repr_html_().count('<article class="card">') == 2
    assert 'role="img"' in audit._repr_html_()
    assert "2S_lower_back_imaging: " in str(audit)
    assert "not in scope, stopped by no cancer" in explained._repr_html_()
    description = ebi.describe("2S")._repr_markdown_()
    assert "Low back pain imaging" in description
    assert "no diagnosis code for cancer is recorded" in description
