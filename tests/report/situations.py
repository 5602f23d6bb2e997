"""Audits of made-up situations: one provider does more, coding is poor, counts are rare, the rate changes."""

import numpy as np
import polars as pl

import ebi_rules as ebi

MONTHS = 36
PROVIDERS = 20


def made_up_audit(
    share: np.ndarray | float = 0.05,
    later: np.ndarray | float = 1.0,
    coded: np.ndarray | None = None,
    rows: int = 200,
    seed: int = 1,
    changes: int = 24,
    names: dict[str, str] | None = None,
) -> ebi.Audit:
    """Return an audit of made-up outpatients.

    Args:
        share: The share in scope, of all providers or of each.
        later: By how much the share is multiplied after the change, of all providers or of each.
        coded: The share of rows with any procedure, by provider; None for all.
        rows: Rows a provider and month.
        seed: The seed of the random numbers.
        changes: The month from which on the share is another.
        names: Names of providers.
    """
    rng = np.random.default_rng(seed)
    number = PROVIDERS * MONTHS * rows
    provider = np.repeat(np.arange(PROVIDERS), MONTHS * rows)
    month = np.tile(np.repeat(np.arange(MONTHS), rows), PROVIDERS)
    chance = np.broadcast_to(share, PROVIDERS)[provider] * np.where(
        month >= changes, np.broadcast_to(later, PROVIDERS)[provider], 1.0
    )
    in_scope = rng.random(number) < chance
    has_code = rng.random(number) < (coded if coded is not None else np.ones(PROVIDERS))[provider]
    months = pl.Series(month)
    frame = pl.DataFrame(
        {
            "OPA_Ident": range(number),
            "Der_Provider_Code": [f"ZZ{place:02d}" for place in provider],
            "Appointment_Date": pl.select(
                pl.date(2022 + (months + 3) // 12, (months + 3) % 12 + 1, pl.lit(15))
            ).to_series(),
            "Der_Procedure_All": pl.select(
                pl.when(pl.Series(in_scope)).then(pl.lit("||U055")).when(pl.Series(has_code)).then(pl.lit("||X384"))
            ).to_series(),
            "Der_Diagnosis_All": "||M545",
            "Age_at_Start_of_Episode_SUS": rng.integers(20, 80, number),
            "Sex": rng.choice(["1", "2"], number),
            "Administrative_Category": "01",
        }
    )
    return ebi.audit(frame, "2S", settings=ebi.Settings(compare_unfit=True, names=names or {}))
