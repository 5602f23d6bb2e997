"""How long lint takes by the number of code lists and of codes: `python -m tests.bench.lint`.

Each rule has that many lists, of which an activity needs a code of any; the first lists have a code in common.
"""

import time

from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import shared_definitions

SIZES = ((8, 80), (16, 160), (40, 400), (1, 1_000), (1, 20_000), (40, 100_000))
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def code(number: int) -> str:
    """Return the code of a number, with five characters."""
    return f"{LETTERS[number // 10_000 % len(LETTERS)]}{number % 10_000:04d}"


def rule_text(lists: int, codes: int) -> str:
    """Return a rule file."""
    size = codes // lists
    listed = [[code(place * size + step) for step in range(size)] for place in range(lists)]
    entries = "\n".join(f"list_{place} = {[code(0), *each]}" for place, each in enumerate(listed))
    asked = " OR ".join(f"procedure(list_{place})" for place in range(lists))
    return f"""key = "bench"
title = "Bench"
dataset = "outpatient"
status = "local"
source = "Made up, 2026"
edition = "2026-01"

[codes.opcs]
{entries}

[criteria]
any_list = "{asked}"
adult = "age BETWEEN 19 AND 120"

[[examples]]
about = "one"
activity = {{ procedures = ["{code(0)}"], age = 40 }}
flagged = true

[[examples]]
about = "none"
activity = {{ procedures = ["Z999"], age = 40 }}
flagged = false
stopped_by = "any_list"

[[examples]]
about = "a child"
activity = {{ procedures = ["{code(0)}"], age = 4 }}
flagged = false
stopped_by = "adult"
"""


def main() -> None:
    for lists, codes in SIZES:
        content = rule_text(lists, codes)
        start = time.perf_counter()
        findings = check_rule_text(content, "bench.toml", shared_definitions())
        seconds = time.perf_counter() - start
        print(f"{lists:>3} lists, {codes:>7,} codes: {seconds:6.2f} s, {len(findings)} findings")


if __name__ == "__main__":
    main()
