"""Tell files of measures, flows and layouts from those of rules, and read them: a wrong one is an error."""

from collections.abc import Iterable
from pathlib import Path

from ebi_rules._support.package_data import toml_files
from ebi_rules._support.text_bytes import decode
from ebi_rules._support.toml_text import TomlError, parse_toml
from ebi_rules.layouts.layout import find_layout
from ebi_rules.pathways.definitions import flows, measures

_OF_A_LAYOUT, _OF_A_FLOW, _OF_A_MEASURE = "fields", "stages", "shows"
"""What only the file of such a definition has."""


def read_other_definitions(places: Iterable[Path]) -> list[Path]:
    """Read those of some places that are measures, flows or layouts, and return which they are.

    Args:
        places: Files, and folders; a folder is of the kind of its first file.

    Raises:
        RuleError: A measure or a flow is wrong.
        LayoutError: A layout is wrong.
    """
    definitions = []
    for place in places:
        table = _table(place)
        if _OF_A_LAYOUT in table:
            for file in toml_files(place) if place.is_dir() else [place]:
                find_layout(Path(str(file)))
        elif _OF_A_FLOW in table:
            flows(place)
        elif _OF_A_MEASURE in table:
            measures(place)
        else:
            continue
        definitions.append(place)
    return definitions


def _table(place: Path) -> dict[str, object]:
    """Return the table in a file, or in the first of a folder; nothing if there is none, which reading reports."""
    files = toml_files(place) if place.is_dir() else [place]
    try:
        return parse_toml(decode(files[0].read_bytes())) if files and files[0].name.lower().endswith(".toml") else {}
    except (OSError, UnicodeDecodeError, TomlError):
        return {}
