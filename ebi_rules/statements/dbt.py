"""A small dbt package of rules: one model per rule, a model of the cube, and sources and tests in YAML.

The models are the statements that `ebi-rules sql` prints, with dbt's sources instead of tables.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ebi_rules._support.atomic_output import whole_folder
from ebi_rules._support.errors import UsageError
from ebi_rules.cube import cube_dimensions
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.scope import EVERYTHING
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.rule import Rule
from ebi_rules.statements.cube_sql import cube_statement
from ebi_rules.statements.dbt_incremental import SINCE, VARIABLES, incremental, macros
from ebi_rules.statements.rule_sql import rule_statement
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import find_dialect
from ebi_rules.version import __version__

OURS = re.compile(
    r"dbt_project\.yml|README\.md|models/(sources|schema|exposures)\.yml|macros/ebi_cube\.sql|models/ebi_[a-z0-9_-]+\.sql"
    r"|logs/dbt\.log(\.\d+)?|target/.+|\.user\.yml",
    re.DOTALL,
)
"""The names of the files of a package, and of dbt's own beside them; a folder with other files is not replaced."""

PROJECT = "ebi_rules"
_SOURCE = "ebi"
_PLACE = "ebi_source_of_{name}"
CUBE = "ebi_cube"
_ABOUT_CUBE = "Counts for ebi-rules audit --from-cube; exact."
_TESTED = {"data_tests": ["not_null"]}
_MEANING_OF_FLAG = "1 is in scope of the guidance, which does not mean inappropriate."


def write_package(
    rules: Sequence[Rule],
    dialect: str | Path,
    source: TableSource,
    folder: Path,
    by: Sequence[str] = (),
    force: bool = False,
) -> list[str]:
    """Write a package that builds the rules in a warehouse.

    Args:
        rules: The rules, or variants of rules.
        dialect: The name of a dialect, or a dialect file.
        source: The activity table and its tables of codes, each `table` or `schema.table`.
        folder: The folder to write. If the run fails, no partial output is left.
        by: Further fields to count the cube by.
        force: Replace a folder that exists.

    Returns:
        The names of the models.

    Raises:
        UsageError: The folder exists, or the tables are in different schemas.
        DialectError: The dialect cannot express a statement.
        ExtractError: The layout lacks a field.
    """
    tables = {"activity": source.table, **source.child_tables}
    placeholders = {name: _PLACE.format(name=name) for name in tables}
    children = {name: placeholders[name] for name in source.child_tables}
    reference = TableSource(source.binding, placeholders["activity"], children)

    def model(statement: str) -> str:
        text = statement.rstrip(";")
        if re.search(r"\{[{%#]", text):
            raise UsageError("dbt would evaluate a name that contains {{, {% or {#: rename that column or table.")
        for name, placeholder in placeholders.items():
            text = re.sub(rf"\b{placeholder}\b", f"{{{{ source('{_SOURCE}', '{name}') }}}}", text)
        return text + "\n"

    models = {f"ebi_{rule.key.lower()}": model(rule_statement([rule.logic], dialect, reference)) for rule in rules}
    audited = [AuditedRule.of(rule, rule, source.binding) for rule in rules]
    has_months = bool(source.binding.fields.get("activity_date"))
    cube = model(
        cube_statement(audited, cube_dimensions(by), dialect, reference, scope=SINCE if has_months else EVERYTHING)
    )
    of_cube = incremental(cube) if has_months else {"": "{{ config(materialized='table') }}\n" + cube}
    models |= {f"{CUBE}{ending}": text for ending, text in of_cube.items()}
    with whole_folder(folder, OURS, force) as target:
        (target / "models").mkdir()
        if has_months:
            (target / "macros").mkdir()
            (target / "macros" / "ebi_cube.sql").write_text(macros(find_dialect(dialect)), encoding="utf-8")
        (target / "dbt_project.yml").write_text(_yaml(_project()), encoding="utf-8")
        (target / "README.md").write_text(_readme(rules), encoding="utf-8")
        (target / "models" / "sources.yml").write_text(_yaml(_sources(tables)), encoding="utf-8")
        (target / "models" / "exposures.yml").write_text(_yaml(_exposures(rules)), encoding="utf-8")
        (target / "models" / "schema.yml").write_text(_yaml(_schema(rules, source.binding)), encoding="utf-8")
        for name, text in models.items():
            (target / "models" / f"{name}.sql").write_text(text, encoding="utf-8")
    return list(models)


def _project() -> dict[str, object]:
    return {
        "name": PROJECT,
        "version": __version__,
        "config-version": 2,
        "profile": PROJECT,
        "model-paths": ["models"],
        "flags": {"send_anonymous_usage_stats": False},
        "models": {PROJECT: {"+materialized": "view"}},
        "vars": VARIABLES,
    }


