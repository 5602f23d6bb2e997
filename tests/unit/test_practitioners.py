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
    """Return the activity of four consultants: one has few patients, and one has none in scope."""
    codes = ["ZZ9001"] * 50 + ["ZZ9002"] * 2500 + ["ZZ9003"] * 2450 + ["ZZ9004"] * 1000
    is_imaging = [place % (1000 if code == "ZZ9004" else 10) == 5 for place, code in enumerate(codes)]
    return pl.DataFrame(
        {
            "OPA_Ident": range(ROWS),
            "Der_Provider_Code": "ZZ1",
            "Consultant_Code": codes,
            "Der_Procedure_All": ["||U055" if imaging else None for imaging in is_imaging],
            "Der_Diagnosis_All": pl.Series([None] * ROWS, dtype=pl.String),
            "Administrative_Category": "01",
            "Attendance_Status": "5",
            "Age_at_Start_of_Episode_SUS": 50,
        }
    )


def _consultants(frame: pl.DataFrame, **settings: object) -> pl.DataFrame:
    shown = Settings(disclosure="none", **settings)  # type: ignore[arg-type]
    result = ebi.audit(frame, "2S", by=["consultant"], settings=shown)
    assert CAUTION in result.warnings
    return result.grouped("consultant")


def _cases_by_pseudonym(audit: ebi.Audit) -> list[int]:
    """Return the activity of each consultant, in the order of their names."""
    activity = audit.exact_cube.filter(pl.col("measure") == "activity").group_by("consultant").agg(pl.sum("count"))
    return activity.sort(pl.col("consultant").cast(pl.String))["count"].to_list()


def test_codes_are_pseudonyms_of_one_run(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = ebi.audit(frame, "2S", by=["consultant"])
    result.write(tmp_path / "out")
    written = "".join(file.read_text() for file in (tmp_path / "out").iterdir())
    assert "ZZ900" not in written
    assert set(result.exact_cube["consultant"].cast(pl.String)) == {f"consultant {place}" for place in range(1, 5)}
    cases = _cases_by_pseudonym(result)
    assert sorted(cases) == [50, 1000, 2450, 2500], "all four can be told apart"
    orders = {tuple(cases), *(tuple(_cases_by_pseudonym(ebi.audit(frame, "2S", by=["consultant"]))) for _ in range(7))}
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
    with pytest.raises(ebi.UsageError, match="--fewest-expected must be at least 5"):
        Settings(fewest_expected=2)


def test_a_cube_has_pseudonyms_too(frame: pl.DataFrame, tmp_path: Path) -> None:
    exact = ebi.audit(frame, ["2S"], by=["consultant"], settings=Settings(real_codes=True)).exact_cube
    result = ebi.audit_cube(exact)
    assert not set(result.exact_cube["consultant"].drop_nulls().cast(pl.String)) & {"ZZ9001", "ZZ9002"}
    assert CAUTION in result.warnings
    assert result.exact_cube.drop("consultant")["count"].sum() == exact["count"].sum()


def test_without_practitioners_there_is_no_caution(frame: pl.DataFrame) -> None:
    assert CAUTION not in ebi.audit(frame, ["2S"]).warnings


def test_referrers_are_named_by_a_column(frame: pl.DataFrame) -> None:
    extract = ebi.open(frame.rename({"Consultant_Code": "Who"}), columns={"referrer": "Who"})
    result = ebi.audit(extract, ["2S"], by=["referrer"], settings=Settings(disclosure="none"))
    assert all(name.startswith("referrer ") for name in result.grouped("referrer")["referrer"])
