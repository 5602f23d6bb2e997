"""Write docs/performance.md and its chart from the figures that `tests.bench.national --record` wrote.

Run as `python -m tests.bench.page docs/performance.json`. The text is written here; the figures come from the file.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from tests.bench.national import WORK

Figure = dict[str, Any]

_NAMES = {
    "ncdr-opa": "delimited texts",
    "hes-op": "numbered columns",
    "unified-sus-op": "child tables",
    "ncdr-apcs": "delimited texts, admitted care",
}
_TARGETS = {
    "one rule, counts per provider": "2x",
    "all rules, counts per provider": "4x",
    "all rules, full cube": "8x",
    "flag, one rule, file to file": "4x",
}
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
    _chart(figures).save(path.with_suffix(".svg"))


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


def _chart(figures: Sequence[Figure]) -> alt.Chart:
    """Draw seconds against rows on logarithmic axes, one line per kind of work, for delimited texts."""
    drawn = [
        {"work": each["work"], "rows": rows, "seconds": each["seconds"]}
        for each in figures
        for layout, rows, hostile in [_parts(each["extract"])]
        if layout == "ncdr-opa" and not hostile and not each["work"].endswith("counts per provider")
    ]
    legend = alt.Legend(title=None, labelLimit=400)
    colours = alt.Scale(scheme="tableau20")
    return (
        alt.Chart(pl.DataFrame(drawn), width=480, height=380, padding={"left": 8, "right": 60, "top": 8, "bottom": 8})
        .mark_line(point={"size": 60})
        .encode(
            x=alt.X(
                "rows:Q",
                scale=alt.Scale(type="log"),
                title="rows",
                axis=alt.Axis(values=[1_000_000, 20_000_000, 100_000_000], format=","),
            ),
            y=alt.Y(
                "seconds:Q",
                scale=alt.Scale(type="log"),
                title="seconds",
                axis=alt.Axis(values=[0.1, 1, 10, 100], format=",~g"),
            ),
            color=alt.Color("work:N", legend=legend, scale=colours),
            shape=alt.Shape("work:N", legend=None),
        )
    )


if __name__ == "__main__":
    main()
