"""The commands, thin: each reads its options, calls the library and says what happened.

Results go to standard output, progress and warnings to standard error. Exit codes: 0 done, 2 usage, 3 a rule
or layout file is wrong, 4 the extract is wrong, 5 an engine failed.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ebi_rules.errors import EbiError, EngineError, unknown
from ebi_rules.version import __version__

Command = TypeVar("Command", bound=Callable[..., Any])

_NO_ROOM = ("No space left", "File too large", "quota exceeded")
"""How the system says that a file can grow no further, in whatever error a library wraps it."""

_SCOPE = "In scope of the guidance does not mean inappropriate."


class _Group(click.Group):
    """Turn every error into one message and its exit code; show the trace with --debug."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            message, code = _told(error)
            click.echo(f"Error: {message}", err=True)
            raise click.exceptions.Exit(code) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.commands), ctx)
        return super().resolve_command(ctx, args)


def _told(error: Exception) -> tuple[str, int]:
    """Give the message and exit code of an error; one that is not ours says no more than its kind."""
    import polars as pl

    if isinstance(error, EbiError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "there is not enough memory for this.", EngineError.exit_code
    if any(sign in str(error) for sign in _NO_ROOM):
        return "there is no room on the disk for the output. Nothing was written.", EngineError.exit_code
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}.", EngineError.exit_code
    what = "Polars stopped" if isinstance(error, pl.exceptions.PolarsError) else "something unforeseen happened"
    return f"{what} ({type(error).__name__}). Nothing was written. --debug shows the trace.", EngineError.exit_code


def _completing(names: Callable[[], Sequence[str]]) -> Callable[..., list[CompletionItem]]:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]

    return complete


def _rule_names() -> list[str]:
    from ebi_rules.catalogue import names

    return names()


def _layout_names() -> list[str]:
    from ebi_rules.layouts import builtin_layouts

    return list(builtin_layouts())


def _dialect_names() -> list[str]:
    from ebi_rules.translate.dialects import dialects

    return list(dialects())


