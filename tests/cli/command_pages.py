"""Write docs/reference/commands.md from the commands' own help: `python -m tests.cli.command_pages docs`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from ebi_rules.cli.all_commands import command_group
from ebi_rules.cli.grouped_help import COMMAND_HEADINGS

PAGE = "reference/commands.md"
_WIDTH = 100
_HEAD = """# Commands

What `ebi-rules COMMAND --help` prints. This page is written by `make docs` from the commands themselves.

Exit codes: 0 done, 2 the call is wrong, 3 a rule or data file is wrong, 4 the extract is wrong, 5 an engine failed;
130, 141 and 143 where a signal or a closed pipe stopped it. Results go to standard output, progress and warnings to
standard error. In bash, zsh and fish, completion is `eval "$(_EBI_RULES_COMPLETE=bash_source ebi-rules)"`
(`zsh_source`, `fish_source`); PowerShell and the command prompt have none.
"""


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for heading, names in COMMAND_HEADINGS.items():
        parts.append(f"## {heading}\n")
        for name in names.split():
            for words in _commands_of((name,)):
                parts.append(f"### ebi-rules {' '.join(words)}\n\n```text\n{_help(words)}\n```\n")
    return "\n".join(parts)


def _commands_of(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    command: click.Command = command_group
    for name in names:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from _commands_of((*names, name))
    else:
        yield names


def _help(names: tuple[str, ...]) -> str:
    arguments = [*names, "--help"]
    result = CliRunner().invoke(command_group, arguments, prog_name="ebi-rules", terminal_width=_WIDTH)
    return result.output.rstrip()


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(page(), encoding="utf-8")
