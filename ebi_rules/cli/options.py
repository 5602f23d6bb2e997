"""The options and arguments that several commands share, and helpers that turn them into rules and extracts."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ebi_rules._support.errors import UsageError
from ebi_rules.engines.engine_names import engine_names

if TYPE_CHECKING:
    from ebi_rules.engines.extract import Extract
    from ebi_rules.rule_model.catalogue import RuleNames

Command = TypeVar("Command", bound=Callable[..., Any])


def combined(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return several options as one decorator, in their order."""

    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


def completing(names: Callable[[], Sequence[str]]) -> Callable[..., list[CompletionItem]]:
    """Return shell completion of names."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]

    return complete


def rule_names() -> list[str]:
    """Return the keys and aliases of rules, for completion."""
    from ebi_rules.rule_model.catalogue import open_catalogue

    return open_catalogue().names()


def layout_names() -> list[str]:
    """Return the names of layouts, for completion."""
    from ebi_rules.layouts.layout import builtin_layouts

    return list(builtin_layouts())


def dialect_names() -> list[str]:
    """Return the names of SQL dialects, for completion."""
    from ebi_rules.translate.dialects.dialect import builtin_dialects

    return list(builtin_dialects())


def named_rules(names: Sequence[str], places: Sequence[str]) -> "RuleNames | None":
    """Return the rules of --rule, or all rules in the places of --rules; None if neither is used."""
    from ebi_rules.rule_model.catalogue import open_catalogue, open_policy

    if names:
        catalogue = open_catalogue(*places)
        return [catalogue.rule(name) for name in names]
    return open_policy(*places) if places else None


def opened(
    extract: str,
    layout: str | None,
    columns: dict[str, str],
    procedures: str | None,
    diagnoses: str | None,
    engine: str = "polars",
    separator: str | None = None,
    encoding: str | None = None,
) -> "Extract":
    """Open the extract that a command names."""
    from ebi_rules.results.opened_extract import open_extract

    return open_extract(extract, layout, columns, procedures, diagnoses, engine, separator, encoding)


def child_tables(procedures: str | None, diagnoses: str | None) -> dict[str, str]:
    """Return the tables of codes that a command names, by field."""
    tables = {"procedures": procedures, "diagnoses": diagnoses}
    return {field: table for field, table in tables.items() if table}


def _parse_columns(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    columns = {}
    for value in values:
        field, equals, column = value.partition("=")
        if not equals or not field or not column:
            raise click.UsageError(f"--column {value}: write FIELD=COLUMN, such as provider=ProvCode.", ctx)
        columns[field.strip()] = column.strip()
    return columns


def _use_specialist_settings(ctx: click.Context, param: click.Parameter, path: str | None) -> None:
    """Put a list of specialist settings into force for the time of the command."""
    from ebi_rules.criteria.labels import SPECIALIST_VARIABLE, request_settings

    if path is None:
        return
    before = os.environ.get(SPECIALIST_VARIABLE)

    def restore() -> None:
        if before is None:
            os.environ.pop(SPECIALIST_VARIABLE, None)
        else:
            os.environ[SPECIALIST_VARIABLE] = before

    ctx.find_root().call_on_close(restore)
    os.environ[SPECIALIST_VARIABLE] = path
    request_settings()  # A list that cannot be read is refused even if no rule asks for it.


def require_one_of(first: object, second: object, message: str) -> None:
    """Raise `UsageError` unless exactly one of two options is used."""
    if bool(first) == bool(second):
        raise UsageError(message)


output_folder = click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
layout_option = click.option(
    "--layout", shell_complete=completing(layout_names), help="Layout name or .toml file; detected by default."
)
required_layout_option = click.option(
    "--layout", required=True, shell_complete=completing(layout_names), help="Layout name or .toml file."
)
column_option = click.option(
    "--column",
    "columns",
    multiple=True,
    callback=_parse_columns,
    metavar="FIELD=COLUMN",
    help="Use this column for a field.",
)
dialect_option = click.option(
    "--dialect", required=True, shell_complete=completing(dialect_names), help="SQL dialect, or a .toml file."
)
table_option = click.option("--table", required=True, help="The activity table, such as sus.opa.")
specialist_option = click.option(
    "--specialist-settings",
    metavar="FILE",
    expose_value=False,
    is_eager=True,
    callback=_use_specialist_settings,
    help="CSV with one column, code: referring organisations that count as specialist. Only for rules on requests for "
    "imaging from another provider. Also EBI_SPECIALIST_SETTINGS.",
)
places_option = combined(
    click.option(
        "--rules",
        "places",
        multiple=True,
        metavar="FOLDER",
        help="Your own rules: a folder, a rule file, or a policy that comes with the package, such as nwl-msk-imaging. "
        "Folders can also be named in EBI_RULES_PATH.",
    ),
    specialist_option,
)
rules_option = combined(
    click.option(
        "--rule",
        "rules",
        multiple=True,
        shell_complete=completing(rule_names),
        help="Rule key or alias, 2E@2020 for an edition; by default all of --rules, or of the catalogue.",
    ),
    places_option,
)
variant_option = click.option("--variant", default="default", show_default=True, help="Variant of the rules.")
force_option = click.option("--force", is_flag=True, help="Replace an output that exists.")
skip_option = click.option("--skip-unavailable", is_flag=True, help="Skip rules that the extract cannot answer.")
child_files_option = combined(
    click.option("--procedures", metavar="FILE", help="Table of procedure codes, for layouts that have one."),
    click.option("--diagnoses", metavar="FILE", help="Table of diagnosis codes, for layouts that have one."),
)
child_names_option = combined(
    click.option("--procedures", metavar="TABLE", help="Table of procedure codes, for layouts that have one."),
    click.option("--diagnoses", metavar="TABLE", help="Table of diagnosis codes, for layouts that have one."),
)
scope_options = combined(
    click.option("--months", metavar="MONTHS", help="Count only these months: 2024-04, or 2024-04..2025-03."),
    click.option("--provider", "providers", multiple=True, metavar="CODE", help="Count only this provider."),
)
areas_option = click.option(
    "--areas",
    metavar="FILE",
    help="Areas, for --by pcn, borough, icb or imd_decile: CSV with gp_practice or lsoa, and one or more of these.",
)
reference_option = click.option(
    "--reference",
    metavar="FOLDER",
    help="Your own TRUD release of OPCS-4 and ICD-10, for titles and checks; also EBI_REFERENCE.",
)
disclosure_option = click.option(
    "--disclosure",
    default="hes",
    show_default=True,
    metavar="METHOD",
    help="Disclosure control: hes, midpoint6, or none for exact counts.",
)
names_option = click.option(
    "--names", type=click.Path(), metavar="FILE", help="Providers' names: CSV with code and name."
)
merge_option = click.option(
    "--merge-providers",
    type=click.Path(),
    metavar="FILE",
    help="Providers that merged: CSV with old, new and, if known, from. The old code is read as the new one.",
)
release_options = combined(
    click.option(
        "--release",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="This output leaves: record it in this ledger, and refuse it if it would combine with an earlier release.",
    ),
    click.option(
        "--release-override",
        metavar="REASON",
        help="Release it although it combines with an earlier release; the reason is recorded.",
    ),
)
adjust_option = click.option(
    "--adjust",
    multiple=True,
    metavar="FIELD",
    help="Fields of case mix: age_band and sex (these two by default), treatment_function, imd_decile, ethnic_category "
    "or another coded field.",
)
extract_argument = click.argument("extract")
from_cube_option = click.option(
    "--from-cube",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Start from a cube that a warehouse counted, parquet or CSV, instead of an extract; several files are parts "
    "of one cube.",
)
any_dataset_option = click.option(
    "--any-dataset",
    is_flag=True,
    help="Allow rules written for another dataset (for example admitted-care rules on outpatient data).",
)
text_options = combined(
    click.option(
        "--separator",
        metavar="CHARACTER",
        help="What separates cells in text files: comma, semicolon, bar, tab or a character; recognised by default.",
    ),
    click.option("--encoding", metavar="NAME", help="Encoding of text files, such as windows-1252; UTF-8 by default."),
)
engine_option = click.option(
    "--engine",
    default="polars",
    show_default=True,
    metavar="NAME",
    shell_complete=completing(engine_names),
    help=f"Where to count: {', '.join(engine_names())}. In a warehouse, EXTRACT is the name of a table.",
)
extract_options = combined(layout_option, column_option, child_files_option, text_options, any_dataset_option)
