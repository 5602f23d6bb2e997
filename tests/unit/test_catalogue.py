"""The catalogue: every intervention is listed, rules fit their dataset, pages are current."""

import json
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.rule_model.catalogue import interventions
from ebi_rules.rule_model.catalogue_listing import UNCODED, entries
from ebi_rules.rule_model.catalogue_pages import pages
from ebi_rules.rule_model.rule import DEFAULT
from ebi_rules.synth.made_up_extract import write_extract

DOCS = Path(__file__).parents[2] / "docs"


def test_all_interventions_are_listed() -> None:
    listed = entries()
    assert len(listed) == len(interventions()) == 48
    assert sum(entry["status"] == UNCODED for entry in listed) == 18
    assert {entry["key"] for entry in listed if entry["key"]} == {rule.key for rule in ebi.rules()}
    assert sum(entry["key"] == "2N_colonoscopy" for entry in listed) == 2


def test_ported_rules_say_where_they_come_from_and_keep_what_was_written() -> None:
    for rule in ebi.rules():
        for edition in (rule, *rule.editions.values()):
            assert (edition.port is not None) == (edition.status == "ported"), (rule.key, edition.edition_name)
            if edition.port and edition.port.name == "nhp_data":
                assert "as_ported" in edition.variants, rule.key


def test_every_rule_has_examples_of_every_edition_and_variant() -> None:
    for rule in ebi.rules():
        for name, edition in {None: rule, **rule.editions}.items():
            for variant in edition.readings():
                own = [each for each in rule.examples if each.edition == name and (each.variant or DEFAULT) == variant]
                assert own, (rule.key, name, variant)
                assert variant != DEFAULT or {each.flagged for each in own} == {True, False}


def test_the_pages_are_current() -> None:
    """If this fails, the rules have changed: run `make docs`."""
    folder = DOCS / "rules"
    assert {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.md")} == pages()


@pytest.mark.parametrize("layout", ["ncdr-apcs", "ncdr-apce", "hes-apc"])
def test_what_was_planted_is_found(layout: str, tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", 12_000, 3, layout, tmp_path / "truth.parquet")
    flags = ebi.flag(tmp_path / "apc.parquet").collect()
    truth = pl.read_parquet(tmp_path / "truth.parquet").with_row_index().drop_nulls("rule")
    admitted = {rule.key for rule in ebi.rules() if rule.dataset == "admitted"}
    assert set(flags.columns) & {rule.key for rule in ebi.rules()} == admitted == set(truth["rule"])
    for (key,), rows in truth.group_by("rule"):
        assert flags[str(key)].gather(rows["index"]).to_list() == rows["in_scope"].to_list(), key


def test_a_rule_of_another_dataset_is_refused_unless_asked(tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", 500, 3, "ncdr-apcs")
    frame = pl.read_parquet(tmp_path / "apc.parquet")
    with pytest.raises(ebi.ExtractError, match="2T_knee_mri is a rule for outpatient appointments"):
        ebi.flag(frame, rules=["2T"])
    with pytest.raises(ebi.ExtractError, match="holds admitted care"):
        ebi.rule("2T").expr("ncdr-apcs")
    with pytest.raises(ebi.ExtractError, match="any-dataset"):
        ebi.rule("2T").sql("tsql", "ncdr-apcs", "t")
    assert "2T_knee_mri" in ebi.flag(frame, rules=["2T"], any_dataset=True).columns
    assert "2T_knee_mri" not in ebi.flag(frame).columns


def test_a_spell_code_that_is_not_there_is_an_error_with_its_repair(tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", 500, 3, "ncdr-apcs")
    frame = pl.read_parquet(tmp_path / "apc.parquet").drop("Spell_Dominant_Procedure")
    edition = ebi.rule("2R").edition("2020")
    with pytest.raises(ebi.ExtractError, match=r"no column for dominant_procedure.*Spell_Dominant_Procedure"):
        ebi.flag(frame, rules=[edition])
    assert ebi.flag(frame, rules=[edition], variant="first_codes").height == 500


def test_all_rules_of_a_variant_are_those_that_have_it(tmp_path: Path) -> None:
    write_extract(tmp_path / "opa.parquet", 500, 3)
    with pytest.warns(ebi.ExtractWarning, match="left out for want of a variant sequenced: 2T_knee_mri"):
        assert "2T_knee_mri" not in ebi.flag(tmp_path / "opa.parquet", variant="sequenced").collect_schema()
    with pytest.raises(ebi.UsageError, match="there is no variant 'as_portd'"):
        ebi.flag(tmp_path / "opa.parquet", variant="as_portd")


def test_an_edition_says_what_it_is() -> None:
    text = ebi.rule("2E").edition("2020").describe()
    assert "This is the **edition of 2020**. The programme's own script" in text
    assert "the dominant procedure of the spell is arthroscopic surgery to a meniscus" in text
    assert "The coding is published by the programme." in text
    assert "serves 2T Knee MRI" in ebi.rule("2U").describe()


def test_value_sets_are_fhir() -> None:
    from fhir.resources.R4B.bundle import Bundle

    from ebi_rules.rule_model.code_exports import value_sets

    for rule in ebi.rules():
        for edition in (rule, *rule.editions.values()):
            bundle = Bundle.model_validate_json(value_sets(edition))
            assert bundle.entry
            for entry in json.loads(value_sets(edition))["entry"]:
                held = entry["resource"]["compose"]["include"]
                # The specification's rule vsd-3: an include has concepts or filters, never both.
                assert all(("concept" in include) != ("filter" in include) for include in held)


def test_an_edition_is_named_behind_the_rule() -> None:
    assert ebi.rule("2e@2020").edition_name == "2020"
    with pytest.raises(ebi.UsageError, match="there is no edition '2021'"):
        ebi.rule("2E@2021")
    with pytest.raises(ebi.UsageError, match="two editions of 2E_meniscal_arthroscopy"):
        ebi.rules(["2E", "2E@2020"])
