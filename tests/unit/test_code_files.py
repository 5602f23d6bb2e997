"""A code list may be a CSV file beside the rule file, as OpenCodelists and `ebi-rules codes` write them."""

from pathlib import Path

import pytest

import ebi_rules as ebi
from ebi_rules.rule_model.code_exports import csv_codes
from tests.unit.small_rule import rule_text


def rule_file(folder: Path, spine: str) -> Path:
    (folder / "x.toml").write_text(rule_text(spine=spine))
    return folder / "x.toml"


@pytest.mark.parametrize(
    "content",
    [
        "code,term\nU05.4,CT of spine\nU055,MRI of spine\n",
        "\ufeffCode,Term\r\nu054,\r\nU055,\r\n",
        'code\n U05[45] \n" "\n',
    ],
)
def test_the_codes_of_a_file_are_those_of_a_list(tmp_path: Path, content: str) -> None:
    (tmp_path / "spine.csv").write_text(content, encoding="utf-8")
    (rule,) = ebi.rules(rule_file(tmp_path, '{ file = "spine.csv" }'))
    (same,) = ebi.rules(rule_file(tmp_path, '["U05[45]"]'))
    assert rule.codes["spine"] == same.codes["spine"]


def test_our_own_export_is_read_back(tmp_path: Path) -> None:
    rule = ebi.rule("2S")
    (tmp_path / "codes.csv").write_text(csv_codes(rule), newline="")
    (read,) = ebi.rules(rule_file(tmp_path, '{ file = "codes.csv", category = "spine_ct_mri" }'))
    assert read.codes["spine"] == rule.codes["spine_ct_mri"]


@pytest.mark.parametrize(
    ("content", "entry", "message"),
    [
        ("code\nU055\nQQ\n", '{ file = "a.csv" }', "a.csv: the pattern 'QQ'"),
        ("icd\nU055\n", '{ file = "a.csv" }', "has no column code"),
        ("code\nU055\n", '{ file = "a.csv", category = "x" }', "has no column category"),
        ("code,category\nU055,y\n", '{ file = "a.csv", category = "x" }', "has no row with the category x"),
        ("code\n\n", '{ file = "a.csv" }', "a.csv"),
        ("code\nU055\n", '{ file = "b.csv" }', "there is no file"),
        ("code\nU055\n", '{ file = "../a.csv" }', "must be in the folder of the rule file"),
        ("code\nU055\n", '{ file = "/etc/passwd" }', "must be in the folder of the rule file"),
        ("code\nU055\n", '{ files = "a.csv" }', "the nearest is file"),
        ("code\nU055\n", "{ file = 3 }", "must be text"),
    ],
)
def test_a_wrong_file_is_an_error_at_the_line_of_the_list(
    tmp_path: Path, content: str, entry: str, message: str
) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ebi.RuleError, match="line 10") as error:
        ebi.rules(rule_file(tmp_path, entry))
    assert message in str(error.value)
