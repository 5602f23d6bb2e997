"""No small extract, no option and no method ends an audit in an unexpected error, and every figure may be missing."""

import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules._support.errors import EbiError
from ebi_rules.provider_audit.input_files import read_population
from ebi_rules.provider_audit.star_schema import star_schema

BY = ("commissioner", "ethnic_category", "imd_decile", "gp_practice", "referral_setting", "treatment_function", "site")
ADJUST = ("age_band", "sex", "imd_decile", "ethnic_category", "treatment_function")
BATCHES = 80


def small_extract(rng: np.random.Generator) -> pl.DataFrame:
    """Return an extract of 0 to 60 rows, in which anything may be missing or the same in all rows."""
    rows = int(rng.integers(0, 61))

    def values(*choices: object) -> list[object]:
        kept = rng.choice(len(choices), int(rng.integers(1, len(choices) + 1)), replace=False)
        return [choices[place] for place in rng.choice(kept, rows)]

    months = int(rng.integers(1, 40))
    places = rng.integers(0, months, rows)
    known = [f"{2022 + place // 12}-{place % 12 + 1:02d}-{rng.integers(1, 29):02d}" for place in places]
    days = [None if rng.random() < 0.05 else day for day in known]
    return (
        pl.DataFrame(
            {
                "OPA_Ident": range(rows),
                "Der_Provider_Code": values("ZZ1", "ZZ2", "ZZ3", None),
                "Der_Provider_Site_Code": values("ZZ1A", "ZZ2A", None),
                "Appointment_Date": days,
                "Der_Procedure_All": values("||U055", "||U135,Z665", "||X384", None),
                "Der_Diagnosis_All": values("||M545", "||C509", None),
                "Administrative_Category": values("01", "02", None),
                "Attendance_Status": values("5", "3", None),
                "Age_at_Start_of_Episode_SUS": values(10, 30, 50, 85, None),
                "Sex": values("1", "2", None),
                "OPA_Referral_Source": values("03", "05", "97", None),
                "Ethnic_Category": values("A", "B", "Z", None),
                "Treatment_Function_Code": values("110", "130", None),
                "Der_Commissioner_Code": values("ZZC1", "ZZC2"),
                "GP_Practice_Code": values("ZZ01", "ZZ02", None),
                "Index_of_Multiple_Deprivation_Decile": values(1, 5, 10, None),
            },
            strict=False,
            schema_overrides={
                "Age_at_Start_of_Episode_SUS": pl.Int64,
                "Index_of_Multiple_Deprivation_Decile": pl.Int64,
            },
        )
        .with_columns(pl.col(pl.Null).cast(pl.String))
        .with_columns(pl.col("Appointment_Date").str.to_date())
    )


def some(rng: np.random.Generator, names: tuple[str, ...]) -> list[str]:
    """Return some names."""
    return [name for name in names if rng.random() < 0.3]


def audit_of(seed: int, folder: Path) -> ebi.Audit:
    """Return the audit of a random extract with random options."""
    rng = np.random.default_rng(seed)
    population = None
    if rng.random() < 0.2:
        path = folder / "people.csv"
        path.write_text("provider,age_band,sex,count\nZZ1,30-34,1,1000\nZZ1,50-54,2,0\nZZ2,85-89,2,30\n")
        population = read_population(path)
    settings = ebi.Settings(
        variant=str(rng.choice(["default", "as_published"])),
        disclosure=str(rng.choice(["hes", "midpoint6", "none"])),
        adjust=tuple(some(rng, ADJUST)) or ("age_band", "sex"),
        casemix=str(rng.choice(["auto", "strata", "model"])),
        overdispersion=str(rng.choice(["winsorised", "shmi", "cqc", "none"])),
        trim=float(rng.choice([0.0, 0.1, 0.4])),
        baseline=None if rng.random() < 0.7 else int(rng.integers(2, 20)),
        population=population,
        names={"ZZ1": "One"} if rng.random() < 0.3 else {},
        months="2022-02..2023-03" if rng.random() < 0.2 else None,
        providers=("ZZ1",) if rng.random() < 0.2 else (),
    )
    frame = small_extract(rng)
    columns = {"imd_decile": "Index_of_Multiple_Deprivation_Decile"}
    extract = ebi.open(frame, layout="ncdr-opa", columns=columns)
    return ebi.audit(extract, ["2S", "2T"] if settings.variant == "default" else "2S", some(rng, BY), settings)


@pytest.mark.parametrize("batch", [0, *(pytest.param(each, marks=pytest.mark.long) for each in range(1, BATCHES))])
def test_no_small_extract_ends_in_an_unexpected_error(batch: int, tmp_path: Path) -> None:
    """Twenty-five extracts a batch: every table, the page, the files of a release."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(batch * 25, batch * 25 + 25):
            try:
                audit = audit_of(seed, tmp_path)
            except EbiError as error:
                assert "Traceback" not in str(error)
                continue
            if seed % 10 == 0:
                audit.write(tmp_path / f"out{seed}", pack="provider")
            star_schema(audit.tables)
            assert audit._repr_html_()
            for name, table in audit.tables.by_file().items():
                for column in table.select(pl.selectors.float()).columns:
                    assert not table[column].is_nan().any(), (seed, name, column)
                    assert not table[column].is_infinite().any(), (seed, name, column)
            assert repr(audit)
