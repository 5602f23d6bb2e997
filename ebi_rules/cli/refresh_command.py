"""The command that repeats an audit from a file of settings, such as every month."""

import json
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebi_rules._support.errors import DataFileError, UsageError, unknown
from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.cli.audit_command import EXTRACT_OPTIONS, INPUT_FILES, audit, audit_settings, show_audit
from ebi_rules.cli.command_line import status
from ebi_rules.cli.further_outputs import require_possible, require_replaceable_folders
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.options import named_rules, opened

if TYPE_CHECKING:
    from ebi_rules._support.toml_file import TomlFile
    from ebi_rules.results.audit_result import Audit

_USUAL_FILE = "ebi-rules.toml"

_EVERYTHING = "all"
"""What `recount` says where every run counts everything."""

_SET_BY_RUN = (
    "output",
    "force",
    "append",
    "recount",
    "recount-from",
    "save-cube",
    "from-cube",
    "replace",
    "months",
)
"""Options of an audit that have no place in a file of settings: each run sets them itself."""


@dataclass(frozen=True)
class _RefreshSettings:
    """What a file of settings says.

    Attributes:
        extract: The extract.
        runs: The folder of runs.
        exact: The folder of exact cubes.
        recount: How many of the last months are counted again; None if everything is counted in every run.
        arguments: The options of `ebi-rules audit`, as on its command line.
        fingerprint: What shows whether the file was changed.
    """

    extract: str
    runs: Path
    exact: Path
    recount: int | None
    arguments: tuple[str, ...]
    fingerprint: str


@command()
@click.argument("settings", default=_USUAL_FILE, type=click.Path(path_type=Path), metavar="[SETTINGS]")
@click.option("--again", is_flag=True, help="Count although nothing has changed since the last run.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, for a scheduler, and nothing else.")
def run(settings: Path, again: bool, as_json: bool) -> None:
    """Repeat an audit every month, and report what changed.

    SETTINGS is a file that names the extract, the rules, the options of an audit, and where runs are kept; by default
    ebi-rules.toml. Months are added to the cube of the last run. Each run has a folder of its own, with the tables,
    the report, what changed since the last run (changes.csv) and a summary (summary.json). If nothing has changed,
    nothing is counted.

    \b
    Examples:
      ebi-rules new settings opa.parquet
      ebi-rules run
    """
    refresh = _read(settings)
    with chdir(settings.absolute().parent), _audit_options(settings, refresh.arguments) as options:
        summary, result = _refreshed(refresh, options, again)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
        return
    if result is None:
        click.echo(f"Nothing has changed since the run {summary['since']}: nothing was counted. --again counts anyway.")
        return
    show_audit(result)
    click.echo(f"Counted again: {summary['counted_again']}.")
    if summary["reasons"]:
        click.echo(f"Since the run {summary['since']}: {'; '.join(summary['reasons'])}.")
    for sentence in summary["changes"]:
        click.echo(sentence)
    click.echo(f"Wrote {settings.parent / refresh.runs / summary['run']}. {FLAG_MEANING}")


def _read(path: Path) -> _RefreshSettings:
    """Read a file of settings. Raises `DataFileError` if it is wrong."""
    from ebi_rules._support.toml_file import TomlFile, read_text_file
    from ebi_rules.results.input_records import fingerprint

    if not path.exists():
        raise UsageError(
            f"there is no file of settings {path}. ebi-rules new settings EXTRACT writes one, and docs/refresh.md says "
            "what it can contain."
        )
    file = TomlFile(read_text_file(path, "the file of settings"), path.name)
    file.require_keys((), file.table, ["extract"], ["runs", "exact", "recount", "audit"])
    table = {"runs": "runs", "exact": "exact", "recount": 3, "audit": {}, **file.table}
    places = {name: Path(file.text((name,), table[name])) for name in ("runs", "exact")}
    if not isinstance(table["audit"], dict):
        file.fail(("audit",), "this must be a table: write [audit] on a line of its own, and options below it.")
    recount = None if table["recount"] == _EVERYTHING else file.whole_number(("recount",), table["recount"], 0, 1200)
    return _RefreshSettings(
        file.text(("extract",), table["extract"]),
        places["runs"],
        places["exact"],
        recount,
        tuple(_arguments(file, table["audit"])),
        fingerprint(path)["value"],
    )


