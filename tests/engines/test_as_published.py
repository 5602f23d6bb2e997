"""The variant `as_published` gives, row for row, what the published script's logic gives on SQL Server.

The script's form is rebuilt here from the rule's patterns: substrings asked of the raw text by LIKE with classes,
three-valued logic, nothing put in place of NULL. It is read by Microsoft's parser and run by SQL Server's documented
rules. On malformed codes, empty texts and categories of one digit the two differ knowingly, and the variant says so.
"""

import polars as pl
import pytest

from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule
from tests.engines import reference
from tests.engines.case import Case
from tests.engines.in_tsql import COLLATIONS
from tests.engines.published_script import differences, hostile_rows, published_rows, reasons, well_formed_rows
from tests.engines.tsql_machine import Collation


@pytest.mark.needs("SQL Server (emulated)")
@pytest.mark.parametrize("collation", COLLATIONS)
def test_the_variant_is_the_scripts_logic(collation: Collation) -> None:
    frame = well_formed_rows(10_000)
    case = Case(find_layout("ncdr-opa"), [rule("2S").variant("as_published")], frame)
    found = published_rows(frame, collation)
    expected = {key for key, (flag,) in reference.evaluate(case).items() if flag}
    assert len(expected) > 100
    assert found == expected


@pytest.mark.needs("SQL Server (emulated)")
@pytest.mark.parametrize("rows", [4_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_every_difference_is_one_that_the_variant_states(rows: int) -> None:
    """Once the rows are as the script's warehouse would have them, the two agree; what is repaired is stated."""
    frame = hostile_rows(rows)
    script, variant, once_repaired = differences(frame, COLLATIONS[0])
    assert len(variant) > rows / 100
    assert once_repaired == variant
    different = frame.filter(pl.col("OPA_Ident").is_in(list(script ^ variant)))
    assert different.height > rows / 100
    assert [row for row in different.iter_rows(named=True) if not reasons(row)] == []
    about = rule("2S").variant("as_published").documentation.variant_about
    for words in ("dot", "inside another", "empty", "one digit"):
        assert words in about


def test_the_default_keeps_what_three_valued_logic_drops() -> None:
    frame = well_formed_rows(5_000)
    flags = [
        reference.evaluate(Case(find_layout("ncdr-opa"), [rule("2S").variant(name)], frame))
        for name in ("default", "as_published")
    ]
    kept, published = ({key for key, (flag,) in each.items() if flag} for each in flags)
    assert published < kept
    missing = frame.filter(pl.col("Der_Diagnosis_All").is_null() | pl.col("Administrative_Category").is_null())
    assert kept - published <= set(missing["OPA_Ident"])
