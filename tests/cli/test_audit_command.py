"""The audit command writes its tables and what else is asked for, and shows no count that it must not."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from ebi_rules.synth.made_up_extract import write_extract

Run = Callable[..., Result]
Extract = Callable[..., Path]
KEY = "2S_lower_back_imaging"


def test_audit_writes_its_tables(run: Run, extract: Extract, tmp_path: Path) -> None:
    run("audit", str(extract()), "-o", "out", "--rule", "2S", "--disclosure", "none")
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "providers.csv",
        "attrition.csv",
        "trend.csv",
        "trend_quarters.csv",
        "sensitivity_providers.csv",
        "sensitivity.csv",
        "quality.csv",
        "by_age_band.csv",
        "by_sex.csv",
        "inequalities.csv",
        "run.json",
        "report.html",
    }
    providers = pl.read_csv(out / "providers.csv", infer_schema=False)
    assert providers.select("rule", "provider", "activity", "eligible", "flagged", "rate_per_1000_eligible").rows() == [
        (KEY, "ZZ1", "2", "2", "2", "1000.0"),
        (KEY, "ZZ2", "1", "0", "0", None),
        (KEY, None, "1", "0", "0", None),
    ]
    assert (out / "attrition.csv").read_text().splitlines()[:6] == [
        "rule,provider,step,criterion,left,removed",
        f"{KEY},all providers,0,,4,",
        f"{KEY},all providers,1,imaging,2,2",
        f"{KEY},all providers,2,adult,2,0",
        f"{KEY},all providers,3,no_cancer,2,0",
        f"{KEY},all providers,4,not_private,2,0",
    ]
    sensitivity = pl.read_csv(out / "sensitivity.csv")
    assert sensitivity.select("variant", "flagged", "difference", "differs").rows() == [
        ("default", 2, 0, 0),
        ("as_published", 1, -1, 1),
        ("sequenced", 2, 0, 0),
        ("attended", 1, -1, 1),
    ]


@pytest.mark.usefixtures("no_report")
def test_small_counts_are_suppressed_by_default(run: Run, extract: Extract, tmp_path: Path) -> None:
    path = str(extract())
    output = run("audit", path, "-o", "out", "--rule", "2S", "--xlsx")
    assert f"{KEY}: * in scope of * eligible (* activity)." in output.stdout
    assert "* rows" in output.stdout
    for name in ("providers.csv", "attrition.csv", "sensitivity.csv", "by_sex.csv", "quality.csv"):
        cells = [cell for row in pl.read_csv(tmp_path / "out" / name, infer_schema=False).rows() for cell in row]
        assert "*" in cells, name
        assert not {"1", "2", "3", "4", "1000.0"} & {cell for cell in cells[3:] if name == "providers.csv"}
    exact = run("audit", path, "-o", "exact", "--rule", "2S", "--disclosure", "none")
    assert "2 in scope of 2 eligible (4 activity), 1000.00 per 1,000" in exact.stdout
    assert "Counts are exact" in exact.stderr
    run("audit", path, "-o", "sixes", "--rule", "2S", "--disclosure", "midpoint6")
    assert pl.read_csv(tmp_path / "sixes" / "providers.csv")["flagged"].to_list() == [3, 0, 0]
    message = run("audit", path, "-o", "no", "--disclosure", "non", code=2).stderr
    assert "--disclosure: there is no method 'non'; the nearest is none" in message


def test_audit_writes_further_outputs(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_extract(tmp_path / "opa.parquet", rows=2_000)
    options = ["--pack", "provider", "--charts", "charts", "--star-schema", "star", "--benchmark", "p25"]
    said = run("audit", "opa.parquet", "--rule", "2S", "-o", "out", *options).output
    assert "Wrote charts." in said and "Wrote star." in said
    assert (tmp_path / "out" / "packs" / "index.html").is_file()
    assert list((tmp_path / "charts").glob("2S_lower_back_imaging_*.svg"))
    assert (tmp_path / "star" / "data_dictionary.parquet").is_file()
    assert (tmp_path / "out" / "opportunity.csv").is_file()
    # Polars writes its warnings past Python's.
    assert "Warning" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name-others"], "--name-others is for --pack"),
        (["--pack", "consultant"], "there are no packs of people"),
        (["--pack", "gp_practice"], "count by it too"),
        (["--charts", "opa.parquet"], "opa.parquet"),
        (["--charts", "mine"], "mine already exists"),
        (["--star-schema", "mine"], "mine already exists"),
        (["--charts", "filled", "--force"], "contains mine.xlsx"),
        (["--star-schema", "filled", "--force"], "contains mine.xlsx"),
        (["--charts", "other"], "overlap"),
        (["--star-schema", "other/star"], "overlap"),
        (["--charts", "one", "--star-schema", "one"], "overlap"),
        (["--save-cube", "other"], "overlap"),
        (["--pdf"], "no Chromium, Chrome or Edge"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_counted(
    run: Run, extract: Extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    extract()
    (tmp_path / "mine").mkdir()
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "mine.xlsx").write_text("mine")
    monkeypatch.setattr("ebi_rules.report.browser.find_browser", lambda: None)
    monkeypatch.setattr("ebi_rules.results.audit_run.audit", lambda *_: pytest.fail("it was counted"))
    code = 5 if arguments == ["--pdf"] else 2
    assert message in run("audit", "opa.parquet", "--rule", "2S", "-o", "other", *arguments, code=code).output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["filled", "mine", "opa.parquet"]


@pytest.mark.usefixtures("no_report")
def test_audit_records_what_was_run(run: Run, extract: Extract, tmp_path: Path) -> None:
    path = extract()
    run("audit", str(path), "-o", "out", "--variant", "sequenced", "--rule", "2S", "--disclosure", "none")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["rules"][0]["variant"] == "sequenced"
    assert record["rules"][0]["edition"] == "2023-12"
    assert len(record["rules"][0]["content_hash"]) == 64
    assert record["layout"] == "ncdr-opa"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    fingerprint = {"method": "sha256 of the content", "value": digest}
    size = path.stat().st_size
    assert record["inputs"] == [{"path": str(path), "bytes": size, "rows": 4, "fingerprint": fingerprint}]
    assert record["rows"] == 4
    assert record["shown"]["disclosure"] == "none"
    assert record["seconds"] > 0
    run("audit", str(path), "-o", "hes", "--rule", "2S")
    controlled = json.loads((tmp_path / "hes" / "run.json").read_text())
    assert controlled["rows"] == controlled["inputs"][0]["rows"] == "*"


@pytest.mark.usefixtures("no_report")
def test_warnings_have_counts_under_disclosure_control(run: Run, extract: Extract, tmp_path: Path) -> None:
    path = str(extract(Administrative_Category=["1", "1", "1", None]))
    for method, text in (("hes", "few rows have"), ("none", "3 rows have"), ("midpoint6", "3 rows have")):
        run("audit", path, "-o", method, "--rule", "2S", "--disclosure", method)
        warnings = json.loads((tmp_path / method / "run.json").read_text())["warnings"]
        assert any(f"administrative_category: {text} a short code" in warning for warning in warnings), warnings


def test_audit_groups_by_another_field(run: Run, extract: Extract, tmp_path: Path) -> None:
    path = extract(Der_Commissioner_Code=["ZZC", "ZZD", "ZZC", "ZZD"])
    run("audit", str(path), "-o", "out", "--by", "commissioner", "--rule", "2S", "--disclosure", "none")
    table = pl.read_csv(tmp_path / "out" / "by_commissioner.csv")
    assert table.select("commissioner", "activity", "flagged").rows() == [("ZZC", 2, 1), ("ZZD", 2, 1)]


@pytest.mark.usefixtures("no_report")
def test_an_audit_from_a_saved_cube_is_the_audit_itself(run: Run, tmp_path: Path) -> None:
    run("synth", "-o", "opa.parquet", "--rows", "5000", "--names", "names.csv")
    options = ["--names", "names.csv", "--xlsx"]
    for cube in ("cube.csv", "cube.parquet"):
        run("audit", "opa.parquet", "-o", "out", "--save-cube", cube, "--by", "referral_source", "--force", *options)
        run("audit", "--from-cube", cube, "-o", "again", "--force", *options)
        for path in (tmp_path / "out").glob("*.csv"):
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    assert "Made-up" not in (tmp_path / "out" / "run.json").read_text()
    messages = {
        ("--by", "site"): "--by: only for an extract; a cube is already counted",
        ("--layout", "ncdr-opa"): "--layout: only for an extract; a cube is already counted",
        ("--rule", "2E"): "the cube does not count 2E_",
    }
    for arguments, message in messages.items():
        code = 4 if arguments[0] == "--rule" else 2
        assert message in run("audit", "--from-cube", "cube.csv", "-o", "no", *arguments, code=code).stderr
    assert (
        "name either an extract, or a cube"
        in run("audit", "opa.parquet", "--from-cube", "cube.csv", "-o", "no", code=2).stderr
    )
    assert "name either an extract, or a cube" in run("audit", "-o", "no", code=2).stderr
    assert not (tmp_path / "no").exists()


@pytest.mark.usefixtures("no_report")
def test_a_query_that_somebody_runs_and_saves_gives_the_same_audit(run: Run, tmp_path: Path) -> None:
    """Without a connection: print the query, run it in another tool, save the result as CSV, and audit that."""
    import duckdb

    run("synth", "-o", "opa.parquet", "--rows", "5000")
    query = run(
        "sql",
        "2S",
        "2T",
        "--dialect",
        "duckdb",
        "--layout",
        "ncdr-opa",
        "--table",
        "opa",
        "--shape",
        "cube",
        "--by",
        "referral_source",
    ).output
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW opa AS SELECT * FROM read_parquet('{tmp_path / 'opa.parquet'}')")
        copied = query.strip().rstrip(";")
        connection.execute(f"COPY ({copied}) TO '{tmp_path / 'cube.csv'}' (HEADER, NULLSTR 'NULL')")
    run("audit", "--from-cube", "cube.csv", "-o", "out")
    run("audit", "opa.parquet", "-o", "direct", "--by", "referral_source")
    for path in (tmp_path / "direct").glob("*.csv"):
        if path.name != "quality.csv":
            assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name
    message = run("sql", "2S", "--dialect", "duckdb", "--layout", "ncdr-opa", "--table", "opa", "--by", "site", code=2)
    assert "--by is for the shape cube" in message.stderr


_WITHOUT_REPORT = """
from ebi_rules.cli import main
from ebi_rules.report import audit_page

