"""Help of commands: many options under headings, headings in bold on a terminal, and never wider than it."""

import os
from collections.abc import Callable
from typing import Any

import click

FEWEST_GROUPED = 9
"""With so many options they have headings."""

OTHER = "Other options"

_WIDEST = 26
"""The width of the column of names; a longer one has a line of its own."""

_HEADINGS = {
    "What is read": (
        "layout column procedures diagnoses separator encoding engine no-key-check from-cube replace areas table "
        "dialect any-dataset merge-providers specialist-settings id"
    ),
    "Rules and measures": (
        "rule rules variant skip-unavailable reference measure measures flow flows control-rule checklist edition"
    ),
    "What is counted": (
        "by months provider append recount recount-from at phase-in immature exclude-months treated per population "
        "size precision unflagged seed rows people scans"
    ),
    "How providers are compared": (
        "standard adjust casemix compare-unfit most-different least-within fewest-expected overdispersion trim "
        "baseline rebase benchmark prices comparators direction"
    ),
    "How it is shown": "disclosure names real-codes json explain format shape strategy plain reviewers",
    "What is written": "output key save-cube xlsx pdf pptx pack name-others charts star-schema truth force",
    "What leaves": "release release-override",
}
"""The options of each heading, by their names on the command line."""


COMMAND_HEADINGS = {
    "Start": "demo check synth doctor",
    "Count and compare": "flag explain audit run compare",
    "Review notes": "sample review",
    "Pathways": "measures measure measure-sql",
    "Rules": "rules show changes codes lint test new",
    "Warehouses": "sql dbt",
}
"""The commands of each heading."""


class _Formatter(click.HelpFormatter):
    """Writes headings in bold on a terminal; elsewhere `click.echo` takes the colour out."""

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        self.write(f"{'':>{self.current_indent}}{coloured(heading)}:\n")


class GroupedContext(click.Context):
    """The context of a command whose help has headings."""

    formatter_class = _Formatter


class GroupedCommand(click.Command):
    """A command whose options are under headings in its help, if there are many."""

    context_class = GroupedContext

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option) and not each.hidden]
        if len(options) < FEWEST_GROUPED:
            super().format_options(ctx, formatter)
            return
        grouped: dict[str, list[tuple[str, str]]] = {}
        for option in options:
            if record := option.get_help_record(ctx):
                grouped.setdefault(heading_of(option), []).append(record)
        # The texts of all groups begin in one column.
        width = min(max(len(first) for records in grouped.values() for first, _ in records), _WIDEST)
        for heading in (*_HEADINGS, OTHER):
            if heading in grouped:
                with formatter.section(heading):
                    records = [(first.ljust(width), text) for first, text in grouped[heading]]
                    formatter.write_dl(records, col_max=width)


def heading_of(option: click.Option) -> str:
    """Return the heading of an option."""
    return _BY_OPTION.get(option.opts[-1].removeprefix("--"), OTHER)


_BY_OPTION = {name: heading for heading, names in _HEADINGS.items() for name in names.split()}


def coloured(text: str, colour: str | None = None) -> str:
    """Return a text in bold and in a colour; `click.echo` takes both out where there is no terminal.

    Without any colour if `NO_COLOR` is set.
    """
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour, bold=True)


def command(name: str | None = None) -> Callable[[Callable[..., Any]], GroupedCommand]:
    """Return `click.command` for a command whose help has headings."""
    return click.command(name, cls=GroupedCommand)
