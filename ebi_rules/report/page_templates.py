"""The templates of report pages: everything is escaped, and nothing may be undefined."""

from importlib import resources

import jinja2


def environment() -> jinja2.Environment:
    """Give what fills the templates in: everything is escaped, nothing may be undefined."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def resource(name: str) -> str:
    """Give the text of a template, style or script."""
    return (resources.files(__package__) / "templates" / name).read_text("utf-8")
