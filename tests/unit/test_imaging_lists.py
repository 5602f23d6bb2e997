"""Lists of imaging codes and the crosswalk: exact codes, kinds that never mix, and pairs of both kinds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebi_rules._support.errors import DataFileError
from ebi_rules.criteria.crosswalk import crosswalk, read_crosswalk
from ebi_rules.criteria.nodes import CriterionError, InList, NamedCodes, NamedImagingCodes, Or
from ebi_rules.criteria.parser import parse
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.rule_model.catalogue import open_policy, shared_definitions
from ebi_rules.rule_model.code_exports import csv_codes, value_sets
from ebi_rules.rule_model.editions_diff import compare_editions
from ebi_rules.rule_model.rule_parser import parse_rule
from opcs_icd import CodeList, CodeSystemError, ImagingCodes, ImagingSystem, PatternError
from opcs_icd.imaging import is_snomed

_NICIP = sorted(crosswalk().snomed)


@pytest.mark.parametrize(
    ("pattern", "codes"),
    [
        ("MLUSP", ["MLUSP"]),
        ("mkne[lr]", ["MKNEL", "MKNER"]),
        ("MKNE[BLR]C", ["MKNEBC", "MKNELC", "MKNERC"]),
        ("[MU]KNEL", ["MKNEL", "UKNEL"]),
    ],
)
def test_a_pattern_lists_whole_codes(pattern: str, codes: list[str]) -> None:
    assert list(ImagingCodes.nicip([pattern])) == codes


@pytest.mark.parametrize("pattern", ["", "MK", "M%", "MKNE[", "MKNE[]", "MKNE[B-R]", "MKNEBCX", "241648005", "MKNE-L"])
def test_what_is_no_nicip_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        ImagingCodes.nicip([pattern])


@pytest.mark.parametrize("code", ["", "MLUSP", "24164801", "241648006", "2.41648E+08", "241648005.0", "0241648005"])
def test_what_is_no_snomed_code_is_refused(code: str) -> None:
    with pytest.raises(PatternError, match="not a SNOMED CT identifier"):
        ImagingCodes.snomed([code])


def test_the_four_kinds_never_mix() -> None:
    lists = [CodeList.opcs(["U055"]), CodeList.icd(["M545"])]
    imaging = [ImagingCodes.nicip(["MLUSP"]), ImagingCodes.snomed(["241648005"])]
    for one in (*lists, *imaging):
        for other in (*lists, *imaging):
            if one is not other:
                with pytest.raises(CodeSystemError):
                    one | other  # type: ignore[operator]
    assert imaging[0] != lists[0]
    assert len({*lists, *imaging}) == 4


@given(st.lists(st.sampled_from(_NICIP), max_size=12), st.lists(st.sampled_from(_NICIP), max_size=12))
def test_lists_are_sets_of_codes(one: list[str], other: list[str]) -> None:
    first, second = ImagingCodes.nicip(one), ImagingCodes.nicip(other)
    assert set(first | second) == set(one) | set(other)
    assert set(first & second) == set(one) & set(other)
    assert set(first - second) == set(one) - set(other)
    assert (first <= second) == (set(one) <= set(other))
    assert ImagingCodes.nicip(first.compact) == first
    assert hash(ImagingCodes.nicip(reversed(one))) == hash(first)


def test_the_crosswalk_is_sound() -> None:
    pairs = crosswalk()
    assert pairs.source
    assert all(is_snomed(code) for codes in pairs.snomed.values() for code in codes)
    for nicip, codes in pairs.snomed.items():
        assert nicip in pairs.other_kind(ImagingCodes.snomed(codes))
        assert set(pairs.other_kind(ImagingCodes.nicip([nicip]))) == set(codes)
        assert not any(pairs.disagree(nicip, code) for code in codes)
    assert pairs.disagree("MKNEL", pairs.snomed["MLUSP"][0])
    assert not pairs.disagree("XCHES", pairs.snomed["MLUSP"][0])


def test_the_package_has_only_codes_that_rules_name() -> None:
    """SNOMED CT and NICIP are licensed: the crosswalk has what rules need, and nothing else."""
    rules = [rule for policy in ("nwl-msk-imaging", "imaging-dataset") for rule in open_policy(policy)]
    interpretations = [each for rule in rules for each in rule.interpretations.values()]
    named = {code for each in interpretations for codes in each.logic.imaging_lists() for code in codes.codes}
    for system in ImagingSystem:
        assert crosswalk().codes_of(system) <= named


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('source = "x"', "entry snomed is missing"),
        ('source = "x"\nsnomed = 3', "must be a table"),
        ('source = "x"\n[snomed]\nMLUSP = ["241648006"]', "wrong check digit"),
        ('source = "x"\n[snomed]\nML = ["241648005"]', "not a NICIP code"),
        ('source = "x"\n[snomed]\nMLUSP = []', "snomed.MLUSP"),
    ],
)
def test_a_crosswalk_with_a_mistake_is_refused(content: str, problem: str) -> None:
    with pytest.raises(DataFileError, match=problem):
        read_crosswalk(content, "crosswalk.toml")


def test_an_examination_is_found_by_either_code() -> None:
    lists = {"knee": NamedImagingCodes("knee", ImagingCodes.nicip(["MKNEL"]))}
    criterion = parse("examination(knee)", lists)
    snomed = NamedImagingCodes("knee", ImagingCodes.snomed(["2471000087103"]))
    assert criterion == Or((InList(lists["knee"]), InList(snomed)))
    local = {"ours": NamedImagingCodes("ours", ImagingCodes.nicip(["ZLOCAL"]))}
    assert parse("examination(ours)", local) == InList(local["ours"])


def test_functions_take_their_own_kind_of_list() -> None:
    lists = {
        "knee": NamedImagingCodes("knee", ImagingCodes.nicip(["MKNEL"])),
        "spine": NamedCodes("spine", CodeList.opcs(["U055"])),
    }
    for text, problem in (
        ("procedure(knee)", "procedure requires OPCS-4 codes, but knee is a list of NICIP codes"),
        ("examination(spine)", "examination requires NICIP or SNOMED CT codes, but spine is a list of OPCS-4 codes"),
        ("examination(knee, spine)", "examination requires 1 code list, not 2"),
        ("examination(elbow)", "there is no code list elbow"),
    ):
        with pytest.raises(CriterionError, match=problem):
            parse(text, lists)


_RULE = """\
key = "our_knee"
title = "MRI of the knee"
dataset = "imaging"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"

