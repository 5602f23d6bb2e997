"""True and false outliers among made-up providers with known effects.

Run as `python -m tests.bench.providers --sets 100`, or by `make bench`. It prints figures and asserts nothing.
"""

import argparse

from tests.report.simulation import EFFECT, HIGH, LOW, PROVIDERS, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=100)
    sets = parser.parse_args().sets
    print(
        f"{sets} sets of {PROVIDERS} providers; {HIGH} at {EFFECT:g} times the usual rate, {LOW} at 1/{EFFECT:g}; "
        "outside the 99.8% limits were"
    )
    for spread, case_mix in ((0.0, False), (0.2, False), (0.0, True), (0.2, True)):
        print(
            f"\nspread between providers {spread:g} (standard deviation of the log), "
            f"case mix {'that differs' if case_mix else 'the same'}"
        )
        for name, counts in simulate(sets, spread, case_mix).items():
            print(f"  {name:<20} {counts}")


if __name__ == "__main__":
    main()
