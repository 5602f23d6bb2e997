"""The published low back imaging script's logic, rebuilt from the rule's patterns and run as SQL Server would.

Substrings are asked of the raw text by LIKE with classes, in three-valued logic, with nothing put in place of NULL.
`python -m tests.engines.published_script --rows 200000` prints where the variant `as_published` differs, and why.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable

import polars as pl

from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.normal_values import normal_code
from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule
from opcs_icd import ICD10, OPCS4, CodeSystem
from opcs_icd.codes import split_codes
from tests.engines import reference
from tests.engines.case import Case
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


_MALFORMED_PROCEDURES = "XU055 U05.4 u055 U05 U0556 Z665X 1U211 U13-2 NULL - O16.2".split()
_MALFORMED_DIAGNOSES = "D0A XC50 C5 c50.9 D37. D4 M54.5 NULL R69X - 9C61".split()
_BEGINS_A_CODE = re.compile(r"[A-Z]\d\d")
_EMPTY = ["", " ", "||", "NULL", "-"]


def hostile_rows(count: int, seed: int = 7) -> pl.DataFrame:
    """Return random rows in the layout ncdr-opa with malformed codes, empty texts and categories of one digit."""
    rng = random.Random(seed)

    def text(codes: list[str], malformed: list[str]) -> str | None:
        drawn = rng.random()
        if drawn < 0.1:
            return None
        if drawn < 0.2:
            return rng.choice(_EMPTY)
        some = [rng.choice(malformed if rng.random() < 0.3 else codes) for _ in range(rng.randint(1, 3))]
        return rng.choice(["||", ""]) + rng.choice([",", " ,", "||", ", "]).join(some)

    ages = [None, 18, 19, 50, 120, 121, 7001]
    return pl.DataFrame(
        {
            "OPA_Ident": list(range(count)),
            "Der_Procedure_All": [text(_PROCEDURES, _MALFORMED_PROCEDURES) for _ in range(count)],
            "Der_Diagnosis_All": [text(_DIAGNOSES, _MALFORMED_DIAGNOSES) for _ in range(count)],
            "Administrative_Category": [
                rng.choice([None, "", "1", "2", "01", "02", "03", "NULL"]) for _ in range(count)
            ],
            "Age_at_Start_of_Episode_SUS": [rng.choice(ages) for _ in range(count)],
            "Der_Age_at_CDS_Activity_Date": [rng.choice(ages) for _ in range(count)],
        }
    )


def _well_formed(text: str | None, system: CodeSystem) -> str | None:
    """Return a text with its codes as the warehouse of the script has them; None without any."""
    codes = [code if _BEGINS_A_CODE.match(code) else "?" for code in split_codes(text, system)]
    return "||" + ",".join(codes) if codes else None


def repaired(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as the script's warehouse would have them, without the differences that the variant states."""
    rows = frame.to_dicts()
    for row in rows:
        row["Der_Procedure_All"] = _well_formed(row["Der_Procedure_All"], OPCS4)
        row["Der_Diagnosis_All"] = _well_formed(row["Der_Diagnosis_All"], ICD10)
        row["Administrative_Category"] = normal_code(FIELDS["administrative_category"], row["Administrative_Category"])
    return pl.DataFrame(rows, schema=frame.schema)


def differences(frame: pl.DataFrame, collation: Collation) -> tuple[set[int], set[int], set[int]]:
    """Return the keys that the script takes, that the variant takes, and that the script takes of the repaired rows."""
    case = Case(find_layout("ncdr-opa"), [rule("2S").variant("as_published")], frame)
    variant = {key for key, (flag,) in reference.evaluate(case).items() if flag}
    return published_rows(frame, collation), variant, published_rows(repaired(frame), collation)


def reasons(row: dict[str, object]) -> list[str]:
    """Return which of the differences that the variant states a row has."""
    found = []
    procedures, diagnoses = str(row["Der_Procedure_All"] or ""), str(row["Der_Diagnosis_All"] or "")
    if re.search(r"[A-Za-z]\d\d\.\d", procedures + diagnoses):
        found.append("a code with a dot")
    if re.search(r"[A-Z0-9][A-Z]\d\d|D0A|\bD4\b|\bC5\b|U0556|Z665X|U13-2|D37\.", procedures + diagnoses):
        found.append("characters of a code inside another text, or half a code")
    if row["Der_Diagnosis_All"] is not None and _well_formed(diagnoses, ICD10) is None:
        found.append("diagnoses that are text without a code")
    if row["Administrative_Category"] in ("", "NULL"):
        found.append("an empty category, or a text for none")
    if row["Administrative_Category"] in ("1", "2"):
        found.append("a category of one digit")
    return found


def main() -> None:
    """Print how many rows differ, by reason."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    frame = hostile_rows(parser.parse_args().rows)
    script, variant, repaired_script = differences(frame, Collation(ignores_case=True, unicode=False))
    counts: Counter[str] = Counter()
    for row in frame.filter(pl.col("OPA_Ident").is_in(list(script ^ variant))).iter_rows(named=True):
        counts.update([" and ".join(reasons(row)) or "none stated"])
    print(f"{frame.height:,} rows: the script takes {len(script):,}, the variant {len(variant):,}")
    print(f"they differ in {len(script ^ variant):,}; once repaired in {len(repaired_script ^ variant):,}")
    for reason, count in counts.most_common():
        print(f"{count:>7,}  {reason}")


if __name__ == "__main__":
    main()
