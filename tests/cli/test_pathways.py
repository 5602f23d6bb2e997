"""Measures on the command line: over two extracts, with files that hold no small number."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
from click.testing import Result

Run = Callable[..., Result]


def _people(run: Run) -> list[str]:
    run("synth", "--people", "4000", "-o", "people")
    return ["people/outpatient.parquet", "people/admitted.parquet"]


def test_measures_are_listed(run: Run) -> None:
    assert "re_entry" in run("measures").stdout
    listed = json.loads(run("measures", "--json").stdout)
    assert len(listed) == len(run("measures").stdout.splitlines()) == 13
    assert all(entry["shows"] and entry["limits"] and entry["source"] for entry in listed)


def test_measures_are_written(run: Run, tmp_path: Path) -> None:
    extracts = _people(run)
    said = run("measure", *extracts, "-o", "out", "--by", "ethnic_category").output
    assert "repeat_imaging: " in said
    assert "musculoskeletal: referral " in said
    assert "In scope of the guidance does not mean inappropriate." in said
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {
        "measures.csv",
        "numbers.csv",
        "attrition.csv",
        "trend.csv",
        "inequalities.csv",
        "by_age_band.csv",
        "by_sex.csv",
        "by_ethnic_category.csv",
        "flow.csv",
        "flow_stages.csv",
        "flow_quarters.csv",
        "run.json",
        "report.html",
    }
    table = pl.read_csv(tmp_path / "out" / "measures.csv", infer_schema=False)
    assert table.columns[:5] == ["measure", "provider", "index_activity", "followed", "outcome"]
    assert "*" in table["outcome"].to_list()
    counts = table["outcome"].drop_nulls().to_list()
    assert all(int(text) % 5 == 0 for text in counts if text.isdigit())
    assert "already exists" in run("measure", *extracts, "-o", "out", code=2).output
    run("measure", *extracts, "-o", "out", "--force", "--measure", "did_not_attend", "--disclosure", "none")


def test_a_flow_alone_is_written(run: Run, tmp_path: Path) -> None:
    extracts = _people(run)
    said = run("measure", *extracts, "-o", "out", "--flow", "musculoskeletal").output
    assert said.count("\n") == 2 and "lost to view" in said
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "flow.csv",
        "flow_stages.csv",
        "flow_quarters.csv",
        "run.json",
        "report.html",
    }
    moves = pl.read_csv(tmp_path / "out" / "flow.csv", infer_schema=False)
    assert moves.columns[:7] == ["flow", "provider", "step", "from", "to", "pathways", "of"]
    counts = moves["pathways"].to_list()
    assert "*" in counts and all(int(text) % 5 == 0 for text in counts if text.isdigit())
    assert "no flow 'muscle'" in run("measure", *extracts, "-o", "o", "--flow", "muscle", code=2).output
    assert "one of them" in run("measure", *extracts, "-o", "o", "--flow", "a", "--flows", "b", code=2).output


def test_the_same_people_give_the_same_files(run: Run, tmp_path: Path) -> None:
    extracts = _people(run)
    run("synth", "--people", "4000", "-o", "again")
    for name in ("outpatient.parquet", "admitted.parquet", "truth.csv"):
        assert (tmp_path / "people" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    for folder in ("one", "two"):
        run("measure", *extracts, "-o", folder)
    for file in (tmp_path / "one").glob("*.csv"):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


def test_a_measure_of_ones_own_is_run(run: Run, tmp_path: Path) -> None:
    from importlib import resources

    extracts = _people(run)
    own = (resources.files("ebi_rules") / "data" / "measures" / "did_not_attend.toml").read_text(encoding="utf-8")
    shared = (resources.files("ebi_rules") / "data" / "measures" / "_shared.toml").read_text(encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ours.toml").write_text(own.replace('key = "did_not_attend"', 'key = "our_dna"'))
    assert "our_dna: " in run("measure", *extracts, "-o", "out", "--measures", "mine").output
    (tmp_path / "mine" / "_shared.toml").write_text(shared)
    told = run("measure", *extracts, "-o", "other", "--measures", "mine", code=3).output
    assert "_shared.toml" in told


def test_wrong_options_are_told(run: Run) -> None:
    extracts = _people(run)
    assert (
        "one of them" in run("measure", *extracts, "-o", "o", "--measure", "re_entry", "--measures", "m", code=2).output
    )
    assert "holds no measure file" in run("measure", *extracts, "-o", "o", "--measures", "people", code=2).output
    assert "cannot be read" in run("measure", *extracts, "-o", "o", "--measures", "gone", code=3).output
    assert "asks for admitted activity" in run("measure", extracts[0], "-o", "o", code=4).output
    assert "leave --truth and --names out" in run("synth", "--people", "5", "-o", "p", "--truth", "t", code=2).output
    assert "1 or more" in run("synth", "--people", "0", "-o", "p", code=2).output


def test_a_measure_as_sql(run) -> None:
    tables = ("--table", "ncdr-opa=sus.opa", "--table", "ncdr-apcs=sus.apcs")
    asked = ("measure-sql", "spinal_procedure_after_imaging", "--dialect", "tsql")
    text = run(*asked, *tables).output
    assert "FROM sus.opa" in text and "FROM sus.apcs" in text and "DATEADD(DAY, 365, " in text
    assert "SUM(counted) AS outcome" in run(*asked, *tables, "--shape", "counts").output
    for options, code, message in (
        (("--table", "sus.opa"), 2, "write LAYOUT=TABLE"),
        ((*tables, "--shape", "row"), 2, "there is no shape 'row'; the nearest is rows"),
        (tables[:2], 4, "asks for admitted activity"),
        (("--table", "unified-sus-op=op", *tables[2:]), 4, "no column for patient"),
    ):
        assert message in run(*asked, *options, code=code).output
    assert "the nearest is re_entry" in run("measure-sql", "re_entr", "--dialect", "tsql", *tables, code=2).output
