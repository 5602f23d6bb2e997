"""A small dbt package of rules: one model a rule, a model of the cube, and sources and tests in YAML.

The models are the statements that `ebi-rules sql` prints, with dbt's sources in the place of tables.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ebi_rules._support.atomic_output import whole_folder
from ebi_rules._support.errors import UsageError
from ebi_rules.layouts.binding import Binding
from ebi_rules.rule_model.rule import Rule
from ebi_rules.statements.rule_sql import statement
from ebi_rules.version import __version__

OURS = re.compile(r"dbt_project\.yml|README\.md|models/(sources|schema)\.yml|models/ebi_[a-z0-9_]+\.sql")
"""The names of the files that a package has."""

PROJECT = "ebi_rules"
_SOURCE = "ebi"
_PLACE = "ebi_source_of_{name}"
CUBE = "ebi_cube"


def write_package(
    rules: Sequence[Rule],
    dialect: str,
    binding: Binding,
    tables: Mapping[str, str],
    folder: Path,
    by: Sequence[str] = (),
    force: bool = False,
) -> list[str]:
    """Write a package that builds the rules in a warehouse, and give the names of its models.

    `tables` names the activity table as `activity`, and the child tables of the layout by their field (`procedures`,
    `diagnoses`); each is `table` or `schema.table`. Raises `UsageError` for a folder that exists, unless `force`, and
    otherwise as `statement` does.
    """
    children = {name: _PLACE.format(name=name) for name in tables if name != "activity"}
    activity = _PLACE.format(name="activity")

    def model(chosen: Sequence[Rule], shape: str, grouped_by: Sequence[str] = ()) -> str:
        text = statement(chosen, dialect, binding, activity, shape, children, grouped_by).rstrip(";")
        for name in tables:
            text = re.sub(rf"\b{_PLACE.format(name=name)}\b", f"{{{{ source('{_SOURCE}', '{name}') }}}}", text)
        return text + "\n"

    models = {f"ebi_{rule.key.lower()}": model([rule], "flags") for rule in rules}
    models[CUBE] = "{{ config(materialized='table') }}\n" + model(rules, "cube", by)
    with whole_folder(folder, OURS, force) as target:
        (target / "models").mkdir()
        (target / "dbt_project.yml").write_text(_yaml(_project()), encoding="utf-8")
        (target / "README.md").write_text(_readme(rules), encoding="utf-8")
        (target / "models" / "sources.yml").write_text(_yaml(_sources(tables)), encoding="utf-8")
        (target / "models" / "schema.yml").write_text(_yaml(_schema(rules, binding)), encoding="utf-8")
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
    }


def _sources(tables: Mapping[str, str]) -> dict[str, object]:
    schemas = {table.rpartition(".")[0] for table in tables.values()}
    if len(schemas) > 1:
        raise UsageError("the tables stand in different schemas: a dbt package has them in one.")
    source: dict[str, object] = {"name": _SOURCE}
    if schema := schemas.pop():
        source["schema"] = schema
    source["tables"] = [{"name": name, "identifier": table.rpartition(".")[2]} for name, table in tables.items()]
    return {"version": 2, "sources": [source]}


def _schema(rules: Sequence[Rule], binding: Binding) -> dict[str, object]:
    """Test that keys are there and stand once (a warning: extracts do repeat them), and that flags are 0 or 1."""
    repeated = {"unique": {"config": {"severity": "warn"}}}
    models: list[dict[str, object]] = [
        {
            "name": f"ebi_{rule.key.lower()}",
            "description": f"{rule.title}, edition {rule.edition_name}, reading {rule.variant_name}. 1 is in scope of "
            "the guidance, which does not mean inappropriate.",
            "columns": [
                {"name": binding.key, "data_tests": ["not_null", repeated]},
                {
                    "name": rule.key,
                    "quote": True,
                    "data_tests": ["not_null", {"accepted_values": {"arguments": {"values": [0, 1], "quote": False}}}],
                },
            ],
        }
        for rule in rules
    ]
    measured = {"name": "measure", "data_tests": ["not_null"]}
    models.append(
        {"name": CUBE, "description": "Counts for ebi-rules audit --from-cube; exact.", "columns": [measured]}
    )
    return {"version": 2, "models": models}


def _readme(rules: Sequence[Rule]) -> str:
    lines = "\n".join(f"- `ebi_{rule.key.lower()}`: {rule.title}" for rule in rules)
    return f"""# Evidence-Based Interventions, by ebi-rules {__version__}

One model a rule, with the activity's key and a flag of 1 or 0, and `{CUBE}`, the counts that an audit needs:

{lines}

Say in `profiles.yml` where your warehouse is, under the name {PROJECT}, and run `dbt build`. Save `{CUBE}` as CSV for
`ebi-rules audit --from-cube`. A flag means in scope of the guidance, never inappropriate. Counts are exact.
"""


def _yaml(content: object) -> str:
    """Give content as YAML: JSON is."""
    return json.dumps(content, indent=2) + "\n"
