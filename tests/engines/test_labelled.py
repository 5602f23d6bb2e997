"""Hand-labelled extracts: every evaluator, the reference too, gives the labels under every variant."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules._support.errors import ExtractError, RuleError
from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule, shared_definitions
from ebi_rules.rule_model.rule_parser import parse_rule
from tests.engines.case import Case
from tests.engines.evaluators import EVERY_EVALUATOR, REFERENCE, disagreements, started

FIXTURES = Path(__file__).parents[2] / "fixtures"
NUMBERS = {"OPA_Ident", "attendkey", "Age_at_Start_of_Episode_SUS", "Der_Age_at_CDS_Activity_Date", "apptage"}


@pytest.mark.parametrize("layout", ["ncdr-opa", "hes-op"])
@pytest.mark.parametrize("evaluator", ["reference", *EVERY_EVALUATOR])
def test_labels(layout: str, evaluator: str) -> None:
    table = pl.read_csv(FIXTURES / "labelled" / f"{layout}.csv", infer_schema=False)
    key = table.columns[0]
    labels = {"default": "default", "as_published": "as_published", "sequenced": "sequenced"}
    labels["attended"] = "attended_variant" if layout == "hes-op" else "attended"
    numbers = [pl.col(name).cast(pl.Int64) for name in table.columns if name in NUMBERS]
    texts = [pl.col(name).replace({"''": ""}) for name in table.columns if name not in NUMBERS]
    activity = table.with_columns(*numbers, *texts).drop(list(labels.values()), "why")
    variants = rule("2S").interpretations
    case = Case(find_layout(layout), list(variants.values()), activity)
    expected = {
        int(row[key]): tuple(row[labels[name]] == "yes" for name in variants) for row in table.iter_rows(named=True)
    }
    if evaluator == "reference":
        found = REFERENCE(case)
        wrong = [each for each in expected if found[each] != expected[each]]
    else:
        wrong = disagreements(started(evaluator), case, expected)
    assert {int(row[key]): row["why"] for row in table.iter_rows(named=True) if int(row[key]) in wrong} == {}


@pytest.mark.parametrize("name", ["no_parquet.parquet", "a_csv.parquet"])
def test_hostile_extracts_are_refused(name: str) -> None:
    with pytest.raises(ExtractError, match="is not a parquet file, or is incomplete"):
        ebi.open(FIXTURES / "hostile" / name)


def test_a_hostile_rule_is_refused_unread() -> None:
    with pytest.raises(RuleError, match=r"rule_runs_code\.toml, line 9: .*a number instead of"):
        parse_rule(
            (FIXTURES / "hostile" / "rule_runs_code.toml").read_text(), "rule_runs_code.toml", shared_definitions()
        )
