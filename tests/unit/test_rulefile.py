"""Rule files: every mistake is an error that names the file, the line and the repair."""

from importlib import resources

import pytest

from ebi_rules._support.errors import RuleError
from ebi_rules.lint.linter import check_rule_text
from ebi_rules.results.descriptions import describe
from ebi_rules.rule_model.catalogue import codes_by_rule, shared_definitions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_parser import parse_rule
from ebi_rules.rule_model.toml_source import find_line

GOOD = """\
key = "made_up"
title = "Made up"
dataset = "outpatient"
status = "local"
source = "nowhere"
edition = "2026-01"

[codes.opcs]
scan = ["U05[45]"]

[criteria]
scanned = "procedure(scan)"
adult = "adult"

[variants.seen]
about = "Only those seen."
criteria.seen = "attendance_status IN ('5', '6')"

[editions."2020-01"]
codes.opcs.scan = ["U055"]

[[examples]]
about = "an adult's scan"
activity = { procedures = ["U054"], age = 30 }
flagged = true

[[examples]]
about = "a child's scan"
activity = { procedures = ["U054"], age = 3 }
flagged = false
stopped_by = "adult"

[[examples]]
about = "no scan"
activity = { procedures = ["X629"], age = 30 }
flagged = false

[[examples]]
about = "not in the older coding"
edition = "2020-01"
activity = { procedures = ["U054"], age = 30 }
flagged = false
"""


def parse(content: str) -> Rule:
    return parse_rule(content, "made_up.toml", shared_definitions())


