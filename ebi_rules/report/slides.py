"""The report as slides: one for each rule, with its card and two charts. It needs python-pptx, an optional extra."""

from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import EngineError
from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.provider_audit.audit_tables import SIGNS, AuditTables
from ebi_rules.report.audit_sentences import method, period
from ebi_rules.report.drawing import Chart
from ebi_rules.report.page_templates import is_of_made_up_data
from ebi_rules.report.png import draw_png, find_font
from ebi_rules.report.rule_card import Card, rule_card
from ebi_rules.report.rule_charts import RuleCharts

# Sizes in inches, of a wide slide.
_WIDTH, _HEIGHT, _EDGE = 13.333, 7.5, 0.5
_TEXT_WIDTH, _TOP = 5.0, 1.55
_LARGE, _USUAL, _SMALL = 26, 14, 12
"""Sizes of letters in points."""
_TITLE_ONLY = 5
"""A layout of the default template."""


def require_slides() -> str:
    """Return the font that pictures in slides are written with.

    Raises:
        EngineError: python-pptx is not installed, or the machine has no font.
    """
    try:
        import_module("pptx")
    except ImportError:
        raise EngineError("--pptx needs python-pptx: pip install 'ebi-rules[slides]'.") from None
    font = find_font()
    if font is None:
        raise EngineError(
            "no font was found on this machine, so charts would have no text. Install one, such as DejaVu Sans, or "
            "leave --pptx out."
        )
    return font


def write_slides(audit: AuditTables, path: Path) -> None:
    """Write the slides: a title, one for each rule that is safe to use, and the method.

    Args:
        audit: The tables of the audit.
        path: The file to write.

    Raises:
        EngineError: python-pptx is not installed, or the machine has no font.
    """
    font = require_slides()
    deck: Any = import_module("pptx").Presentation()
    deck.slide_width, deck.slide_height = _inches(_WIDTH), _inches(_HEIGHT)
    deck.core_properties.title = "Evidence-Based Interventions: activity in scope of the guidance"
    deck.core_properties.author = "ebi-rules"
    started = datetime.fromisoformat(str(audit.run_record["started"])).replace(tzinfo=None)
    deck.core_properties.created = deck.core_properties.modified = started
    _title_slide(deck, audit)
    for entry in audit.audited:
        if not entry.fitness.is_unsafe:
            _rule_slide(deck, RuleCharts(audit, entry), font)
    _text_slide(deck, "Method and limits", method(audit), _SMALL)
    deck.save(path)


def _title_slide(deck: Any, audit: AuditTables) -> None:
    lines = [period(audit), FLAG_MEANING, f"{ABOUT[audit.settings.disclosure]} {SIGNS}"]
    if is_of_made_up_data(audit.run_record):
        lines.insert(0, "Made-up data.")
    _text_slide(deck, "Evidence-Based Interventions: activity in scope of the guidance", lines, _USUAL + 4)


def _rule_slide(deck: Any, charts: RuleCharts, font: str) -> None:
    """Add the slide of a rule: what to look at, its card, and its funnel and trend."""
    card = rule_card(charts, "")
    slide = _slide(deck, card.look_at)
    _write(slide, _card_lines(card), (_EDGE, _TOP, _TEXT_WIDTH, _HEIGHT - _TOP - _EDGE), _USUAL, bold=2)
    left = _EDGE + _TEXT_WIDTH + 0.2
    room = (_HEIGHT - _TOP - 0.3) / 2
    usual = [chart for chart in (charts.funnel(), charts.trend()) if chart]
    drawn = usual or [chart for chart in [charts.attrition()] if chart]
    for place, chart in enumerate(drawn):
        _draw(slide, chart, font, (left, _TOP + place * room, _WIDTH - left - _EDGE, room - 0.1))


def _card_lines(card: Card) -> list[str]:
    parts = [card.counts, card.change, card.trend, card.extremes, card.beyond, *card.doubts]
    return [f"{card.title} ({card.letters})", card.rate, *(part[:1].upper() + part[1:] for part in parts if part)]


def _text_slide(deck: Any, title: str, lines: Iterable[str], size: int) -> None:
    slide = _slide(deck, title)
    _write(slide, lines, (_EDGE, _TOP, _WIDTH - 2 * _EDGE, _HEIGHT - _TOP - _EDGE), size)


def _slide(deck: Any, title: str) -> Any:
    """Add a slide with a title, which assistive software finds as such."""
    slide = deck.slides.add_slide(deck.slide_layouts[_TITLE_ONLY])
    shape = slide.shapes.title
    shape.left, shape.top = _inches(_EDGE), _inches(0.35)
    shape.width, shape.height = _inches(_WIDTH - 2 * _EDGE), _inches(1.1)
    shape.text_frame.text = title
    shape.text_frame.word_wrap = True
    paragraph = shape.text_frame.paragraphs[0]
    paragraph.alignment = import_module("pptx.enum.text").PP_ALIGN.LEFT
    paragraph.font.size, paragraph.font.bold = _points(_LARGE), True
    return slide


def _write(slide: Any, lines: Iterable[str], box: tuple[float, float, float, float], size: int, bold: int = 0) -> None:
    """Add a box of lines, of which the first are bold and a little larger."""
    frame = slide.shapes.add_textbox(*map(_inches, box)).text_frame
    frame.word_wrap = True
    for place, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if place == 0 else frame.add_paragraph()
        paragraph.text = line
        paragraph.font.size, paragraph.font.bold = _points(size + (4 if place < bold else 0)), place < bold
        paragraph.space_after = _points(6)


def _draw(slide: Any, chart: Chart, font: str, box: tuple[float, float, float, float]) -> None:
    """Add a chart as a picture, as large as it fits, with what it shows and says as its alternative text."""
    left, top, width, height = box
    shown = chart.titled()
    scale = min(width / shown.width, height / shown.height)
    size = (shown.width * scale, shown.height * scale)
    place = map(_inches, (left, top, *size))
    picture = slide.shapes.add_picture(BytesIO(draw_png(chart, font)), *place)
    picture.name = chart.name
    description = f"{chart.name}. {chart.finding}." if chart.finding else f"{chart.name}."
    picture._element.nvPicPr.cNvPr.set("descr", description)


def _inches(length: float) -> int:
    return int(import_module("pptx.util").Inches(length))


def _points(size: int) -> Any:
    return import_module("pptx.util").Pt(size)
