"""Wrong files, columns, codes and options: one clear message, the right exit code, and no output left."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from ebi_rules.synth.made_up_extract import write_extract

Run = Callable[..., Result]
Extract = Callable[..., Path]


@pytest.fixture
def fails(run: Run, tmp_path: Path) -> Callable[..., str]:
    """Run a command that must fail, check that it wrote nothing, and return its message."""

    def invoke(*arguments: str, code: int) -> str:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        result = run(*arguments, code=code)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before, "something was written"
        assert result.stdout == ""
        assert "Traceback" not in result.output
        return result.stderr.replace("\n", " ")

    return invoke


Fails = Callable[..., str]


def test_a_missing_column_names_rule_criterion_field_and_the_nearest_column(fails: Fails, extract: Extract) -> None:
    path = extract(drop=["Administrative_Category"], Admin_Category=["01", "01", "01", "02"])
    message = fails("flag", str(path), "-o", "flags.parquet", code=4)
    assert message.startswith(
        "Error: this extract has no column for administrative_category, which 2S_lower_back_imaging needs (criterion "
        "not_private). The layout ncdr-opa looks for Administrative_Category; the nearest column here is "
        "Admin_Category. Use --column administrative_category=Admin_Category."
    )


def test_a_rule_that_cannot_be_answered_can_be_skipped_but_not_all(fails: Fails, extract: Extract) -> None:
    path = extract(drop=["Administrative_Category"])
    message = fails("flag", str(path), "-o", "flags.parquet", "--skip-unavailable", "--rule", "2S", code=4)
    assert "can answer none of the rules" in message


def test_age_as_text_is_read_when_every_value_is_a_whole_number(run: Run, extract: Extract, tmp_path: Path) -> None:
    run("flag", str(extract(Age_at_Start_of_Episode_SUS=["45", " 46", "47.0", None])), "-o", "flags.parquet")
    assert pl.read_parquet(tmp_path / "flags.parquet").get_column("2S_lower_back_imaging").sum() == 2


def test_age_as_other_text_is_an_error_that_counts_rows_and_shows_none(fails: Fails, extract: Extract) -> None:
    path = extract(Age_at_Start_of_Episode_SUS=["45", "forty", "4x", ""])
    message = fails("flag", str(path), "-o", "flags.parquet", code=4)
    assert "age: 2 rows have a value that is not a whole number in the column Age_at_Start_of_Episode_SUS" in message
    assert "forty" not in message
    assert "4x" not in message


def test_age_with_a_fraction_is_an_error(fails: Fails, extract: Extract) -> None:
    message = fails("flag", str(extract(Age_at_Start_of_Episode_SUS=[45.5, 1.0, 2.0, None])), "-o", "f.parquet", code=4)
    assert "1 row has a value that is not a whole number" in message


def test_age_as_a_date_is_an_error(fails: Fails, extract: Extract) -> None:
    path = extract(Age_at_Start_of_Episode_SUS=[date(2020, 1, 1)] * 4)
    message = fails("flag", str(path), "-o", "flags.parquet", code=4)
    assert "the column Age_at_Start_of_Episode_SUS (age) is Date" in message


def test_codes_as_numbers_are_an_error(fails: Fails, extract: Extract) -> None:
    assert "codes must be text" in fails("flag", str(extract(Der_Procedure_All=[1, 2, 3, 4])), "-o", "f.csv", code=4)


@pytest.mark.parametrize("values", [["1", "2", " 2", "02"], [1, 2, 2, 2], [1.0, 2.0, 2.0, 2.0]])
def test_a_category_without_its_zero_is_read_warned_of_and_counted(
    run: Run, extract: Extract, tmp_path: Path, values: list[object]
) -> None:
    result = run("flag", str(extract(Administrative_Category=values)), "-o", "flags.parquet")
    assert pl.read_parquet(tmp_path / "flags.parquet")["2S_lower_back_imaging"].to_list() == [True, False, False, False]
    count = sum(str(value).strip() != "02" for value in values)
    assert (
        f"Warning: administrative_category: {count} rows have a short code in the column Administrative_Category"
        in result.stderr
    )


def test_an_empty_extract_works_and_says_so(run: Run, extract: Extract, tmp_path: Path) -> None:
    pl.read_parquet(extract()).clear().write_parquet(tmp_path / "empty.parquet")
    result = run("audit", "empty.parquet", "-o", "out", "--rule", "2S")
    assert "the extract has no rows" in result.stderr
    assert pl.read_csv(tmp_path / "out" / "attrition.csv")["left"].to_list() == [0] * 5
    assert pl.read_csv(tmp_path / "out" / "providers.csv").height == 0
    assert "0 rows" in run("flag", "empty.parquet", "-o", "flags.parquet").stdout
    assert pl.read_parquet(tmp_path / "flags.parquet").height == 0


def test_not_a_parquet_file(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "extract.parquet").write_text("OPA_Ident,Der_Procedure_All\n1,U055\n")
    assert "extract.parquet is not a parquet file, or is incomplete" in fails(
        "flag", "extract.parquet", "-o", "f", code=4
    )


def test_a_truncated_parquet_file(fails: Fails, extract: Extract) -> None:
    path = extract()
    path.write_bytes(path.read_bytes()[:-100])
    assert "is not a parquet file, or is incomplete" in fails("flag", str(path), "-o", "flags.parquet", code=4)


def test_a_parquet_file_with_damage_inside(fails: Fails, tmp_path: Path) -> None:
    rows = 50_000
    frame = pl.DataFrame(
        {
            "OPA_Ident": range(rows),
            "Der_Procedure_All": [f"||U{number:05d}" for number in range(rows)],
            "Der_Diagnosis_All": ["||M545"] * rows,
            "Administrative_Category": ["01"] * rows,
            "Age_at_Start_of_Episode_SUS": [45] * rows,
        }
    )
    path = tmp_path / "damaged.parquet"
    frame.write_parquet(path)
    content = bytearray(path.read_bytes())
    content[1000:60_000] = b"\x00" * 59_000
    path.write_bytes(content)
    message = fails("flag", str(path), "-o", "flags.parquet", code=4)
    assert "the extract is damaged in the column OPA_Ident" in message
    assert "U0" not in message


def test_files_that_do_not_agree(fails: Fails, extract: Extract, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    extract("folder/a.parquet")
    extract("folder/b.parquet", drop=["Der_Diagnosis_All"])
    message = fails("flag", "folder", "-o", "flags.parquet", code=4)
    assert "b.parquet has no column Der_Diagnosis_All, which folder/a.parquet has" in message.replace("\\", "/")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("opa.parque", "there is no file opa.parque. The nearest name in that folder is opa.parquet."),
        ("nowhere/opa.parquet", "there is no file nowhere/opa.parquet."),
        ("*.pq", "no file matches *.pq."),
        ("empty", "the folder empty has no file that ends in .parquet or .csv"),
    ],
)
def test_an_unreadable_path(fails: Fails, extract: Extract, tmp_path: Path, source: str, words: str) -> None:
    extract()
    (tmp_path / "empty").mkdir()
    assert words in fails("flag", source, "-o", "flags.parquet", code=4)


def test_a_file_without_permission(fails: Fails, extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read every file, so the refusal is the library's own error, raised by hand."""

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pyarrow.parquet.read_metadata", refuse)
    assert "cannot be read: permission denied" in fails("flag", str(extract()), "-o", "flags.parquet", code=4)


