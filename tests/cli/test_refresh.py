"""A monthly refresh: what is counted, what is kept, and what is said to have moved, and why."""

import json
import textwrap
from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result
from filelock import FileLock

import ebi_rules as ebi
from ebi_rules._support.output_lock import scratch_path
from ebi_rules.cube import read_cube
from ebi_rules.results import refresh as refresh_module
from ebi_rules.synth.made_up_extract import write_extract
from tests.unit.small_rule import rule_text

Run = Callable[..., Result]

_DAY = pl.col("Appointment_Date")
_SETTINGS = """
extract = "opa.parquet"
[audit]
rule = ["2S", "2T"]
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    path = tmp_path_factory.mktemp("refresh") / "opa.parquet"
    write_extract(path, 8_000, 3)
    return pl.read_parquet(path)


@pytest.fixture
def refresh(run: Run, no_report: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run a refresh, a day after the one before, and return its summary."""
    days = count(1_795_000_000, 86_400)

    def invoke(*options: str, settings: str | None = None, code: int = 0) -> Any:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(next(days)))
        if settings is not None:
            (tmp_path / "ebi-rules.toml").write_text(settings, encoding="utf-8")
        result = run("run", "--json", *options, code=code)
        return json.loads(result.stdout) if code == 0 else result.output

    return invoke


def until(everything: pl.DataFrame, month: date) -> pl.DataFrame:
    return everything.filter(month > _DAY)


def exact_cube(data: pl.DataFrame, engine: str = "polars") -> pl.DataFrame:
    source = ebi.open(data, engine=engine) if engine == "polars" else ebi.open("opa.parquet", engine=engine)
    return ebi.audit(source, ["2S", "2T"], settings=ebi.Settings(disclosure="none")).exact_cube