[codes.nicip]
knee = {knee}
{more}

[criteria]
imaging = "{criterion}"

[[examples]]
about = "by its NICIP code"
activity = {{ nicip = "MKNEL" }}
flagged = true

[[examples]]
about = "by its SNOMED CT code"
activity = {{ snomed = "2471000087103" }}
flagged = true

[[examples]]
about = "of the spine"
activity = {{ nicip = "MLUSP" }}
flagged = false
stopped_by = "imaging"
"""


def _checks(knee: str, more: str = "", criterion: str = "examination(knee)") -> set[str]:
    text = _RULE.format(knee=knee, more=more, criterion=criterion)
    return {finding.check for finding in check_rule_text(text, "our_knee.toml", shared_definitions())}


@pytest.mark.parametrize(
    ("knee", "more", "criterion", "check"),
    [
        ('["MKNE[BLR]"]', "", "examination(knee)", None),
        ('["MKNEL", "MKNE[BLR]", "MKNER"]', "", "examination(knee)", "pattern-twice"),
        ('["MKNE[BLR]", "MKNEX"]', "", "examination(knee)", "no-crosswalk"),
        ('["MKNEL", "UKNEL"]', "", "examination(knee)", "wider-crosswalk"),
        ('["MKNE[BLR]"]', 'same = ["MKNEB", "MKNE[LR]"]', "examination(knee) OR examination(same)", "same-list"),
        ('["MKNE[BLR]"]', 'left = ["MKNEL"]', "examination(knee) OR examination(left)", "list-in-list"),
        ('["MKNE[BLR]"]', 'left = ["MKNEL"]', "examination(knee)", "reading"),
        ('["MKNE%"]', "", "examination(knee)", "reading"),
    ],
)
def test_lint_of_imaging_lists(knee: str, more: str, criterion: str, check: str | None) -> None:
    found = _checks(knee, more, criterion)
    assert check in found if check else found <= {"no-example"}


def test_a_changed_list_shows_in_the_difference_of_editions() -> None:
    old, new = (
        parse_rule(_RULE.format(knee=knee, more="", criterion="examination(knee)"), "x.toml", shared_definitions())
        for knee in ('["MKNE[BLR]"]', '["MKNE[LR]", "MKNELC"]')
    )
    text = compare_editions(old, new)
    assert "Included (NICIP), new: MKNELC; removed: MKNEB." in text
    assert "Included (SNOMED CT), new: 2481000087101; removed: 241641004." in text


def test_exports_have_imaging_codes() -> None:
    rule = next(rule for rule in open_policy("nwl-msk-imaging") if rule.key == "nwl_did_knee")
    rows = csv_codes(rule).splitlines()
    assert "MKNEL,,mri_of_knee (NICIP)" in rows
    assert "2471000087103,,mri_of_knee (SNOMED CT)" in rows
    assert '"http://snomed.info/sct"' in value_sets(rule)
