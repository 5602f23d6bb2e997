"""Draw altair charts as SVG text that stands in a page, small and safe."""

import re
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup, escape

from ebi_rules.report.charts import Chart

_SVG = "http://www.w3.org/2000/svg"
_DECIMALS = re.compile(r"(\d+\.\d)\d+")
_SHARED = ("fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-miterlimit", "font-size", "text-anchor")
"""Attributes that shapes take over from their group."""
_NEEDLESS = ("font-family", "pointer-events", "role", "aria-hidden", "aria-label", "aria-roledescription")
"""Attributes that the page settles, or that a drawing whose parts are not read one by one has no use for."""


def styled(chart: Chart) -> dict[str, Any]:
    """Give a chart's specification in the report's style."""
    # Browsers may draw letters wider than the width that was measured here: leave room at both ends.
    given: dict[str, Any] = chart.configure(
        font="Arial, sans-serif",
        aria=False,
        padding={"left": 36, "right": 40, "top": 6, "bottom": 4},
        axis={"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 260, "grid": False},
        view={"stroke": "#bbbbbb"},
        point={"opacity": 1},
    ).to_dict()
    return given


def svg(chart: Chart, name: str) -> Markup:
    """Give a chart as SVG text; `name` is its text alternative."""
    import vl_convert

    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(str(vl_convert.vegalite_to_svg(styled(chart))))
    _lighten(root)
    drawn = _DECIMALS.sub(r"\1", ElementTree.tostring(root, encoding="unicode"))
    return Markup(f'{drawn[:4]} role="img" aria-label="{escape(name)}"{drawn[4:]}')


def _lighten(element: ElementTree.Element) -> None:
    """Take out what says nothing, and say once what all shapes of a group have in common."""
    for child in list(element):
        if child.tag == f"{{{_SVG}}}text" and not child.text and not len(child):
            element.remove(child)
            continue
        for name in _NEEDLESS:
            child.attrib.pop(name, None)
        for name in ("opacity", "fill-opacity", "stroke-opacity"):
            if child.get(name) == "1":
                del child.attrib[name]
        _lighten(child)
    children = list(element)
    for name in _SHARED if len(children) > 1 and not any(len(child) for child in children) else ():
        values = {child.get(name) for child in children}
        if len(values) == 1 and None not in values and name not in element.attrib:
            element.set(name, str(values.pop()))
            for child in children:
                del child.attrib[name]
