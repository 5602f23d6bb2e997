"""How the site reads our docstrings: `Example:` begins a section of examples, as `Examples:` does."""

from typing import Any

import griffe


class DocstringSections(griffe.Extension):
    """Reads the heading `Example:` as the one that griffe knows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
