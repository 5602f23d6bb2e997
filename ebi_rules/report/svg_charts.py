"""Draw altair charts as SVG text for a page: small, and without links or scripts."""

import re
from typing import Any
from xml.etree import ElementTree

import vl_convert
from markupsafe import Markup, escape

from ebi_rules.report.chart_style import Chart

_SVG = "http://www.w3.org/2000/svg"
_DECIMALS = re.compile(r"(\d+\.\d)\d+")
_INHERITED = ("fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-miterlimit", "font-size", "text-anchor")
"""Attributes that shapes inherit from their group."""
_UNNEEDED = ("font-family", "pointer-events", "role", "aria-hidden", "aria-label", "aria-roledescription")
"""Attributes that the page sets, or that a chart does not need because a screen reader reads it as one image."""


def styled(chart: Chart) -> dict[str, Any]:
    """Return the Vega-Lite specification of a chart in the report's style."""
    # Browsers may draw letters wider than vl-convert measures them: leave room at both ends.
    specification: dict[str, Any] = chart.configure(
        font="Arial, sans-serif",
        aria=False,
        padding={"left": 36, "right": 40, "top": 6, "bottom": 4},
        axis={"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 260, "grid": False},
        view={"stroke": "#bbbbbb"},
        point={"opacity": 1},
    ).to_dict()
    return specification


def svg(chart: Chart, name: str) -> Markup:
    """Return a chart as SVG text.

    Args:
        chart: The chart.
        name: Its text alternative, for screen readers.
    """
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(str(vl_convert.vegalite_to_svg(styled(chart))))
    _lighten(root)
    text = _DECIMALS.sub(r"\1", ElementTree.tostring(root, encoding="unicode"))
    return Markup(f'{text[:4]} role="img" aria-label="{escape(name)}"{text[4:]}')


def _lighten(element: ElementTree.Element) -> None:
    """Remove attributes that have no effect, and move those that all shapes of a group share to the group."""
    for child in list(element):
        if child.tag == f"{{{_SVG}}}text" and not child.text and not len(child):
            element.remove(child)
            continue
        for name in _UNNEEDED:
            child.attrib.pop(name, None)
        for name in ("opacity", "fill-opacity", "stroke-opacity"):
            if child.get(name) == "1":
                del child.attrib[name]
        _lighten(child)
    children = list(element)
    if len(children) < 2 or any(len(child) for child in children):
        return
    for name in _INHERITED:
        values = {child.get(name) for child in children}
        if len(values) == 1 and None not in values and name not in element.attrib:
            element.set(name, str(values.pop()))
            for child in children:
                del child.attrib[name]
