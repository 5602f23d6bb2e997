"""Made-up providers with known effects, whose patients differ in age, sex, deprivation and ethnic category."""

import numpy as np

from ebi_rules.results.audit_result import Audit
from tests.report.made_up import audited, cube_of, made_up_audit

PROVIDERS = 24
_AGES = {"45-49": 0.0, "65-69": 0.7, "80-84": 1.1}
_SEXES = {"1": 0.0, "2": 0.2}
_DECILES = {str(decile): 0.9 - 0.1 * decile for decile in range(1, 11)}
_ETHNIC = {"A": 0.0, "H": 0.5, "N": 0.8, None: 0.1}
BASE = -4.2


def population(seed: int, size: float) -> tuple[Audit, np.ndarray]:
    """Return an audit of made-up providers, and each provider's true rate as a multiple of the usual rate.

    Effects of patients' characteristics add up on the scale of log odds. Half the providers serve deprived areas.
    """
    rng = np.random.default_rng(seed)
    cells = [(age, sex, decile, ethnic) for age in _AGES for sex in _SEXES for decile in _DECILES for ethnic in _ETHNIC]
    odds = np.array([BASE + _AGES[a] + _SEXES[s] + _DECILES[d] + _ETHNIC[e] for a, s, d, e in cells])
    rate = 1 / (1 + np.exp(-odds))
    deprived = np.array([int(decile) <= 5 for _, _, decile, _ in cells])
    minority = np.array([ethnic in ("H", "N") for *_, ethnic in cells])
    effect = rng.lognormal(0, 0.25, PROVIDERS)
    eligible, flagged, columns = [], [], []
    for place in range(PROVIDERS):
        share = np.where(deprived == (place % 2 == 0), 0.85, 0.15) * np.where(minority, 0.2 + 0.5 * (place % 3), 1)
        eligible.append(rng.poisson(size * share / share.sum()))
        flagged.append(rng.binomial(eligible[-1], np.minimum(rate * effect[place], 1)))
        columns += [(f"Z{place:02d}", "2024-01", *cell) for cell in cells]
    names = ("provider", "month", "age_band", "sex", "imd_decile", "ethnic_category")
    entries = audited(1)
    cube = cube_of(
        entries,
        {name: [row[number] for row in columns] for number, name in enumerate(names)},
        np.concatenate(eligible)[None, :].astype(np.int64),
        np.concatenate(flagged)[None, :].astype(np.int64),
    )
    return made_up_audit(cube, entries), effect
