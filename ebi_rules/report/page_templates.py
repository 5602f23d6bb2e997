"""The templates of report pages."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2


def environment() -> jinja2.Environment:
    """Return what fills in templates. All values are escaped; a name that is not defined is an error."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def is_of_made_up_data(run: Mapping[str, Any]) -> bool:
    """Return whether an input of a run is made up.

    Args:
        run: The record of the run.
    """
    return any(file.get("made_up") for file in run["inputs"])


def resource(name: str) -> str:
    """Return the text of a template, style sheet or script."""
    return (resources.files(__package__) / "templates" / name).read_text("utf-8")
