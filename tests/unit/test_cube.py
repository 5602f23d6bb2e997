"""A cube from elsewhere is read correctly, or refused in one message that names the column and no value."""

import random
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.cube import OF_RULES, in_order, read_cube, schema
from ebi_rules.synth.made_up_extract import write_extract

KEY = "2S_lower_back_imaging"


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> ebi.Audit:
    path = tmp_path_factory.mktemp("cube") / "opa.parquet"
    write_extract(path, 5_000)
    return ebi.audit(path, ["2S"], by=["site"])


def test_what_warehouses_write_reads_the_same(audit: ebi.Audit, tmp_path: Path) -> None:
    """Upper-case columns in another order, the text NULL for missing, months as numbers or days."""
    text = audit.exact_cube.with_columns(pl.all().cast(pl.String))
    forms = [
        text.fill_null("NULL").rename(str.upper),
        text.with_columns(pl.col("month").str.replace("-", "")).select(sorted(text.columns)),
        text.with_columns(pl.col("month") + "-01"),
        text.with_columns(pl.col("count") + ".0"),
        audit.exact_cube.with_columns(pl.col("count").cast(pl.Float64)),
        audit.exact_cube.with_columns(pl.col("count").cast(pl.Decimal(38, 0))),
    ]
    for place, form in enumerate(forms):
        form.write_csv(tmp_path / f"{place}.csv")
        read = read_cube(tmp_path / f"{place}.csv")
        assert read.select(audit.exact_cube.columns).equals(audit.exact_cube)
        assert ebi.audit_cube(read).providers.equals(audit.providers)
    assert read_cube(audit.exact_cube).equals(audit.exact_cube)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": pl.lit("secret")}, "column count is wrong in"),
        ({"count": pl.lit("-1")}, "column count is wrong in"),
        ({"month": pl.lit("13/2024")}, "column month is wrong in"),
        ({"age_band": pl.lit("20-25")}, "column age_band is wrong in"),
        ({"measure": pl.lit("flaged")}, "column measure is wrong in"),
        ({"rule": pl.lit(None, pl.String)}, "column rule is wrong in"),
        ({"rule": pl.when(pl.col("rule").is_not_null()).then(pl.lit("2X"))}, "no rule '2X'"),
        ({"item": pl.when(pl.col("measure") == "left").then(pl.lit("imagin"))}, "no criterion 'imagin'"),
        ({"item": pl.when(pl.col("measure") == "variant").then(pl.lit("atended"))}, "no (criterion|variant)"),
        (
            {"count": pl.when(pl.col("measure") == "last_date").then(pl.lit("99")).otherwise("count")},
            r"of days\) is wrong in",
        ),
        ({"nonsense": pl.lit("1")}, "no column 'nonsense'"),
    ],
)
def test_a_frame_that_is_not_a_cube_is_refused(audit: ebi.Audit, change: dict[str, pl.Expr], message: str) -> None:
    broken = audit.exact_cube.cast(pl.String).with_columns(**change)
    with pytest.raises(ebi.EbiError, match=message) as error:
        ebi.audit_cube(broken)
    assert "secret" not in str(error.value)


def test_missing_files_columns_and_rows_are_reported(audit: ebi.Audit, tmp_path: Path) -> None:
    with pytest.raises(ebi.ExtractError, match="there is no file"):
        read_cube(tmp_path / "none.csv")
    (tmp_path / "broken.parquet").write_text("no parquet")
    with pytest.raises(ebi.ExtractError, match="cannot be read as a cube"):
        read_cube(tmp_path / "broken.parquet")
    with pytest.raises(ebi.ExtractError, match="the cube has no column sex"):
        read_cube(audit.exact_cube.drop("sex"))
    with pytest.raises(ebi.ExtractError, match="no row whose measure is activity"):
        read_cube(audit.exact_cube.filter(pl.col("measure") != "activity"))
    steps = audit.exact_cube.filter(~((pl.col("measure") == "left") & (pl.col("item") == "imaging")))
    with pytest.raises(ebi.ExtractError, match="do not agree with the count flagged"):
        ebi.audit_cube(steps)


def test_a_cube_without_coding_or_variants_has_fewer_columns_and_a_note(audit: ebi.Audit) -> None:
    bare = audit.exact_cube.filter(pl.col("measure").is_in(["activity", "eligible", "left", "flagged"]))
    result = ebi.audit_cube(bare, settings=ebi.Settings(disclosure="none"))
    assert result.quality.columns == ["provider", "month", "activity", "low_coding"]
    assert result.sensitivity["about"].str.contains("the cube does not count variants").sum() == 3
    assert result.providers["flagged"].sum() == audit.shown("none").providers["flagged"].sum()


@pytest.mark.parametrize("different", [3, 400])
def test_a_cube_is_in_the_order_of_its_texts(different: int) -> None:
    """With many different texts, their positions do not fit in one number."""
    dimensions = ["provider", "month", "age_band", "sex", "site", "commissioner", "gp_practice", "consultant"]
    columns = list(schema(dimensions))[:-1]
    rng = random.Random(1)
    rows = [[rng.choice([None, f"{rng.randrange(different)}"]) for _ in columns] for _ in range(2_000)]
    made = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").with_row_index("count")
    ordered = in_order(made.select(*columns, pl.col("count").cast(pl.Int64)), dimensions)
    expected = sorted(ordered.rows(), key=lambda row: [(text is None, text or "") for text in row[:-1]])
    assert [row[:-1] for row in ordered.rows()] == [row[:-1] for row in expected]
    assert sorted(ordered["count"]) == list(range(2_000))