def test_months_are_added_and_nothing_is_counted_twice(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    until(everything, date(2026, 1, 1)).write_parquet("opa.parquet")
    first = refresh(settings=_SETTINGS)
    assert first["status"] == "counted" and first["since"] is None and first["moved"] == ["This is the first run."]
    assert refresh() == {"status": "unchanged", "since": first["run"]}
    assert len(list((tmp_path / "runs").iterdir())) == 1

    everything.write_parquet("opa.parquet")
    second = refresh()
    assert second["because"] == ["opa.parquet has changed"] and second["counted_again"] == "the last months"
    assert second["new_months"] == ["2026-01", "2026-02", "2026-03"] and second["changed_months"] == []
    assert second["moved"] == [
        "New months: January 2026, February 2026 and March 2026.",
        "No count of an earlier month, of all providers together, has changed.",
    ]
    kept = read_cube(tmp_path / "exact" / f"{second['run']}.parquet")
    assert kept.equals(exact_cube(everything))
    written = {path.name for path in (tmp_path / "runs" / second["run"]).iterdir()}
    assert {"report.html", "run.json", "providers.csv", "changes.csv", "summary.json"} <= written
    assert json.loads((tmp_path / "runs" / second["run"] / "summary.json").read_text()) == second
    assert refresh("--again")["because"] == []


def test_a_restated_month_is_found_and_named(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.write_parquet("opa.parquet")
    refresh(settings=_SETTINGS)
    restated = everything.filter(_DAY.is_null() | ~_DAY.is_between(date(2024, 6, 1), date(2024, 6, 20)))
    restated.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["counted_again"] == "the months from 2024-06 on, as that month has other activity than before"
    assert "2024-06" in summary["changed_months"]
    assert read_cube(tmp_path / "exact" / f"{summary['run']}.parquet").equals(exact_cube(restated))
    changes = pl.read_csv(tmp_path / "runs" / summary["run"] / "changes.csv", infer_schema=False)
    of_june = changes.filter(rule="2S_lower_back_imaging", provider="all providers", month="2024-06").row(0, named=True)
    assert of_june["why"] == "restated" and int(of_june["eligible"]) < int(of_june["eligible_before"])
    assert any("2S_lower_back_imaging (restated): June 2024" in text for text in summary["moved"])
    causes = changes.filter(pl.col("month") != "2024-06")["why"].unique().to_list()
    assert set(causes) <= {"disclosure control"}


def test_every_changed_count_and_no_other_is_in_the_file(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.write_parquet("opa.parquet")
    first = refresh(settings=_SETTINGS + 'disclosure = "none"\n')
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
        (_SETTINGS + 'by = "referral_source"\n', "other settings: options", "everything, as the fields to count by"),
        (_SETTINGS + 'merge-providers = "m.csv"\n', "other settings: options", "everything, as the merged providers"),
        (_SETTINGS + 'variant = "attended"\n', "was changed", "everything, as the variant"),
        (_SETTINGS + "xlsx = true\n", "the settings have changed", "the last months"),
        (_SETTINGS.replace("[audit]", 'recount = "all"\n[audit]'), "the settings have changed", "the settings ask"),
    ],
)
def test_other_settings_are_named_as_the_cause(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path, settings: str, cause: str, again: str
) -> None:
    everything.write_parquet("opa.parquet")
    (tmp_path / "m.csv").write_text("old,new\nZZ0,ZZ1\n")
    refresh(settings=_SETTINGS)
    summary = refresh(settings=settings)
    assert any(cause in text for text in summary["because"]), summary["because"]
    assert again in summary["counted_again"]


def test_a_rule_that_was_edited_and_another_version_are_named(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything.write_parquet("opa.parquet")
    (tmp_path / "own").mkdir()
    file = tmp_path / "own" / "mine.toml"
    file.write_text(rule_text("my_imaging", spine='["U055", "U133"]'))
    settings = 'extract = "opa.parquet"\n[audit]\nrules = "own"\nrule = ["my_imaging"]\ndisclosure = "none"\n'
    before = refresh(settings=settings)
    file.write_text(rule_text("my_imaging"))
    after = refresh()
    assert after["because"] == ["my_imaging was changed: its criteria"]
    assert after["counted_again"].startswith("everything, as the rules differ")
    assert before["rules"][0]["flagged"] > after["rules"][0]["flagged"]
    changes = pl.read_csv(tmp_path / "runs" / after["run"] / "changes.csv")
    assert changes["why"].unique().to_list() == ["rule changed"]

    monkeypatch.setattr(refresh_module, "__version__", "9.9.9")
    monkeypatch.setattr("ebi_rules.results.run_record.__version__", "9.9.9")
    upgraded = refresh()
    assert upgraded["counted_again"].startswith("everything, as the version of ebi-rules")
    assert any("9.9.9 now" in text for text in upgraded["because"])


def test_counts_shown_in_another_way_are_not_compared(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    """A count rounded in one way and in another together tell more than each."""
    until(everything, date(2026, 3, 1)).write_parquet("opa.parquet")
    refresh(settings=_SETTINGS)
    everything.write_parquet("opa.parquet")
    summary = refresh(settings=_SETTINGS + 'disclosure = "midpoint6"\n')
    changes = pl.read_csv(tmp_path / "runs" / summary["run"] / "changes.csv")
    assert changes["change"].unique().to_list() == ["new month"]
    assert any("shown in another way" in text for text in summary["moved"])


def test_hidden_counts_stay_hidden(refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path) -> None:
    """Every figure in the file of changes stands in the table of one of the two runs."""
    everything.write_parquet("opa.parquet")
    runs = [refresh(settings=_SETTINGS)]
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


def test_a_cube_that_was_removed_is_counted_again(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    until(everything, date(2026, 1, 1)).write_parquet("opa.parquet")
    first = refresh(settings=_SETTINGS)
    (tmp_path / "exact" / f"{first['run']}.parquet").unlink()
    everything.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["counted_again"] == "everything, as there is no earlier cube to add to"
    assert summary["new_months"] == ["2026-01", "2026-02", "2026-03"]


@pytest.mark.needs("DuckDB")
def test_a_table_in_a_database_is_always_looked_at(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    until(everything, date(2026, 3, 1)).write_parquet("opa.parquet")
    settings = _SETTINGS + 'engine = "duckdb"\n'
    refresh(settings=settings)
    everything.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["new_months"] == ["2026-03"] and summary["counted_again"] == "the last months"
    assert read_cube(tmp_path / "exact" / f"{summary['run']}.parquet").equals(exact_cube(everything, "duckdb"))


def test_files_of_months_are_named_where_they_are_new(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "extracts").mkdir()
    for start, end in ((1, 3), (3, 7)):
        part = everything.filter(_DAY.is_between(date(2024, start, 1), date(2024, end, 1), closed="left"))
        part.write_parquet(tmp_path / "extracts" / f"{start}.parquet")
        summary = refresh(settings=_SETTINGS.replace("opa.parquet", "extracts/*.parquet"))
    assert summary["because"] == [f"{Path('extracts/3.parquet')} is new"]
    assert summary["new_months"] == ["2024-03", "2024-04", "2024-05", "2024-06"]


@pytest.mark.parametrize(
    ("settings", "message", "code"),
    [
        ('extract = "opa.parquet"\nrun = "x"\n', "line 2: run: there is no entry 'run'", 3),
        ('runs = "x"\n', "the entry extract is missing", 3),
        ('extract = ["a.parquet"]\n', "extract: this must be text", 3),
        ('extract = "opa.parquet"\nrecount = -1\n', "recount: this must be a whole number from 0", 3),
        ('extract = "opa.parquet"\naudit = 3\n', "write [audit] on a line of its own", 3),
        (_SETTINGS + "disclosures = 'none'\n", "line 5: audit.disclosures: there is no option of ebi-rules audit", 3),
        (_SETTINGS + "force = true\n", "ebi-rules run sets --force itself", 3),
        (_SETTINGS + 'months = "2024-04"\n', "ebi-rules run sets --months itself", 3),
        (_SETTINGS + 'xlsx = "yes"\n', "audit.xlsx: this must be true or false", 3),
        (_SETTINGS + "names = true\n", "audit.names: this must be text", 3),
        (_SETTINGS + "by = [1]\n", "audit.by: this must be a name", 3),
        (_SETTINGS + 'baseline = "long"\n', "[audit]: Invalid value for '--baseline'", 3),
        (_SETTINGS + 'disclosure = "some"\n', "there is no method 'some'", 2),
        (_SETTINGS + 'release = "ledger.jsonl"\ndisclosure = "none"\n', "exact counts", 2),
        (_SETTINGS.replace("[audit]", 'runs = "a"\nexact = "a/b"\n[audit]'), "overlap", 2),
        (_SETTINGS.replace("[audit]", 'exact = "opa.parquet"\n[audit]'), "overlaps the input", 2),
        (_SETTINGS.replace("[audit]", 'runs = "no/such/place"\n[audit]'), "does not exist", 2),
        ("extract = ", "Invalid value", 3),
    ],
)
def test_wrong_settings_are_refused_and_nothing_is_left(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path, settings: str, message: str, code: int
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    assert message in refresh(settings=settings, code=code).replace("\\", "/")
    left = {path.name for path in tmp_path.iterdir()} - {"opa.parquet", "ebi-rules.toml"}
    assert not [path for name in left for path in (tmp_path / name).rglob("*")]


def test_without_a_file_of_settings_it_says_how_to_make_one(
    refresh: Callable[..., Any], run: Run, everything: pl.DataFrame, tmp_path: Path
) -> None:
    assert "ebi-rules new settings EXTRACT writes one" in refresh(code=2)
    everything.head(2_000).write_parquet("opa.parquet")
    (tmp_path / "deep").mkdir()
    run("new", "settings", "opa.parquet", "-o", "deep/monthly.toml")
    assert refresh("deep/monthly.toml")["status"] == "counted"
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"monthly.toml", "runs", "exact"}
    assert "already exists" in run("new", "settings", "opa.parquet", "-o", "deep/monthly.toml", code=2).output


@pytest.mark.parametrize("name", ["summary.json", "run.json", "trend.csv"])
def test_a_damaged_earlier_run_is_named(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path, name: str
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    first = refresh(settings=_SETTINGS)
    (tmp_path / "runs" / first["run"] / name).write_text("[")
    assert f"{name} of an earlier run cannot be read" in refresh("--again", code=3)
    assert len(list((tmp_path / "exact").iterdir())) == 1


def test_a_run_beside_another_and_a_clock_that_goes_back_are_refused(
    refresh: Callable[..., Any], run: Run, everything: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    refresh(settings=_SETTINGS)
    with FileLock(scratch_path((tmp_path / "runs").resolve()).with_suffix(".lock")):
        assert "another run is writing to" in refresh("--again", code=2)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert "check the clock" in run("run", "--again", code=2).output


def test_a_release_that_is_refused_keeps_neither_figures_nor_cube(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    until(everything, date(2026, 1, 1)).write_parquet("opa.parquet")
    settings = _SETTINGS + 'release = "ledger.jsonl"\n'
    refresh(settings=settings)
    everything.write_parquet("opa.parquet")
    assert "would combine with an earlier release" in refresh(code=2)
    assert len(list((tmp_path / "runs").iterdir())) == len(list((tmp_path / "exact").iterdir())) == 1
    refresh(settings=settings + 'release-override = "agreed by the information governance lead"\n')
    assert "information governance" in (tmp_path / "ledger.jsonl").read_text()


def test_the_screen_says_what_moved(run: Run, everything: pl.DataFrame, tmp_path: Path, no_report: None) -> None:
    everything.head(3_000).write_parquet("opa.parquet")
    (tmp_path / "ebi-rules.toml").write_text(_SETTINGS)
    output = run("run").output
    assert "This is the first run." in output and "Wrote runs" in output
    assert "Nothing has changed since the run" in run("run").output


def test_the_settings_in_the_docs_are_read(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "refresh.md").read_text(encoding="utf-8")
    block = textwrap.dedent(page.split("<!-- settings -->\n")[1].split("<!-- end -->")[0])
    everything.head(2_000).write_parquet("opa.parquet")
    (tmp_path / "names.csv").write_text("code,name\nZZ0,Made-up Hospital\n")
    assert refresh(settings=block)["status"] == "counted"


def test_what_a_killed_run_left_is_removed(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    refresh(settings=_SETTINGS)
    for folder in ("runs", "exact"):
        left = tmp_path / folder / ".ebi-rules-0123456789abcdef"
        left.mkdir()
        (left / "half.csv").write_text("half")
        (tmp_path / folder / ".ebi-rules-0123456789abcdef.lock").write_text("")
    refresh("--again")
    assert not [path for folder in ("runs", "exact") for path in (tmp_path / folder).glob(".ebi-rules-*")]


def test_a_layout_that_was_edited_is_a_change(
    refresh: Callable[..., Any], run: Run, everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.head(2_000).write_parquet("opa.parquet")
    run("new", "layout", "ours")
    settings = _SETTINGS + 'layout = "ours.toml"\n'
    refresh(settings=settings)
    assert refresh()["status"] == "unchanged"
    text = (tmp_path / "ours.toml").read_text()
    (tmp_path / "ours.toml").write_text(text.replace('"Der_Provider_Code"', '"Der_Provider_Site_Code"'))
    summary = refresh()
    assert "ours.toml has changed" in summary["because"]
    assert "the columns" in summary["counted_again"]


def test_a_count_that_is_only_shown_in_another_way_is_due_to_disclosure_control(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.write_parquet("opa.parquet")
    first = refresh(settings=_SETTINGS)
    trend = tmp_path / "runs" / first["run"] / "trend.csv"
    table = pl.read_csv(trend, infer_schema=False)
    is_one = (pl.col("provider") == "all providers") & (pl.col("rule") == "2S_lower_back_imaging")
    of_all = table.filter(is_one, pl.col("flagged").str.contains(r"^[1-9]\d*$"))
    month = of_all["month"][0]
    is_one &= pl.col("month") == month
    table.with_columns(pl.when(is_one).then(pl.lit("**")).otherwise("flagged").alias("flagged")).write_csv(trend)
    second = refresh("--again")
    changes = pl.read_csv(tmp_path / "runs" / second["run"] / "changes.csv", infer_schema=False)
    assert changes.select("month", "why", "flagged_before").rows() == [(month, "disclosure control", "**")]
    assert second["moved"] == ["No count of an earlier month, of all providers together, has changed."]


def test_two_causes_are_both_named_where_both_can_be(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    everything.write_parquet("opa.parquet")
    (tmp_path / "own").mkdir()
    file = tmp_path / "own" / "mine.toml"
    file.write_text(rule_text("my_imaging", spine='["U055", "U133"]'))
    settings = 'extract = "opa.parquet"\n[audit]\nrules = "own"\ndisclosure = "none"\n'
    refresh(settings=settings)
    file.write_text(rule_text("my_imaging"))
    everything.filter(_DAY.is_null() | ~_DAY.is_between(date(2024, 6, 1), date(2024, 6, 20))).write_parquet(
        "opa.parquet"
    )
    summary = refresh()
    changes = pl.read_csv(tmp_path / "runs" / summary["run"] / "changes.csv")
    june = pl.col("month") == "2024-06"
    assert set(changes.filter(june)["why"]) == {"restated or rule changed"}
    assert set(changes.filter(~june)["why"]) == {"rule changed"}


def test_merged_providers_and_dates_that_cannot_be_are_no_restatement(
    refresh: Callable[..., Any], everything: pl.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_text("old,new\nZZ0,ZZ1\n")
    wrong = everything.head(3).with_columns(pl.lit(date(1900, 1, 1)).alias("Appointment_Date"))
    rows = pl.concat([wrong, everything.slice(3)])
    rows.filter(date(2026, 3, 1) > _DAY).write_parquet("opa.parquet")
    refresh(settings=_SETTINGS + 'merge-providers = "m.csv"\n')
    rows.write_parquet("opa.parquet")
    summary = refresh()
    assert summary["counted_again"] == "the last months" and summary["new_months"] == ["2026-03"]
