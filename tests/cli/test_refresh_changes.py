"""What a refresh reports to have changed since the last run, and why."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import read_cube
from ebi_rules.results import refresh as refresh_module
from tests.cli.refreshing import DAY, SETTINGS, Refresh, exact_cube, until
from tests.unit.small_rule import rule_text


def test_a_restated_month_is_found_and_named(refresh: Refresh, everything: pl.DataFrame, tmp_path: Path) -> None:
    everything.write_parquet("opa.parquet")
    refresh(settings=SETTINGS)
    restated = everything.filter(DAY.is_null() | ~DAY.is_between(date(2024, 6, 1), date(2024, 6, 20)))
    restated.write_parquet("opa.parquet")
    summary = refresh()
    why = "as the activity or the coding of that month has changed"
    assert summary["counted_again"] == f"the months from 2024-06 on, {why}"
    assert "2024-06" in summary["changed_months"]
    assert read_cube(tmp_path / "exact" / f"{summary['run']}.parquet").equals(exact_cube(restated))
    changes = pl.read_csv(tmp_path / "runs" / summary["run"] / "changes.csv", infer_schema=False)
    of_june = changes.filter(rule="2S_lower_back_imaging", provider="all providers", month="2024-06").row(0, named=True)
    assert of_june["why"] == "restated" and int(of_june["eligible"]) < int(of_june["eligible_before"])
    assert any("2S_lower_back_imaging (restated): June 2024" in text for text in summary["changes"])
    causes = changes.filter(pl.col("month") != "2024-06")["why"].unique().to_list()
    assert set(causes) <= {"hidden in one run"}


def test_every_changed_count_and_no_other_is_in_the_file(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.write_parquet("opa.parquet")
    first = refresh(settings=SETTINGS + 'disclosure = "none"\n')
    everything.filter(pl.int_range(pl.len()) % 7 != 0).write_parquet("opa.parquet")
    second = refresh()
    tables = [
        pl.read_csv(tmp_path / "runs" / each["run"] / "trend.csv").select(
            "rule", "provider", "month", "eligible", "flagged"
        )
        for each in (first, second)
    ]
    keys = ["rule", "provider", "month"]
    expected = tables[0].join(tables[1], on=keys, how="full", coalesce=True, nulls_equal=True, suffix="_now")
    other = expected.filter(
        pl.col("eligible").ne_missing(pl.col("eligible_now")) | pl.col("flagged").ne_missing(pl.col("flagged_now"))
    )
    changes = pl.read_csv(tmp_path / "runs" / second["run"] / "changes.csv")
    assert changes.height == other.height > 100
    assert set(changes.select(keys).iter_rows()) == set(other.select(keys).iter_rows())


@pytest.mark.parametrize(
    ("settings", "cause", "again"),
    [
        (SETTINGS + 'by = "referral_source"\n', "other settings: options", "everything, as the fields to count by"),
        (SETTINGS + 'merge-providers = "m.csv"\n', "other settings: options", "everything, as the merged providers"),
        (SETTINGS + 'variant = "attended"\n', "was changed", "everything, as the variant"),
        (SETTINGS + "xlsx = true\n", "the settings have changed", "the last months"),
        (SETTINGS.replace("[audit]", 'recount = "all"\n[audit]'), "the settings have changed", "the settings ask"),
    ],
)
def test_other_settings_are_named_as_the_cause(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path, settings: str, cause: str, again: str
) -> None:
    everything.write_parquet("opa.parquet")
    (tmp_path / "m.csv").write_text("old,new\nZZ0,ZZ1\n")
    refresh(settings=SETTINGS)
    summary = refresh(settings=settings)
    assert any(cause in text for text in summary["reasons"]), summary["reasons"]
    assert again in summary["counted_again"]


def _own_rule(folder: Path) -> tuple[Path, str]:
    """Return the file of a rule whose codes differ from those of `rule_text`, and settings that run it alone."""
    (folder / "own").mkdir()
    file = folder / "own" / "mine.toml"
    file.write_text(rule_text("my_imaging", spine='["U055", "U133"]'))
    return file, 'extract = "opa.parquet"\n[audit]\nrules = "own"\nrule = ["my_imaging"]\ndisclosure = "none"\n'


def test_a_rule_that_was_edited_and_another_version_are_named(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything.write_parquet("opa.parquet")
    file, settings = _own_rule(tmp_path)
    before = refresh(settings=settings)
    file.write_text(rule_text("my_imaging"))
    after = refresh()
    assert after["reasons"] == ["my_imaging was changed: its criteria"]
    assert after["counted_again"].startswith("everything, as the rules differ")
    assert before["rules"][0]["flagged"] > after["rules"][0]["flagged"]
    changes = pl.read_csv(tmp_path / "runs" / after["run"] / "changes.csv")
    assert changes["why"].unique().to_list() == ["rule changed"]

    monkeypatch.setattr(refresh_module, "__version__", "9.9.9")
    monkeypatch.setattr("ebi_rules.results.run_record.__version__", "9.9.9")
    upgraded = refresh()
    assert upgraded["counted_again"].startswith("everything, as the version of ebi-rules")
    assert any("9.9.9 now" in text for text in upgraded["reasons"])


def test_counts_shown_in_another_way_are_not_compared(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    """A count rounded in one way and in another together tell more than each."""
    until(everything, date(2026, 3, 1)).write_parquet("opa.parquet")
    refresh(settings=SETTINGS)
    everything.write_parquet("opa.parquet")
    summary = refresh(settings=SETTINGS + 'disclosure = "midpoint6"\n')
    changes = pl.read_csv(tmp_path / "runs" / summary["run"] / "changes.csv")
    assert changes["change"].unique().to_list() == ["new month"]
    assert any("shown in another way" in text for text in summary["changes"])


def test_hidden_counts_stay_hidden(refresh: Refresh, everything: pl.DataFrame, tmp_path: Path) -> None:
    """Every figure in the file of changes stands in the table of one of the two runs."""
    everything.write_parquet("opa.parquet")
    runs = [refresh(settings=SETTINGS)]
    everything.filter(pl.int_range(pl.len()) % 11 != 0).write_parquet("opa.parquet")
    runs.append(refresh())
    shown = [{row[:3]: row[3:] for row in _trend(tmp_path / "runs" / each["run"]).iter_rows()} for each in runs]
    changes = pl.read_csv(tmp_path / "runs" / runs[1]["run"] / "changes.csv", infer_schema=False)
    for row in changes.iter_rows(named=True):
        key = (row["rule"], row["provider"], row["month"])
        assert shown[0].get(key, (None, None)) == (row["eligible_before"], row["flagged_before"])
        assert shown[1].get(key, (None, None)) == (row["eligible"], row["flagged"])
    assert changes.height > 50
    # A count that is hidden in both, by whichever sign, has not changed as far as anybody may see.
    alike = [pl.col(name).str.replace(r"^\*+$", "*") for name in ("eligible", "flagged")]
    before = [pl.col(f"{name}_before").str.replace(r"^\*+$", "*") for name in ("eligible", "flagged")]
    same = [now.eq_missing(then) for now, then in zip(alike, before, strict=True)]
    assert changes.filter(pl.all_horizontal(same)).is_empty()


def _trend(folder: Path) -> pl.DataFrame:
    table = pl.read_csv(folder / "trend.csv", infer_schema=False)
    return table.select("rule", "provider", "month", "eligible", "flagged")


@pytest.mark.parametrize("is_restated", [False, True])
def test_nothing_is_said_of_a_count_that_one_run_hides(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path, is_restated: bool
) -> None:
    """If it were said that it has not changed, the count that is shown would be the hidden one."""
    everything.write_parquet("opa.parquet")
    first = refresh(settings=SETTINGS)
    trend = tmp_path / "runs" / first["run"] / "trend.csv"
    table = pl.read_csv(trend, infer_schema=False)
    is_one = (pl.col("provider") == "all providers") & (pl.col("rule") == "2S_lower_back_imaging")
    of_all = table.filter(is_one, pl.col("flagged").str.contains(r"^[1-9]\d*$"))
    month = of_all["month"][0]
    is_one &= pl.col("month") == month
    table.with_columns(pl.when(is_one).then(pl.lit("**")).otherwise("flagged").alias("flagged")).write_csv(trend)
    if is_restated:
        is_flagged = ebi.rule("2S").expr(layout="ncdr-opa") & (DAY.dt.strftime("%Y-%m") == month)
        codes = pl.when(is_flagged).then(pl.lit("||X403")).otherwise("Der_Procedure_All")
        everything.with_columns(codes.alias("Der_Procedure_All")).write_parquet("opa.parquet")
    second = refresh("--again")
    changes = pl.read_csv(tmp_path / "runs" / second["run"] / "changes.csv", infer_schema=False)
    of_all = changes.filter(provider="all providers", rule="2S_lower_back_imaging")
    assert of_all.select("month", "why", "flagged_before").rows() == [(month, "hidden in one run", "**")]
    assert any("1 count is hidden in one of the two runs" in text for text in second["changes"])
    assert (
        "No count of an earlier month that both runs show, of all providers together, has changed." in second["changes"]
    )
    assert second["changed_months"] == []


def test_two_causes_are_both_named_where_both_can_be(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.write_parquet("opa.parquet")
    file, settings = _own_rule(tmp_path)
    refresh(settings=settings)
    file.write_text(rule_text("my_imaging"))
    everything.filter(DAY.is_null() | ~DAY.is_between(date(2024, 6, 1), date(2024, 6, 20))).write_parquet("opa.parquet")
    summary = refresh()
    changes = pl.read_csv(tmp_path / "runs" / summary["run"] / "changes.csv")
    june = pl.col("month") == "2024-06"
    assert set(changes.filter(june)["why"]) == {"restated or rule changed"}
    assert set(changes.filter(~june)["why"]) == {"rule changed"}


def test_merged_providers_and_dates_that_cannot_be_are_no_restatement(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_text("old,new\nZZ0,ZZ1\n")
    wrong = everything.head(3).with_columns(pl.lit(date(1900, 1, 1)).alias("Appointment_Date"))
    rows = pl.concat([wrong, everything.slice(3)])
    rows.filter(date(2026, 3, 1) > DAY).write_parquet("opa.parquet")
    refresh(settings=SETTINGS + 'merge-providers = "m.csv"\n')
    rows.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["counted_again"] == "the last months" and summary["new_months"] == ["2026-03"]


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.needs("DuckDB"))])
def test_late_coding_of_an_old_month_is_found(
    refresh: Refresh, everything: pl.DataFrame, tmp_path: Path, engine: str
) -> None:
    """The activity was there, and its codes came months later."""
    in_june = DAY.is_between(date(2024, 6, 1), date(2024, 6, 20))
    codes = pl.col("Der_Procedure_All")
    everything.with_columns(pl.when(in_june).then(None).otherwise(codes).alias(codes.meta.output_name())).write_parquet(
        "opa.parquet"
    )
    refresh(settings=SETTINGS + f'engine = "{engine}"\n')
    everything.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["counted_again"].startswith("the months from 2024-06 on, as the activity or the coding")
    assert read_cube(tmp_path / "exact" / f"{summary['run']}.parquet").equals(exact_cube(everything, engine))


def test_the_screen_says_what_changed_and_why(refresh: Refresh, everything: pl.DataFrame) -> None:
    until(everything, date(2026, 3, 1)).write_parquet("opa.parquet")
    output = refresh(settings=SETTINGS, as_json=False)
    assert "This is the first run." in output and "Wrote runs" in output
    assert "Nothing has changed since the run" in refresh(as_json=False)
    everything.write_parquet("opa.parquet")
    output = refresh(as_json=False)
    assert re.search(r"Since the run 20\S+: opa\.parquet has changed\.", output)
    assert "Counted again: the last months." in output and "New months: March 2026." in output
