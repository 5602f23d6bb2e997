"""Records that were judged by hand, by reading the policy before any rule was looked at, have the rules' answers."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.labels import SPECIALIST_VARIABLE
from ebi_rules.rule_model.catalogue import open_policy
from ebi_rules.rule_model.explanation import explain_activity

_FILE = Path(__file__).parents[2] / "fixtures" / "labelled" / "nwl-msk-imaging.toml"
_RECORDS = tomllib.loads(_FILE.read_text(encoding="utf-8"))["activity"]
_PARTS = ("any", "spine", "knee", "hip", "shoulder")
_NOT_FIELDS = {"about", "test_date", "specialist_organisations", "in_scope", "unsure"}
"""Entries of a record that are no fields of an activity."""


@pytest.mark.parametrize("record", _RECORDS, ids=lambda record: record["about"][:60])
def test_a_record_is_judged_as_by_hand(record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "specialist_organisations" in record:
        path = tmp_path / "specialist.csv"
        path.write_text("\n".join(["code", *record["specialist_organisations"]]), encoding="utf-8")
        monkeypatch.setenv(SPECIALIST_VARIABLE, str(path))
    rules = {rule.key.removeprefix("nwl_did_"): rule for rule in open_policy("nwl-msk-imaging")}
    activity = Activity.of({name: value for name, value in record.items() if name not in _NOT_FIELDS})
    flagged = [part for part in _PARTS if explain_activity(rules[part].logic, activity).flagged]
    assert sorted(flagged) == sorted(record["in_scope"])


def test_the_records_show_both_answers_of_every_part() -> None:
    assert len(_RECORDS) >= 20
    for part in _PARTS:
        assert {part in record["in_scope"] for record in _RECORDS} == {True, False}
