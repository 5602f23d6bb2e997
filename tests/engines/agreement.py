"""Count where evaluators and the reference disagree on random extracts dense around the rule's boundaries.

Run as `python -m tests.engines.agreement --rows 200000`; the tests run it on fewer rows.
"""

import argparse
import time

from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule
from tests.engines.case import Case
from tests.engines.dense import random_extract
from tests.engines.engine import AbsentError
from tests.engines.evaluators import EVALUATORS, REFERENCE, disagreements, stop_all

LAYOUTS = ("ncdr-opa", "hes-op", "unified-sus-op")


def dense_case(layout: str, rows: int, seed: int) -> Case:
    """Return a case of random rows with every variant of the low back imaging rule."""
    chosen = find_layout(layout)
    return Case(chosen, list(rule("2S").interpretations.values()), *random_extract(chosen, rows, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows in all, shared among the layouts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", type=int, default=5_000, help="rows a layout up to which slow engines are asked too")
    arguments = parser.parse_args()
    each = -(-arguments.rows // len(LAYOUTS))
    for layout in LAYOUTS:
        case = dense_case(layout, each, arguments.seed)
        expected = REFERENCE(case)
        flagged = [sum(flags[place] for flags in expected.values()) for place in range(len(case.rules))]
        variants = ", ".join(f"{rule.variant_name} {count:,}" for rule, count in zip(case.rules, flagged, strict=True))
        print(f"{layout}: {each:,} rows; flagged by the reference: {variants}")
        for name, evaluator in EVALUATORS.items():
            if not evaluator.takes(case.layout) or (evaluator.examples < 1 and each > arguments.slow):
                continue
            try:
                evaluator.version()
            except AbsentError as absent:
                print(f"  {name:<50} not on this machine ({absent})")
                continue
            started = time.perf_counter()
            wrong = len(disagreements(evaluator, case, expected))
            print(f"  {name:<50} {wrong:>6,} mismatches   {time.perf_counter() - started:6.1f} s", flush=True)
    stop_all()


if __name__ == "__main__":
    main()
