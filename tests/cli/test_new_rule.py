"""A rule file from the template: what is to be filled in is found by lint, and once filled in it is a rule."""

import re
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

import ebi_rules as ebi
from ebi_rules.rule_model.catalogue import interventions
from ebi_rules.rule_model.rule_template import rule_template

Run = Callable[..., Result]


def test_a_new_rule_is_filled_in_and_used(run: Run, tmp_path: Path) -> None:
    said = run("new", "rule", "2g").stdout
    path = tmp_path / "2G_surgical_removal_of_kidney_stones.toml"
    assert "the list 2 guidance of November 2020, appendix 2, pages 89 to 146" in said
    text = path.read_text()
    left = [number for number, line in enumerate(text.splitlines(), 1) if "FILL" in line.partition("#")[0]]
    findings = run("lint", path.name, code=3).stdout
    assert all(f"line {number}: error" in findings for number in left)
    path.write_text(filled(text))
    assert run("lint", path.name).stderr.startswith("1 file: 0 errors, 0 findings")
    (rule,) = ebi.rules(path)
    assert rule.key == "2G_surgical_removal_of_kidney_stones"
    assert rule.documentation.interventions[0].letter == "2G"


def filled(text: str) -> str:
    """Return a template with made-up codes and words."""
    text = text.replace('operation_codes = ["FILL IN"]', 'operation_codes = ["M091"]')
    text = text.replace('reason_codes = ["FILL IN"]', 'reason_codes = ["N20"]')
    text = re.sub(r'(procedures = \[.*?)"FILL IN"', r'\1"M091"', text)
    text = re.sub(r'(diagnoses = \[.*?)"FILL IN"', r'\1"N200"', text)
    text = text.replace('"FILL-IN"', '"2024-09"')
    return re.sub(r'"FILL IN[^"]*"', '"made up"', text)


def test_every_intervention_has_a_template_of_its_own() -> None:
    texts = dict(rule_template(each) for each in interventions())
    assert len(texts) == len(interventions()) == 48
    for each, (key, text) in zip(interventions(), texts.items(), strict=True):
        assert key.startswith(f"{each.letter}_")
        assert f'interventions = ["{each.letter}"]' in text
        assert each.title in text
        assert each.where_coded in text, "where its coding is printed"


def test_an_unknown_letter_and_a_file_that_exists_are_refused(run: Run, tmp_path: Path) -> None:
    assert "there is no intervention '2ZZ'" in run("new", "rule", "2ZZ", code=2).stderr
    (tmp_path / "mine.toml").write_text("mine")
    run("new", "rule", "2G", "-o", "mine.toml", code=2)
    assert (tmp_path / "mine.toml").read_text() == "mine"