def _sources(tables: Mapping[str, str]) -> dict[str, object]:
    schemas = {table.rpartition(".")[0] for table in tables.values()}
    if len(schemas) > 1:
        raise UsageError("the tables are in different schemas: a dbt package needs them in one.")
    source: dict[str, object] = {"name": _SOURCE}
    if schema := schemas.pop():
        source["schema"] = schema
    source["description"] = "The activity that the rules are about, and its tables of codes, if it has some."
    source["tables"] = [{"name": name, "identifier": table.rpartition(".")[2]} for name, table in tables.items()]
    return {"version": 2, "sources": [source]}


def _schema(rules: Sequence[Rule], binding: Binding) -> dict[str, object]:
    """Return the tests: keys are present and unique (a warning: some extracts repeat them), and flags are 0 or 1.

    A key that is unique only together with another column is tested for presence alone.
    """
    repeated = {"unique": {"config": {"severity": "warn"}}}
    zero_or_one = {"accepted_values": {"arguments": {"values": [0, 1], "quote": False}}}
    is_alone = len(binding.keys) == 1
    quoted = {} if binding.key.isidentifier() else {"quote": True}
    key = {"name": binding.key, **quoted, "data_tests": ["not_null", *([repeated] if is_alone else [])]}
    key["description"] = "The activity's key."
    models: list[dict[str, object]] = []
    for rule in rules:
        about = f"1 where the activity meets: {', '.join(rule.criteria)}; else 0."
        flag = {"name": rule.key, "quote": True, "description": about, "data_tests": ["not_null", zero_or_one]}
        title = _without_expressions(rule.title)
        description = f"{title}, edition {rule.edition_name}, variant {rule.variant_name}. {_MEANING_OF_FLAG}"
        models.append({"name": f"ebi_{rule.key.lower()}", "description": description, "columns": [key, flag]})
    columns = [
        {"name": "measure", "description": "What is counted: activity, eligible, flagged, left ...", **_TESTED},
        {"name": "item", "description": "What it is about, such as a criterion or a variant."},
        {"name": "count", "quote": True, "description": "How many activities; exact.", **_TESTED},
    ]
    models.append({"name": CUBE, "description": _ABOUT_CUBE, "columns": columns})
    return {"version": 2, "models": models}


def _exposures(rules: Sequence[Rule]) -> dict[str, object]:
    """Return who uses the models: the audit and its report."""
    exposure = {
        "name": "ebi_audit",
        "label": "Evidence-Based Interventions audit",
        "type": "analysis",
        "maturity": "medium",
        "description": "The report of ebi-rules audit --from-cube: activity in scope of the guidance, by provider.",
        "depends_on": [f"ref('{name}')" for name in (CUBE, *(f"ebi_{rule.key.lower()}" for rule in rules))],
        "owner": {"name": "Whoever runs ebi-rules here"},
    }
    return {"version": 2, "exposures": [exposure]}


def _readme(rules: Sequence[Rule]) -> str:
    lines = "\n".join(f"- `ebi_{rule.key.lower()}`: {_markdown(rule.title)}" for rule in rules)
    return f"""# Evidence-Based Interventions, by ebi-rules {__version__}

One model per rule, with the activity's key and a flag of 1 or 0, and `{CUBE}`, the counts that an audit needs:

{lines}

Add a profile for your warehouse, named {PROJECT}, to `profiles.yml`, and run `dbt build`. The first run counts
everything. Later runs count the last three months again, and those after them; `--vars 'ebi_recount: 6'` and
`--vars 'ebi_recount_from: 202404'` change that. Earlier months that were restated are not seen: count everything with
`dbt build --full-refresh`, as after other rules or another version of ebi-rules, which are refused otherwise.

Save `{CUBE}` as CSV for `ebi-rules audit --from-cube`. A flag means in scope of the guidance, never inappropriate.
Counts are exact.
"""


def _yaml(content: object) -> str:
    return str(yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120))


class _Plain(yaml.SafeDumper):
    """Writes YAML as a person would: what stands twice is written twice, and not as an anchor and aliases."""

    def ignore_aliases(self, data: object) -> bool:
        """Return that nothing is referred to."""
        return True


def _without_expressions(text: str) -> str:
    """Return a text in which dbt finds nothing to evaluate: it reads what is in double braces as a template."""
    return re.sub(r"\{(?=[{%#])", "{ ", text)


def _markdown(text: str) -> str:
    """Return a text in which Markdown finds no marks."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)