def _overrides(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    overrides = {}
    for value in values:
        field, equals, column = value.partition("=")
        if not equals or not field or not column:
            raise click.UsageError(f"--column {value}: write FIELD=COLUMN, such as provider=ProvCode.", ctx)
        overrides[field.strip()] = column.strip()
    return overrides


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


_layout = click.option(
    "--layout", shell_complete=_completing(_layout_names), help="Layout name or .toml file; detected when not given."
)
_column = click.option("--column", "overrides", multiple=True, callback=_overrides, metavar="FIELD=COLUMN",
                       help="Use this column for a field.")  # fmt: skip
_rules = click.option("--rule", "rules", multiple=True, shell_complete=_completing(_rule_names),
                      help="Rule key or alias; all rules when not given.")  # fmt: skip
_variant = click.option("--variant", default="default", show_default=True, help="Reading of the rules.")
_force = click.option("--force", is_flag=True, help="Replace an output that exists.")
_skip = click.option("--skip-unavailable", is_flag=True, help="Leave out rules that the extract cannot answer.")
_child_files = _options(
    click.option("--procedures", metavar="FILE", help="Child table of procedures, for layouts that have one."),
    click.option("--diagnoses", metavar="FILE", help="Child table of diagnoses, for layouts that have one."),
)
_extract = click.argument("extract")
_reading = _options(_layout, _column, _child_files)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ebi-rules")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
def cli(debug: bool) -> None:
    """Flag and audit activity in scope of Evidence-Based Interventions guidance.

    An EXTRACT is a parquet file, a folder of them or a glob. A flag means in scope of the guidance, never
    inappropriate.
    """


@cli.command()
@click.option("--rows", default=100_000, show_default=True, help="Rows of the made-up extract.")
@click.option("--out", default="ebi-demo", show_default=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--seed", default=1, show_default=True)
@_force
def demo(rows: int, out: Path, seed: int, force: bool) -> None:
    """Make an extract up, audit it and write the report."""
    from ebi_rules.audit import OURS, audit
    from ebi_rules.output import whole_folder
    from ebi_rules.synth import write_extract

    ours = re.compile(rf"(extract|truth)\.parquet|providers\.csv|audit/({OURS.pattern})")
    with whole_folder(out, ours, force) as folder, _status() as progress:
        progress("making an extract up")
        write_extract(folder / "extract.parquet", rows, seed, truth=folder / "truth.parquet",
                      names=folder / "providers.csv")  # fmt: skip
        found = audit(folder / "extract.parquet", progress=progress)
        found.recorded_at(str(out)).write(folder / "audit")
    _echo_audit(found)
    click.echo(f"Open {out / 'audit' / 'report.html'} in a browser. Everything here is made up.")


@cli.command("rules")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_rules(as_json: bool) -> None:
    """List the catalogue, a line each."""
    from ebi_rules.catalogue import rules

    found = [
        {
            "key": rule.key,
            "alias": rule.aliases[0] if rule.aliases else None,
            "title": rule.title,
            "dataset": rule.dataset,
            "status": rule.status,
            "edition": rule.edition_name,
            "variants": list(rule.variants),
        }
        for rule in rules()
    ]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for rule in found:
        click.echo(f"{rule['alias'] or '':<4} {rule['key']:<28} {rule['title']} "
                   f"({rule['dataset']}, {rule['status']}, {rule['edition']})")  # fmt: skip


@cli.command()
@click.argument("rule", shell_complete=_completing(_rule_names))
@_variant
@click.option("--edition", help="Another edition of the coding.")
def show(rule: str, variant: str, edition: str | None) -> None:
    """Show a rule in English with its codes and source."""
    from ebi_rules.catalogue import rule as find

    found = find(rule)
    found = found.edition(edition) if edition else found
    text = found.variant(variant).describe()
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        click.echo(text)


@cli.command()
@click.argument("rules", nargs=-1, required=True, metavar="RULE...", shell_complete=_completing(_rule_names))
@click.option("--dialect", required=True, shell_complete=_completing(_dialect_names), help="SQL dialect.")
@click.option("--layout", required=True, shell_complete=_completing(_layout_names), help="Layout name or .toml file.")
@click.option("--table", required=True, help="The activity table, such as sus.opa.")
@click.option("--shape", default="flags", show_default=True, help="flags, predicate, case, counts or view.")
@_variant
@_column
@click.option("--procedures", metavar="TABLE", help="Child table of procedures, for layouts that have one.")
@click.option("--diagnoses", metavar="TABLE", help="Child table of diagnoses, for layouts that have one.")
def sql(
    rules: Sequence[str],
    dialect: str,
    layout: str,
    table: str,
    shape: str,
    variant: str,
    overrides: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
) -> None:
    """Print rules as SQL for a data warehouse."""
    from ebi_rules.catalogue import rules as find
    from ebi_rules.layouts import bind, find_layout
    from ebi_rules.rules import available
    from ebi_rules.translate.statements import statement

    binding = bind(find_layout(layout), None, overrides)
    readings, _ = available([rule.variant(variant) for rule in find(rules)], binding, skip_unavailable=False)
    children = {"procedures": procedures, "diagnoses": diagnoses}
    named = {field: name for field, name in children.items() if name}
    click.echo(statement(list(readings.values()), dialect, binding, table, shape, named))


@cli.command()
@_extract
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Parquet file to write.")
@_rules
@_variant
@_reading
@click.option("--explain", "with_reasons", is_flag=True, help="Add what stopped each rule and which codes matched.")
@_skip
@_force
def flag(extract: str, output: Path, rules: Sequence[str], variant: str, layout: str | None,
         overrides: dict[str, str], procedures: str | None, diagnoses: str | None, with_reasons: bool,
         skip_unavailable: bool, force: bool) -> None:  # fmt: skip
    """Write the activity key and one true or false column a rule."""
    from ebi_rules.flags import write_flags

    with _status() as progress:
        written = write_flags(
            extract, output, rules or None, layout, variant, overrides, procedures, diagnoses,
            explain=with_reasons, skip_unavailable=skip_unavailable, force=force, progress=progress,
        )  # fmt: skip
    _warn(written.warnings)
    click.echo(f"Layout {written.layout}; {written.rows:,} rows.")
    for key, count in written.flagged.items():
        click.echo(f"{key}: {count:,} in scope.")
    click.echo(f"Wrote {output}. {_SCOPE}")


@cli.command()
@_extract
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@_rules
@_variant
@click.option("--by", multiple=True, metavar="FIELD", help="Group by this field too, beside provider.")
@_reading
@_skip
@_force
def audit(extract: str, output: Path, rules: Sequence[str], variant: str, by: Sequence[str], layout: str | None,
          overrides: dict[str, str], procedures: str | None, diagnoses: str | None, skip_unavailable: bool,
          force: bool) -> None:  # fmt: skip
    """Compare providers: tables, what was run, and a report."""
    from ebi_rules.audit import audit as run_audit
    from ebi_rules.output import require_apart, require_free

    require_free(output, force)
    require_apart(output, [Path(path) for path in (extract, procedures, diagnoses) if path])
    with _status() as progress:
        found = run_audit(
            extract, rules or None, by=by, layout=layout, variant=variant, overrides=overrides,
            procedures=procedures, diagnoses=diagnoses, skip_unavailable=skip_unavailable, progress=progress,
        )  # fmt: skip
        progress("writing the report")
        found.write(output, force)
    _echo_audit(found)
    click.echo(f"Wrote {output}. {_SCOPE}")


@cli.command()
@_extract
@click.option("--id", "key", required=True, help="The activity's key.")
@click.option("--rule", required=True, shell_complete=_completing(_rule_names), help="Rule key or alias.")
@_variant
@_reading
def explain(extract: str, key: str, rule: str, variant: str, layout: str | None, overrides: dict[str, str],
            procedures: str | None, diagnoses: str | None) -> None:  # fmt: skip
    """Say why a rule flags one activity, or does not."""
    from ebi_rules.catalogue import rule as find
    from ebi_rules.engines.lookup import find_activities
    from ebi_rules.translate.english import say

    reading = find(rule).variant(variant)
    found = find_activities(extract, key, reading, layout, overrides, procedures, diagnoses)
    for place, activity in enumerate(found, start=1):
        result = reading.explain(activity)
        outcome = "in scope" if result.flagged else f"not in scope, stopped by {result.stopped_by}"
        row = f" (row {place} of {len(found)} with this key)" if len(found) > 1 else ""
        click.echo(f"{reading.key}{row}: {outcome}.")
        for each in result.criteria:
            codes = f" [{', '.join(each.codes)}]" if each.codes else ""
            text = say(reading.criteria[each.name], reading.words)
            click.echo(f"  {'yes' if each.held else 'no ':<3} {each.name}: {text}{codes}")
    click.echo(_SCOPE)


@cli.command()
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Parquet file to write.")
@click.option("--rows", default=100_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--layout", default="ncdr-opa", show_default=True, shell_complete=_completing(_layout_names))
@click.option(
    "--truth", type=click.Path(path_type=Path), metavar="FILE", help="Also write what was planted in scope, and why."
)
@click.option(
    "--names", type=click.Path(path_type=Path), metavar="FILE", help="Also write the providers' made-up names, as CSV."
)
@_force
def synth(output: Path, rows: int, seed: int, layout: str, truth: Path | None, names: Path | None, force: bool) -> None:
    """Make an outpatient extract up, by seed, in any layout."""
    from ebi_rules.synth import write_extract

    with _row_progress(rows) as progress:
        written = write_extract(output, rows, seed, layout, truth, names, force, progress)
    click.echo(f"Wrote {rows:,} made-up rows: {', '.join(map(str, written))}.")


def _echo_audit(found: Any) -> None:
    _warn(found.warnings)
    click.echo(f"Layout {found.run['layout']}; {found.run['rows']:,} rows.")
    for key, activity, eligible, flagged, rate in found.totals().iter_rows():
        per = "" if rate is None else f", {rate:.2f} per 1,000"
        click.echo(f"{key}: {flagged:,} in scope of {eligible:,} eligible ({activity:,} activity){per}.")


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)


@contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """Show what is going on, on a terminal; elsewhere be quiet."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("starting") as status:
        yield lambda step: status.update(step)


@contextmanager
def _row_progress(rows: int) -> Iterator[Callable[[int], None]]:
    """Show rows done and time left, on a terminal; elsewhere be quiet."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("rows", total=rows)
        yield lambda done: progress.advance(task, done)


def main() -> None:
    """Run the command line; also the entry point `ebi-rules`."""
    # Polars reads many row groups ahead. Over wide extracts that is gigabytes, and on two cores no faster.
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "2")
    cli(prog_name="ebi-rules")