def test_no_layout_fits(fails: Fails, tmp_path: Path) -> None:
    pl.DataFrame({"a": [1], "b": [2]}).write_parquet(tmp_path / "other.parquet")
    message = fails("flag", "other.parquet", "-o", "flags.parquet", code=4)
    assert "no built-in layout fits" in message
    assert "--layout" in message


def test_two_layouts_fit_equally(fails: Fails, tmp_path: Path) -> None:
    pl.DataFrame(
        {"OPA_Ident": [1], "Der_Procedure_All": ["U055"], "attendkey": [1], "opertn_01": ["U055"]}
    ).write_parquet(tmp_path / "both.parquet")
    message = fails("flag", "both.parquet", "-o", "flags.parquet", code=4)
    assert "the layouts hes-op and ncdr-opa fit this extract equally: choose with --layout" in message


def test_an_output_that_exists_is_kept_unless_forced(fails: Fails, run: Run, extract: Extract, tmp_path: Path) -> None:
    path = str(extract())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    (tmp_path / "flags.parquet").write_text("precious")
    assert "out already exists. Use --force" in fails("audit", path, "-o", "out", code=2)
    assert "flags.parquet already exists" in fails("flag", path, "-o", "flags.parquet", code=2)
    run("flag", path, "-o", "flags.parquet", "--force")
    assert pl.read_parquet(tmp_path / "flags.parquet").height == 4


