"""Like with like: which providers are compared, and within what."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.comparability import distances
from ebi_rules.provider_audit.settings import Settings

ALL = "all providers"


def trusts(eye_hospital_flags: int) -> pl.DataFrame:
    """Four trusts that scan 2% and see all functions, and an eye hospital that sees eyes and scans hardly anybody."""
    rows = []
    for code in ("ZZA", "ZZB", "ZZC", "ZZD", "ZZE"):
        is_eye = code == "ZZE"
        for place in range(2_000):
            function = "130" if is_eye else ("110", "130", "300", "410")[place % 4]
            flagged = place < (eye_hospital_flags if is_eye else 40)
            rows.append((code, "U055" if flagged else None, function))
    frame = pl.DataFrame(
        rows, schema=["Der_Provider_Code", "Der_Procedure_All", "Treatment_Function_Code"], orient="row"
    )
    return frame.with_columns(
        OPA_Ident=pl.int_range(pl.len()),
        Appointment_Date=pl.date(2024, 1, 28),
        Der_Diagnosis_All=pl.lit("M545"),
        Administrative_Category=pl.lit("01"),
        Age_at_Start_of_Episode_SUS=pl.lit(45),
        Sex=pl.lit("1"),
    )


def test_an_eye_hospital_among_trusts_is_not_judged_and_is_no_part_of_the_standard() -> None:
    exact = Settings(disclosure="none", overdispersion="none")
    table = ebi.audit(trusts(0), "2S", settings=exact).providers
    eye = table.filter(provider="ZZE").row(0, named=True)
    assert eye["not_judged"] == "not comparable: other treatment functions"
    assert eye["signal"] is None
    others = table.filter(pl.col("provider") != "ZZE")
    assert others["expected"].to_list() == [40.0] * 4, "the eye hospital does not lower what is expected of others"
    assert others["signal"].null_count() == 4
    judged = ebi.audit(trusts(0), "2S", settings=replace(exact, most_different=1)).providers
    assert judged.filter(provider="ZZE")["signal"].to_list() == ["below_998"]
    assert judged["expected"].to_list() == [32.0] * 5


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_a_rule_may_say_within_what_it_compares(tmp_path: Path, engine: str) -> None:
    text = Path("ebi_rules/data/catalogue/2S_lower_back_imaging.toml").read_text(encoding="utf-8")
    within = "compare_within = \"treatment_function IN ('110', '410')\"\n\n[codes"
    (tmp_path / "rule.toml").write_text(text.replace("[codes", within, 1), encoding="utf-8")
    path = tmp_path / "opa.parquet"
    trusts(0).write_parquet(path)
    result = ebi.audit(ebi.open(path, engine=engine), tmp_path / "rule.toml", settings=Settings(disclosure="none"))
    trust = result.providers.filter(provider="ZZA").row(0, named=True)
    assert (trust["eligible"], trust["flagged"], trust["comparable"], trust["compared"]) == (2_000, 40, 1_000, 20)
    assert trust["rate_per_1000_eligible"] == 20.0
    assert trust["expected"] == 20.0
    assert trust["standardised_ratio"] == 1.0
    eye = result.providers.filter(provider="ZZE").row(0, named=True)
    assert eye["not_judged"].startswith("not comparable")


@pytest.mark.parametrize(("shared", "comparable"), [(0.30, True), (0.24, False)])
def test_half_of_the_mix_may_be_other(shared: float, comparable: bool) -> None:
    """Of a specialist's activity this share is in each of two of four functions, and the rest in a third."""
    frame = trusts(40).with_row_index()
    place = pl.int_range(pl.len()).over("Der_Provider_Code") / 2_000
    mix = (
        pl.when(place < shared)
        .then(pl.lit("110"))
        .when(place < 2 * shared)
        .then(pl.lit("300"))
        .otherwise(pl.lit("999"))
    )
    is_specialist = pl.col("Der_Provider_Code") == "ZZE"
    changed = frame.with_columns(
        Treatment_Function_Code=pl.when(is_specialist).then(mix).otherwise("Treatment_Function_Code")
    ).drop("index")
    audit = ebi.audit(changed, "2S", settings=Settings(disclosure="none"))
    distance = dict(distances(audit.tables.counts).iter_rows())["ZZE"]
    # The others have a quarter in each of four functions.
    by_hand = (abs(shared - 0.25) * 2 + 0.25 * 2 + (1 - 2 * shared)) / 2
    assert distance == pytest.approx(by_hand, abs=0.001)
    assert (by_hand <= 0.5) == comparable
    reason = audit.providers.filter(provider="ZZE")["not_judged"].item()
    assert (reason is None) == comparable


def test_little_within_what_is_compared_is_not_judged(tmp_path: Path) -> None:
    text = Path("ebi_rules/data/catalogue/2S_lower_back_imaging.toml").read_text(encoding="utf-8")
    within = "compare_within = \"treatment_function IN ('110', '410')\"\n\n[codes"
    (tmp_path / "rule.toml").write_text(text.replace("[codes", within, 1), encoding="utf-8")
    settings = Settings(disclosure="none", most_different=1)
    few = pl.when(pl.col("Der_Provider_Code") == "ZZE", pl.int_range(pl.len()).over("Der_Provider_Code") < 199)
    frame = trusts(0).with_columns(
        few.then(pl.lit("110")).otherwise("Treatment_Function_Code").alias("Treatment_Function_Code")
    )
    reason = ebi.audit(frame, tmp_path / "rule.toml", settings=settings).providers.filter(provider="ZZE")["not_judged"]
    assert reason.to_list() == ["not comparable: little of its activity is compared"]


def test_case_mix_can_be_adjusted_for_treatment_function() -> None:
    settings = Settings(disclosure="none", adjust=("treatment_function",), casemix="strata", most_different=1)
    frame = trusts(0).with_columns(
        Der_Procedure_All=pl.when(pl.col("Treatment_Function_Code") == "110").then(pl.lit("U055"))
    )
    table = ebi.audit(frame, "2S", settings=settings).providers
    assert table["expected"].to_list() == [500.0] * 4 + [0.0]
