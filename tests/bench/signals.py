"""False and true signals of funnels and trends, by simulation: the tables in docs/signals.md.

Run as `python -m tests.bench.signals`. It prints tables and asserts nothing.
"""

import argparse
import warnings

import numpy as np
import polars as pl

from ebi_rules.disclosure.rounding import controlled
from ebi_rules.provider_audit.judged_series import BY, Judging, judge
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.provider_audit.signals import with_signals
from ebi_rules.statistics.funnel import funnel
from ebi_rules.statistics.xmr import xmr
from tests.report.made_up import months

EXPECTED = (0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
DEVIATIONS = (0.0, 0.2, 0.4, 0.6)
MEANS = (0.2, 0.5, 1, 2, 5, 8, 12, 20, 40)
METHODS = ("none", "midpoint6", "hes")
POINTS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--only", choices=["funnels", "trends"])
    sets = parser.parse_args().sets
    only = parser.parse_args().only
    if only in (None, "funnels"):
        for units in (30, 150):
            _funnel_table(units, max(sets * 30 // units, 20))
        _found_table(sets)
    if only in (None, "trends"):
        _trend_table(sets)


def _true_ratios(rng: np.random.Generator, units: int, deviation: float) -> np.ndarray:
    return rng.gamma(1 / deviation**2, deviation**2, units) if deviation else np.ones(units)


def _outside(observed: np.ndarray, expected: np.ndarray, method: str, level: str) -> np.ndarray:
    """Return which units are outside the limits: of this version, or of SHMI's formula as before."""
    if method == "limits on the logarithm (before)":
        signals = funnel(observed, expected, overdispersion="shmi").signals
    else:
        frame = pl.DataFrame({"observed": observed.astype(np.int64), "base": 10**6, "expected": expected})
        signals = with_signals(frame, Settings(overdispersion=method), "none")["signal"]
    wanted = ["above_998", "below_998"] if level == "998" else ["above_998", "below_998", "above_95", "below_95"]
    return signals.is_in(wanted).fill_null(False).to_numpy()


def _funnel_table(units: int, sets: int) -> None:
    print(f"\nProviders signalled at 99.8% (and 95%), per cent; {units} providers, no provider apart\n")
    ways = ("limits on the logarithm (before)", "shmi", "winsorised")
    print("| expected | SD | " + " | ".join(ways) + " |\n|---|---|" + "---|" * len(ways))
    for size in EXPECTED:
        for deviation in DEVIATIONS:
            rng = np.random.default_rng(1)
            shares = {way: np.zeros(2) for way in ways}
            for _ in range(sets):
                expected = size * rng.lognormal(0, 0.4, units)
                observed = rng.poisson(expected * _true_ratios(rng, units, deviation))
                for way in ways:
                    for place, level in enumerate(("998", "95")):
                        shares[way][place] += _outside(observed, expected, way, level).mean() / sets
            cells = " | ".join(f"{100 * shares[way][0]:.2f} ({100 * shares[way][1]:.1f})" for way in ways)
            print(f"| {size:g} | {deviation:g} | {cells} |", flush=True)


def _found_table(sets: int) -> None:
    print(
        "\nOne of 30 providers at so many times the usual rate: found at 99.8%, per cent (SD 0.2 between the others)\n"
    )
    ways = ("limits on the logarithm (before)", "shmi", "winsorised")
    print("| expected | times | " + " | ".join(ways) + " |\n|---|---|" + "---|" * len(ways))
    for size in (5, 20, 50, 200):
        for times in (0.33, 2, 3):
            rng = np.random.default_rng(2)
            found = dict.fromkeys(ways, 0.0)
            for _ in range(sets):
                expected = size * rng.lognormal(0, 0.4, 30)
                expected[0] = size
                ratios = _true_ratios(rng, 30, 0.2)
                ratios[0] = times
                observed = rng.poisson(expected * ratios)
                for way in ways:
                    found[way] += float(_outside(observed, expected, way, "998")[0]) / sets
            print(f"| {size} | {times:g} | " + " | ".join(f"{100 * found[way]:.0f}" for way in ways) + " |", flush=True)


def _shown(counts: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    shown = pl.DataFrame({"count": counts}).select(count=controlled(pl.col("count"), method))["count"]
    return shown.fill_null(4).to_numpy().astype(float), shown.is_null().to_numpy()


def _trend_table(sets: int) -> None:
    print(
        f"\nTrends of {POINTS} points: points signalled without a change, and series that find six points at twice the"
    )
    print("rate, per cent; before, and now where the series has limits\n")
    print("| mean count | method | before | now | found before | found now |\n|---|---|---|---|---|---|")
    for mean in MEANS:
        for method in METHODS:
            rng = np.random.default_rng(3)
            before = after = 0
            judged = found_before = found_after = 0
            for _ in range(sets):
                for changed in (False, True):
                    rates = np.full(POINTS, float(mean))
                    rates[-6:] *= 2 if changed else 1
                    values, hidden = _shown(rng.poisson(rates), method)
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        signals = xmr(values.tolist(), baseline=18)["signal"].is_not_null().to_numpy() & ~hidden
                    frame = pl.DataFrame(
                        {
                            "series": [0] * POINTS,
                            "start": months(POINTS),
                            "value": values,
                            "count": values,
                            "unit": [1.0] * POINTS,
                            "hidden": hidden,
                        }
                    ).with_columns(partial=False, thin=False)
                    chart = judge(frame, Judging("month", method, Settings(baseline=18)))
                    has_limits = chart["judged"][0] == BY["month"]
                    now = chart["signal"].is_not_null().to_numpy() if has_limits else np.zeros(POINTS, dtype=bool)
                    if changed:
                        found_before += bool(signals[-6:].any())
                        found_after += bool(now[-6:].any())
                    else:
                        before += int(signals.sum())
                        after += int(now.sum())
                        judged += has_limits
            points = POINTS * sets
            cells = [f"{100 * before / points:.1f}", f"{100 * after / points:.1f}"]
            cells += [f"{100 * found_before / sets:.0f}", f"{100 * found_after / sets:.0f}"]
            note = "" if judged == sets else f" (limits in {100 * judged / sets:.0f}% of series)"
            print(f"| {mean:g} | {method} | {cells[0]} | {cells[1]}{note} | {cells[2]} | {cells[3]} |", flush=True)


if __name__ == "__main__":
    main()
