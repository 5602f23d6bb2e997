"""The published low back imaging script's logic, rebuilt from the rule's patterns and run as SQL Server would.

Substrings are asked of the raw text by LIKE with classes, in three-valued logic, with nothing put in place of NULL.
"""

import polars as pl

from tests.engines.tsql_machine import Collation, run


def _script(column: str, patterns: list[str]) -> str:
    return "(" + " OR ".join(f"{column} LIKE '%{pattern}%'" for pattern in patterns) + ")"


SCRIPT = (
    f"({_script('Der_Procedure_All', ['U05[45]'])} OR ({_script('Der_Procedure_All', ['U13[2356]', 'U21[1267]'])} "
    f"AND {_script('Der_Procedure_All', ['Z665', 'O162'])})) "
    "AND COALESCE(Age_at_Start_of_Episode_SUS, Der_Age_at_CDS_Activity_Date) BETWEEN 19 AND 120 "
    + "".join(
        f"AND Der_Diagnosis_All NOT LIKE '%{pattern}%' "
        for pattern in ["C[0-9][0-9]", "D0", "D3[789]", "D4[012345678]"]
    )
    + "AND Administrative_Category <> '02'"
)


def published_rows(frame: pl.DataFrame, collation: Collation) -> set[int]:
    """Give the keys of a frame in the layout ncdr-opa that the script takes."""
    table = [{name.lower(): value for name, value in row.items()} for row in frame.iter_rows(named=True)]
    return {key for (key,) in run(f"SELECT OPA_Ident FROM opa WHERE {SCRIPT}", {"opa": table}, collation)}
