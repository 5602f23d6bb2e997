"""The user's own classification files: titles, and which codes exist when. The sample is made up."""

from pathlib import Path

import pytest

from opcs_icd import ICD10, OPCS4, CodeList
from opcs_icd.reference import Reference, ReferenceFolderError

SAMPLE = Path(__file__).parents[2] / "fixtures" / "reference"


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.read(SAMPLE)


def test_releases_are_recognised_by_their_names(reference: Reference) -> None:
    assert [(each.name, each.since) for each in reference.releases] == [
        ("ICD-10 edition 5", "2016-04"),
        ("OPCS-4.9", "2020-04"),
        ("OPCS-4.10", "2023-04"),
    ]


@pytest.mark.parametrize(
    ("system", "code", "title"),
    [
        (OPCS4, "w85.1", "Made-up look, first kind"),
        (OPCS4, "H013", "Made-up excision of Ménière’s"),  # Windows-1252, and gone from the newest release
        (OPCS4, "X991", "Made-up new code"),
        (ICD10, "K35.2", "Made-up inflammation, spread"),
        (ICD10, "M2325", "Made-up derangement, old, outer"),
        (ICD10, "M23", "Made-up derangement"),
        (ICD10, "M45", "Made-up stiffness"),  # the file fills its fourth place with X, as data do
        (ICD10, "M45.X", "Made-up stiffness"),
        (ICD10, "W851", None),
    ],
)
def test_titles(reference: Reference, system: object, code: str, title: str | None) -> None:
    assert reference.title(system, code) == title  # type: ignore[arg-type]


def test_a_list_covers_undivided_codes(reference: Reference) -> None:
    assert reference.expand(CodeList.opcs(["W85"])) == ["W851", "W852", "W853"]
    assert reference.expand(CodeList.opcs(["W85"]), "2021-01") == ["W851", "W852"]
    assert reference.expand(CodeList.icd(["K35-K37", "M23"])) == ["K352", "K353", "K358", "K36", "K37", "M2325"]


def test_a_folder_without_a_release_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a\tb\tc\n")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(ReferenceFolderError, match="contains no release of OPCS-4"):
        Reference.read(tmp_path)
    with pytest.raises(ReferenceFolderError, match="is not a folder"):
        Reference.read(tmp_path / "nowhere")
