"""The large report: 30 rules, 200 providers, 36 months."""

import itertools

import numpy as np

from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.audit_result import Audit
from tests.report.made_up import BANDS, DIMENSIONS, audited, cube_of, made_up_audit, months


def large_audit(rules: int = 30, providers: int = 200, width: int = 36) -> Audit:
    """Return an audit with this many rules, providers and months."""
    rng = np.random.default_rng(7)
    codes = [f"Z{place:03d}" for place in range(providers)]
    cells = list(itertools.product(codes, months(width), BANDS, ("1", "2")))
    entries = audited(rules)
    size = np.repeat(rng.gamma(2.0, 20.0, providers), len(cells) // providers)
    habit = np.repeat(rng.lognormal(0, 0.3, (rules, providers)), len(cells) // providers, axis=1)
    eligible = rng.poisson(np.broadcast_to(size, (rules, len(cells)))).astype(np.int64)
    flagged = rng.binomial(eligible, np.minimum(0.06 * habit, 1)).astype(np.int64)
    columns = {name: [cell[place] for cell in cells] for place, name in enumerate(DIMENSIONS)}
    names = {code: f"Made-up Hospitals of {code}" for code in codes}
    return made_up_audit(cube_of(entries, columns, eligible, flagged), entries, Settings(names=names))
