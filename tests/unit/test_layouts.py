"""Layouts: detection, case, named columns, and the user's own files."""

import re
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.layouts.binding import bind, detect
from ebi_rules.layouts.layout import builtin_layouts, find_layout, read_layout

NCDR = [
    "OPA_Ident",
    "Der_Procedure_All",
    "Der_Diagnosis_All",
    "Administrative_Category",
    "Der_Age_at_CDS_Activity_Date",
]

OWN = """\
name = "ours"
dataset = "outpatient"

[fields]
id = "Key"
age = ["Age 1", "Age 2"]
administrative_category = "Payer"

[procedures]
shape = "numbered"
columns = ["Proc NN"]
positions = 3

[diagnoses]
shape = "delimited"
column = "Diags"
"""


def test_episodes_that_name_their_spell_are_episodes() -> None:
    columns = [
        "APCE_Ident",
        "APCS_Ident",
        "Admission_Date",
        "Discharge_Date",
        "Age_at_Start_of_Episode_SUS",
        "Admission_Method",
        "Der_Procedure_All",
        "Der_Diagnosis_All",
    ]
    assert detect(columns).name == "ncdr-apce"
    assert (
        detect(["APCS_Ident", "Discharge_Date", "Age_At_Start_of_Spell_SUS", "Der_Procedure_All"]).name == "ncdr-apcs"
    )


def test_every_built_in_layout_detects_itself() -> None:
    for layout in builtin_layouts().values():
        columns = [name for names in layout.fields.values() for name in names]
        for shape in layout.codes.values():
            if hasattr(shape, "templates"):
                columns += shape.names(shape.templates[0])
        assert detect(dict.fromkeys(column.upper() for column in columns)).name == layout.name


def test_a_national_extract_of_imaging_with_names_of_the_submission_is_national() -> None:
    names = ["RADIOLOGICAL_ACCESSION_NUMBER", "DIAGNOSTIC_TEST_DATE", "IMAGING_CODE_NICIP", "REFERRER_CODE"]
    names += ["ETHNIC_CATEGORY", "SITE_CODE_OF_IMAGING", "SERVICE_REPORT_ISSUE_DATE", "PERSON_BIRTH_DATE"]
    assert detect(names).name == "dids-v1"
    national = [*names, "MODALITY", "PATIENT_SOURCE_SETTING"]
    assert detect(national).name == "dids-national"
    bound = bind(find_layout("dids-national"), national)
    assert bound.fields["activity_date"] == ("DIAGNOSTIC_TEST_DATE",)
    assert bound.fields["modality"] == ("MODALITY",)


def test_other_names_and_marks_of_a_column() -> None:
    text = OWN.replace("[procedures]", '[other_names]\n"Age 1" = ["Years", "Age"]\n\n[procedures]')
    layout = read_layout(text, "ours.toml")
    assert bind(layout, ["Key", "years", "AGE-2", "payer"]).fields["age"] == ("years", "AGE-2")
    assert bind(layout, ["Key", "Years", "Age 1"]).fields["age"] == ("Age 1",)
    assert bind(layout, ["Key", "Age_1", "Age-1"]).fields.get("age") is None, "two are spelt alike"
    assert bind(layout).fields["age"] == ("Age 1", "Age 2"), "SQL text asks for the names of the layout"
    with pytest.raises(ebi.LayoutError, match=r"other_names\.Years"):
        read_layout(text.replace('"Age 1" = ["Years"', '"Years" = ["Y"'), "ours.toml")


def test_hes_is_released_processed_or_with_a_first_operation() -> None:
    hes = find_layout("hes-op")
    released = bind(hes, ["ATTENDKEY", "OPERTN_4_01", "OPERTN_4_02", "OPERTN_3_01", "OPERTN_4_CONCAT", "DIAG_4_01"])
    assert released.code_columns("procedures") == ("OPERTN_4_01", "OPERTN_4_02")
    processed = bind(hes, ["attendkey", "opertn_01", "opertn_02", "diag_01", "diag_02"])
    assert processed.code_columns("procedures") == ("opertn_01", "opertn_02")
    assert processed.code_columns("diagnoses") == ("diag_01", "diag_02")
    named = bind(hes, ["attendkey", "1stoperation", "opertn_02", "diag_01"])
    assert named.code_columns("procedures") == ("1stoperation", "opertn_02")


