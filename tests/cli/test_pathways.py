"""Measures on the command line: over two extracts, with no small count in any file."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

Run = Callable[..., Result]


def _people(run: Run) -> list[str]:
    """Make up people, and return their extracts."""
    run("synth", "--people", "4000", "-o", "people")
    return ["people/outpatient.parquet", "people/admitted.parquet"]


def test_measures_are_listed(run: Run) -> None:
    assert "re_entry" in run("measures").stdout
    listed = json.loads(run("measures", "--json").stdout)
    assert len(listed) == len(run("measures").stdout.splitlines()) == 33
    assert all(entry["shows"] and entry["limits"] and entry["source"] for entry in listed)


@pytest.mark.usefixtures("no_report")
def test_measures_are_written(run: Run, tmp_path: Path) -> None:
    extracts = _people(run)
    output = run("measure", *extracts, "-o", "out", "--by", "ethnic_category").output
    assert "repeat_imaging: " in output
    assert "musculoskeletal: start " in output
    assert "In scope of the guidance does not mean inappropriate." in output
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {
        "measures.csv",
        "numbers.csv",
        "attrition.csv",
        "trend.csv",
        "trend_quarters.csv",
        "trend_days.csv",
        "waits.csv",
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
    output = run("measure", *extracts, "-o", "out", "--flow", "musculoskeletal").output
    assert output.count("\n") == 4 and "no further activity" in output
    assert "known in part are the stages request, imaging, community, without an extract of community care" in output
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
    both = run("measure", *extracts, "-o", "o", "--flow", "a", "--flows", "b", code=2).output
    assert "use either --flow or --flows" in both


@pytest.mark.usefixtures("no_report")
def test_six_datasets_are_measured_together(run: Run, tmp_path: Path) -> None:
    _people(run)
    names = ("outpatient", "admitted", "imaging", "community", "emergency", "waiting_list")
    output = run("measure", *(f"people/{name}.parquet" for name in names), "-o", "out", "--by", "priority").output
    assert "left out" not in output and "known in part" not in output
    assert "wait_to_community_contact: " in output
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"waits.csv", "seen_by_week.csv", "contacts.csv", "by_priority.csv"} <= written
    table = pl.read_csv(tmp_path / "out" / "waits.csv", infer_schema=False)
    of_all = table.filter(measure="wait_to_community_contact", field="all").row(0, named=True)
    assert int(of_all["waits"]) % 5 == 0 and float(of_all["percent_within_of_seen"]) > float(of_all["percent_within"])
    assert {"all", "provider", "age_band", "sex", "priority"} <= set(table["field"])


@pytest.mark.usefixtures("no_report")
def test_the_same_people_give_the_same_files(run: Run, tmp_path: Path) -> None:
    extracts = _people(run)
    run("synth", "--people", "4000", "-o", "again")
    for name in ("outpatient.parquet", "admitted.parquet", "truth.csv"):
        assert (tmp_path / "people" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    for folder in ("one", "two"):
        run("measure", *extracts, "-o", folder)
    for file in (tmp_path / "one").glob("*.csv"):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


def test_your_own_measure_is_run(run: Run, tmp_path: Path) -> None:
    from importlib import resources

    extracts = _people(run)
    own = (resources.files("ebi_rules") / "data" / "measures" / "did_not_attend.toml").read_text(encoding="utf-8")
    shared = (resources.files("ebi_rules") / "data" / "measures" / "_shared.toml").read_text(encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ours.toml").write_text(own.replace('key = "did_not_attend"', 'key = "our_dna"'))
    assert "our_dna: " in run("measure", *extracts, "-o", "out", "--measures", "mine").output
    (tmp_path / "mine" / "_shared.toml").write_text(shared)
    run("measure", *extracts, "-o", "repeated", "--measures", "mine")
    (tmp_path / "mine" / "_shared.toml").write_text(shared.replace('"A577"', '"A578"'))
    message = run("measure", *extracts, "-o", "other", "--measures", "mine", code=3).output
    assert "_shared.toml, line 20: codes.opcs.spinal_injection: another shared list with other codes" in message


def test_wrong_options_are_errors(run: Run) -> None:
    extracts = _people(run)
    both = run("measure", *extracts, "-o", "o", "--measure", "re_entry", "--measures", "m", code=2).output
    assert "use either --measure or --measures" in both
    assert "contains no measure file" in run("measure", *extracts, "-o", "o", "--measures", "people", code=2).output
    assert "cannot be read" in run("measure", *extracts, "-o", "o", "--measures", "gone", code=3).output
    named = ("--measure", "surgical_conversion")
    assert "needs admitted activity" in run("measure", extracts[0], "-o", "o", *named, code=4).output
    assert "do not use --truth with it" in run("synth", "--people", "5", "-o", "p", "--truth", "t", code=2).output
    assert "1 or more" in run("synth", "--people", "0", "-o", "p", code=2).output


def test_a_measure_as_sql(run) -> None:
    tables = ("--table", "ncdr-opa=sus.opa", "--table", "ncdr-apcs=sus.apcs")
    command = ("measure-sql", "spinal_procedure_after_imaging", "--dialect", "tsql")
    text = run(*command, *tables).output
    assert "FROM sus.opa" in text and "FROM sus.apcs" in text and "DATEADD(DAY, 365, " in text
    assert "SUM(counted) AS outcome" in run(*command, *tables, "--shape", "counts").output
    for options, code, message in (
        (("--table", "sus.opa"), 2, "write LAYOUT=TABLE"),
        ((*tables, "--shape", "row"), 2, "there is no shape 'row'; the nearest is rows"),
        (tables[:2], 4, "needs admitted activity"),
        (("--table", "unified-sus-op=op", *tables[2:]), 4, "no column for patient"),
    ):
        assert message in run(*command, *options, code=code).output
    assert "the nearest is re_entry" in run("measure-sql", "re_entr", "--dialect", "tsql", *tables, code=2).output


@pytest.mark.usefixtures("no_report")
def test_some_months_and_providers_are_measured(run: Run, tmp_path: Path) -> None:
    extracts = _people(run)
    part = ("--months", "2022-04..2023-03", "--provider", "zz1", "--xlsx")
    run("measure", *extracts, "-o", "out", "--measure", "did_not_attend", *part)
    assert (tmp_path / "out" / "measures.xlsx").is_file()
    assert set(pl.read_csv(tmp_path / "out" / "measures.csv")["provider"]) == {"all providers", "ZZ1"}
    assert "no index activity" in run("measure", *extracts, "-o", "o", "--provider", "RXX", code=4).output


@pytest.mark.usefixtures("no_report")
def test_a_folder_s_files_can_all_be_named(run: Run, tmp_path: Path) -> None:
    run("synth", "--people", "400", "-o", "people")
    files = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "people").glob("*.parquet"))
    assert "people/contacts.parquet" in files
    result = run("measure", *files, "-o", "out", "--measure", "wait_to_community_contact")
    assert "contacts.parquet is a further table of another extract" in result.output
    assert (tmp_path / "out" / "contacts.csv").is_file()


def test_made_up_data_are_called_that(run: Run, tmp_path: Path) -> None:
    extracts = _people(run)
    flow = ("--flow", "musculoskeletal")
    run("measure", *extracts, *flow, "-o", "out")
    assert "<strong>Made-up data.</strong>" in (tmp_path / "out" / "report.html").read_text()
    assert all(file["made_up"] for file in json.loads((tmp_path / "out" / "run.json").read_text())["inputs"])
    copies = [tmp_path / Path(path).name for path in extracts]
    for path, copy in zip(extracts, copies, strict=True):
        pl.read_parquet(tmp_path / path).write_parquet(copy)
    run("measure", *map(str, copies), *flow, "-o", "copied")
    assert "Made-up data" not in (tmp_path / "copied" / "report.html").read_text()


def test_people_have_providers_with_names(run: Run, tmp_path: Path) -> None:
    run("synth", "--people", "300", "-o", "people", "--names", "names.csv")
    names = pl.read_csv(tmp_path / "names.csv")
    providers = pl.read_parquet(tmp_path / "people" / "outpatient.parquet")["Der_Provider_Code"].unique()
    assert set(providers) <= set(names["code"]) and names["name"].str.contains("made up").all()
    assert "already exists" in run("synth", "--people", "3", "-o", "p", "--names", "names.csv", code=2).output
    assert not (tmp_path / "p").exists()
