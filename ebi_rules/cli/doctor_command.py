"""The command that shows what is installed."""

import json
from dataclasses import asdict

import click

from ebi_rules.cli.grouped_help import command

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
    width = max(len(part.name) for part in parts)
    for group, heading in _HEADINGS.items():
        of_group = [part for part in parts if part.group == group]
        if of_group:
            click.echo(f"{heading}:")
        for part in of_group:
            about = f"  ({part.about})" if part.about else ""
            click.echo(f"  {part.name:<{width}}  {part.found or 'not found'}{about}")


COMMANDS = (doctor,)
