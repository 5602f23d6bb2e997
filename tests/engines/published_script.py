"""The published low back imaging script's logic, rebuilt from the rule's patterns and run as SQL Server would.

Substrings are asked of the raw text by LIKE with classes, in three-valued logic, with nothing put in place of NULL.
"""

import random
from collections.abc import Callable

import polars as pl

from tests.engines.tsql_machine import Collation, run

_PROCEDURES = "U054 U055 U053 U132 U135 U131 U134 U211 U217 U213 Z665 O162 Z664 X629".split()
_DIAGNOSES = "M545 C509 C61X D05X D099 D36X D370 D480 D489 D490 I10X G551".split()


def _script(has: Callable[[str, str], str]) -> str:
    """Return the script's logic; `has` says that a column's text holds a pattern."""

    def any_of(column: str, *patterns: str) -> str:
        return "(" + " OR ".join(has(column, pattern) for pattern in patterns) + ")"

    imaging = any_of("Der_Procedure_All", "U13[2356]", "U21[1267]")
    cancers = any_of("Der_Diagnosis_All", "C[0-9][0-9]", "D0", "D3[789]", "D4[012345678]")
    return (
        f"({has('Der_Procedure_All', 'U05[45]')} OR ({imaging} AND {any_of('Der_Procedure_All', 'Z665', 'O162')})) "
        "AND COALESCE(Age_at_Start_of_Episode_SUS, Der_Age_at_CDS_Activity_Date) BETWEEN 19 AND 120 "
        f"AND NOT {cancers} AND Administrative_Category <> '02'"
    )


SCRIPT = _script(lambda column, pattern: f"{column} LIKE '%{pattern}%'")
"""As published: T-SQL's LIKE with classes of characters."""

REGEX_SCRIPT = _script(lambda column, pattern: f"REGEXP_MATCHES({column}, '{pattern}')")
"""As a careful analyst may write it for DuckDB: regular expressions, found anywhere in the text."""


def published_rows(frame: pl.DataFrame, collation: Collation) -> set[int]:
    """Return the keys of a frame in the layout ncdr-opa that the script takes."""
    table = [{name.lower(): value for name, value in row.items()} for row in frame.iter_rows(named=True)]
    return {key for (key,) in run(f"SELECT OPA_Ident FROM opa WHERE {SCRIPT}", {"opa": table}, collation)}


def well_formed_rows(count: int) -> pl.DataFrame:
    """Return random rows in the layout ncdr-opa whose codes are well formed, many of them missing."""
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
