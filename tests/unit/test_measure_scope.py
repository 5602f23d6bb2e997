"""Months and providers choose index activities, and what came before and after is still looked for everywhere."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.synth.made_up_people import EXTRACTS, write_population

EXACT = ebi.Settings(disclosure="none")
MONTHS = "2022-04..2023-03"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("people") / "population"
    write_population(folder, 3000, seed=6)
    return [folder / f"{name}.parquet" for name in EXTRACTS]


@pytest.fixture(scope="module")
def whole(people: list[Path]) -> ebi.MeasureResult:
    return ebi.run_measures(people, settings=EXACT)


@pytest.fixture(scope="module")
def part(people: list[Path]) -> ebi.MeasureResult:
    return ebi.run_measures(people, settings=ebi.Settings(disclosure="none", months=MONTHS, providers=("zz1", "ZZ2")))


def test_the_part_is_that_of_the_months_and_providers(whole: ebi.MeasureResult, part: ebi.MeasureResult) -> None:
    in_months = pl.col("month").is_between(pl.lit("2022-04"), pl.lit("2023-03"))
    by_month = whole.table("trend").filter(in_months, pl.col("provider").is_in(["ZZ1", "ZZ2"]))
    expected = dict(by_month.group_by("measure").agg(pl.col("followed", "outcome").sum()).rows_by_key("measure"))
    shares = part.shares.filter(provider="all providers")
    assert shares["followed"].sum() > 100
    for row in shares.iter_rows(named=True):
        assert [(row["followed"], row["outcome"])] == expected.get(row["measure"], [(0, 0)]), row["measure"]
    assert set(part.shares["provider"]) <= {"all providers", "ZZ1", "ZZ2"}


def test_waits_numbers_and_flows_are_of_the_part_too(whole: ebi.MeasureResult, part: ebi.MeasureResult) -> None:
    for name in ("waits", "spread"):
        table = getattr(part.tables, name)
        in_all = getattr(whole.tables, name)
        assert table.height and set(table["provider"]) == {"ZZ1", "ZZ2"}
        assert table["month"].min() >= "2022-04" and table["month"].max() <= "2023-03"
        of_all = in_all.filter(
            pl.col("provider").is_in(["ZZ1", "ZZ2"]), pl.col("month").is_between(pl.lit("2022-04"), pl.lit("2023-03"))
        )
        assert table["count"].sum() == of_all["count"].sum()
    quarters = part.table("flow_quarters")["quarter"].unique().sort().to_list()
    assert quarters == ["2022-04 to 2022-06", "2022-07 to 2022-09", "2022-10 to 2022-12", "2023-01 to 2023-03"]
    assert set(part.table("flow_stages")["provider"]) == {"all providers", "ZZ1", "ZZ2"}
    assert part.tables.contacts.is_empty() and not whole.tables.contacts.is_empty()
    said = " ".join(part.tables.warnings)
    assert "quarters that lie within the months as a whole" in said and "contacts by attendance status" in said
    assert part.run["options"]["months"] == (202204, 202303) and part.run["options"]["providers"] == ("ZZ1", "ZZ2")


def test_a_provider_without_activity_is_named(people: list[Path]) -> None:
    settings = ebi.Settings(disclosure="none", providers=("ZZ1", "RXX"))
    result = ebi.run_measures(people[:2], "did_not_attend", settings=settings)
    assert "there is no index activity of the provider RXX." in result.tables.warnings


@pytest.mark.parametrize("settings", [{"providers": ("RXX",)}, {"months": "2035-01"}])
def test_nothing_left_is_an_error(people: list[Path], settings: dict[str, object]) -> None:
    with pytest.raises(ebi.ExtractError, match="no index activity in these months"):
        ebi.run_measures(people[:2], "did_not_attend", settings=ebi.Settings(**settings))  # type: ignore[arg-type]


def test_a_workbook_has_every_table(part: ebi.MeasureResult, tmp_path: Path) -> None:
    part.write(tmp_path / "out", xlsx=True)
    part.write(tmp_path / "out", force=True, xlsx=True)
    assert (tmp_path / "out" / "measures.xlsx").stat().st_size > 10_000
