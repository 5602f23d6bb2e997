"""The user's own rules: folders, files, and policies that come with the package."""

import os
import shutil
from importlib import resources
from pathlib import Path

import pytest

import ebi_rules as ebi
from ebi_rules.criteria.logic import equivalent
from ebi_rules.criteria.nodes import And, Or
from ebi_rules.engines.rule_examples import run_examples
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import codes_by_rule, open_catalogue, open_policy, shared_definitions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_files import builtin_policies, find_rule_files
from tests.engines.evaluators import SQL_ENGINES

RULE = """key = "{key}"
title = "A policy made up"
aliases = ["{alias}"]
dataset = "outpatient"
status = "local"
source = "made up"
edition = "2026-11"
[criteria]
scan = "procedure(spine_scan)"
asked = "asked_by_us"
[[examples]]
about = "a scan that we asked for"
activity = {{ procedures = ["U055"], referral_source = "03" }}
flagged = true
[[examples]]
about = "a scan that another consultant asked for"
activity = {{ procedures = ["U055"], referral_source = "05" }}
flagged = false
stopped_by = "asked"
[[examples]]
about = "no scan"
activity = {{ procedures = ["X629"], referral_source = "03" }}
flagged = false
stopped_by = "scan"
"""
SHARED = """limits = ["Made up for a test."]
[codes.opcs]
spine_scan = ["U05[45]"]
[criteria]
asked_by_us = "referral_setting = 'primary care'"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "spine.toml").write_text(RULE.format(key="our_spine", alias="spine"))
    (tmp_path / "mine" / "_shared.toml").write_text(SHARED)
    (tmp_path / "mine" / "notes.txt").write_text("no rule")
    return tmp_path / "mine"


def test_a_folder_is_read_with_its_shared_definitions(folder: Path) -> None:
    (rule,) = ebi.rules(folder)
    assert rule.key == "our_spine"
    assert rule.documentation.limits == ("Made up for a test.",)
    assert ebi.explain({"procedures": ["U054"], "referral_source": "3"}, rule).flagged
    assert ebi.rules(folder / "spine.toml")[0].logic.content_hash == rule.logic.content_hash
    assert [each.key for each in ebi.rules(str(folder))] == ["our_spine"]


def test_a_folder_joins_the_catalogue(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_catalogue(folder).rule("SPINE").key == "our_spine"
    assert len(list(open_catalogue(folder))) == len(ebi.rules()) + 1
    with pytest.raises(ebi.UsageError, match="there is no rule 'our_spine'"):
        ebi.rule("our_spine")
    monkeypatch.setenv("EBI_RULES_PATH", os.pathsep.join(["", str(folder)]))
    assert ebi.rule("our_spine").title == "A policy made up"
    assert "our_spine" in [each.key for each in ebi.rules()]
    monkeypatch.setenv("EBI_RULES_PATH", str(folder / "gone"))
    with pytest.raises(ebi.UsageError, match=r"EBI_RULES_PATH: there is no folder or rule file .*gone"):
        ebi.rule("2S")


def test_two_rules_with_the_same_name_are_refused(folder: Path) -> None:
    (folder / "other.toml").write_text(RULE.format(key="other_spine", alias="Spine"))
    with pytest.raises(ebi.RuleError, match=r"spine\.toml: the rule in .*other\.toml is also called spine"):
        ebi.rules(folder)
    (folder / "other.toml").write_text(RULE.format(key="other_spine", alias="2s"))
    with pytest.raises(ebi.RuleError, match=r"the rule in catalogue/2S_lower_back_imaging\.toml is also called 2s"):
        open_catalogue(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("broken.toml", "key = ", r"broken\.toml: Invalid value"),
        ("keyless.toml", "title = 'x'", r"keyless\.toml, line 1: the file: the entry criteria is missing"),
        (
            "_shared.toml",
            '[criteria]\nadult = "age > 18"\nasked_by_us = "adult"\n[codes.opcs]\nspine_scan = ["U05"]',
            r"_shared\.toml, line 2: criteria.adult: another criterion is also called adult",
        ),
        ("_shared.toml", '[codes.icd]\ncancer = ["C1"]', r"another shared list with other codes is also called cancer"),
    ],
)
def test_a_wrong_file_is_reported(folder: Path, file: str, content: str, message: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(ebi.RuleError, match=message):
        ebi.rules(folder)


def test_a_place_without_rules_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ebi.UsageError, match="contains no rule file"):
        ebi.rules(tmp_path)
    with pytest.raises(ebi.UsageError, match="Policies that come with the package: " + ", ".join(builtin_policies())):
        ebi.rules(tmp_path / "none")


def test_policies_are_clean() -> None:
    assert "nwl-msk-imaging" in builtin_policies()
    for name in builtin_policies():
        for file in find_rule_files(name, shared_definitions()):
            documentation = file.rule.documentation
            findings = check_rule_text(file.content, file.name, file.shared, None, codes_by_rule())
            assert not findings, file.name
            assert documentation.status == "local"
            assert "proposed" in " ".join(documentation.limits), "no owner of a policy has confirmed our codes"


def test_the_rules_of_north_west_london_distinguish_scans_by_site() -> None:
    rules = {rule.key: rule for rule in ebi.rules("nwl-msk-imaging")}
    codes = {
        "spine": ["U211", "Z665"],
        "knee": ["U216", "Z846"],
        "hip": ["U132", "Z843"],
        "shoulder": ["U133", "Z814"],
        "other": ["U133", "Z861"],
    }
    for name, procedures in codes.items():
        activity = {"procedures": procedures, "referral_source": "03"}
        flagged = [key for key, rule in rules.items() if ebi.explain(activity, rule).flagged]
        assert flagged == ["nwl_any_imaging", f"nwl_{name}_imaging"]


EVALUATORS = ["reference", "Polars", "Polars, as an expression", "SQLite", "DuckDB", "Spark"]


def test_examples_run_on_every_evaluator_that_is_installed(folder: Path) -> None:
    """Spark is hidden from every test that does not need it, so its outcome says how to install it."""
    (rule,) = ebi.rules(folder)
    outcomes = {outcome.evaluator: outcome for outcome in run_examples(rule)}
    assert list(outcomes) == EVALUATORS
    assert all(outcome.wrong == () for outcome in outcomes.values())
    not_tried = {name: outcome.not_tried for name, outcome in outcomes.items() if outcome.not_tried}
    assert not_tried == {"Spark": "not installed: pip install 'ebi-rules[spark]'"}


@pytest.mark.needs("Apache Spark")
@pytest.mark.parametrize("evaluator", ["spark on Apache Spark"])
def test_examples_run_on_spark(folder: Path, evaluator: str) -> None:
    """The parameter puts this test on the worker that has started Spark, whose session `run_examples` uses."""
    assert evaluator in SQL_ENGINES
    (rule,) = ebi.rules(folder)
    outcomes = run_examples(rule)
    assert [outcome.evaluator for outcome in outcomes] == EVALUATORS
    assert all(outcome.wrong == () and outcome.not_tried is None for outcome in outcomes)


def test_an_evaluator_that_is_wrong_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ebi_rules.engines import rule_examples as examples

    (rule,) = ebi.rules(folder)
    monkeypatch.setattr(
        examples, "_EVALUATORS", {"a wrong one": (lambda table: {0: [False], 1: [False], 2: [True]}, "")}
    )
    outcome = run_examples(rule)[1]
    assert outcome.wrong == ("a scan that we asked for", "no scan")


def test_a_policy_can_be_copied_and_changed(tmp_path: Path) -> None:
    """A policy of the package is a folder like any other: users begin by copying it."""
    with resources.as_file(resources.files("ebi_rules") / "data" / "policies" / "nwl_msk_imaging") as builtin:
        shutil.copytree(builtin, tmp_path / "copy")
    assert [rule.logic.content_hash for rule in open_policy(tmp_path / "copy")] == [
        rule.logic.content_hash for rule in open_policy("nwl-msk-imaging")
    ]


@pytest.mark.parametrize(("dataset", "key"), [("outpatient", "nwl_any_imaging"), ("imaging", "nwl_did_any")])
def test_any_scan_of_north_west_london_is_that_of_some_part(dataset: str, key: str) -> None:
    """The rule of any scan flags exactly what at least one of the rules of the parts flags."""
    policy = {rule.key: rule for rule in open_policy("nwl-msk-imaging") if rule.dataset == dataset}
    every = policy.pop(key)
    assert len(policy) == 5
    assert equivalent(_all_of(every), Or(tuple(map(_all_of, policy.values()))))


def _all_of(rule: Rule) -> And:
    return And(tuple(rule.criteria.values()))
