"""Imaging examinations on the command line: odd input is counted, warned of or refused, never dropped in silence."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from ebi_rules.criteria.labels import SPECIALIST_VARIABLE
from ebi_rules.layouts.layout import find_layout
from ebi_rules.synth.scan_records import write_scans

Run = Callable[..., Result]
Imaging = Callable[..., Path]
RULES = ("--rules", "nwl-msk-imaging")
EXACT = ("--disclosure", "none")

_FIELDS = find_layout("dids-v1").fields


@pytest.fixture
def imaging(tmp_path: Path) -> Imaging:
    """Write a small imaging extract, with fields replaced or, by None, left out."""

    def write(name: str = "imaging.parquet", rows: int = 40, **fields: object) -> Path:
        values: dict[str, object] = {
            "id": [f"A{place}" for place in range(rows)],
            "patient": [f"9{place:09d}" for place in range(rows)],
            "birth_date": [date(1980, 2, 29)] * rows,
            "activity_date": [date(2025, 9, 1 + place % 28) for place in range(rows)],
            "request_date": [date(2025, 8, 1)] * rows,
            "nicip": ["MKNEL"] * rows,
            "snomed": ["2471000087103"] * rows,
            "source_setting": ["04"] * rows,
            "site": ["ZZ101"] * rows,
            "sex": ["1"] * rows,
            **fields,
        }
        path = tmp_path / name
        pl.DataFrame({_FIELDS[key][0]: each for key, each in values.items() if each is not None}).write_parquet(path)
        return path

    return write


def _totals(output: str) -> dict[str, str]:
    return {line.split(":")[0]: line for line in output.splitlines() if line.startswith("nwl_did")}


@pytest.mark.usefixtures("no_report")
def test_an_extract_of_examinations_is_audited(run: Run, imaging: Imaging) -> None:
    result = run("audit", str(imaging()), "-o", "out", *RULES, *EXACT)
    assert "nwl_did_knee: 40 in scope of 40 eligible since the policy began in July 2025" in result.output
    assert "nwl_did_knee: before the policy, 0 of 0 eligible would have been in scope" in result.output
    assert "nwl_did_hip: 0 in scope of 0 eligible" in result.output
    for absent in ("priority", "cancer_pathway"):
        assert f"{absent}: this extract has no column for it" in result.stderr


@pytest.mark.usefixtures("no_report")
def test_examinations_are_grouped_by_modality_and_type_of_referrer(run: Run, imaging: Imaging) -> None:
    codes, referrers = ["MKNEL"] * 20 + ["UKNER"] * 20, ["G1234567"] * 30 + ["PH12345"] * 10
    path = imaging(nicip=codes, snomed=None, referrer=referrers)
    by = ("--by", "modality", "--by", "referrer_type")
    run("audit", str(path), "-o", "out", "--rules", "nwl-msk-imaging", *by, *EXACT)
    for field, expected in (
        ("modality", {"MRI": 20, "ultrasound": 20}),
        ("referrer_type", {"general practitioner": 30, "physiotherapist": 10}),
    ):
        table = pl.read_csv(f"out/by_{field}.csv").filter(rule="nwl_did_knee")
        assert dict(table.select(field, "flagged").iter_rows()) == expected


def test_the_programme_has_no_rules_for_imaging_and_policies_are_named(run: Run, imaging: Imaging) -> None:
    message = run("audit", str(imaging()), "-o", "out", code=2).stderr
    assert "the programme has no rules for imaging examinations" in message
    assert "--rules imaging-dataset or --rules nwl-msk-imaging" in message


@pytest.mark.parametrize(
    ("snomed", "problem"),
    [
        (pl.Series([2471000087103.0] * 40), "is Float64: SNOMED CT codes have up to 18 digits"),
        (["2.471E+12"] * 40, "a decimal number in the column"),
        (["2471000087103.0"] * 40, "a decimal number in the column"),
        (["2471000087103"] * 39 + ["2.471E12"], "1 row has a decimal number"),
        (["2471000087104"] * 40, "not a SNOMED CT code"),
        (["MKNEL"] * 40, "not a SNOMED CT code"),
    ],
)
def test_damaged_snomed_codes_are_refused(run: Run, imaging: Imaging, snomed: object, problem: str) -> None:
    path = imaging(snomed=snomed, nicip=None)
    message = run("audit", str(path), "-o", "out", *RULES, code=4).stderr
    assert problem in message
    assert "24710000" not in message, "no value is shown"


def test_whole_numbers_are_snomed_codes(run: Run, imaging: Imaging) -> None:
    path = imaging(snomed=pl.Series([2471000087103] * 40), nicip=None, source_setting=pl.Series([4] * 40))
    run("flag", str(path), "-o", "flags.parquet", *RULES)
    assert pl.read_parquet("flags.parquet")["nwl_did_knee"].all()


def test_the_key_is_the_accession_number_with_its_site(run: Run, imaging: Imaging) -> None:
    sites = ["ZZ101", "ZZ102"] * 20
    path = imaging(id=[f"A{place // 2}" for place in range(40)], site=sites)
    result = run("flag", str(path), "-o", "flags.parquet", *RULES)
    assert "same key" not in result.stderr
    flags = pl.read_parquet("flags.parquet")
    assert flags.columns[:2] == [_FIELDS["id"][0], _FIELDS["site"][0]]
    assert flags[_FIELDS["site"][0]].to_list() == sites
    again = imaging(id=["A1"] * 40)
    assert "39 rows have the same key" in run("flag", str(again), "-o", "again.parquet", *RULES).stderr


def test_nothing_about_a_person_is_written(run: Run, imaging: Imaging) -> None:
    path = imaging(id=[f"KEY{place:06d}" for place in range(40)])
    run("flag", str(path), "-o", "flags.csv", *RULES)
    run("audit", str(path), "-o", "out", *RULES, *EXACT)
    written = [Path("flags.csv"), *(file for file in Path("out").iterdir() if file.suffix != ".xlsx")]
    for file in written:
        text = file.read_text(encoding="utf-8")
        assert "9000000001" not in text
        assert "1980-02-29" not in text
        assert "KEY0000" not in text or file.name == "flags.csv"


def test_codes_that_the_crosswalk_lacks_are_counted_by_length(run: Run, imaging: Imaging) -> None:
    nicip = ["MKNEL"] * 10 + ["XCHES"] * 12 + ["LOCA"] * 13 + ["?"] * 2 + [None] * 3
    path = imaging(nicip=nicip, snomed=["2471000087103"] * 38 + ["168537006"] * 2)
    output = run("check", str(path), *RULES).output
    assert "Imaging codes that the crosswalk does not have" in output
    lines = [line.split() for line in output.splitlines() if "characters" in line]
    assert ["nicip", "4", "characters", "13"] in lines
    assert ["nicip", "5", "characters", "12"] in lines
    assert ["snomed", "9", "characters", "2"] in lines
    record = json.loads(run("check", str(path), "--json", *RULES).stdout)
    (field,) = (each for each in record["fields"] if each["field"] == "nicip")
    assert (field["malformed"], field["unlisted"], field["missing"]) == (2, 25, 3)


def test_two_codes_that_disagree_are_counted_and_either_is_enough(run: Run, imaging: Imaging) -> None:
    path = imaging(nicip=["MLUSP"] * 9 + ["MKNEL"] * 31)
    result = run("flag", str(path), "-o", "flags.parquet", *RULES)
    assert "9 rows have codes that stand for different examinations" in result.stderr
    flags = pl.read_parquet("flags.parquet")
    assert (flags["nwl_did_knee"].sum(), flags["nwl_did_spine"].sum()) == (40, 9)


@pytest.mark.usefixtures("no_report")
def test_a_list_of_specialist_settings(run: Run, imaging: Imaging, monkeypatch: pytest.MonkeyPatch) -> None:
    organisations = ["ZZS1"] * 10 + ["ZZS2"] * 20 + [None] * 10
    path = imaging(source_setting=["06"] * 40, referring_organisation=organisations)
    assert "nwl_did_knee: 0 in scope of 0 eligible" in run("audit", str(path), "-o", "a", *RULES, *EXACT).output
    Path("list.csv").write_text("Code,Name\nzzs1 ,a service\n", encoding="utf-8")
    option = ("--specialist-settings", "list.csv")
    result = run("audit", str(path), "-o", "b", *RULES, *EXACT, *option, "--by", "request_setting")
    assert "nwl_did_knee: 20 in scope of 30 eligible" in result.output
    settings = pl.read_csv("b/by_request_setting.csv").filter(rule="nwl_did_knee")
    assert dict(settings.select("request_setting", "activity").iter_rows()) == {
        "specialist": 10,
        "outside specialist settings": 20,
        "unknown": 10,
    }
    assert json.loads(Path("b/run.json").read_text())["settings_files"]["request_setting"]["path"] == "list.csv"
    assert "nwl_did_knee: 0 in scope of 0" in run("audit", str(path), "-o", "c", *RULES, *EXACT).output, "for one run"
    monkeypatch.setenv(SPECIALIST_VARIABLE, "list.csv")
    assert "nwl_did_knee: 20 in scope of 30" in run("audit", str(path), "-o", "d", *RULES, *EXACT).output
    text = run("sql", "nwl-did-knee", *RULES, "--dialect", "snowflake", "--layout", "dids-v1", "--table", "did").output
    assert "'ZZS1'" in text


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "there is no file"), ("name\nx\n", "no column code"), ("code\n", "no codes"), ("code\nA-1\n", "'A-1'")],
)
def test_a_list_with_a_mistake_is_refused(run: Run, imaging: Imaging, content: str | None, problem: str) -> None:
    if content is not None:
        Path("list.csv").write_text(content, encoding="utf-8")
    option = ("--specialist-settings", "list.csv")
    assert problem in run("audit", str(imaging()), "-o", "out", *RULES, *option, code=3).stderr


def test_dates_of_birth_give_ages(run: Run, imaging: Imaging) -> None:
    births = [date(2006, 9, 1)] * 20 + [date(2006, 9, 30)] * 10 + [date(2026, 1, 1)] * 10
    path = imaging(birth_date=births, activity_date=[date(2025, 9, 15)] * 40, nicip=["MLUSP"] * 40, snomed=None)
    result = run("flag", str(path), "-o", "flags.parquet", "--rules", "imaging-dataset")
    assert pl.read_parquet("flags.parquet")["did_low_back_imaging"].to_list() == [True] * 20 + [False] * 20
    assert "age: 10 rows have a number that it cannot have" in result.stderr
    assert "PERSON BIRTH DATE and DIAGNOSTIC TEST DATE" in result.stderr
    malformed = imaging(birth_date=["1980-02-30"] * 40)
    message = run("flag", str(malformed), "-o", "none.parquet", "--rules", "imaging-dataset", code=4).stderr
    assert "birth_date: 40 rows have a value that is not a date" in message
    explained = run(
        "explain",
        str(imaging(nicip=["MLUSP"] * 40, snomed=None)),
        "--id",
        "A1",
        "--rule",
        "did-low-back",
        "--rules",
        "imaging-dataset",
    )
    assert "in scope" in explained.output


@pytest.mark.usefixtures("no_report")
def test_requests_after_the_test_are_not_waits(run: Run, imaging: Imaging) -> None:
    requests = [date(2025, 8, 1)] * 30 + [date(2025, 12, 1)] * 6 + [None] * 4
    path = imaging(request_date=requests)
    result = run("measure", str(path), "-o", "out", "--measure", "days_from_request_to_scan", *EXACT)
    row = pl.read_csv("out/measures.csv").filter(provider="all providers").row(0, named=True)
    assert (row["index_activity"], row["followed"]) == (40, 30)
    assert "days_from_request_to_scan: 6 rows have a clock that starts after it stops" in result.stderr


@pytest.mark.usefixtures("no_report")
def test_both_datasets_together(run: Run, tmp_path: Path) -> None:
    write_scans(tmp_path / "made", 3000, seed=2)
    both = [str(tmp_path / "made" / f"{name}.parquet") for name in ("imaging", "outpatient")]
    result = run("audit", *both, "-o", "out", *RULES, *EXACT, "--by", "referring_organisation")
    truth = pl.read_csv(tmp_path / "made" / "truth.csv")
    missed, scans = truth.filter(recorded="imaging only")["scans"].sum(), truth["scans"].sum()
    assert f"scans_outpatients_miss: {missed:,} of {scans:,} followed" in result.output
    assert {file.parent.name for file in Path("out").rglob("*.csv")} == {"outpatient", "imaging", "scans"}
    assert Path("out/imaging/by_referring_organisation.csv").exists()
    assert not Path("out/outpatient/by_referring_organisation.csv").exists()
    run("audit", *both, "-o", "out", *RULES, *EXACT, code=2)
    run("audit", *both, "-o", "out", *RULES, *EXACT, "--force")
    Path("out/notes.txt").write_text("mine")
    assert "notes.txt" in run("audit", *both, "-o", "out", *RULES, *EXACT, "--force", code=2).stderr
    assert Path("out/notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("no_report")
def test_without_pseudonyms_nothing_is_paired_and_no_total_is_given(run: Run, tmp_path: Path) -> None:
    write_scans(tmp_path / "made", 300, seed=2)
    outpatient, imaging = (tmp_path / "made" / f"{name}.parquet" for name in ("outpatient", "imaging"))
    pl.read_parquet(outpatient).drop("Der_Pseudo_NHS_Number").write_parquet(outpatient)
    result = run("audit", str(outpatient), str(imaging), "-o", "out", *RULES, *EXACT)
    assert "cannot be paired, and no total of both datasets is given" in result.stderr
    assert "no column for patient" in result.stderr
    assert not Path("out/scans").exists()
    assert json.loads(Path("out/run.json").read_text())["scans"] is None


def test_two_extracts_are_one_of_each_dataset(run: Run, tmp_path: Path, imaging: Imaging) -> None:
    one, other = imaging(), imaging("other.parquet")
    message = run("audit", str(one), str(other), "-o", "out", *RULES, code=2).stderr
    assert "one extract of outpatients and one of imaging examinations" in message
    for option in (
        ("--column", "sex=x"),
        ("--months", "2025-09"),
        ("--save-cube", "cube.csv"),
        ("--release", "r.json"),
    ):
        assert option[0] in run("audit", str(one), str(other), "-o", "out", *option, *RULES, code=2).stderr
    assert not Path("out").exists()


def test_scans_are_made_up(run: Run) -> None:
    run("synth", "-o", "scans", "--scans", "50")
    assert {file.name for file in Path("scans").iterdir()} == {"outpatient.parquet", "imaging.parquet", "truth.csv"}
    run("synth", "-o", "scans", "--scans", "50", code=2)
    assert "either --people or --scans" in run("synth", "-o", "x", "--scans", "5", "--people", "5", code=2).stderr
    assert "--truth" in run("synth", "-o", "x", "--scans", "5", "--truth", "t.parquet", code=2).stderr


def test_made_up_examinations_have_the_truth_of_the_policy(run: Run) -> None:
    for layout in ("dids-v1", "dids-icb", "dids-national"):
        run("synth", "-o", f"{layout}.parquet", "--rows", "6000", "--layout", layout, "--truth", f"{layout}-t.parquet")
        run("flag", f"{layout}.parquet", "-o", f"{layout}-f.parquet", *RULES)
        truth, flags = pl.read_parquet(f"{layout}-t.parquet"), pl.read_parquet(f"{layout}-f.parquet")
        assert flags["nwl_did_any"].to_list() == truth["in_scope"].to_list()
        assert truth["in_scope"].sum() > 50
