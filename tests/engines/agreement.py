"""Count where evaluators and the reference disagree on random extracts dense around the rule's boundaries.

Run as `python -m tests.engines.agreement --rows 200000`; the tests run it on fewer rows.
"""

import argparse
import time

from ebi_rules.catalogue import rule
from ebi_rules.layouts import find_layout
from tests.engines.case import Case
from tests.engines.dense import random_extract
from tests.engines.evaluators import EVALUATORS, REFERENCE, takes

LAYOUTS = ("ncdr-opa", "hes-op", "unified-sus-op")


def dense_case(layout: str, rows: int, seed: int) -> Case:
    """Give a case of random rows with every reading of the low back imaging rule."""
    chosen = find_layout(layout)
    return Case(chosen, list(rule("2S").readings().values()), *random_extract(chosen, rows, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows in all, shared among the layouts")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    each = -(-arguments.rows // len(LAYOUTS))
    for layout in LAYOUTS:
        case = dense_case(layout, each, arguments.seed)
        expected = REFERENCE(case)
        flagged = [sum(flags[place] for flags in expected.values()) for place in range(len(case.rules))]
        readings = ", ".join(
            f"{reading.variant_name} {count:,}" for reading, count in zip(case.rules, flagged, strict=True)
        )
        print(f"{layout}: {each:,} rows; flagged by the reference: {readings}")
        for name, evaluate in EVALUATORS.items():
            if not takes(name, case):
                continue
            started = time.perf_counter()
            found = evaluate(case)
            wrong = sum(found.get(key) != flags for key, flags in expected.items()) + abs(len(found) - len(expected))
            print(f"  {name:<38} {wrong:>6,} mismatches   {time.perf_counter() - started:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
