"""The names of the engines: `NAME_engine.py` in this folder is the engine NAME. Nothing is imported to list them."""

import pkgutil
from functools import cache
from pathlib import Path

DEFAULT_ENGINE = "polars"
SUFFIX = "_engine"


@cache
def engine_names() -> tuple[str, ...]:
    """Return the names of all engines, the default first.

    Example:
        >>> engine_names()[0]
        'polars'
    """
    modules = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    names = sorted(name.removesuffix(SUFFIX) for name in modules if name.endswith(SUFFIX))
    return (DEFAULT_ENGINE, *(name for name in names if name != DEFAULT_ENGINE))
