"""Criteria about the order of codes in child tables, whose rows stand in any order: as the reference decides them."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds
from ebi_rules.criteria.nodes import And, Criterion, FollowedBy, HasCode, NamedCodes, Not, Position, Recorded, atoms
from ebi_rules.engines import key_ranges
from ebi_rules.engines.child_codes import ChildCodes
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.key_ranges import EVERY_KEY
from ebi_rules.engines.lazy_frames import DamagedExtractError
from ebi_rules.engines.polars_answers import decide
from ebi_rules.engines.polars_flags import decide_rows
from ebi_rules.engines.row_groups import RowGroups
from ebi_rules.engines.row_reader import RowReader
from ebi_rules.engines.whole_files import WholeFiles
from opcs_icd import OPCS4, CodeList, split_codes
from tests.unit.row_group_files import counted, made

_ACTIVITIES = 400
_CODES = ["U054", "Z665", "A011", "u05.5", "Z66.5", "U05/4", "&", "null", "", None]
_SCANS, _SITES = (NamedCodes(name, CodeList.opcs([name])) for name in ("U05", "Z66"))
_CRITERIA = [
    HasCode(_SCANS),
    HasCode(_SCANS, Position.PRIMARY),
    HasCode(_SITES, Position.SECONDARY),
    FollowedBy(_SCANS, _SITES),
    And((Recorded(OPCS4), Not(HasCode(_SITES, Position.PRIMARY)))),
]


def _codes(order: str) -> tuple[pl.DataFrame, dict[int, list[str]]]:
    """Return rows of codes, and the codes of each activity in order."""
    choice = np.random.default_rng(7)
    rows = []
    for key in range(_ACTIVITIES):
        positions = sorted(choice.choice(30, choice.integers(0, 7), replace=False).tolist())
        rows += [(key, _CODES[choice.integers(len(_CODES))], position) for position in positions]
    frame = pl.DataFrame(rows, schema={"PRIMARYKEY_ID": pl.Int64, "code": pl.String, "OPCS_ID": pl.Int64}, orient="row")
    in_order = {key: [code for of, code, _ in rows if of == key and code] for key in range(_ACTIVITIES)}
    if order == "backwards":
        return frame.sort("PRIMARYKEY_ID", -pl.col("OPCS_ID")), in_order
    return (frame.sample(fraction=1, shuffle=True, seed=1) if order == "shuffled" else frame), in_order


@pytest.mark.parametrize("order", ["as made", "backwards", "shuffled"])
@pytest.mark.parametrize("in_part", [90, 1_000])
@pytest.mark.parametrize("by_key", [True, False])
def test_the_reference_decides_alike(
    order: str, in_part: int, by_key: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract, expected = _extract(order, tmp_path)
    monkeypatch.setattr(key_ranges, "_ACTIVITIES_AT_ONCE", in_part)
    found = _by_key(extract) if by_key else _joined(extract)
    activities = [Activity.of({"procedures": expected[key]}) for key in range(_ACTIVITIES)]
    for criterion in _CRITERIA:
        truths = [holds(criterion, activity) for activity in activities]
        assert 20 < sum(truths) < _ACTIVITIES - 20
        assert found[criterion] == truths


@pytest.mark.parametrize("order", ["as made", "shuffled"])
@pytest.mark.parametrize("by_key", [True, False])
def test_codes_are_counted(order: str, by_key: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for no code is no malformed code either."""
    extract, expected = _extract(order, tmp_path)
    if not by_key:
        monkeypatch.setattr(RowGroups, "can_be_read", lambda groups: False)
    codes = [list(split_codes(",".join(of_activity), OPCS4)) for of_activity in expected.values()]
    is_code = re.compile(OPCS4.grammar.pattern)
    cube = counted(extract, []).cube.filter(item="procedures")
    for measure, count in (
        ("recorded", sum(map(bool, codes))),
        ("codes", sum(map(len, codes))),
        ("invalid", sum(not is_code.fullmatch(code) for of_activity in codes for code in of_activity)),
    ):
        assert cube.filter(measure=measure)["count"].sum() == count > 0


def test_codes_that_appear_while_a_file_is_read_are_damage(tmp_path: Path) -> None:
    extract, _ = _extract("as made", tmp_path)
    child = extract.binding.child("procedures")
    assert child
    codes = ChildCodes("procedures", extract, child)
    assert codes.of_activities(EVERY_KEY).keys.len() > 300
    codes.rows = codes.rows.with_columns(raw=pl.lit("Z999"))
    with pytest.raises(DamagedExtractError) as error:
        codes.of_activities(EVERY_KEY)
    assert "Z999" not in str(error.value)


def _extract(order: str, folder: Path) -> tuple[FrameExtract, dict[int, list[str]]]:
    """Return an extract, and the codes of each activity in order."""
    path, child = folder / "made.parquet", folder / "codes.parquet"
    rows = made("unified-sus-op", "").head(_ACTIVITIES).with_columns(PRIMARYKEY_ID=pl.int_range(_ACTIVITIES))
    codes, expected = _codes(order)
    rows.write_parquet(path)
    codes.write_parquet(child, row_group_size=100)
    made("unified-sus-op", ".diagnoses").write_parquet(folder / "diagnoses.parquet")
    extract = ebi.open(path, layout="unified-sus-op", procedures=child, diagnoses=folder / "diagnoses.parquet")
    assert isinstance(extract, FrameExtract)
    return extract, expected


def _by_key(extract: FrameExtract) -> dict[Criterion, list[bool]]:
    reader = RowReader(extract, ["sex"], [atom for criterion in _CRITERIA for atom in atoms(criterion)])
    files = WholeFiles.of(reader, ["procedures"])
    assert files is not None
    (batch,) = files.read(lambda rows, _: decide(rows, _CRITERIA))
    return {criterion: truth.tolist() for criterion, truth in batch.items()}


def _joined(extract: FrameExtract) -> dict[Criterion, list[bool]]:
    decided = decide_rows(extract, _CRITERIA)
    frame = decided.frame.collect()
    return {criterion: frame[column].to_list() for criterion, column in decided.columns.items()}


def test_codes_at_the_same_position_are_told_in_one_order(tmp_path: Path) -> None:
    """An explanation has the codes in the order in which they were decided."""
    _extract("as made", tmp_path)
    rows = [(key, code, 1) for key in range(_ACTIVITIES) for code in ("Z665", "U054")]
    rows += [(key, "U051", 0) for key in range(0, _ACTIVITIES, 2)]
    frame = pl.DataFrame(rows, schema={"PRIMARYKEY_ID": pl.Int64, "code": pl.String, "OPCS_ID": pl.Int64}, orient="row")
    frame.sample(fraction=1, shuffle=True, seed=5).write_parquet(tmp_path / "tied.parquet", row_group_size=50)
    files = {"procedures": tmp_path / "tied.parquet", "diagnoses": tmp_path / "diagnoses.parquet"}
    extract = ebi.open(tmp_path / "made.parquet", layout="unified-sus-op", **files)
    assert isinstance(extract, FrameExtract)
    child = extract.binding.child("procedures")
    assert child
    texts = ChildCodes("procedures", extract, child).texts([_SCANS]).collect()
    expected = {key: "U051,U054,Z665" if key % 2 == 0 else "U054,Z665" for key in range(_ACTIVITIES)}
    assert dict(texts.select("key", "text").rows()) == expected
