"""Write docs/performance.md and its chart from the figures that `tests.bench.national --record` wrote.

Run as `python -m tests.bench.page docs/performance.json`. The text is written here; the figures come from the file.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ebi_rules.report.axes import Logarithmic
from ebi_rules.report.chart_style import BLACK, BLUE, GREY, ORANGE, VERMILION
from ebi_rules.report.drawing import Chart
from ebi_rules.report.plot import Plot
from tests.bench.national import WORK

Figure = dict[str, Any]

_NAMES = {
    "ncdr-opa": "delimited texts",
    "hes-op": "numbered columns",
    "unified-sus-op": "child tables",
    "ncdr-apcs": "delimited texts, admitted care",
}
_TARGETS = {
    "all rules, full cube": "7x",
    "flag, one rule, file to file": "3.5x",
}
_COLOURS = (BLUE, ORANGE, VERMILION, BLACK, GREY)
_TARGETS_AT = "ncdr-opa-20000000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    path = parser.parse_args().figures
    recorded = json.loads(path.read_text(encoding="utf-8"))
    figures = recorded["figures"]
    page = path.with_suffix(".md")
    before, after = page.read_text(encoding="utf-8").split(_BEGIN)[0], page.read_text(encoding="utf-8").split(_END)[1]
    text = "\n".join([_BEGIN, "", *_machine(recorded["machine"]), "", *_tables(figures), _END])
    page.write_text(before + text + after, encoding="utf-8")
    _chart(figures).save(path.with_suffix(".svg"), force=True)


_BEGIN = "<!-- figures: written by python -m tests.bench.page -->"
_END = "<!-- end of figures -->"


def _machine(machine: dict[str, str]) -> list[str]:
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "polars", "duckdb", "pandas", "pyspark"))
    return [f"{machine['date']}; {machine['cores']} cores, {machine['memory']}, {machine['system']}; {versions}."]


def _tables(figures: Sequence[Figure]) -> Iterator[str]:
    """Return one table per extract, in the order of layouts and sizes."""
    extracts = sorted({each["extract"] for each in figures}, key=_place)
    for extract in extracts:
        layout, rows, hostile = _parts(extract)
        different = ", almost every text different" if hostile else ""
        yield f"### {rows:,} rows, {_NAMES[layout]}{different}\n"
        yield "| work | seconds | times the plain read | target | peak memory, MiB |"
        yield "|---|---:|---:|---:|---:|"
        for each in sorted(figures, key=lambda figure: list(WORK).index(figure["work"])):
            if each["extract"] == extract:
                target = _TARGETS.get(each["work"], "") if extract == _TARGETS_AT else ""
                ratio = each["seconds"] / each["read"]
                memory = f"{each['peak']:,}"
                yield f"| {each['work']} | {each['seconds']:,.1f} | {ratio:,.1f} | {target} | {memory} |"
        yield ""


def _parts(extract: str) -> tuple[str, int, bool]:
    name = extract.removesuffix("-hostile")
    layout, _, rows = name.rpartition("-")
    return layout, int(rows), name != extract


def _place(extract: str) -> tuple[int, bool, int]:
    layout, rows, hostile = _parts(extract)
    return list(_NAMES).index(layout), hostile, rows


def _chart(figures: Sequence[Figure]) -> Chart:
    """Draw seconds against rows on logarithmic axes, one line per kind of work, for delimited texts."""
    drawn = {}
    for each in figures:
        layout, rows, hostile = _parts(each["extract"])
        if layout == "ncdr-opa" and not hostile and not each["work"].endswith("counts per provider"):
            drawn.setdefault(each["work"], []).append((rows, each["seconds"]))
    rows = [row for points in drawn.values() for row, _ in points]
    seconds = [second for points in drawn.values() for _, second in points]
    styles = dict(zip(drawn, product(("circle", "square", "up", "down"), _COLOURS), strict=False))
    x = Logarithmic("rows", min(rows) * 0.9, max(rows) * 1.1)
    y = Logarithmic("seconds", min(seconds) * 0.9, max(seconds) * 1.1)
    legend = [(work, shape, colour) for work, (shape, colour) in styles.items()]
    plot = Plot(x, y, height=380, legend=legend)
    for work, points in drawn.items():
        shape, colour = styles[work]
        places = [plot.at(*point) for point in sorted(points)]
        plot.drawing.curve(places, stroke=colour, stroke_width=1.5)
        for place in places:
            plot.drawing.symbol(place, shape, 4, fill=colour)
    return plot.chart("Seconds by rows, for each kind of work")


if __name__ == "__main__":
    main()