@pytest.mark.usefixtures("no_report")
def test_force_replaces_what_an_audit_wrote_and_nothing_else(
    fails: Fails, run: Run, extract: Extract, tmp_path: Path
) -> None:
    path = str(extract(Der_Commissioner_Code=["ZZC"] * 4))
    run("audit", path, "-o", "out", "--rule", "2S", "--by", "commissioner")
    run("audit", path, "-o", "out", "--rule", "2S", "--force")
    assert not (tmp_path / "out" / "by_commissioner.csv").exists()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    message = fails("audit", path, "-o", "out", "--force", code=2)
    assert "out contains mine.txt, which this command did not write" in message
    run("demo", "--rows", "500")
    run("demo", "--rows", "500", "--force")
    (tmp_path / "ebi-demo" / "audit" / "mine.txt").write_text("precious")
    message = fails("demo", "--rows", "500", "--force", code=2)
    assert "ebi-demo contains audit/mine.txt" in message
    (tmp_path / "file").write_text("precious")
    assert "file is a file: name a folder" in fails("audit", path, "-o", "file", "--force", code=2)


def test_an_output_never_replaces_the_input(fails: Fails, extract: Extract, tmp_path: Path) -> None:
    path = str(extract())
    assert "overlaps the input" in fails("flag", path, "-o", path, "--force", code=2)
    (tmp_path / "folder").mkdir()
    extract("folder/a.parquet")
    assert "overlaps the input" in fails("flag", "folder", "-o", "folder/flags.parquet", code=2)
    assert "overlaps the input" in fails("audit", "folder", "-o", "folder", "--force", code=2)
    assert "overlaps the input" in fails("audit", "folder/a.parquet", "-o", "folder", "--force", code=2)
    assert "overlaps the input" in fails("audit", "folder/*.parquet", "-o", "folder", "--force", code=2)
    glob = ["flag", "folder/*.parquet", "-o", "folder/a.parquet", "--force"]
    assert "overlaps the input" in fails(*glob, code=2)


def test_two_outputs_of_one_name(fails: Fails) -> None:
    message = fails("synth", "-o", "a.parquet", "--truth", "./a.parquet", "--rows", "10", code=2)
    assert "have the same name" in message


def test_an_output_never_replaces_a_child_table_that_was_found(fails: Fails, run: Run) -> None:
    run("synth", "-o", "sus.parquet", "--rows", "50", "--layout", "unified-sus-op")
    message = fails("flag", "sus.parquet", "-o", "sus.procedures.parquet", "--force", code=2)
    assert "overlaps the input sus.procedures.parquet" in message


def test_an_output_in_no_folder(fails: Fails, extract: Extract) -> None:
    assert "does not exist" in fails("flag", str(extract()), "-o", "nowhere/flags.parquet", code=2)
    assert "does not exist" in fails("audit", str(extract()), "-o", "nowhere/out", code=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "2SS"], "there is no rule '2SS'; the nearest is 2S"),
        (["show", "2S", "--variant", "as_publishd"], "there is no variant 'as_publishd'; the nearest is as_published"),
        (["show", "2S", "--edition", "2020-1"], "there is no edition '2020-1'"),
        (
            ["sql", "2S", "--dialect", "tsq", "--layout", "ncdr-opa", "--table", "t"],
            "no dialect 'tsq'; the nearest is tsql",
        ),
        (
            ["sql", "2S", "--dialect", "tsql", "--layout", "ncdr", "--table", "t"],
            "no layout 'ncdr'; the nearest is ncdr-opa",
        ),
        (
            ["sql", "2S", "--dialect", "tsql", "--layout", "x.toml", "--table", "t"],
            "the layout file x.toml cannot be read",
        ),
        (
            ["sql", "2S", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", "t", "--shape", "flag"],
            "nearest is flags",
        ),
        (["audti", "x"], "there is no command 'audti'; the nearest is audit"),
    ],
)
def test_an_unknown_name_gives_the_nearest(fails: Fails, arguments: list[str], words: str) -> None:
    code = 3 if "x.toml" in arguments else 2
    assert words in fails(*arguments, code=code)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("age", "write FIELD=COLUMN"),
        ("agee=Age", "there is no field 'agee'; the nearest is age"),
        ("age=Aeg_at_Start", "this extract has no column Aeg_at_Start; the nearest is Age_at_Start_of_Episode_SUS"),
    ],
)
def test_a_wrong_column_option(fails: Fails, extract: Extract, column: str, words: str) -> None:
    assert words in fails("flag", str(extract()), "-o", "flags.parquet", "--column", column, code=2)