def test_a_good_file_is_parsed() -> None:
    rule = parse(GOOD)
    assert list(rule.criteria) == ["scanned", "adult"]
    assert rule.logic.eligible == ("adult",)
    assert list(rule.variant("seen").criteria) == ["scanned", "adult", "seen"]
    assert str(rule.edition("2020-01").codes["scan"]) == "U055"
    assert rule.edition("2020-01").edition_name == "2020-01"


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("procedure(scan)", "procedure(scans)", 12, "there is no code list scans; did you mean scan"),
        ("procedure(scan)", "procedure_recorded", 9, "no criterion uses this list"),
        ("procedure(scan)", "age", 12, "age alone is not true or false"),
        ("procedure(scan)", "procedure(scan) AND aeg > 3", 12, "there is no field aeg; did you mean age"),
        ('"U05[45]"', '"U05[45"', 9, "Did you mean U05[45]?"),
        ('scan = ["U05[45]"]', "scan = []", 9, "at least one"),
        ('title = "Made up"', 'titel = "Made up"', 2, "there is no entry 'titel'; the nearest is title"),
        ('dataset = "outpatient"', 'dataset = "outpatients"', 3, "the nearest is outpatient"),
        ('edition = "2026-01"\n', "", 1, "the entry edition is missing"),
        ("[codes.opcs]", "[codes.opsc]", 8, "there is no kind of code 'opsc'; the nearest is opcs"),
        ("criteria.seen = ", "criterai.seen = ", 17, "the nearest is criteria"),
        ("attendance_status IN", "attendance_staus IN", 17, "did you mean attendance_status"),
        ('codes.opcs.scan = ["U055"]', 'codes.opcs.scan = ["U0555X"]', 20, "is longer than a code"),
        (
            "age = 30 }\nflagged = true",
            "age = 18 }\nflagged = true",
            22,
            "says flagged = true, but the criterion adult",
        ),
        ("age = 3 }", "age = 33 }", 27, "says flagged = false, but every criterion holds"),
        ('stopped_by = "adult"', 'stopped_by = "scanned"', 27, "but the first criterion that fails is adult"),
        ('procedures = ["X629"]', 'procedurs = ["X629"]', 35, "the nearest is procedures"),
        ('edition = "2020-01"', 'edition = "2020-02"', 40, "the nearest is 2020-01"),
        (
            'activity = { procedures = ["X629"], age = 30 }',
            'activity = { procedures = ["U054"], age = 3 }',
            12,
            "no example is stopped by this criterion",
        ),
        ("age = 3 }", 'age = "young" }', 29, "age is not a whole number"),
        ('title = "Made up"', "title = 3", 2, "this must be text in quotation marks"),
        ('source = "nowhere"', 'source = "nowhere"\nlimits = "none"', 6, "a list of texts"),
        ("flagged = true", 'flagged = "yes"', 25, "this must be true or false"),
        ('[codes.opcs]\nscan = ["U05[45]"]', 'codes.opcs = ["U05[45]"]', 8, "a table of code lists"),
        ("[variants.seen]", '[titles]\nX629 = "Something"\n\n[variants.seen]', 16, "no list of the rule contains X629"),
        ('scan = ["U05[45]"]', 'scan = ["U05[45]"]\nage = ["U06"]', 10, "age is the name of a field"),
        ("[variants.seen]", "[variants]\nother = 3\n\n[variants.seen]", 16, "a table of entries"),
        ("[variants.seen]", '[words]\nscna = "a scan"\n\n[variants.seen]', 16, "the nearest is scan"),
    ],
)
def test_a_mistake_is_an_error_at_its_line(old: str, new: str, line: int, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(RuleError) as caught:
        parse(GOOD.replace(old, new, 1))
    assert str(caught.value).startswith(f"made_up.toml, line {line}: ")
    assert problem in str(caught.value)


def test_an_older_edition_may_lack_a_code_that_has_a_title() -> None:
    rule = parse(GOOD.replace("[variants.seen]", '[titles]\nU054 = "CT of spine"\n\n[variants.seen]', 1))
    assert "U05.4 CT of spine" in describe(rule)
    assert "U05.4" not in describe(rule.edition("2020-01"))


def test_a_rule_needs_an_example_that_is_flagged() -> None:
    content = GOOD.replace('procedures = ["U054"], age = 30 }\nflagged = true', "age = 30 }\nflagged = false", 1)
    with pytest.raises(RuleError, match="no example is flagged"):
        parse(content)


def test_broken_toml_is_an_error_with_its_line() -> None:
    with pytest.raises(RuleError, match=r"made_up\.toml: .*line 2"):
        parse('key = "x"\ntitle = x')


def test_parsing_a_rule_runs_nothing() -> None:
    with pytest.raises(RuleError, match=r"not part of the criterion language|there is no"):
        parse(GOOD.replace("procedure(scan)", "__import__('os')", 1))


def test_find_line_returns_the_nearest_entry() -> None:
    assert find_line(GOOD, ("criteria", "adult")) == 13
    assert find_line(GOOD, ("editions", "2020-01", "codes", "opcs", "scan")) == 20
    assert find_line(GOOD, ("examples", "2", "activity")) == 35
    assert find_line(GOOD, ("criteria", "nothing")) == 11


def test_the_content_hash_follows_the_meaning() -> None:
    rule = parse(GOOD)
    assert parse(GOOD.replace('title = "Made up"', 'title = "Other"', 1)).logic.content_hash == rule.logic.content_hash
    assert parse(GOOD.replace("U05[45]", "U05[4]", 1)).logic.content_hash != rule.logic.content_hash
    assert rule.variant("seen").logic.content_hash != rule.logic.content_hash


def test_every_alternative_inside_imaging_has_an_example_that_fires_by_it_alone() -> None:
    """Remove any one code from the low back imaging rule, and one of its own examples fails."""
    content = (resources.files("ebi_rules") / "data" / "catalogue" / "2S_lower_back_imaging.toml").read_text(
        encoding="utf-8"
    )
    content = content[: content.index("# Titles")] + content[content.index("[variants.as_published]") :]
    parse_rule(content, "whole.toml", shared_definitions())
    for old, new in [
        ("U05[45]", "U05[5]"),
        ("U05[45]", "U05[4]"),
        ("U13[2356]", "U13[356]"),
        ("U13[2356]", "U13[256]"),
        ("U13[2356]", "U13[236]"),
        ("U13[2356]", "U13[235]"),
        ("U21[1267]", "U21[267]"),
        ("U21[1267]", "U21[167]"),
        ("U21[1267]", "U21[127]"),
        ("U21[1267]", "U21[126]"),
        ('["Z665", "O162"]', '["O162"]'),
        ('["Z665", "O162"]', '["Z665"]'),
        ('adult = "adult"', 'adult = "age > 19"'),
        ('adult = "adult"', 'adult = "age >= 18"'),
        ('no_cancer = "no_cancer"', 'no_cancer = "NOT diagnosis(c)"'),
    ]:
        changed = content.replace(old, new, 1).replace(
            "[criteria]", '[codes.icd]\nc = ["C00-C99", "D37-D48"]\n\n[criteria]'
        )
        if "NOT diagnosis(c)" not in new:
            changed = content.replace(old, new, 1)
        with pytest.raises(RuleError, match="the example"):
            parse_rule(changed, "changed.toml", shared_definitions())


def test_an_edition_that_states_criteria_states_all_of_them() -> None:
    older = '[editions."2020-01".criteria]\nlooked = "procedure(scan)"\nnot_private = "not_private"\n'
    example = (
        '[[examples]]\nabout = "older"\nedition = "2020-01"\nactivity = { procedures = ["U055"] }\nflagged = true\n'
    )
    content = GOOD.replace('[editions."2020-01"]\ncodes.opcs.scan = ["U055"]\n', older)
    content = content[: content.rindex("[[examples]]")] + example
    edition = parse(content.replace('edition = "2026-01"', 'edition = "2026-01"\neligible = ["adult"]')).edition(
        "2020-01"
    )
    assert list(edition.criteria) == ["looked", "not_private"]
    assert edition.logic.eligible == ("not_private",)
    assert edition.variants == {}


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    """Missing and unknown entries, a wrong start and fitness, and values that no dictionary has, in one list."""
    content = """key = "x"
titel = "X"
dataset = "outpatient"
status = "local"
source = "s"
edition = "2024-01"
start = "July 2025"
fitness = { use = "floor", because = "x" }

[codes.opcs]
scan = ["U055"]

[criteria]
imaging = "procedure(scan)"
seen = "attendance_status = '05' AND sex = 'F'"
"""
    findings = check_rule_text(content, "x.toml", shared_definitions(), None, codes_by_rule())
    texts = " ".join(f"{finding.line}: {finding.text}" for finding in findings)
    for part in (
        "1: the entry examples is missing",
        "1: the entry title is missing",
        "2: there is no entry 'titel'",
        "7: this must be a month",
        "8: the entry reason is missing",
        "8: there is no entry 'because'",
        "15: '05' is not a code of attendance status",
        "15: 'F' is not a code of sex",
    ):
        assert part in texts