def test_a_named_column_replaces_the_layouts_or_numbered_columns_do() -> None:
    binding = bind(find_layout("ncdr-opa"), [*NCDR, "ProvCode"], {"provider": "provcode"})
    assert binding.fields["provider"] == ("ProvCode",)
    numbered = bind(find_layout("hes-op"), ["attendkey", "op01", "op02", "diag_01"], {"procedures": "opNN"})
    assert numbered.code_columns("procedures") == ("op01", "op02")
    assert bind(find_layout("hes-op"), None, {"procedures": "opNN"}).code_columns("procedures")[:2] == ("op01", "op02")


def test_columns_that_differ_only_in_case_are_ambiguous() -> None:
    with pytest.raises(ebi.ExtractError, match="differ only in case"):
        bind(find_layout("ncdr-opa"), [*NCDR[1:], "opa_ident", "OPA_IDENT"])


def test_the_first_age_that_is_not_null_wins() -> None:
    frame = pl.DataFrame(
        {
            "OPA_Ident": [1, 2, 3],
            "Der_Procedure_All": ["U055"] * 3,
            "Der_Diagnosis_All": [None] * 3,
            "Administrative_Category": ["01"] * 3,
            "Age_at_Start_of_Episode_SUS": [None, 10, 50],
            "Der_Age_at_CDS_Activity_Date": [40, 40, 10],
        },
        schema_overrides={"Der_Diagnosis_All": pl.String},
    )
    assert ebi.flag(frame, ["2S"]).to_series(-1).to_list() == [True, False, True]


def test_a_layout_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(OWN)
    frame = pl.DataFrame(
        {
            "key": ["a", "b", "c"],
            "age 1": [None, 30, 30],
            "Age 2": [30, 3, 3],
            "payer": ["1", "2", None],
            "Proc 01": ["U13.5", "U055", "u055"],
            "Proc 02": ["Z665", None, None],
            "Diags": [None, None, "C509;M545"],
        }
    )
    with pytest.warns(ebi.ExtractWarning, match="2 rows have a short code"):
        assert ebi.flag(ebi.open(frame, layout=path), ["2S"]).to_series(-1).to_list() == [True, False, False]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('age = ["Age 1", "Age 2"]', 'aeg = "Age 1"', "there is no field 'aeg'; the nearest is age"),
        ('id = "Key"\n', "", "the field id is missing"),
        ('shape = "numbered"', 'shape = "wide"', "the shape must be one of"),
        ("positions = 3\n", "", "the entry positions is missing"),
        ("positions = 3", "positions = 0", "a whole number from 1 to 99"),
        ("positions = 3", "postions = 3", "the nearest is positions"),
        ('column = "Diags"', "column = 3", "this must be a name in quotation marks, or a list of names"),
        ('dataset = "outpatient"\n', "", "the entry dataset is missing"),
        ("[fields]", "[fields", "ours.toml"),
    ],
)
def test_a_wrong_layout_file_is_an_error(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "ours.toml"
    assert old in OWN
    path.write_text(OWN.replace(old, new, 1))
    with pytest.raises(ebi.LayoutError) as error:
        find_layout(path)
    assert problem in str(error.value)
    assert "ours.toml" in str(error.value)


def test_the_documentation_names_every_field() -> None:
    text = (Path(__file__).parents[2] / "docs" / "layouts.md").read_text(encoding="utf-8")
    _, _, fields = text.partition("Canonical fields: ")
    named = set(re.findall(r"\w+", fields.partition("\n\n")[0]))
    assert {*FIELDS, *CODE_FIELDS} <= named


def test_absent_fields_are_in_the_order_of_the_layout() -> None:
    binding = bind(find_layout("dids-national"))
    assert binding.absent(["cancer_pathway", "sex", "priority"]) == ["priority", "cancer_pathway"]
    assert binding.absent(["priority", "cancer_pathway"]) == ["priority", "cancer_pathway"]
