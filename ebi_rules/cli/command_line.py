"""The command line itself: errors as one message and an exit code, progress and warnings.

Results go to standard output, progress and warnings to standard error. Exit codes: 0 done, 2 usage, 3 a rule or data
file is wrong, 4 the extract is wrong, 5 an engine failed; 130, 141 and 143 where a signal or a closed pipe stopped it.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ebi_rules._support.clock import now
from ebi_rules._support.errors import DISK_FULL, EbiError, EngineError, unknown
from ebi_rules.cli.exit_codes import INTERRUPTED, NOBODY_READS
from ebi_rules.cli.grouped_help import COMMAND_HEADINGS, GroupedContext, coloured
from ebi_rules.cli.stop_signals import received
from ebi_rules.version import __version__

_NO_PARTIAL_OUTPUT = "No partial output is left."
_NARROWEST = 20
"""The last column of a table is at least so wide."""

_SMALLER_STEPS = (
    "To count less at once: name fewer fields with --by; count parts with --months or --provider and --save-cube, and "
    "add them up with --from-cube; or count in a database with --engine."
)


class CommandGroup(click.Group):
    """Turn every error into one message and its exit code; show the trace with --debug."""

    context_class = GroupedContext

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            now()  # Libraries read SOURCE_DATE_EPOCH too, and end in no sentence where it is wrong.
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except KeyboardInterrupt:
            click.echo(f"Stopped. {_NO_PARTIAL_OUTPUT}{_advice(ctx)}", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit, GeneratorExit):
            raise
        except BrokenPipeError:
            # Who read the output, such as `head`, has enough. What is left of it goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(NOBODY_READS) from None
        except BaseException as error:  # A panic of Polars is no Exception.
            if number := received():
                click.echo(f"Stopped. {_NO_PARTIAL_OUTPUT}", err=True)
                raise click.exceptions.Exit(128 + number) from None
            if ctx.params.get("debug"):
                raise
            message, code = _message_and_code(error)
            message += _advice(ctx) if isinstance(error, MemoryError) else ""
            click.echo(f"{coloured('Error:', 'red')} {message}", err=True)
            raise click.exceptions.Exit(code) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under headings."""
        width = max(map(len, self.commands))
        for heading, names in COMMAND_HEADINGS.items():
            with formatter.section(heading):
                room = formatter.width - width - 6
                known = [name for name in names.split() if name in self.commands]
                formatter.write_dl(
                    [(name.ljust(width), self.commands[name].get_short_help_str(room)) for name in known]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; name the nearest if there is none."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.commands), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ebi-rules")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
def command_group(debug: bool) -> None:
    """Flag and audit activity in scope of Evidence-Based Interventions guidance.

    An EXTRACT is parquet (a file, a folder or a glob), CSV, Arrow IPC, a Delta or an Iceberg table. A flag means in
    scope of the guidance, never inappropriate.
    """


def show_columns(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Show rows in columns; on a terminal the last column is wrapped so that no line is wider."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for *cells, last in rows:
        first = indent + "".join(f"{cell:<{width}}  " for cell, width in zip(cells, widths, strict=True))
        wrapped = textwrap.wrap(last, max(room - len(first), _NARROWEST)) if room else [last]
        for place, line in enumerate(wrapped or [""]):
            click.echo(f"{first if not place else ' ' * len(first)}{line}".rstrip())


def counted(number: int, noun: str) -> str:
    """Return a number of things: 1 file, 2 files."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown_count(count: int | str | None) -> str:
    """Return a count as it may be shown; `*` if it is suppressed."""
    if count is None:
        return "*"
    return f"{count:,}" if isinstance(count, int) else count


def warn(warnings: Sequence[str]) -> None:
    """Show warnings."""
    for warning in warnings:
        click.echo(f"{coloured('Warning:', 'yellow')} {warning}", err=True)


def warn_of_exact_counts() -> None:
    """Warn that counts are not under disclosure control."""
    click.echo("Counts are exact: do not share them outside your organisation.", err=True)


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """Show the current step on a terminal; show nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("starting") as status:
        yield lambda step: status.update(step)


@contextmanager
def row_progress(total: int, noun: str) -> Iterator[Callable[[int], None]]:
    """Show how much is done, and the time left, on a terminal; show nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(noun, total=total)
        yield lambda done: progress.advance(task, done)


def _advice(ctx: click.Context) -> str:
    """Return how to count less at once, for commands where that is possible."""
    return f" {_SMALLER_STEPS}" if ctx.invoked_subcommand in ("audit", "run") else ""


def _message_and_code(error: BaseException) -> tuple[str, int]:
    """Return the message and exit code of an error; of an unexpected error, only the kind is shown."""
    import polars as pl

    if isinstance(error, EbiError):
        return str(error), error.exit_code
    code = EngineError.exit_code
    if isinstance(error, MemoryError):
        return f"there is not enough memory. {_NO_PARTIAL_OUTPUT}", code
    if any(text in str(error) for text in DISK_FULL):
        return f"the disk has no space for the output. {_NO_PARTIAL_OUTPUT}", code
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}.", code
    if isinstance(error, pl.exceptions.PanicException):
        text = (
            "Polars stopped: a file is damaged, a value is beyond what it can hold, or a setting of the environment "
            "(POLARS_...) is wrong."
        )
        return f"{text} {_NO_PARTIAL_OUTPUT} Run again with --debug for details.", code
    if isinstance(error, RecursionError):
        return f"something is nested too deeply. {_NO_PARTIAL_OUTPUT} Run again with --debug for details.", code
    kind = type(error).__name__
    what = f"Polars failed ({kind})" if isinstance(error, pl.exceptions.PolarsError) else f"unexpected error ({kind})"
    return f"{what}. {_NO_PARTIAL_OUTPUT} Run again with --debug for details.", code