audit_page.audit_page = lambda tables: ""
main()
"""
"""The command line with an empty report, which is the slowest part of an audit."""


_RUNS = [(source, threads) for source in ("opa.parquet", "parts") for threads in ("1", "2", "5")]


@pytest.mark.parametrize(
    "runs", [pytest.param([_RUNS[0], _RUNS[-1]], id="two"), pytest.param(_RUNS, marks=pytest.mark.long, id="all")]
)
def test_tables_are_the_same_whatever_the_threads_and_partitions(
    run: Run, tmp_path: Path, runs: list[tuple[str, str]]
) -> None:
    run("synth", "-o", "opa.parquet", "--rows", "5000")
    frame = pl.read_parquet(tmp_path / "opa.parquet")
    (tmp_path / "parts").mkdir()
    for number, (start, end) in enumerate([(0, 7), (7, 1_000), (1_000, 4_999), (4_999, 5_000)]):
        frame[start:end].write_parquet(tmp_path / "parts" / f"{number}.parquet", row_group_size=250)
    written = {}
    for source, threads in runs:
        output = tmp_path / f"{source}-{threads}"
        command = [sys.executable, "-c", _WITHOUT_REPORT, "audit", source, "-o", output, "--by", "site"]
        environment = {**os.environ, "POLARS_MAX_THREADS": threads}
        subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, check=True)
        written[source, threads] = {file.name: file.read_bytes() for file in output.glob("*.csv")}
    first, *others = written.values()
    assert len(first) > 5
    assert all(other == first for other in others)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.1, 0.8, 2])
def test_an_audit_that_is_stopped_leaves_nothing_behind(run: Run, tmp_path: Path, number: int, seconds: float) -> None:
    """Whenever it is stopped, outputs are complete or absent, and no temporary folder is left."""
    run("synth", "-o", "opa.parquet", "--rows", "100000")
    # On a busy machine Python may take longer to start than we wait, so wait until it has started.
    started = "from ebi_rules.cli import main; print('started', flush=True); main()"
    command = [sys.executable, "-c", started, "audit", "opa.parquet", "-o", "out", "--save-cube", "cube.parquet"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(number)
        messages = process.communicate()[1].decode()
    if number == signal.SIGINT and not (tmp_path / "out").exists():
        assert "Traceback" not in messages
    assert {path.name for path in tmp_path.iterdir()} in (
        {"opa.parquet"},
        {"opa.parquet", "out"},
        {"opa.parquet", "out", "cube.parquet"},
    )


def test_spreadsheets_see_no_formula(run: Run, extract: Extract, tmp_path: Path) -> None:
    import zipfile

    hostile = ["=HYPERLINK(1)", "+1", "@SUM(A1)", "-2"]
    path = str(extract(Der_Provider_Code=hostile, Der_Commissioner_Code=hostile))
    (tmp_path / "names.csv").write_text("code,name\n-2,=cmd|' /C calc'!A0\n+1,https://example.org\n")
    run(
        "audit",
        path,
        "-o",
        "out",
        "--rule",
        "2S",
        "--by",
        "commissioner",
        "--xlsx",
        "--names",
        "names.csv",
        "--disclosure",
        "none",
    )
    for file in (tmp_path / "out").glob("*.csv"):
        for row in pl.read_csv(file, infer_schema=False).rows():
            for cell in row:
                dangerous = cell is not None and cell[0] in "=+-@"
                assert not dangerous or cell.lstrip("-").replace(".", "").isdigit(), (file.name, cell)
    with zipfile.ZipFile(tmp_path / "out" / "audit.xlsx") as book:
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/sheet" in name]
    assert len(sheets) == 1 + 11
    assert not any("<f>" in sheet or "<hyperlink" in sheet for sheet in sheets)


def test_audit_records_which_variants_an_extract_cannot_answer(run: Run, extract: Extract, tmp_path: Path) -> None:
    run("audit", str(extract(drop=["Attendance_Status"])), "-o", "out", "--rule", "2S", "--disclosure", "none")
    attended = pl.read_csv(tmp_path / "out" / "sensitivity.csv").row(3, named=True)
    assert attended["flagged"] is None
    assert "not available" in attended["about"]
    assert "attendance_status" in attended["about"]
