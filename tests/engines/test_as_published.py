"""The variant `as_published` gives, row for row, what the published script's logic gives on SQL Server.

The script's form is rebuilt here from the rule's patterns: substrings asked of the raw text by LIKE with classes,
three-valued logic, nothing put in place of NULL. It is read by Microsoft's parser and run by SQL Server's documented
rules. Tokens are well formed: on malformed ones the two differ knowingly (docs/semantics.md).
"""

import random

import polars as pl
import pytest

from ebi_rules.catalogue import rule
from ebi_rules.layouts import find_layout
from tests.engines import reference
from tests.engines.case import Case
from tests.engines.evaluators import require
from tests.engines.in_tsql import COLLATIONS
from tests.engines.published_script import published_rows
from tests.engines.tsql_machine import Collation

_PROCEDURES = [
    "U054",
    "U055",
    "U053",
    "U132",
    "U135",
    "U131",
    "U134",
    "U211",
    "U217",
    "U213",
    "Z665",
    "O162",
    "Z664",
    "X629",
]
_DIAGNOSES = ["M545", "C509", "C61X", "D05X", "D099", "D36X", "D370", "D480", "D489", "D490", "I10X", "G551"]


def _rows(count: int) -> pl.DataFrame:
    rng = random.Random(5)

    def text(codes: list[str]) -> str | None:
        if rng.random() < 0.2:
            return None
        joined = rng.choice([",", " ,", "||", ", "]).join(rng.choices(codes, k=rng.randint(1, 4)))
        return rng.choice(["||", ""]) + joined

    ages = [None, 18, 19, 50, 120, 121]
    return pl.DataFrame(
        {
            "OPA_Ident": list(range(count)),
            "Der_Procedure_All": [text(_PROCEDURES) for _ in range(count)],
            "Der_Diagnosis_All": [text(_DIAGNOSES) for _ in range(count)],
            "Administrative_Category": [rng.choice([None, "01", "02", "03"]) for _ in range(count)],
            "Age_at_Start_of_Episode_SUS": [rng.choice(ages) for _ in range(count)],
            "Der_Age_at_CDS_Activity_Date": [rng.choice(ages) for _ in range(count)],
        }
    )


@pytest.mark.parametrize("collation", COLLATIONS)
def test_the_variant_is_the_scripts_logic(collation: Collation) -> None:
    require("tsql on ScriptDom's tree")
    frame = _rows(10_000)
    case = Case(find_layout("ncdr-opa"), [rule("2S").variant("as_published")], frame)
    found = published_rows(frame, collation)
    expected = {key for key, (flag,) in reference.evaluate(case).items() if flag}
    assert len(expected) > 100
    assert found == expected


def test_the_default_reading_keeps_what_three_valued_logic_drops() -> None:
    frame = _rows(5_000)
    flags = [reference.evaluate(Case(find_layout("ncdr-opa"), [rule("2S").variant(name)], frame))
             for name in ("default", "as_published")]  # fmt: skip
    kept, published = ({key for key, (flag,) in each.items() if flag} for each in flags)
    assert published < kept
    missing = frame.filter(pl.col("Der_Diagnosis_All").is_null() | pl.col("Administrative_Category").is_null())
    assert kept - published <= set(missing["OPA_Ident"])
