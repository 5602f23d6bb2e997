"""Before and after on the command line."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from ebi_rules.synth.made_up_extract import write_extract

Run = Callable[..., Result]


@pytest.fixture
def extract(tmp_path: Path) -> str:
    write_extract(tmp_path / "opa.parquet", rows=30_000)
    return "opa.parquet"


def test_a_comparison_says_what_and_writes_it(run: Run, extract: str, tmp_path: Path) -> None:
    rules = ("--rule", "2S", "--rule", "2T")
    output = run("compare", extract, "-o", "out", *rules, "--at", "2024-09", "--control-rule", "2T").output
    assert "2S_lower_back_imaging, before and after 2024-09:" in output
    assert "months after, the rate was" in output and "2T_knee_mri, before" not in output
    assert "too few in scope by month" in output, "the control rule is too rare"
    assert "Wrote out/report.html." in output
    periods = pl.read_csv(tmp_path / "out" / "periods.csv", infer_schema=False)
    assert periods["provider"][0] == "all providers" and periods.height > 30
    assert set(pl.read_csv(tmp_path / "out" / "series.csv")["figure"]) == {"average", "level", "slope", "trend"}
    assert "already exists" in run("compare", extract, "-o", "out", *rules, "--at", "2024-09", code=2).output
    run("compare", extract, "-o", "out", *rules, "--at", "2024-09", "--force")


def test_a_cube_gives_the_same_comparison(run: Run, extract: str, tmp_path: Path) -> None:
    run("audit", extract, "--rule", "2S", "-o", "audit", "--save-cube", "cube.parquet")
    run("compare", extract, "--rule", "2S", "-o", "one", "--at", "2024-09", "--phase-in", "1")
    run("compare", "--from-cube", "cube.parquet", "-o", "two", "--at", "2024-09", "--phase-in", "1")
    for name in ("periods.csv", "series.csv", "months.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_policy_brings_its_own_month(run: Run, tmp_path: Path) -> None:
    write_extract(tmp_path / "opa.parquet", rows=20_000)
    options = ("--rules", "nwl-msk-imaging", "--skip-unavailable", "--immature", "0")
    output = run("compare", "opa.parquet", "-o", "out", *options).output
    assert "before and after 2025-07:" in output and "Only two periods are compared" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["opa.parquet"], "name the month of the change with --at"),
        (["opa.parquet", "--at", "2031-01"], "so nothing is before or after"),
        (["opa.parquet", "--at", "soon"], "write a month such as 2025-07"),
        (["opa.parquet", "--at", "2024-09", "--treated", "QQQ"], "no provider 'QQQ'"),
        (["--at", "2024-09"], "name either an extract, or a cube"),
        (["--from-cube", "c.parquet", "--at", "2024-09", "--layout", "hes-op"], "--layout: only for an extract"),
    ],
)
def test_wrong_options_are_errors(run: Run, extract: str, arguments: list[str], message: str) -> None:
    assert message in run("compare", *arguments, "--rule", "2S", "-o", "out", code=2).output
    assert not Path("out").exists() and extract
