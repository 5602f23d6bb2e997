"""Every command writes what its help says, and reports it."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from ebi_rules.layouts.layout import builtin_layouts

Run = Callable[..., Result]
Extract = Callable[..., Path]
KEY = "2S_lower_back_imaging"


def test_flag_writes_the_key_and_one_column_per_rule(run: Run, extract: Extract, tmp_path: Path) -> None:
    result = run("flag", str(extract()), "-o", "flags.parquet", "--rule", "2S")
    flags = pl.read_parquet(tmp_path / "flags.parquet")
    assert flags.schema == {"OPA_Ident": pl.Int64, KEY: pl.Boolean}
    assert flags.rows() == [(11, True), (12, True), (13, False), (14, False)]
    assert "2 in scope" in result.output
    assert "not mean inappropriate" in result.output


def test_flag_explains(run: Run, extract: Extract, tmp_path: Path) -> None:
    run("flag", str(extract()), "-o", "flags.parquet", "--explain", "--rule", "2S")
    flags = pl.read_parquet(tmp_path / "flags.parquet")
    assert flags[f"{KEY}__stopped_by"].to_list() == [None, None, "imaging", "imaging"]
    assert flags[f"{KEY}__codes"].to_list() == [["U055"], ["U135", "Z665"], ["U135", "C509"], []]


def test_flag_explains_in_csv_too(run: Run, extract: Extract, tmp_path: Path) -> None:
    run("flag", str(extract()), "-o", "flags.csv", "--explain", "--rule", "2S")
    flags = pl.read_csv(tmp_path / "flags.csv", infer_schema=False)
    assert flags[f"{KEY}__codes"].to_list() == ["U055", "U135 Z665", "U135 C509", ""]
    assert flags[f"{KEY}__stopped_by"].to_list() == [None, None, "imaging", "imaging"]


def test_flag_takes_a_variant_and_keeps_the_column_name(run: Run, extract: Extract, tmp_path: Path) -> None:
    run("flag", str(extract()), "-o", "flags.parquet", "--variant", "attended")
    assert pl.read_parquet(tmp_path / "flags.parquet")[KEY].to_list() == [True, False, False, False]


@pytest.mark.parametrize("source", ["folder", "glob"])
def test_flag_reads_folders_and_globs_in_order(run: Run, extract: Extract, tmp_path: Path, source: str) -> None:
    (tmp_path / "folder").mkdir()
    extract("folder/b.parquet", OPA_Ident=[21, 22, 23, 24])
    extract("folder/a.parquet")
    run("flag", "folder" if source == "folder" else "folder/*.parquet", "-o", "flags.parquet")
    assert pl.read_parquet(tmp_path / "flags.parquet")["OPA_Ident"].to_list() == [11, 12, 13, 14, 21, 22, 23, 24]


def test_column_names_differ_in_case_or_altogether(run: Run, extract: Extract, tmp_path: Path) -> None:
    frame = pl.read_parquet(extract()).rename(str.lower).rename({"der_provider_code": "Trust"})
    frame.write_parquet(tmp_path / "lower.parquet")
    run("audit", "lower.parquet", "-o", "out", "--column", "provider=trust", "--rule", "2S")
    assert pl.read_csv(tmp_path / "out" / "providers.csv")["provider"].to_list() == ["ZZ1", "ZZ2", None]


def test_explain_one_activity(run: Run, extract: Extract) -> None:
    output = run("explain", str(extract()), "--id", "13", "--rule", "2S").output
    assert "not in scope, stopped by imaging" in output
    assert "no  no_cancer" in output
    assert "[C509]" in output


def test_explain_without_such_an_activity_is_an_error(run: Run, extract: Extract) -> None:
    assert "no activity has the key 99" in run("explain", str(extract()), "--id", "99", "--rule", "2S", code=2).output


def test_rules_and_show(run: Run) -> None:
    assert KEY in run("rules").output
    listed = {entry["letter"]: entry for entry in json.loads(run("rules", "--json").output)}
    assert listed["2S"]["variants"] == ["as_published", "sequenced", "attended"]
    assert "Low back pain imaging" in run("show", "2s").output
    assert "followed by" in run("show", "2S", "--variant", "sequenced").output
    assert run("show", "2S", "--edition", "2023-12").output == run("show", "2S").output


def test_sql_prints_each_shape(run: Run) -> None:
    for shape, piece in [
        ("flags", "WITH procedure_texts AS"),
        ("view", "CREATE VIEW ebi_flags AS"),
        ("counts", "GROUP BY"),
        ("case", f"THEN '{KEY}'"),
        ("predicate", "BETWEEN 19 AND 120"),
    ]:
        text = run(
            "sql", "2S", "--dialect", "duckdb", "--layout", "ncdr-opa", "--table", "opa", "--shape", shape
        ).output
        assert piece in text, shape


def test_synth_writes_any_layout_and_flags_agree_with_the_truth(run: Run, tmp_path: Path) -> None:
    for layout in ("ncdr-opa", "hes-op", "unified-sus-op", "sus-cds-op"):
        run(
            "synth",
            "-o",
            f"{layout}.parquet",
            "--rows",
            "20000",
            "--seed",
            "3",
            "--layout",
            layout,
            "--truth",
            f"{layout}.truth.parquet",
        )
        output = run("flag", f"{layout}.parquet", "-o", f"{layout}.flags.parquet").output
        assert f"Layout {layout}" in output
        truth = pl.read_parquet(tmp_path / f"{layout}.truth.parquet")
        flags = pl.read_parquet(tmp_path / f"{layout}.flags.parquet")
        assert truth["in_scope"].sum() > 100
        assert flags[KEY].to_list() == truth["in_scope"].to_list()


def test_the_same_seed_makes_the_same_extract(run: Run, tmp_path: Path) -> None:
    for name, seed in [("a", "1"), ("b", "1"), ("c", "2")]:
        run("synth", "-o", f"{name}.parquet", "--rows", "3000", "--seed", seed)
    a, b, c = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in "abc")
    assert a.equals(b)
    assert not a.equals(c)


def test_demo_makes_an_extract_audits_it_and_reports(run: Run, tmp_path: Path) -> None:
    output = run("demo", "--rows", "5000").output
    assert (tmp_path / "ebi-demo" / "audit" / "report.html").stat().st_size > 10_000
    assert (tmp_path / "ebi-demo" / "extract.parquet").exists()
    assert "made up" in output
    record = json.loads((tmp_path / "ebi-demo" / "audit" / "run.json").read_text())
    assert record["inputs"][0]["path"] == "ebi-demo/extract.parquet"


def test_shell_completion_offers_names(run: Run) -> None:
    from click.shell_completion import ShellComplete

    from ebi_rules.cli.all_commands import command_group

    complete = ShellComplete(command_group, {}, "ebi-rules", "_EBI_RULES_COMPLETE")
    assert [item.value for item in complete.get_completions(["sql", "--dialect"], "sn")] == ["snowflake"]
    assert KEY in [item.value for item in complete.get_completions(["show"], "2S")]
    assert [item.value for item in complete.get_completions(["flag", "x", "--layout"], "hes-o")] == ["hes-op"]


def test_quiet_when_not_a_terminal(run: Run, extract: Extract) -> None:
    assert run("flag", str(extract()), "-o", "flags.parquet").stderr == ""


@pytest.mark.parametrize("layout", builtin_layouts())
def test_synth_makes_rows_of_a_layout_or_says_what_to_use(run: Run, tmp_path: Path, layout: str) -> None:
    command = ("synth", "-o", "rows.parquet", "--rows", "50", "--layout", layout)
    if layout in ("csds", "ecds", "wlmds"):
        assert "--people, which writes six datasets" in run(*command, code=2).output
        run("synth", "-o", "people", "--people", "20")
    else:
        run(*command)
        assert pl.read_parquet(tmp_path / "rows.parquet").height == 50
