"""Every statement we print is read without complaint by every judge of its dialect, and each judge can complain."""

from collections.abc import Iterator

import pytest

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.layouts.binding import Binding, bind
from ebi_rules.layouts.layout import builtin_layouts
from ebi_rules.rule_model.catalogue import rule, rules
from ebi_rules.rule_model.rule import unavailable
from ebi_rules.statements.code_steps import STRATEGIES
from ebi_rules.statements.rule_sql import SHAPES, statement
from tests.engines.evaluators import JUDGES, complaints, require_judge
from tests.engines.judge import Schema

TABLE = "dbo.opa"
_TYPES = {Kind.NUMBER: "BIGINT", Kind.CODE: "VARCHAR(4000)", Kind.DATE: "DATE"}


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_can_complain(name: str) -> None:
    judge = require_judge(name)
    schema = _schema(bind(builtin_layouts()["ncdr-opa"]))
    assert [text for text in judge.wrong if not judge.complaints(text, schema)] == []


@pytest.mark.parametrize("layout", builtin_layouts())
@pytest.mark.parametrize("name", JUDGES)
def test_no_judge_complains(name: str, layout: str) -> None:
    judge = require_judge(name)
    binding = bind(builtin_layouts()[layout])
    for text in _statements(binding, judge.dialect, few=judge.slow):
        assert complaints(judge, text, _schema(binding)) == [], text


def _statements(binding: Binding, dialect: str, few: bool) -> Iterator[str]:
    """Give every shape of every reading that the layout can answer; a condition stands in a query of its own.

    All rules of the dataset in one statement, few for a slow judge; then the readings of one rule, each by itself.
    """
    every = [each for each in rules() if each.dataset == binding.layout.dataset and not unavailable(each, binding)]
    for shape in ("flags",) if few else ("flags", "view", "counts", "cube"):
        for strategy in STRATEGIES[:1] if binding.layout.is_child or few else STRATEGIES:
            yield statement(every[:2] if few else every, dialect, binding, TABLE, shape, strategy=strategy)
    for name, reading in rule("2S" if binding.layout.dataset == "outpatient" else "1C").readings().items():
        if (few and name != "default") or unavailable(reading, binding):
            continue
        for shape in SHAPES:
            if shape not in ("predicate", "case"):
                yield statement([reading], dialect, binding, TABLE, shape)
            elif not binding.layout.is_child and not few:
                text = statement([reading], dialect, binding, TABLE, shape)
                asked = f"1 AS f FROM {TABLE} WHERE {text}" if shape == "predicate" else f"{text} AS f FROM {TABLE}"
                yield f"SELECT {asked};"


def _schema(binding: Binding) -> Schema:
    """Give the tables of a layout."""
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
