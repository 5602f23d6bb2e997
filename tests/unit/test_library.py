"""The Python functions: open, flag, expr, explain and audit over frames and files."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.synth.made_up_extract import write_extract

KEY = "2S_lower_back_imaging"
EXACT = ebi.Settings(disclosure="none")


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extract") / "opa.parquet"
    write_extract(path, 20_000, seed=5)
    return path


def test_a_frame_returns_the_same_kind_with_one_more_column(extract: Path) -> None:
    frame = pl.read_parquet(extract)
    flagged = ebi.flag(ebi.open(frame, layout="ncdr-opa"), rules=["2S"])
    assert isinstance(flagged, pl.DataFrame)
    assert flagged.columns == [*frame.columns, KEY]
    assert flagged.drop(KEY).equals(frame)
    assert flagged.schema[KEY] == pl.Boolean
    assert not flagged[KEY].has_nulls()
    lazy = ebi.flag(frame.lazy(), rules=[ebi.rule("2S")])
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(flagged)
    assert ebi.flag(extract, rules=["2S"]).collect().equals(flagged)


def test_the_column_is_named_by_the_key_whatever_the_variant(extract: Path) -> None:
    assert ebi.flag(extract, ["2S"], variant="as_published").collect_schema().names()[-1] == KEY


def test_an_expression_is_the_flag(extract: Path) -> None:
    frame = pl.read_parquet(extract)
    for name, variant in ebi.rule("2S").interpretations.items():
        expected = ebi.flag(frame, ["2S"], variant=name)[KEY]
        assert frame.select(variant.expr(layout="ncdr-opa")).to_series().equals(expected), name


def test_an_expression_cannot_reach_child_tables() -> None:
    with pytest.raises(ebi.UsageError, match="use flag"):
        ebi.rule("2S").expr("unified-sus-op")


def test_explain_names_criteria_and_codes() -> None:
    rule = ebi.rule("2S")
    explanation = ebi.explain({"procedures": "||U13.5,Z665", "age": "45", "diagnoses": ["C509"]}, rule)
    assert not explanation.flagged
    assert explanation.stopped_by == "no_cancer"
    assert explanation.codes == ("U135", "Z665", "C509")
    assert [(each.name, each.held, each.codes) for each in explanation.criteria] == [
        ("imaging", True, ("U135", "Z665")),
        ("adult", True, ()),
        ("no_cancer", False, ("C509",)),
        ("not_private", True, ()),
    ]
    with pytest.raises(ebi.InvalidInputError, match="nearest is procedures"):
        ebi.explain({"procedurs": "U055"}, rule)


def test_flag_explains_as_explain_does(extract: Path) -> None:
    frame = pl.read_parquet(extract).head(3_000)
    explained = ebi.flag(frame, ["2S"], explain=True)
    rule = ebi.rule("2S")
    for row in explained.iter_rows(named=True):
        age = row["Age_at_Start_of_Episode_SUS"]
        activity = {
            "procedures": row["Der_Procedure_All"],
            "diagnoses": row["Der_Diagnosis_All"],
            "age": row["Der_Age_at_CDS_Activity_Date"] if age is None else age,
            "administrative_category": row["Administrative_Category"],
        }
        explanation = ebi.explain(activity, rule)
        assert row[KEY] == explanation.flagged
        assert row[f"{KEY}__stopped_by"] == explanation.stopped_by
        assert tuple(row[f"{KEY}__codes"]) == explanation.codes


def test_an_audit_adds_up(extract: Path) -> None:
    audit = ebi.audit(extract, rules=["2S"], by=["provider", "commissioner", "sex"], settings=EXACT)
    flags = ebi.flag(extract, rules=["2S"]).collect()
    assert audit.providers["flagged"].sum() == flags[KEY].sum()
    assert audit.providers["activity"].sum() == flags.height
    assert audit.grouped("commissioner")["flagged"].sum() == flags[KEY].sum()
    assert audit.grouped("sex")["eligible"].sum() == audit.providers["eligible"].sum()
    steps = audit.attrition.filter(pl.col("provider") == "all providers")
    left = steps["left"].to_list()
    assert left == sorted(left, reverse=True)
    assert left[-1] == flags[KEY].sum()
    for name, flagged in audit.sensitivity.select("variant", "flagged").iter_rows():
        assert flagged == ebi.flag(extract, ["2S"], variant=name).collect()[KEY].sum(), name
    one = audit.providers.row(0, named=True)
    of_one = flags.filter(pl.col("Der_Provider_Code") == one["provider"])
    assert one["flagged"] == of_one[KEY].sum()
    assert one["rate_per_1000_eligible"] == pytest.approx(one["flagged"] / one["eligible"] * 1000, abs=0.001)


def test_the_cube_is_the_same_from_a_frame_and_from_files(extract: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(extract)
    for place, part in enumerate(frame.iter_slices(7_000)):
        part.write_parquet(tmp_path / f"{place}.parquet")
    cubes = [ebi.audit(source, rules=["2S"]).exact_cube for source in (frame, frame.lazy(), extract, tmp_path)]
    assert all(cube.equals(cubes[0]) for cube in cubes)


@pytest.mark.parametrize(
    "change",
    [
        pl.col("Der_Procedure_All", "Der_Diagnosis_All", "Administrative_Category").cast(pl.Categorical),
        pl.col("Age_at_Start_of_Episode_SUS", "Der_Age_at_CDS_Activity_Date").cast(pl.Decimal(10, 2)),
        pl.col("Age_at_Start_of_Episode_SUS", "Der_Age_at_CDS_Activity_Date").cast(pl.Float64),
        pl.col("Age_at_Start_of_Episode_SUS").cast(pl.String),
        pl.col("Administrative_Category").cast(pl.Decimal(4, 1)),
        pl.col("OPA_Ident").cast(pl.String),
    ],
)
@pytest.mark.filterwarnings("ignore::ebi_rules._support.notices.ExtractWarning")
def test_the_type_of_a_column_does_not_change_a_flag(extract: Path, change: pl.Expr) -> None:
    frame = pl.read_parquet(extract)
    for variant in ("default", "as_published"):
        expected = ebi.flag(frame, ["2S"], variant=variant)[KEY]
        assert ebi.flag(frame.with_columns(change), ["2S"], variant=variant)[KEY].equals(expected)


def test_a_grouping_is_text_whatever_its_type(extract: Path) -> None:
    frame = pl.read_parquet(extract)
    expected = ebi.audit(frame, ["2S"], by=["treatment_function"]).grouped("treatment_function")
    for dtype in (pl.Float64, pl.Int32, pl.Decimal(6, 1)):
        changed = frame.with_columns(pl.col("Treatment_Function_Code").cast(dtype))
        assert ebi.audit(changed, ["2S"], by=["treatment_function"]).grouped("treatment_function").equals(expected)


@pytest.mark.parametrize("keys", [[1, 2, 3, 5], [5, 1, 3, 2], ["b", "a", "c", "x"], [-1, 0, 10**18, 7]])
def test_keys_that_are_all_different_raise_no_warning(
    extract: Path, keys: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ebi_rules.engines import key_checks as checks

    monkeypatch.setattr(checks, "_KEYS_AT_ONCE", 2)
    few = pl.read_parquet(extract).head(4).with_columns(pl.Series("OPA_Ident", keys))
    assert not [text for text in ebi.audit(few, settings=EXACT).warnings if "key" in text]


def test_columns_of_an_extract_may_have_any_name(extract: Path) -> None:
    """Even names that we use; and one column may be two fields of codes."""
    frame = pl.read_parquet(extract).rename({"Administrative_Category": "rows", "Sex": "value"})
    renamed = {"administrative_category": "rows", "sex": "value"}
    expected = ebi.audit(extract, ["2S"]).exact_cube
    assert ebi.audit(ebi.open(frame, columns=renamed), ["2S"]).exact_cube.equals(expected)
    twice = {"diagnoses": "Der_Procedure_All"}
    cube = ebi.audit(ebi.open(extract, columns=twice), ["2S"]).exact_cube
    counts = dict(cube.filter(pl.col("measure") == "codes").group_by("item").agg(pl.col("count").sum()).rows())
    assert len(counts) == 2
    assert len(set(counts.values())) == 1


def test_keys_are_counted_in_parts_too(extract: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ebi_rules.engines import key_checks as checks

    keys = [1, 2, 2, None, 3, 3, 3, None, 4]
    few = pl.read_parquet(extract).head(9).with_columns(pl.Series("OPA_Ident", keys))
    for at_once in (3, 100):
        monkeypatch.setattr(checks, "_KEYS_AT_ONCE", at_once)
        missing, repeated = (text for text in ebi.audit(few, settings=EXACT).warnings if "key" in text)
        assert missing.startswith("2 rows have no key")
        assert repeated.startswith("3 rows have the same key")


def test_unknown_groupings_and_rules(extract: Path) -> None:
    with pytest.raises(ebi.UsageError, match="no field to group by 'providr'"):
        ebi.audit(extract, by=["providr"])
    with pytest.raises(ebi.UsageError, match="at least one rule"):
        ebi.audit(extract, rules=[])


def test_providers_truly_differ_and_months_have_seasons(extract: Path) -> None:
    rates = ebi.audit(extract, rules=["2S"], settings=EXACT).providers["rate_per_1000_eligible"]
    assert rates.max() > 2 * rates.min()
    months = pl.read_parquet(extract).group_by(pl.col("Appointment_Date").dt.truncate("1mo")).len()
    assert months.height == 36
    assert months["len"].max() > 1.2 * months["len"].min()


def test_importing_loads_none_of_the_heavy_libraries() -> None:
    code = "import sys, ebi_rules; print([name for name in ('scipy', 'jinja2', 'sqlglot') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_rule_is_described_in_english() -> None:
    text = ebi.describe("2S")
    assert "the patient is aged 19 to 120" in text
    assert "no diagnosis code for cancer is recorded" in text
    assert "December 2023" in text
    assert "August 2022" in text
    assert "In scope does not mean inappropriate" in text
    for word in ("spine_ct_mri", "LIKE", "None", "Not("):
        assert word not in text


def test_child_tables_are_frames_or_files_or_in_a_folder(tmp_path: Path) -> None:
    write_extract(tmp_path / "sus.parquet", 5_000, 4, "unified-sus-op", tmp_path / "truth.parquet")
    truth = pl.read_parquet(tmp_path / "truth.parquet")["in_scope"].to_list()
    activity, procedures, diagnoses = (
        pl.read_parquet(tmp_path / f"sus{name}.parquet") for name in ("", ".procedures", ".diagnoses")
    )
    text_keys = procedures.with_columns(pl.col("PRIMARYKEY_ID").cast(pl.String))
    for codes in (procedures, procedures.lazy(), procedures.reverse(), text_keys):
        extract = ebi.open(activity, procedures=codes, diagnoses=diagnoses)
        assert ebi.flag(extract, ["2S"])[KEY].to_list() == truth
    with pytest.raises(ebi.ExtractError, match="pass it as procedures="):
        ebi.flag(activity)
    folder = tmp_path / "folder"
    (folder / "diagnoses").mkdir(parents=True)
    for place, part in enumerate(activity.iter_slices(2_000)):
        part.write_parquet(folder / f"part{place}.parquet")
    procedures.write_parquet(folder / "appointment.clinical_coding.procedure.opcs.parquet")
    for place, part in enumerate(diagnoses.iter_slices(200)):
        part.write_parquet(folder / "diagnoses" / f"{place}.parquet")
    assert ebi.flag(folder, rules=["2S"]).collect()[KEY].to_list() == truth


def test_codes_without_an_order_are_listed_alike_in_every_run(tmp_path: Path) -> None:
    """A layout whose child table has no position keeps no order of codes; the order of its rows does not matter."""
    write_extract(tmp_path / "sus.parquet", 2_000, 1, "sus-cds-op")
    activity, procedures, diagnoses = (
        pl.read_parquet(tmp_path / f"sus{name}.parquet") for name in ("", ".procedures", ".diagnoses")
    )
    first, second = (
        ebi.flag(ebi.open(activity, procedures=rows, diagnoses=diagnoses), ["2S"], explain=True)
        for rows in (procedures, procedures.reverse())
    )
    assert first["2S_lower_back_imaging__codes"].list.len().max() > 1
    assert first.equals(second)
