"""Slides: one for each rule, whose title is what was found, with charts that are described; and charts as PNG."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pptx import Presentation

import ebi_rules as ebi
from ebi_rules.report import png
from ebi_rules.report.png import draw_png, find_font
from ebi_rules.report.rule_card import rule_card
from ebi_rules.report.rule_charts import RuleCharts
from tests.report.situations import PROVIDERS, made_up_audit


@pytest.fixture(scope="module")
def audit() -> ebi.Audit:
    share = np.full(PROVIDERS, 0.05)
    share[7] = 0.15
    return made_up_audit(share)


@pytest.fixture(scope="module")
def deck(audit: ebi.Audit, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("slides") / "out"
    audit.write(folder, pptx=True)
    audit.write(folder, pptx=True, force=True)
    return Presentation(str(folder / "slides.pptx"))


@pytest.mark.needs("a font")
def test_a_rule_s_slide_says_what_was_found(audit: ebi.Audit, deck: Any) -> None:
    card = rule_card(RuleCharts(audit.tables, audit.tables.audited[0]), "")
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert titles == [
        "Evidence-Based Interventions: activity in scope of the guidance",
        card.look_at,
        "Method and limits",
    ]
    assert "ZZ07" in card.look_at
    texts = [shape.text_frame.text for shape in deck.slides[1].shapes if shape.has_text_frame]
    assert any(card.rate in text and card.counts in text and card.title in text for text in texts)
    assert "In scope of the guidance does not mean inappropriate" in deck.slides[0].shapes[1].text_frame.text


@pytest.mark.needs("a font")
def test_pictures_are_described_and_within_the_slide(audit: ebi.Audit, deck: Any) -> None:
    pictures = [shape for shape in deck.slides[1].shapes if shape.shape_type == 13]
    assert len(pictures) == 2
    for picture, name in zip(pictures, ("funnel", "trend"), strict=True):
        chart = audit.chart(name)
        assert picture._element.nvPicPr.cNvPr.get("descr") == f"{chart.name}. {chart.finding}."
        assert picture.left >= 0 and picture.left + picture.width <= deck.slide_width
        assert picture.top >= 0 and picture.top + picture.height <= deck.slide_height
        assert picture.image.ext == "png"
        shown = chart.titled()
        assert picture.width / picture.height == pytest.approx(shown.width / shown.height, rel=0.01)
    assert pictures[0].top + pictures[0].height <= pictures[1].top


def test_without_the_library_nothing_is_written(
    audit: ebi.Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebi_rules.report.slides.import_module", _absent)
    with pytest.raises(ebi.EngineError, match=r"pip install 'ebi-rules\[slides\]'"):
        audit.write(tmp_path / "out", pptx=True)
    assert not list(tmp_path.iterdir())


def _absent(name: str) -> None:
    raise ImportError(name)


def test_without_a_font_nothing_is_drawn_in_silence(
    audit: ebi.Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png, "FONTS", ("No Such Font",))
    find_font.cache_clear()
    try:
        assert find_font() is None
        with pytest.raises(ebi.EngineError, match="no font was found"):
            audit.write(tmp_path / "out", pptx=True)
        assert audit.charts(tmp_path / "charts") > 0
    finally:
        find_font.cache_clear()
    assert not list((tmp_path / "charts").glob("*.png")) and list((tmp_path / "charts").glob("*.svg"))


@pytest.mark.needs("a font")
def test_a_png_is_twice_as_large_as_its_svg(audit: ebi.Audit) -> None:
    chart = audit.chart("funnel")
    font = find_font()
    assert font
    picture = draw_png(chart, font)
    width, height = struct.unpack(">II", picture[16:24])
    shown = chart.titled()
    assert (width, height) == pytest.approx((shown.width * 2, shown.height * 2), abs=2)
    assert draw_png(chart.saying(""), font) != picture, "the finding is drawn"
    assert len(picture) > len(draw_png(chart, "No Such Font")), "and so are the other texts"