def _arguments(file: "TomlFile", table: Mapping[str, Any]) -> Iterator[str]:
    """Return the options in [audit] as the words of a command line."""
    options = {
        option.opts[-1].removeprefix("--"): option for option in audit.params if isinstance(option, click.Option)
    }
    known = [name for name in options if name not in _SET_BY_RUN]
    for key, value in table.items():
        place, name = ("audit", key), key.replace("_", "-")
        if name in _SET_BY_RUN:
            file.fail(place, f"ebi-rules run sets --{name} itself.")
        if name not in known:
            file.fail(place, unknown("option of ebi-rules audit", key, known))
        if options[name].is_flag:
            yield from [f"--{name}"] if file.flag(place, value) else []
        elif options[name].multiple:
            yield from (f"--{name}={text}" for text in file.texts(place, value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"--{name}={value}"
        else:
            yield f"--{name}={file.text(place, value)}"


@contextmanager
def _audit_options(path: Path, arguments: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the options of an audit, read as the audit reads them; those that last end with the block."""
    try:
        context = audit.make_context("audit", ["--output=.", *arguments])
    except click.UsageError as error:
        raise DataFileError(f"{path.name}: [audit]: {error.format_message()}") from None
    with context:
        yield dict(context.params)


def _refreshed(
    refresh: _RefreshSettings, options: dict[str, Any], again: bool
) -> "tuple[dict[str, Any], Audit | None]":
    """Run the refresh in the folder of its settings; return its summary and, if anything was counted, the audit."""
    from ebi_rules._support.atomic_output import require_distinct
    from ebi_rules.criteria.labels import settings_files
    from ebi_rules.results.audit_run import audit as audit_extract
    from ebi_rules.results.input_records import fingerprint
    from ebi_rules.results.refresh import Refresh, RunInputs
    from ebi_rules.rule_model.catalogue import rules as find_rules
    from ebi_rules.rule_model.code_titles import find_reference

    taken = ("extracts", "output", "force", "from_cube", "replace_months", "save_cube", "append", "recount")
    for name in (*taken, "recount_from"):
        options.pop(name)
    rules, places, by = (options.pop(name) for name in ("rules", "places", "by"))
    printed = {name: options.pop(name) for name in ("xlsx", "pdf", "pptx", "pack", "name_others")}
    released = {"release": options.pop("release"), "override": options.pop("release_override")}
    further = {name: options.pop(name) for name in ("charts", "star_schema")}
    titles = find_reference(options.pop("reference"))
    named_files = [*(options[name] for name in INPUT_FILES), *settings_files().values()]
    if (options["layout"] or "").endswith(".toml"):
        named_files.append(options["layout"])
    require_possible(printed["pdf"], printed["pptx"], printed["pack"], printed["name_others"], by, False)
    require_distinct([refresh.runs, refresh.exact, *(folder for folder in further.values() if folder)])
    require_replaceable_folders(further["charts"], further["star_schema"])
    extract_settings = {name: options.pop(name) for name in EXTRACT_OPTIONS}
    chosen, settings = named_rules(rules, places), audit_settings(**options)
    with status() as progress:
        progress("opening the extract")
        source = opened(refresh.extract, **extract_settings)
        files = dict.fromkeys(
            str(Path(path)) for path in (*(file.path for file in source.files), *filter(None, named_files))
        )
        inputs = RunInputs(
            refresh.fingerprint,
            {path: fingerprint(Path(path))["value"] for path in files} if source.files else None,
            {rule.key: rule.logic.content_hash for rule in find_rules(chosen)},
        )
        results: list[Audit] = []

        def count(append: Path | None) -> "Audit":
            result = audit_extract(
                source,
                chosen,
                by,
                settings,
                titles,
                progress,
                append,
                refresh.recount,
                find_restated=append is not None,
            )
            results.append(result)
            return result

        def write(result: "Audit", folder: Path, further_files: Mapping[str, str]) -> None:
            result.write(folder, False, progress=progress, further_files=further_files, **printed, **released)
            if further["charts"]:
                result.charts(further["charts"], force=True)
            if further["star_schema"]:
                result.star_schema(further["star_schema"], force=True)

        kept = Refresh(refresh.runs, refresh.exact, refresh.recount is not None)
        summary = kept.run(inputs, count, write, again)
    return summary, results[0] if results else None


COMMANDS = (run,)
