"""A review of notes on the command line: draw, answer, read back; and workbooks that came back damaged."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from click.testing import Result

import ebi_rules as ebi
from ebi_rules.rule_model.checklists import shipped_checklist
from ebi_rules.synth.made_up_extract import write_extract

Run = Callable[..., Result]
Cells = Mapping[tuple[int, int], object]
RULE = "2S_lower_back_imaging"
ITEMS = [item.key for item in shipped_checklist(RULE).items]
ANSWERS = [*["no"] * len(ITEMS), "yes", "not appropriate"]
SECRET = "9434765919"
SAMPLE = ("sample", "opa.parquet", "--rule", "2S", "--key", "private/key.csv")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "opa.parquet"
    write_extract(path, rows=20_000)
    return path


@pytest.fixture
def drawn(run: Run, rows: Path, tmp_path: Path) -> pl.DataFrame:
    shutil.copy(rows, tmp_path / "opa.parquet")
    (tmp_path / "private").mkdir()
    run(*SAMPLE, "-o", "review", "--size", "60", "--unflagged", "20", "--reviewers", "2")
    return pl.read_csv(tmp_path / "private" / "key.csv", infer_schema=False)


def answer(tmp_path: Path, name: str, cells: Cells | None = None, lost: int = 0, lost_column: int | None = None) -> str:
    """Fill in a workbook as told: cells by row (0 has the headings) and column; without last rows, or a column."""
    source = tmp_path / "review" / "review_1.xlsx"
    frame = pl.read_excel(source, sheet_name="cases", infer_schema_length=0)
    about = pl.read_excel(source, sheet_name="how to", has_header=False, infer_schema_length=0)
    rows: list[list[object]] = [list(frame.columns)]
    rows += [[int(case), *ANSWERS] for case in frame["case"].to_list()[: frame.height - lost]]
    told = {(row, column): value for row, line in enumerate(rows) for column, value in enumerate(line)}
    with xlsxwriter.Workbook(tmp_path / name) as workbook:
        sheet = workbook.add_worksheet("cases")
        for (row, column), value in {**told, **(cells or {})}.items():
            if value is not None and column != lost_column:
                sheet.write(row, column - (lost_column is not None and column > lost_column), value)
        other = workbook.add_worksheet("how to")
        for row, line in enumerate(about.rows()):
            other.write_row(row, 0, line)
    return name


def test_a_sample_is_what_was_asked_for_and_the_same_every_time(run: Run, drawn: pl.DataFrame, tmp_path: Path) -> None:
    assert drawn["flagged"].value_counts().sort("flagged").rows() == [("false", 20), ("true", 60)]
    assert drawn["OPA_Ident"].n_unique() == 80
    assert drawn["case"].to_list() == [str(number) for number in range(1, 81)]
    run(*SAMPLE, "-o", "again", "--key", "private/again.csv", "--size", "60", "--unflagged", "20")
    assert (tmp_path / "private" / "again.csv").read_bytes() == (tmp_path / "private" / "key.csv").read_bytes()
    run(*SAMPLE, "-o", "else", "--key", "private/else.csv", "--size", "60", "--unflagged", "20", "--seed", "2")
    other = pl.read_csv(tmp_path / "private" / "else.csv", infer_schema=False)
    assert set(other["OPA_Ident"]) != set(drawn["OPA_Ident"]) and other["sample"][0] != drawn["sample"][0]


def test_a_workbook_says_nothing_of_whose_case_it_is(drawn: pl.DataFrame, tmp_path: Path) -> None:
    sheets = pl.read_excel(
        tmp_path / "review" / "review_2.xlsx", sheet_id=[1, 2], has_header=False, infer_schema_length=0
    )
    cells = {str(cell) for frame in sheets.values() for row in frame.rows() for cell in row}
    assert not cells & {*drawn["OPA_Ident"], *drawn["provider"], *drawn["stratum"]}
    assert "review_1.xlsx" in {path.name for path in (tmp_path / "review").iterdir()}


def test_every_stratum_has_two_cases_and_its_true_size(drawn: pl.DataFrame, rows: Path) -> None:
    strata = drawn.group_by("flagged", "stratum").agg(pl.len(), pl.col("in_stratum").unique())
    assert strata["len"].min() == 2
    assert strata["in_stratum"].list.len().max() == 1 and strata.filter(flagged="true").height > 4
    sizes = (
        strata.with_columns(pl.col("in_stratum").list.first().cast(pl.Int64))
        .group_by("flagged")
        .agg(pl.sum("in_stratum"))
    )
    in_scope = dict(ebi.flag(str(rows), "2S").collect()[RULE].value_counts().rows())[True]
    assert dict(sizes.rows())["true"] == in_scope


def test_what_reviewers_say_is_read_back(run: Run, drawn: pl.DataFrame, tmp_path: Path) -> None:
    one = answer(tmp_path, "one.xlsx", {(row, len(ANSWERS)): "appropriate" for row in range(1, 41)})
    two = answer(tmp_path, "two.xlsx", {(row, len(ANSWERS)): "appropriate" for row in range(1, 31)})
    output = run("review", one, two, "--key", "private/key.csv", "-o", "out").output
    assert "flagged: in scope by the notes: 100.0%" in output
    assert "Agreement, judgement: 87.5%" in output
    figures = pl.read_csv(tmp_path / "out" / "figures.csv", infer_schema=False)
    by_name = {row["figure"]: row for row in figures.iter_rows(named=True)}
    share = by_name["flagged: appropriate"]
    seen = (int(case) <= 80 for case in drawn.filter(flagged="true")["case"])
    assert all(seen) and 20 < float(share["percent"]) < 80
    assert float(share["percent_lower_95"]) < float(share["percent"]) < float(share["percent_upper_95"])
    assert set(figures.columns).isdisjoint({"case", "OPA_Ident"})
    alone = run("review", one, "--key", "private/key.csv", "-o", "alone").output
    assert "Agreement" not in alone


def test_a_share_is_suppressed_so_that_others_do_not_give_it_away(
    run: Run, drawn: pl.DataFrame, tmp_path: Path
) -> None:
    flagged = [int(case) for case in drawn.filter(flagged="true")["case"]]
    judged = {(case, len(ANSWERS)): "cannot tell" for case in flagged[:3]}
    judged |= {(case, len(ANSWERS)): "appropriate" for case in flagged[3:20]}
    one = answer(tmp_path, "one.xlsx", judged)
    run("review", one, "--key", "private/key.csv", "-o", "out")
    figures = pl.read_csv(tmp_path / "out" / "figures.csv", infer_schema=False)
    shown = dict(figures.select("figure", "percent").rows())
    assert shown["flagged: cannot tell"] == shown["flagged: appropriate"] == "*"
    assert shown["flagged: not appropriate"] != "*"
    run("review", one, "--key", "private/key.csv", "-o", "all", "--disclosure", "none")
    assert "*" not in (tmp_path / "all" / "figures.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cells", "lost", "message"),
    [
        ({(3, 2): None}, 0, "row 4, suspected_infection: empty"),
        ({(3, 2): SECRET}, 0, "row 4, suspected_infection: another text than its answers"),
        ({(5, len(ANSWERS)): "probably fine"}, 0, "row 6, judgement: another text"),
        ({(2, 0): 1}, 0, "rows 2 and 3 have the same case 1"),
        ({(2, 0): int(SECRET)}, 0, "row 3: no case has this number"),
        ({(2, 0): SECRET[:3] + "x"}, 0, "row 3: there is no number of a case"),
        ({(2, 0): None}, 0, "row 3: there is no number of a case"),
        ({(2, column): None for column in range(len(ANSWERS) + 1)}, 0, "the rows of 1 cases are missing: 2"),
        ({(2, column): None for column in range(len(ANSWERS) + 1)} | {(4, 1): "?"}, 0, "row 5, suspected_cancer"),
        ({}, 7, "the rows of 7 cases are missing: 74"),
    ],
)
def test_a_damaged_workbook_is_refused_by_row(
    run: Run, drawn: pl.DataFrame, tmp_path: Path, cells: Cells, lost: int, message: str
) -> None:
    one = answer(tmp_path, "one.xlsx", cells, lost)
    output = run("review", one, "--key", "private/key.csv", "-o", "out", code=2).output
    assert message in output and SECRET not in output and "probably" not in output
    assert not (tmp_path / "out").exists()


def test_lost_columns_and_other_samples_are_refused(run: Run, drawn: pl.DataFrame, tmp_path: Path) -> None:
    for name, column in (("judgement", len(ANSWERS)), (ITEMS[-1], len(ITEMS))):
        short = answer(tmp_path, "short.xlsx", lost_column=column)
        output = run("review", short, "--key", "private/key.csv", "-o", "out", code=2).output
        assert f"the heading {name} is missing" in output
    one = answer(tmp_path, "one.xlsx")
    run(*SAMPLE, "-o", "else", "--key", "private/else.csv", "--size", "60", "--unflagged", "20", "--seed", "2")
    assert (
        "belongs to another sample than the key"
        in run("review", one, "--key", "private/else.csv", "-o", "out", code=2).output
    )
    more = answer(tmp_path, "more.xlsx", {(0, len(ANSWERS) + 1): f"of {SECRET}"})
    output = run("review", more, "--key", "private/key.csv", "-o", "out", code=2).output
    assert "more columns than its headings: 1" in output and SECRET not in output
    assert (
        "must be the key that ebi-rules sample wrote"
        in run("review", one, "--key", _csv(tmp_path, "case\n1\n"), "-o", "out", code=2).output
    )


def test_what_is_no_workbook_of_ours_is_refused(run: Run, drawn: pl.DataFrame, tmp_path: Path) -> None:
    whole = (tmp_path / "review" / "review_1.xlsx").read_bytes()
    for name, content in (("text", b"case\n1\n"), ("cut", whole[: len(whole) // 2]), ("empty", b"")):
        (tmp_path / f"{name}.xlsx").write_bytes(content)
    (tmp_path / "folder.xlsx").mkdir()
    for name, sheet in (("other", "Sheet1"), ("bare", "cases")):
        with xlsxwriter.Workbook(tmp_path / f"{name}.xlsx") as workbook:
            workbook.add_worksheet(sheet)
    for name in ("text", "cut", "empty", "folder", "other", "bare", "none"):
        output = run("review", f"{name}.xlsx", "--key", "private/key.csv", "-o", "out", code=2).output
        assert f"{name}.xlsx cannot be read as a workbook" in output


def test_without_the_extra_it_says_what_to_install(
    run: Run, drawn: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    output = run("review", "review/review_1.xlsx", "--key", "private/key.csv", "-o", "out", code=5).output
    assert "pip install 'ebi-rules[review]'" in output


def _csv(tmp_path: Path, text: str) -> str:
    (tmp_path / "other.csv").write_text(text, encoding="utf-8")
    return "other.csv"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--size", "19000"), "19,000 activities that are flagged are asked for"),
        (("--size", "1"), "at least 2 activities"),
        (("--size", "-1"), "--size must be a whole number from 0 on"),
        (("--seed", "-1"), "--seed must be a whole number from 0 on"),
        (("--unflagged", "1"), "at least 2 activities"),
        (("--unflagged", "20000"), "20,000 activities that are not flagged"),
        (("--precision", "0.5"), "from 1 to 50 percentage points"),
        (("--precision", "nan"), "from 1 to 50 percentage points"),
        (("--reviewers", "3"), "must be 1 or 2"),
        (("--key", "review/key.csv"), "write it to another folder than the workbooks"),
    ],
)
def test_an_impossible_sample_is_refused(
    run: Run, rows: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    shutil.copy(rows, tmp_path / "opa.parquet")
    (tmp_path / "private").mkdir()
    assert message in run(*SAMPLE, "-o", "review", *options, code=2).output
    assert not (tmp_path / "review").exists() and not list((tmp_path / "private").iterdir())


def test_a_checklist_of_ones_own_is_asked(run: Run, rows: Path, tmp_path: Path) -> None:
    shutil.copy(rows, tmp_path / "opa.parquet")
    (tmp_path / "private").mkdir()
    (tmp_path / "own.toml").write_text(
        'source = "our pathway"\n[[items]]\nkey = "physiotherapy"\nquestion = "Was physiotherapy tried?"\n',
        encoding="utf-8",
    )
    broken = run(*SAMPLE, "-o", "review", "--size", "20", "--checklist", "opa.parquet", code=3)
    assert "opa.parquet: the file cannot be read" in broken.output
    run(*SAMPLE, "-o", "review", "--size", "20", "--checklist", "own.toml")
    frame = pl.read_excel(tmp_path / "review" / "review_1.xlsx", sheet_name="cases", infer_schema_length=0)
    assert frame.columns == ["case", "physiotherapy", "in_scope", "judgement"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (pl.lit("1").alias("flagged"), "80 of its 80 rows are not as ebi-rules sample wrote them"),
        (pl.lit(None, pl.String).alias("case"), "80 of its 80 rows"),
        (pl.lit("1").alias("case"), "a case is there twice"),
        (pl.lit("1").alias("in_stratum"), "or more cases than there are"),
        (pl.concat_str(pl.lit("1"), "case").alias("in_stratum"), "a stratum has two sizes"),
        (pl.concat_str(pl.lit("s"), "case").alias("sample"), "the cases of one sample"),
    ],
)
def test_a_damaged_key_is_refused(run: Run, drawn: pl.DataFrame, tmp_path: Path, wrong: pl.Expr, message: str) -> None:
    one = answer(tmp_path, "one.xlsx")
    drawn.with_columns(wrong).write_csv(tmp_path / "other.csv")
    assert message in run("review", one, "--key", "other.csv", "-o", "out", code=2).output


def test_a_key_that_a_spreadsheet_saved_is_the_same_key(run: Run, drawn: pl.DataFrame, tmp_path: Path) -> None:
    one = answer(tmp_path, "one.xlsx")
    run("review", one, "--key", "private/key.csv", "-o", "before")
    saved = drawn.with_columns(pl.col("flagged").str.to_uppercase())
    saved.write_csv(tmp_path / "saved.csv", include_bom=True, line_terminator="\r\n")
    run("review", one, "--key", "saved.csv", "-o", "after")
    for name in ("figures.csv", "counts.csv", "by_provider.csv"):
        assert (tmp_path / "after" / name).read_bytes() == (tmp_path / "before" / name).read_bytes()


@pytest.mark.parametrize("key", ["case", "in_scope", "judgement", "Two words"])
def test_an_item_cannot_be_called_what_every_workbook_asks(run: Run, rows: Path, tmp_path: Path, key: str) -> None:
    text = f'source = "x"\n[[items]]\nkey = "{key}"\nquestion = "y?"\n'
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    (tmp_path / "private").mkdir()
    shutil.copy(rows, tmp_path / "opa.parquet")
    output = run(*SAMPLE, "-o", "review", "--checklist", "own.toml", code=3).output
    assert "own.toml: " in output and "item" in output


def test_every_kind_of_table_gives_the_same_sample(rows: Path) -> None:
    """Also where the extract's columns have names of the key's."""
    frame = pl.read_parquet(rows).rename({"OPA_Ident": "case"}).with_columns(eligible=pl.lit(1))
    keys = [
        ebi.draw_sample(ebi.open(table, columns={"id": "case"}), "2S", 40, unflagged=4).key
        for table in (frame, frame.lazy(), frame.to_pandas(), frame.to_arrow())
    ]
    assert keys[0].height == 44 and "activity_case" in keys[0].columns
    assert all(key.equals(keys[0]) for key in keys[1:])


@pytest.mark.parametrize("wrong", [{"size": 2.5}, {"size": True}, {"seed": 1.0}, {"unflagged": "4"}])
def test_a_number_that_is_not_whole_is_refused(rows: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ebi.UsageError, match="must be a whole number"):
        ebi.draw_sample(str(rows), "2S", **wrong)  # type: ignore[arg-type]
