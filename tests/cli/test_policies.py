"""Your own rules on the command line, and the page of docs that shows how to write them, run as printed."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
PAGE = Path(__file__).parents[2] / "docs" / "policies.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAVED = re.compile(r"Save (?:this|it again) as\s`([^`]+)`")


def _steps() -> list[tuple[str, str]]:
    """Return the steps of the page: files to save (name and text), and sessions at a terminal."""
    page = PAGE.read_text(encoding="utf-8")
    steps = []
    for found in _FENCE.finditer(page):
        named = _SAVED.findall(page[: found.start()].rpartition("```\n")[2])
        if found[1] == "console":
            steps.append(("console", found[2]))
        elif named:
            steps.append((named[-1], found[2]))
    return steps


def _settled(output: str) -> list[str]:
    """Return what a command prints, without the evaluators that only some machines have."""
    lines = output.rstrip("\n").splitlines()
    return [line for line in lines if not line.startswith(("  DuckDB ", "  Spark "))]


def test_the_walk_through_is_as_printed(run: Run, tmp_path: Path) -> None:
    steps = _steps()
    assert len([name for name, _ in steps if name != "console"]) >= 2
    assert len([name for name, _ in steps if name == "console"]) >= 4
    for name, text in steps:
        if name != "console":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
            continue
        for session in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, printed = session.partition("\n")
            program, *arguments = shlex.split(command)
            assert program == "ebi-rules"
            code = 3 if printed.startswith("Error: ") else 0
            assert _settled(run(*arguments, code=code).output) == _settled(printed), command


def test_rules_of_a_folder_are_run_alone_and_found_beside_the_catalogue(run: Run, extract: Callable[..., Path]) -> None:
    path = extract(OPA_Referral_Source=["03", "05", "03", "03"], Priority_Type=["1", "1", "1", "1"])
    flagged = run("flag", str(path), "-o", "flags.parquet", "--rules", "nwl-msk-imaging").output
    assert "nwl_spine_imaging: 1 in scope." in flagged
    assert "2S_lower_back_imaging" not in flagged
    both = run(
        "flag", str(path), "-o", "both.parquet", "--rules", "nwl-msk-imaging", "--rule", "2S", "--rule", "nwl-hip"
    )
    assert "2S_lower_back_imaging: " in both.output
    assert "nwl_hip_imaging: 0 in scope." in both.output
    assert "nwl_knee_imaging" not in both.output


def test_rules_of_a_folder_are_shown_everywhere(run: Run, extract: Callable[..., Path]) -> None:
    given = ["--rules", "nwl-msk-imaging"]
    listed = json.loads(run("rules", "--status", "local", "--json", *given).stdout)
    assert len(listed) == 12
    assert "requested outside specialist settings" in run("show", "nwl-knee", *given).stdout
    assert "Z846" in run("codes", "nwl-knee", *given).stdout
    text = run("sql", "nwl-knee", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", "opa", *given).stdout
    assert "OPA_Referral_Source" in text
    path = extract(OPA_Referral_Source=["05", "05", "03", "03"], Priority_Type=["1", "1", "1", "1"])
    explanation = run("explain", str(path), "--id", "11", "--rule", "nwl-spine", *given).stdout
    assert "not in scope, stopped by outside_specialist" in explanation
    run("dbt", "-o", "package", "--dialect", "duckdb", "--layout", "ncdr-opa", "--table", "opa", *given)
    assert "there is no rule 'nwl-knee'" in run("show", "nwl-knee", code=2).output


def test_an_audit_counts_sources_of_referral(run: Run, tmp_path: Path) -> None:
    run("synth", "-o", "opa.parquet", "--rows", "10000", "--seed", "4")
    run("audit", "opa.parquet", "-o", "out", "--rule", "2S", "--by", "referral_setting", "--by", "commissioner")
    lines = (tmp_path / "out" / "who_asked.csv").read_text().splitlines()
    assert lines[0] == "rule,level,unit,referral_setting,of,count,of_all,percent,percent_lower_95,percent_upper_95"
    assert any(line.startswith("2S_lower_back_imaging,all,,primary care,flagged,") for line in lines)
    assert any(line.startswith("2S_lower_back_imaging,commissioner,ZZC1,primary care,flagged,") for line in lines)
    assert "first-contact practitioner" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.usefixtures("no_report")
def test_areas_are_an_option(run: Run, tmp_path: Path) -> None:
    run("synth", "-o", "opa.parquet", "--rows", "20000")
    rows = [f"ZZ{place:04d},Network {place // 20}" for place in range(400)]
    (tmp_path / "areas.csv").write_text("\n".join(["gp_practice,pcn", *rows]))
    options = ["--rule", "2S", "--by", "pcn", "--areas", "areas.csv"]
    run("audit", "opa.parquet", "-o", "out", *options)
    assert (tmp_path / "out" / "by_pcn.csv").read_text().count("\n") == 21
    sql = run(
        "sql", "2S", "--dialect", "postgres", "--layout", "ncdr-opa", "--table", "opa", "--shape", "cube", *options[2:]
    ).stdout
    assert "THEN 'Network 3'" in sql
    assert (
        "Use --areas FILE, a CSV with the pcn" in run("audit", "opa.parquet", "-o", "no", "--by", "pcn", code=4).output
    )
    assert (
        "--areas: only for an extract; a cube is already counted"
        in run("audit", "-o", "no", "--from-cube", "areas.csv", "--areas", "areas.csv", code=2).output
    )


@pytest.mark.parametrize("command", ["lint", "test"])
def test_missing_rule_files_are_an_error(run: Run, command: str) -> None:
    assert "there is no folder or rule file gone.toml" in run(command, "gone.toml", code=2).output


def test_wrong_examples_are_errors(run: Run, tmp_path: Path) -> None:
    from importlib import resources

    content = (resources.files("ebi_rules") / "data" / "catalogue" / "2S_lower_back_imaging.toml").read_text(
        encoding="utf-8"
    )
    (tmp_path / "mine.toml").write_text(content.replace("flagged = true", "flagged = false", 1))
    assert "says flagged = false, but every criterion holds" in run("test", "mine.toml", code=3).output
