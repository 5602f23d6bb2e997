"""The commands over rules: filters, differences, code exports, lint, titles from your own files."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from ebi_rules.rule_model.catalogue import builtin_files

Run = Callable[..., Result]
REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ([], 48),
        (["--list", "1"], 17),
        (["--status", "unread"], 18),
        (["--dataset", "outpatient"], 3),
        (["--specialty", "urology", "--status", "ported"], 2),
    ],
)
def test_rules_can_be_filtered(run: Run, options: list[str], count: int) -> None:
    assert len(run("rules", *options).stdout.splitlines()) == count
    assert len(json.loads(run("rules", *options, "--json").stdout)) == count


def test_an_unknown_filter_value_is_an_error(run: Run) -> None:
    assert "the nearest is urology" in run("rules", "--specialty", "urologie", code=2).output
    assert "choose from 1, 2" in run("rules", "--list", "7", code=2).output


def test_show_describes_what_changed_between_editions(run: Run) -> None:
    text = run("show", "2E", "--diff", "2020").stdout
    assert "from the edition of 2020 to the edition of July 2024" in text
    assert "**Reversed** (ICD-10): S83.2, included before, is now excluded." in text
    assert (
        "All activity in scope of the edition of 2020 as ported is in scope of"
        in run("show", "2B", "--diff", "2020-port").stdout
    )
    assert "there is no edition '2021'" in run("show", "2E", "--diff", "2021", code=2).output


def test_titles_come_from_your_own_files(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "H01.1 Made-up excision, first kind" in run("show", "2R", "--reference", str(REFERENCE)).stdout
    assert "Made-up" not in run("show", "2R").stdout
    monkeypatch.setenv("EBI_REFERENCE", str(REFERENCE))
    assert "Made-up" in run("show", "2R").stdout
    assert "is not a folder" in run("show", "2R", "--reference", "nowhere", code=2).output


def test_codes_are_exported_as_csv(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("codes", "2S").stdout)))
    assert rows[0] == {"code": "U054", "term": "Computed tomography of spine", "category": "spine_ct_mri"}
    rows = list(csv.DictReader(io.StringIO(run("codes", "2R", "--reference", str(REFERENCE)).stdout)))
    assert {row["code"]: row["term"] for row in rows}["K36"] == "Made-up other inflammation"


def test_codes_are_exported_as_fhir_to_a_file(run: Run, tmp_path: Path) -> None:
    run("codes", "2E", "--edition", "2020", "--format", "fhir", "-o", "codes.json")
    bundle = json.loads((tmp_path / "codes.json").read_text(encoding="utf-8"))
    (surgery, *_) = [entry["resource"] for entry in bundle["entry"]]
    assert surgery["version"] == "2020"
    assert surgery["compose"]["include"][0]["filter"] == [{"property": "code", "op": "regex", "value": "W82(\\..*)?"}]
    assert "already exists" in run("codes", "2E", "-o", "codes.json", code=2).output
    assert "the nearest is fhir" in run("codes", "2E", "--format", "fihr", code=2).output


def test_lint_reports_an_error_and_fails(run: Run, tmp_path: Path) -> None:
    (file,) = [file for file in builtin_files() if file.name.endswith("/2R_appendicectomy.toml")]
    content = file.content.replace('"K35[238]", "K36", "K37"', '"K3(5[238]|67)"')
    (tmp_path / "mine.toml").write_text(content)
    result = run("lint", "mine.toml", code=3)
    assert "mine.toml, line 22: error: codes.icd.appendicitis: the pattern 'K3(5[238]|67)'" in result.stdout
    assert "1 file: 1 error, 1 finding in all." in result.stderr


def test_lint_of_the_catalogue_has_no_errors(run: Run) -> None:
    assert "28 files: 0 errors" in run("lint", "--catalogue").stderr
    assert "name at least one rule file" in run("lint", code=2).output


def test_a_rule_of_another_dataset_is_refused(run: Run, extract: Callable[..., Path]) -> None:
    message = run("flag", str(extract()), "-o", "flags.parquet", "--rule", "2E", code=4).output
    assert "2E_meniscal_arthroscopy is a rule for admitted care" in message
    assert "--any-dataset" in message
    printed = ["sql", "2E", "--dialect", "tsql", "--layout", "ncdr-opa", "--table", "t"]
    assert "is a rule for admitted care" in run(*printed, code=4).output
