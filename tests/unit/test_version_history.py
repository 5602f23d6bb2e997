"""Each version's rules are on record, and changes in the numbers between versions are listed."""

import pytest

import ebi_rules as ebi
from ebi_rules.rule_model import version_history
from ebi_rules.rule_model.version_history import VersionRecord, changes, current_rules, versions
from ebi_rules.version import __version__


def test_this_version_is_on_record_as_it_is() -> None:
    """If this is red, a rule was changed: run `python -m ebi_rules.rule_model.version_history`, and tell CHANGELOG."""
    assert versions()[__version__].rules == current_rules()
    assert list(versions())[-1] == __version__


def test_changed_new_and_lost_rules_and_other_changes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {
        "0.9.0": VersionRecord(
            "0.9.0", ("told long ago",), {"a": ("2020", "1"), "b": ("2020", "2"), "c": ("2020", "3")}
        ),
        "0.10.0": VersionRecord("0.10.0", ("in between",), {"a": ("2020", "1")}),
        "1.0.0": VersionRecord("1.0.0", ("of late",), {"a": ("2024", "9"), "b": ("2020", "8"), "d": ("2024", "4")}),
    }
    monkeypatch.setattr(version_history, "versions", lambda: records)
    assert list(changes("0.9.0", "1.0.0")) == [
        "a changed: from edition 2020 to 2024.",
        "b changed: its criteria.",
        "c is gone.",
        "d is new.",
        "0.10.0: in between",
        "1.0.0: of late",
    ]
    assert list(changes("1.0.0", "1.0.0")) == []
    with pytest.raises(ebi.UsageError, match=r"no version '0\.8\.0'"):
        list(changes("0.8.0", "1.0.0"))
