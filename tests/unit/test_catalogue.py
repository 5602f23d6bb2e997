"""The catalogue: every intervention is listed, rules fit their dataset, and pages are current."""

import json
from collections import Counter
from pathlib import Path
from string import ascii_uppercase

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.rule_model.catalogue import builtin_files, interventions, shared_definitions
from ebi_rules.rule_model.catalogue_listing import UNREAD, catalogue_entries
from ebi_rules.rule_model.catalogue_pages import catalogue_pages
from ebi_rules.rule_model.rule_files import builtin_policies, find_rule_files
from ebi_rules.rule_model.rule_logic import DEFAULT
from ebi_rules.rule_model.rule_parser import parse_rule
from ebi_rules.synth.made_up_extract import write_extract

DOCS = Path(__file__).parents[2] / "docs"


def test_all_interventions_are_listed() -> None:
    rules = ebi.rules()
    entries = catalogue_entries(rules)
    coded = {intervention.letter for rule in rules for intervention in rule.documentation.interventions}
    local = [rule.key for rule in rules if not rule.documentation.interventions]
    letters = [intervention.letter for intervention in interventions()]
    assert [entry["letter"] for entry in entries] == [*letters, *[None] * len(local)]
    assert [entry["key"] for entry in entries if entry["letter"] is None] == local
    assert {entry["letter"] for entry in entries if entry["status"] == UNREAD} == set(letters) - coded
    assert Counter(entry["key"] for entry in entries if entry["key"]) == {
        rule.key: len(rule.documentation.interventions) or 1 for rule in rules
    }
    assert [entry["letter"] for entry in entries if entry["key"] == "2N_colonoscopy"] == ["2N", "2O"]


def test_the_examples_of_our_own_rules_are_right() -> None:
    """A rule of the package is not asked again for its examples when it is loaded: here they all are."""
    policies = [file for name in builtin_policies() for file in find_rule_files(name, shared_definitions())]
    files = [*builtin_files(), *policies]
    assert len(files) > 35 and all(file.is_ours for file in files)
    for file in files:
        assert parse_rule(file.content, file.name, file.shared).key == file.rule.key == file.names[0]


def test_the_letters_of_each_list_have_no_gap() -> None:
    alphabet = [*ascii_uppercase, *(2 * letter for letter in ascii_uppercase)]
    for number in {intervention.list_number for intervention in interventions()}:
        letters = [intervention.letter for intervention in interventions() if intervention.list_number == number]
        assert letters == [f"{number}{letter}" for letter in alphabet[: len(letters)]]


def test_ported_rules_say_where_they_come_from_and_keep_what_was_written() -> None:
    for rule in ebi.rules():
        for edition in (rule, *rule.editions.values()):
            port, status = edition.documentation.port, edition.documentation.status
            assert (port is not None) == (status == "ported"), (rule.key, edition.edition_name)
            if port and port.name == "nhp_data":
                assert "as_ported" in edition.variants, rule.key


def test_every_rule_has_examples_of_every_edition_and_variant() -> None:
    for rule in ebi.rules():
        for name, edition in {None: rule, **rule.editions}.items():
            for variant in edition.interpretations:
                examples = [
                    example
                    for example in rule.examples
                    if example.edition == name and (example.variant or DEFAULT) == variant
                ]
                assert examples, (rule.key, name, variant)
                assert variant != DEFAULT or {example.flagged for example in examples} == {True, False}


def test_the_pages_are_current() -> None:
    """If this fails, the rules have changed: run `make docs`."""
    folder = DOCS / "rules"
    assert {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.md")} == catalogue_pages()


@pytest.mark.parametrize("layout", ["ncdr-apcs", "ncdr-apce", "hes-apc"])
def test_what_was_planted_is_found(layout: str, tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", 12_000, 3, layout, tmp_path / "truth.parquet")
    flags = ebi.flag(tmp_path / "apc.parquet").collect()
    truth = pl.read_parquet(tmp_path / "truth.parquet").with_row_index().drop_nulls("rule")
    admitted = {rule.key for rule in ebi.rules() if rule.dataset == "admitted"}
    assert set(flags.columns) & {rule.key for rule in ebi.rules()} == admitted == set(truth["rule"])
    for (key,), rows in truth.group_by("rule"):
        assert flags[str(key)].gather(rows["index"]).to_list() == rows["in_scope"].to_list(), key


def test_a_rule_of_another_dataset_is_refused_unless_allowed(tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", 500, 3, "ncdr-apcs")
    frame = pl.read_parquet(tmp_path / "apc.parquet")
    with pytest.raises(ebi.ExtractError, match="2T_knee_mri is a rule for outpatient appointments"):
        ebi.flag(frame, rules=["2T"])
    with pytest.raises(ebi.ExtractError, match="but the layout ncdr-apcs contains admitted care"):
        ebi.rule("2T").expr("ncdr-apcs")
    with pytest.raises(ebi.ExtractError, match="any-dataset"):
        ebi.sql("2T", "tsql", layout="ncdr-apcs", table="t")
    assert "2T_knee_mri" in ebi.flag(frame, rules=["2T"], any_dataset=True).columns
    assert "2T_knee_mri" not in ebi.flag(frame).columns


def test_a_missing_spell_code_is_an_error_with_its_repair(tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", 500, 3, "ncdr-apcs")
    frame = pl.read_parquet(tmp_path / "apc.parquet").drop("Spell_Dominant_Procedure")
    edition = ebi.rule("2R").edition("2020")
    with pytest.raises(ebi.ExtractError, match=r"no column for dominant_procedure.*Spell_Dominant_Procedure"):
        ebi.flag(frame, rules=[edition])
    assert ebi.flag(frame, rules=[edition], variant="first_codes").height == 500


def test_without_names_only_rules_with_the_variant_run(tmp_path: Path) -> None:
    write_extract(tmp_path / "opa.parquet", 500, 3)
    with pytest.warns(ebi.ExtractWarning, match=r"skipped \(no variant sequenced\): 2T_knee_mri"):
        assert "2T_knee_mri" not in ebi.flag(tmp_path / "opa.parquet", variant="sequenced").collect_schema()
    with pytest.raises(ebi.UsageError, match="there is no variant 'as_portd'"):
        ebi.flag(tmp_path / "opa.parquet", variant="as_portd")


def test_an_edition_describes_itself() -> None:
    text = ebi.describe("2E@2020")
    assert "This is the **edition of 2020**. The programme's own script" in text
    assert "the dominant procedure of the spell is arthroscopic surgery to a meniscus" in text
    assert "The coding is published by the programme." in text
    assert "serves 2T Knee MRI" in ebi.describe("2U")


def test_value_sets_are_fhir() -> None:
    from fhir.resources.R4B.bundle import Bundle

    from ebi_rules.rule_model.code_exports import value_sets

    for rule in ebi.rules():
        for edition in (rule, *rule.editions.values()):
            bundle = Bundle.model_validate_json(value_sets(edition))
            assert bundle.entry
            for entry in json.loads(value_sets(edition))["entry"]:
                includes = entry["resource"]["compose"]["include"]
                # The specification's rule vsd-3: an include has concepts or filters, never both.
                assert all(("concept" in include) != ("filter" in include) for include in includes)


def test_an_edition_is_named_after_the_rule() -> None:
    assert ebi.rule("2e@2020").edition_name == "2020"
    with pytest.raises(ebi.UsageError, match="there is no edition '2021'"):
        ebi.rule("2E@2021")
    with pytest.raises(ebi.UsageError, match="two editions of 2E_meniscal_arthroscopy"):
        ebi.rules(["2E", "2E@2020"])
