"""Find the TOML files that come with the package, in `ebi_rules/data`."""

from importlib import resources
from importlib.resources.abc import Traversable

_PACKAGE = "ebi_rules"


def data_folder(name: str) -> Traversable:
    """Return a folder of the package's data: catalogue, layouts, dialects and so on."""
    return resources.files(_PACKAGE) / "data" / name


def toml_files(folder: Traversable) -> list[Traversable]:
    """Return the TOML files in a folder by name, without those whose names begin with `_` or a dot."""
    files = (file for file in folder.iterdir() if file.name.endswith(".toml") and not file.name.startswith(("_", ".")))
    return sorted(files, key=lambda file: file.name)
