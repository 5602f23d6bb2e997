"""Every statement we print is read without complaint by every judge of its dialect, and each judge can complain."""

from collections.abc import Iterator

import pytest

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.cube import STANDARD_DIMENSIONS
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import builtin_layouts
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.availability import why_unavailable
from ebi_rules.rule_model.catalogue import rule, rules_of_dataset
from ebi_rules.statements.code_steps import STRATEGIES
from ebi_rules.statements.cube_sql import cube_statement
from ebi_rules.statements.rule_sql import SHAPES, rule_statement
from ebi_rules.statements.table_source import TableSource
from tests.engines.evaluators import EVERY_JUDGE, JUDGES, complaints, started_judge
from tests.engines.judge import Judge, Schema
from tests.engines.making import LAYOUTS

TABLE = "dbo.opa"
_TYPES = {Kind.NUMBER: "BIGINT", Kind.CODE: "VARCHAR(4000)", Kind.DATE: "DATE"}


@pytest.mark.parametrize("name", EVERY_JUDGE)
def test_a_judge_can_complain(name: str) -> None:
    judge = started_judge(name)
    schema = _schema(bind(builtin_layouts()["ncdr-opa"]))
    assert [text for text in judge.wrong if not judge.complaints(text, schema)] == []


def _marks(judge: Judge, layout: str) -> list[pytest.MarkDecorator]:
    """Return what a judge needs; a slow one reads statements over one layout, others over one of each shape.

    They read statements over the other layouts in long runs.
    """
    usual = ("ncdr-opa",) if judge.slow else (*LAYOUTS, "ncdr-apcs", "dids-v1")
    long = [] if layout in usual else [pytest.mark.long]
    return [pytest.mark.needs(judge.name), *long]


# A slow judge reads the statements of one layout of each shape.
_JUDGED = [
    pytest.param(name, layout, marks=_marks(judge, layout))
    for name, judge in JUDGES.items()
    for layout in (LAYOUTS if judge.slow else builtin_layouts())
]


@pytest.mark.parametrize(("name", "layout"), _JUDGED)
def test_no_judge_complains(name: str, layout: str) -> None:
    judge = started_judge(name)
    binding = bind(builtin_layouts()[layout])
    for text in _statements(binding, judge.dialect, few=judge.slow):
        assert complaints(judge, text, _schema(binding)) == [], text


def _statements(binding: Binding, dialect: str, few: bool) -> Iterator[str]:
    """Return every shape of every variant that the layout can answer; a condition stands in a query of its own.

    All rules of the dataset in one statement, few for a slow judge; then the variants of one rule, each by itself.
    """
    source = TableSource(binding, TABLE)
    of_dataset = rules_of_dataset(None, binding.layout.dataset)
    answerable = [rule for rule in of_dataset if why_unavailable(rule.logic, binding) is None]
    every = answerable[:2] if few else answerable
    for strategy in STRATEGIES[:1] if binding.layout.is_child or few else STRATEGIES:
        for shape in ("flags",) if few else ("flags", "view", "counts"):
            yield rule_statement([rule.logic for rule in every], dialect, source, shape, strategy)
        if not few:
            audited = [AuditedRule.of(rule, rule, binding) for rule in every]
            yield cube_statement(audited, STANDARD_DIMENSIONS, dialect, source, strategy)
    named = {"outpatient": "2S", "admitted": "1C"}.get(binding.layout.dataset)
    for name, variant in (rule(named) if named else of_dataset[0]).interpretations.items():
        if (few and name != "default") or why_unavailable(variant.logic, binding):
            continue
        for shape in SHAPES:
            if shape not in ("predicate", "case"):
                yield rule_statement([variant.logic], dialect, source, shape)
            elif not binding.layout.is_child and not few:
                text = rule_statement([variant.logic], dialect, source, shape)
                asked = f"1 AS f FROM {TABLE} WHERE {text}" if shape == "predicate" else f"{text} AS f FROM {TABLE}"
                yield f"SELECT {asked};"


def _schema(binding: Binding) -> Schema:
    """Return the tables of a layout."""
    activity = {column: _TYPES[FIELDS[name].kind] for name, columns in binding.fields.items() for column in columns}
    activity[binding.key] = "BIGINT"
    schema: dict[str, dict[str, str]] = {TABLE: activity}
    for name in binding.codes:
        child = binding.child(name)
        if child:
            schema[f"dbo.[{child.table}]"] = columns = {child.key: "BIGINT", child.code: "VARCHAR(10)"}
            if child.position:
                columns[child.position] = "BIGINT"
        else:
            activity.update(dict.fromkeys(binding.code_columns(name), "VARCHAR(4000)"))
    return schema
