"""What commands share: errors as one message and an exit code, options, progress and warnings.

Results go to standard output, progress and warnings to standard error. Exit codes: 0 done, 2 usage, 3 a rule
or layout file is wrong, 4 the extract is wrong, 5 an engine failed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ebi_rules._support.errors import EbiError, EngineError, unknown
from ebi_rules.version import __version__

if TYPE_CHECKING:
    from ebi_rules.rule_model.rule import Rule

Command = TypeVar("Command", bound=Callable[..., Any])

_INTERRUPTED = 130
_LESS = (
    "To do less at once: name fewer fields with --by; or count parts with --months or --provider and --save-cube, "
    "and add them up with --from-cube; or let a database count with --engine."
)
_NO_ROOM = ("No space left", "File too large", "quota exceeded")
"""How the system says that a file can grow no further, in whatever error a library wraps it."""

SCOPE = "In scope of the guidance does not mean inappropriate."


class Group(click.Group):
    """Turn every error into one message and its exit code; show the trace with --debug."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(f"Stopped. An output is there whole or not at all.{_advice(ctx)}", err=True)
            raise click.exceptions.Exit(_INTERRUPTED) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            message, code = _told(error)
            message += _advice(ctx) if isinstance(error, MemoryError) else ""
            click.echo(f"Error: {message}", err=True)
            raise click.exceptions.Exit(code) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.commands), ctx)
        return super().resolve_command(ctx, args)


def _advice(ctx: click.Context) -> str:
    """Say how to ask for less, where that is possible."""
    return f" {_LESS}" if ctx.invoked_subcommand == "audit" else ""


def _told(error: Exception) -> tuple[str, int]:
    """Give the message and exit code of an error; one that is not ours says no more than its kind."""
    import polars as pl

    if isinstance(error, EbiError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "there is not enough memory for this. An output is there whole or not at all.", EngineError.exit_code
    if any(sign in str(error) for sign in _NO_ROOM):
        return "there is no room on the disk for the output. Nothing was written.", EngineError.exit_code
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}.", EngineError.exit_code
    what = "Polars stopped" if isinstance(error, pl.exceptions.PolarsError) else "something unforeseen happened"
    return f"{what} ({type(error).__name__}). Nothing was written. --debug shows the trace.", EngineError.exit_code


def completing(names: Callable[[], Sequence[str]]) -> Callable[..., list[CompletionItem]]:
    """Give shell completion of names."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]

    return complete


def rule_names() -> list[str]:
    """Give the keys and aliases of rules, for completion."""
    from ebi_rules.rule_model.catalogue import names

    return names()


def layout_names() -> list[str]:
    """Give the names of layouts, for completion."""
    from ebi_rules.layouts.layout import builtin_layouts

    return list(builtin_layouts())


def dialect_names() -> list[str]:
    """Give the names of SQL dialects, for completion."""
    from ebi_rules.translate.dialects.dialect import builtin_dialects

    return list(builtin_dialects())


def _overrides(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    overrides = {}
    for value in values:
        field, equals, column = value.partition("=")
        if not equals or not field or not column:
            raise click.UsageError(f"--column {value}: write FIELD=COLUMN, such as provider=ProvCode.", ctx)
        overrides[field.strip()] = column.strip()
    return overrides


def options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Put several options into one decorator, in their order."""

    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


layout_option = click.option(
    "--layout", shell_complete=completing(layout_names), help="Layout name or .toml file; detected when not given."
)
column_option = click.option(
    "--column",
    "overrides",
    multiple=True,
    callback=_overrides,
    metavar="FIELD=COLUMN",
    help="Use this column for a field.",
)
folders_option = click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="FOLDER",
    help="Rules of your own: a folder, a rule file, or a policy that comes with the package, such as nwl-msk-imaging; "
    "also the variable EBI_RULES_PATH.",
)
rules_option = options(
    click.option(
        "--rule",
        "rules",
        multiple=True,
        shell_complete=completing(rule_names),
        help="Rule key or alias, 2E@2020 for an edition; when not given all of --rules, or of the catalogue.",
    ),
    folders_option,
)
variant_option = click.option("--variant", default="default", show_default=True, help="Reading of the rules.")
force_option = click.option("--force", is_flag=True, help="Replace an output that exists.")
skip_option = click.option("--skip-unavailable", is_flag=True, help="Leave out rules that the extract cannot answer.")
_child_files = options(
    click.option("--procedures", metavar="FILE", help="Child table of procedures, for layouts that have one."),
    click.option("--diagnoses", metavar="FILE", help="Child table of diagnoses, for layouts that have one."),
)
scope_options = options(
    click.option("--months", metavar="MONTHS", help="Count these months alone: 2024-04, or 2024-04..2025-03."),
    click.option("--provider", "providers", multiple=True, metavar="CODE", help="Count this provider alone."),
)
areas_option = click.option(
    "--areas",
    metavar="FILE",
    help="Areas, for --by pcn, borough, icb or imd_decile: CSV with gp_practice or lsoa, and one or more of these.",
)
reference_option = click.option(
    "--reference",
    metavar="FOLDER",
    help="Your own TRUD release of OPCS-4 and ICD-10, for titles and checks; also the variable EBI_REFERENCE.",
)
extract_argument = click.argument("extract")
any_dataset_option = click.option(
    "--any-dataset", is_flag=True, help="Run rules of admitted care over outpatients, or so."
)
reading_options = options(layout_option, column_option, _child_files, any_dataset_option)


def asked(rules: Sequence[str], folders: Sequence[str]) -> "Iterable[str | Rule] | None":
    """Give the rules that are named, or all of the folders that are; None for all of the catalogue."""
    from ebi_rules.rule_model.catalogue import catalogue, policy

    if rules:
        return catalogue(*folders).rules(rules)
    return policy(*folders) if folders else None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ebi-rules")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
def cli(debug: bool) -> None:
    """Flag and audit activity in scope of Evidence-Based Interventions guidance.

    An EXTRACT is parquet (a file, a folder or a glob), CSV, Arrow IPC, a Delta or an Iceberg table. A flag means in
    scope of the guidance, never inappropriate.
    """


def counted(number: int, noun: str) -> str:
    """Give a number of things: 1 file, 2 files."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def warn(warnings: Sequence[str]) -> None:
    """Show warnings."""
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """Show what is going on, on a terminal; elsewhere be quiet."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("starting") as status:
        yield lambda step: status.update(step)
