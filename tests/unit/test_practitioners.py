"""Consultants and referrers: pseudonyms of one run, and only those of whom enough is expected."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.practitioners import CAUTION
from ebi_rules.provider_audit.settings import Settings

ROWS = 6000


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """Give four consultants, one of whom has few patients and one none in scope."""
    codes = ["ZZ9001"] * 50 + ["ZZ9002"] * 2500 + ["ZZ9003"] * 2450 + ["ZZ9004"] * 1000
    imaging = [place % (1000 if code == "ZZ9004" else 10) == 5 for place, code in enumerate(codes)]
    return pl.DataFrame(
        {
            "OPA_Ident": range(ROWS),
            "Der_Provider_Code": "ZZ1",
            "Consultant_Code": codes,
            "Der_Procedure_All": ["||U055" if held else None for held in imaging],
            "Der_Diagnosis_All": pl.Series([None] * ROWS, dtype=pl.String),
            "Administrative_Category": "01",
            "Attendance_Status": "5",
            "Age_at_Start_of_Episode_SUS": 50,
        }
    )


def _consultants(frame: pl.DataFrame, **settings: object) -> pl.DataFrame:
    found = ebi.audit(frame, ["2S"], by=["consultant"], settings=Settings("none", **settings))  # type: ignore[arg-type]
    assert CAUTION in found.warnings
    return found.grouped("consultant")


def test_codes_are_pseudonyms_of_one_run(frame: pl.DataFrame, tmp_path: Path) -> None:
    found = ebi.audit(frame, ["2S"], by=["consultant"])
    found.write(tmp_path / "out")
    written = "".join(file.read_text() for file in (tmp_path / "out").iterdir())
    assert "ZZ900" not in written
    assert set(found.cube["consultant"].cast(pl.String)) == {f"consultant {place}" for place in range(1, 5)}
    orders = {tuple(_consultants(frame)["eligible"]) for _ in range(40)}
    assert len(orders) > 1, "the order is drawn anew"


def test_codes_are_shown_when_that_is_asked(frame: pl.DataFrame) -> None:
    table = _consultants(frame, real_codes=True)
    assert table["consultant"].to_list() == ["ZZ9002", "ZZ9003", "ZZ9004"]


def test_only_those_of_whom_enough_is_expected_are_shown(frame: pl.DataFrame) -> None:
    table = _consultants(frame, real_codes=True, fewest_expected=5)
    expected = dict(table.select("consultant", "expected").iter_rows())
    assert "ZZ9001" not in expected
    assert expected["ZZ9004"] > 50, "none in scope does not hide one of whom much is expected"
    high = _consultants(frame, real_codes=True, fewest_expected=150)
    assert high["consultant"].to_list() == ["ZZ9002", "ZZ9003"]
    with pytest.raises(ebi.UsageError, match="--fewest-expected: at least 5"):
        Settings(fewest_expected=2)


def test_a_cube_has_pseudonyms_too(frame: pl.DataFrame, tmp_path: Path) -> None:
    exact = ebi.audit(frame, ["2S"], by=["consultant"], settings=Settings(real_codes=True)).cube
    found = ebi.audit_cube(exact)
    assert not set(found.cube["consultant"].drop_nulls().cast(pl.String)) & {"ZZ9001", "ZZ9002"}
    assert CAUTION in found.warnings
    assert found.cube.drop("consultant")["count"].sum() == exact["count"].sum()


def test_without_practitioners_there_is_no_caution(frame: pl.DataFrame) -> None:
    assert CAUTION not in ebi.audit(frame, ["2S"]).warnings


def test_referrers_are_named_by_a_column(frame: pl.DataFrame) -> None:
    found = ebi.audit(
        frame.rename({"Consultant_Code": "Who"}),
        ["2S"],
        by=["referrer"],
        overrides={"referrer": "Who"},
        disclosure="none",
    )
    assert all(name.startswith("referrer ") for name in found.grouped("referrer")["referrer"])
