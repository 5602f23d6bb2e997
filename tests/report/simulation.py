"""Made-up providers with known effects: how many true outliers an audit finds, and how many false ones.

There are 150 providers with normal differences between them; some are true outliers. Case mix may differ between
providers: in half of them most patients are old, and old patients have four times the rate of young ones. The
simulation decides which providers are outliers; the audit only sees counts.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from ebi_rules.provider_audit.settings import OVERDISPERSION, Settings
from ebi_rules.results.audit_result import Audit
from ebi_rules.statistics.count_signals import between_variance, count_signals
from tests.report.made_up import audited, cube_of, made_up_audit, with_settings

PROVIDERS, HIGH, LOW = 150, 6, 6
EFFECT = 3.0
BANDS, RATES = ("45-49", "80-84"), np.array([0.01, 0.04])


@dataclass
class OutlierCounts:
    """How many providers are outside the 99.8% limits: true outliers, and others.

    Attributes:
        true: True outliers that are outside the limits.
        apart: All true outliers.
        false: Other providers that are outside the limits.
        others: All other providers.
    """

    true: int = 0
    apart: int = 0
    false: int = 0
    others: int = 0

    def add(self, signals: pl.Series, apart: np.ndarray) -> None:
        """Count the signals of one set of providers."""
        outside = signals.is_in(["above_998", "below_998"]).fill_null(False).to_numpy()
        self.true += int((outside & apart).sum())
        self.apart += int(apart.sum())
        self.false += int((outside & ~apart).sum())
        self.others += int((~apart).sum())

    def __str__(self) -> str:
        return f"{self.true / self.apart:6.1%} of true outliers, {self.false / self.others:6.2%} of the others"


def providers(seed: int, spread: float, case_mix: bool) -> tuple[Audit, np.ndarray]:
    """Return the audit of one set of made-up providers, and which of them are true outliers."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(np.log(6000), 0.7, PROVIDERS)
    old = np.where(case_mix & (np.arange(PROVIDERS) % 2 == 0), 0.8, 0.2 if case_mix else 0.5)
    effect = rng.lognormal(0, spread, PROVIDERS)
    apart = np.zeros(PROVIDERS, dtype=bool)
    chosen = rng.permutation(PROVIDERS)[: HIGH + LOW]
    apart[chosen] = True
    effect[chosen] = np.where(np.arange(HIGH + LOW) < HIGH, EFFECT, 1 / EFFECT)
    share = np.stack([1 - old, old], axis=1)
    eligible = rng.poisson(size[:, None] * share)
    flagged = rng.binomial(eligible, np.minimum(RATES * effect[:, None], 1))
    codes = [f"Z{place:03d}" for place in range(PROVIDERS)]
    cells = {
        "provider": np.repeat(codes, 2).tolist(),
        "month": ["2024-01"] * (2 * PROVIDERS),
        "age_band": list(BANDS) * PROVIDERS,
        "sex": ["1"] * (2 * PROVIDERS),
    }
    entries = audited(1)
    cube = cube_of(entries, cells, eligible.reshape(1, -1).astype(np.int64), flagged.reshape(1, -1).astype(np.int64))
    return made_up_audit(cube, entries), apart


def simulate(sets: int, spread: float, case_mix: bool = False) -> dict[str, OutlierCounts]:
    """Count true and false outliers over several sets, by method of overdispersion, and for crude rates."""
    counts = {name: OutlierCounts() for name in (*OVERDISPERSION, "winsorised, crude rates", "none, crude rates")}
    for seed in range(sets):
        audit, apart = providers(seed, spread, case_mix)
        for name in OVERDISPERSION:
            counts[name].add(with_settings(audit, Settings(overdispersion=name)).providers["signal"], apart)
        crude = audit.providers.with_columns(
            pl.col("eligible") * (pl.col("flagged").sum() / pl.col("eligible").sum()), pl.col("flagged").fill_null(4)
        )
        for name in ("winsorised", "none"):
            tau2 = between_variance(crude["flagged"], crude["eligible"]) if name == "winsorised" else 0
            counts[f"{name}, crude rates"].add(count_signals(crude["flagged"], crude["eligible"], tau2), apart)
    return counts
