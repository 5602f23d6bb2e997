"""Charts as PNG, drawn by resvg with a font of the machine."""

from functools import cache

import resvg_py

from ebi_rules.report.drawing import Chart

FONTS = ("Arial", "Liberation Sans", "DejaVu Sans", "Noto Sans", "Helvetica", "Segoe UI", "FreeSans")
"""Fonts that charts are written with, the first that the machine has."""

_PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20" font-family="{}"><text y="15">Words</text></svg>'
)
_ZOOM = 2


@cache
def find_font() -> str | None:
    """Return a font that the machine has; None if there is none, as resvg then leaves texts out and says nothing."""
    blank = _draw(_PROBE.format("no font"), "no font")
    return next((font for font in FONTS if _draw(_PROBE.format(font), font) != blank), None)


def draw_png(chart: Chart, font: str) -> bytes:
    """Return a chart with its finding above it as PNG, twice as large as its SVG.

    Args:
        chart: The chart.
        font: A font that the machine has.
    """
    return _draw(str(chart.titled().svg()), font)


def _draw(svg: str, font: str) -> bytes:
    return bytes(
        resvg_py.svg_to_bytes(svg_string=svg, background="white", zoom=_ZOOM, font_family=font, sans_serif_family=font)
    )