@pytest.mark.parametrize("table", ["opa; DROP TABLE x", "a..b", "a.b.", "", "a.b.c.d.e", "(SELECT 1)", "a'b", '"a'])
def test_a_table_that_is_no_name_is_refused(fails: Fails, table: str) -> None:
    message = fails("sql", "2S", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", table, code=2)
    assert "--table" in message


@pytest.mark.parametrize(
    ("table", "printed"),
    [
        ("sus.opa", "FROM sus.opa"),
        ("[My Db].[dbo].[tbl_Data_SEM_OPA]", "FROM [My Db].dbo.tbl_Data_SEM_OPA"),
        ('"a; DROP TABLE x"', "FROM [a; DROP TABLE x]"),
        ("order", "FROM [order]"),
        ("opa--", "FROM [opa--]"),
        ("my table", "FROM [my table]"),
        ("srv.db.dbo.opa", "FROM srv.db.dbo.opa"),
    ],
)
def test_a_table_name_is_quoted_where_it_must_be(run: Run, table: str, printed: str) -> None:
    assert printed in run("sql", "2S", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", table).output


def test_a_column_name_is_quoted_never_interpolated(run: Run, fails: Fails) -> None:
    hostile = "administrative_category=x] OR 1=1 --"
    text = run("sql", "2S", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", "t", "--column", hostile).output
    assert "[x]] OR 1=1 --]" in text
    message = fails(
        "sql", "2S", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", "t", "--column", "age=a\nb", code=2
    )
    assert "cannot be the name of a table or column" in message


def test_repeated_and_missing_keys_are_counted_and_warned_of(run: Run, extract: Extract) -> None:
    result = run("flag", str(extract(OPA_Ident=[11, 11, None, 11])), "-o", "flags.parquet")
    assert "2 rows have the same key (OPA_Ident) as another row" in result.stderr
    assert "1 row has no key (OPA_Ident)" in result.stderr


def test_an_extract_with_a_column_named_as_the_rule(fails: Fails, extract: Extract) -> None:
    path = extract(**{"2S_lower_back_imaging": [1, 2, 3, 4]})
    assert "already has a column 2S_lower_back_imaging" in fails("flag", str(path), "-o", "flags.parquet", code=2)


def test_a_child_table_that_is_not_found(fails: Fails, run: Run, tmp_path: Path) -> None:
    run("synth", "-o", "sus.parquet", "--rows", "50", "--layout", "unified-sus-op")
    (tmp_path / "sus.diagnoses.parquet").rename(tmp_path / "elsewhere.parquet")
    message = fails("flag", "sus.parquet", "-o", "flags.parquet", code=4)
    assert "Name the file with --diagnoses FILE" in message
    run("flag", "sus.parquet", "-o", "flags.parquet", "--diagnoses", "elsewhere.parquet")
    message = fails("flag", "sus.parquet", "-o", "f.parquet", "--diagnoses", "sus.parquet", code=4)
    assert "the table of diagnoses has no column code" in message


def test_a_layout_that_keeps_no_order_refuses_a_criterion_about_order(fails: Fails, run: Run) -> None:
    run("synth", "-o", "sus.parquet", "--rows", "50", "--layout", "sus-cds-op")
    message = fails("flag", "sus.parquet", "-o", "flags.parquet", "--variant", "sequenced", code=4)
    assert "the order of procedures" in message
    assert "(criterion imaging)" in message


@pytest.mark.parametrize("command", ["flag", "audit", "synth", "demo"])
def test_no_disk_space_leaves_nothing_half_written(command: str, tmp_path: Path) -> None:
    """A limit on the size of files replaces a full disk: the system refuses to write in the same way."""
    inputs = tmp_path / "inputs"
    outputs = tmp_path / "outputs"
    inputs.mkdir()
    outputs.mkdir()
    write_extract(inputs / "opa.parquet", 5_000)
    arguments = {
        "flag": ["flag", str(inputs / "opa.parquet"), "-o", str(outputs / "flags.parquet"), "--rule", "2S"],
        "audit": ["audit", str(inputs / "opa.parquet"), "-o", str(outputs / "out"), "--rule", "2S"],
        "synth": ["synth", "-o", str(outputs / "more.parquet"), "--rows", "5000"],
        "demo": ["demo", "--out", str(outputs / "demo"), "--rows", "5000"],
    }[command]
    done = _with_largest_file(2_000, *arguments)
    assert done.returncode == 5, done.stderr
    assert done.stderr == "Error: the disk has no space for the output. No partial output is left.\n"
    assert list(outputs.iterdir()) == []


def _with_largest_file(limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that may not write a file of more bytes than the limit."""

    def restrict() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "ebi_rules", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=restrict)
