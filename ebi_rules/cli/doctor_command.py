"""The command that shows what is installed."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ebi_rules.cli.command_line import show_columns
from ebi_rules.cli.grouped_help import command

if TYPE_CHECKING:
    from ebi_rules.results.installation import Part

_HEADINGS = {
    "version": "Versions",
    "extra": "Extras",
    "program": "Programs",
    "variable": "Settings in the environment",
}


@command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(as_json: bool) -> None:
    """Show what is installed, and what is missing.

    \b
    Example:
      ebi-rules doctor
    """
    from ebi_rules.results.installation import installation

    parts = installation()
    if as_json:
        click.echo(json.dumps([asdict(part) for part in parts], indent=2))
        return
    for group, heading in _HEADINGS.items():
        of_group = [part for part in parts if part.group == group]
        if of_group:
            click.echo(f"{heading}:")
            show_columns([(part.name, _words(part)) for part in of_group], indent="  ")


def _words(part: "Part") -> str:
    return f"{part.found or 'not found'}{f'  ({part.about})' if part.about else ''}"


COMMANDS = (doctor,)
