"""A real classification has gaps: inside a published range they are a note, at its ends and alone they are findings."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from ebi_rules.lint.code_existence import check_shared_codes
from ebi_rules.rule_model.catalogue import rules, shared_definitions
from opcs_icd import ICD10, OPCS4, CodeSystem
from opcs_icd.reference import Reference
from tests.unit.mistakes import OPERATION

Run = Callable[..., Result]

GAPS = {"C27", "C28", "C29", "C35", "C36", "C42", "C59", "C87", "C89", "C98", "C99", "D08"}
"""Categories of ICD-10 that were never assigned, inside or at the end of the ranges that the programme prints."""
_ICD_HEADER = "CODE\tALT_CODE\tUSAGE\tUSAGE_UK\tDESCRIPTION\tMODIFIER_4\tMODIFIER_5\tQUALIFIERS\tGENDER_MASK\tMIN_AGE"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """Return a folder with made-up releases of every code that the catalogue names, but for the gaps."""
    folder = tmp_path / "reference"
    folder.mkdir()
    codes: dict[CodeSystem, set[str]] = {OPCS4: set(), ICD10: set()}
    for rule in rules():
        for edition in (rule, *rule.editions.values()):
            for each in edition.interpretations.values():
                for named in each.logic.code_lists():
                    codes[named.system] |= set(named.codes.prefixes)
    opcs = "".join(
        f"{code[:3]}.{code[3:]}\tMade up\n" if len(code) > 3 else f"{code}\tMade up\n" for code in sorted(codes[OPCS4])
    )
    (folder / "OPCS410 CodesAndTitles.txt").write_text(opcs)
    rows = [
        f"{code[:3]}.{code[3:]}".rstrip(".") + f"\t{code}\t\t\tMade up" + "\t" * 7
        for code in sorted(codes[ICD10] - GAPS)
    ]
    name = "ICD10_Edition5_CodesAndTitlesAndMetadata_GB_20160401.txt"
    (folder / name).write_text("\n".join([_ICD_HEADER + "\tMAX_AGE\tTREE_DESCRIPTION", *rows]) + "\n")
    return folder


def test_the_gaps_of_cancer_are_one_note_and_its_end_a_finding(reference: Path) -> None:
    found = list(check_shared_codes([shared_definitions().lists["cancer"]], Reference.read(reference)))
    notes = [each.text for each in found if each.check == "gap-in-range"]
    assert len(notes) == 2
    assert "C00-C99 runs over codes that ICD-10 edition 5 does not have: C27-C29, C35, C36" in notes[0]
    assert "D00-D09" in notes[1]
    assert "D08" in notes[1]
    assert [each.text for each in found if each.check == "range-end"] == [
        "C00-C99 begins or ends with a code that ICD-10 edition 5 does not have: C99. Check the range."
    ]
    assert len(found) == 3


def test_the_catalogue_has_no_error(run: Run, reference: Path) -> None:
    lines = run("lint", "--catalogue", "--reference", str(reference)).stdout.splitlines()
    assert [line for line in lines if ": error: " in line] == []
    (end,) = [line for line in lines if "range-end" in line]
    assert end.startswith("catalogue/_shared.toml, line 20: warning: codes.icd.cancer: C00-C99 begins or ends")
    assert sum("gap-in-range" in line for line in lines) == 2


def test_a_single_code_that_does_not_exist_is_an_error(run: Run, reference: Path, tmp_path: Path) -> None:
    (tmp_path / "rule.toml").write_text(OPERATION.replace('"M15", "M17"', '"M15", "M17", "L44"'))
    lines = run("lint", "rule.toml", "--reference", str(reference), code=3).stdout
    assert "L44 does not exist in ICD-10 edition 5" in lines
    assert "_shared.toml" not in lines, "what belongs to the catalogue is not the user's to mend"