def _small_cube(**counts: int | None) -> pl.DataFrame:
    """Return a cube of one provider and month, as somebody may count it by hand: without steps and variants."""
    wanted = {"activity": 900, "eligible": 800, "flagged": 200, **counts}
    rows = [
        (
            None if measure == "activity" else "2S_lower_back_imaging",
            "ZZ1",
            "2024-04",
            "45-49",
            "1",
            measure,
            None,
            count,
        )
        for measure, count in wanted.items()
        if count is not None
    ]
    names = ["rule", "provider", "month", "age_band", "sex", "measure", "item", "count"]
    return pl.DataFrame(rows, schema=names, orient="row", schema_overrides={"rule": pl.String, "item": pl.String})


@pytest.mark.parametrize("method", ["hes", "midpoint6", "none"])
def test_a_cube_without_steps_is_audited_and_says_that_it_has_none(tmp_path: Path, method: str) -> None:
    audit = ebi.audit_cube(_small_cube(), settings=ebi.Settings(disclosure=method))
    audit.write(tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "The cube does not count what is left after each condition." in page
    assert "activities are in scope" not in page and "attrition.csv has the steps" not in page
    assert audit.attrition["step"].to_list() == [0, 0]
    with pytest.raises(ebi.UsageError, match="attrition is not drawn"):
        audit.chart("attrition")


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ({"flagged": 850}, "more is flagged than eligible, at 1 provider"),
        ({"eligible": None}, "more is flagged than eligible"),
        ({"eligible": 950}, "more is eligible than there is activity"),
    ],
)
def test_parts_that_are_larger_than_the_whole_are_refused(counts: dict[str, int | None], problem: str) -> None:
    with pytest.raises(ebi.ExtractError, match=problem):
        ebi.audit_cube(_small_cube(**counts))


def test_steps_that_fit_in_all_but_not_at_each_provider_are_refused(audit: ebi.Audit) -> None:
    """What one provider lacks, another has too much."""
    cube = audit.exact_cube
    is_step = (pl.col("measure") == "left") & (pl.col("item") == "adult")
    providers = cube.filter(is_step)["provider"].unique().sort().cast(pl.String).to_list()
    moved = pl.when(is_step & (pl.col("provider") == providers[0])).then(pl.lit(providers[1]))
    wrong = cube.with_columns(moved.otherwise(pl.col("provider").cast(pl.String)).alias("provider"))
    with pytest.raises(ebi.ExtractError, match=r"more is left after|more is flagged than is left"):
        ebi.audit_cube(read_cube(wrong))


@pytest.mark.parametrize("method", ["hes", "none"])
@pytest.mark.parametrize(("field", "other"), [("month", "2024-05"), ("sex", "2"), ("age_band", None)])
@pytest.mark.parametrize(
    "measure",
    ["flagged", "eligible", "comparable", "compared", "undiagnosed", "recorded", "missing", "codes", "invalid"],
)
def test_what_a_group_without_activity_has_is_refused(field: str, other: str | None, measure: str, method: str) -> None:
    """The provider's counts fit together, and those of its months or sexes do not."""
    cube = _small_cube(**{measure: 200})
    is_moved, is_of_rule = pl.col("measure") == measure, pl.col("measure").is_in(OF_RULES)
    cube = cube.with_columns(
        pl.when(is_moved).then(pl.lit(other)).otherwise(field).alias(field),
        rule=pl.when(is_of_rule).then("rule"),
        item=pl.when(is_of_rule.not_() & (pl.col("measure") != "activity")).then(pl.lit("procedures")),
    )
    with pytest.raises(ebi.ExtractError, match=f"more is {measure} than there is activity, in 1 group"):
        ebi.audit_cube(cube, settings=ebi.Settings(disclosure=method))


def test_days_and_treatment_functions_that_a_warehouse_counts_by_group_are_put_into_their_form() -> None:
    def counted(measure: str, sex: str, count: int, item: str | None = None) -> pl.DataFrame:
        row = _small_cube().filter(measure="activity")
        return row.with_columns(
            measure=pl.lit(measure), sex=pl.lit(sex), count=pl.lit(count, pl.Int64), item=pl.lit(item, pl.String)
        )

    days = [counted("first_date", "1", 20240403), counted("first_date", "2", 20240402)]
    treatments = [counted("treatment", "1", 500, "110"), counted("treatment", "2", 400, " 110 ")]
    cube = read_cube(pl.concat([_small_cube(), *days, *treatments]))
    columns = ["provider", "month", "sex", "item", "count"]
    assert cube.filter(measure="first_date").select(columns).rows() == [(None, "2024-04", None, None, 20240402)]
    assert cube.filter(measure="treatment").select(columns).rows() == [("ZZ1", "2024-04", None, "110", 900)]
    assert read_cube(cube).equals(cube)
