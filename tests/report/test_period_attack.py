"""Nobody can work out a month's suppressed count from the counts before a policy's start and since."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit import shown_counts
from ebi_rules.provider_audit.table_files import text_table
from tests.report.attack import Attack, attack_of, read
from tests.unit.small_rule import rule_text

START = "2025-01"
ONE_SMALL_MONTH = {"2024-12": 5, "2025-01": 40, "2025-02": 52}
SMALL_MONTHS_BEFORE = {**{f"2024-{month:02d}": 1 for month in range(1, 13)}, "2025-01": 40, "2025-02": 52}
SMALL_MONTH_SINCE = {"2024-11": 40, "2024-12": 31, "2025-01": 6}
SMALL_MONTHS_SINCE = {"2024-12": 45, **{f"2025-{month:02d}": 1 for month in range(1, 9)}}
SCENARIOS = [ONE_SMALL_MONTH, SMALL_MONTHS_BEFORE, SMALL_MONTH_SINCE, SMALL_MONTHS_SINCE]
"""How many scans are in scope in each month; others are never in scope."""


def audit_of(in_scope: dict[str, int], folder: Path) -> ebi.Audit:
    """Return an audit of a rule with a start, of 100 appointments each month."""
    days = [date(int(month[:4]), int(month[5:]), 1 + place % 28) for month in in_scope for place in range(100)]
    codes = ["||U055" if place < scans else "||U132" for scans in in_scope.values() for place in range(100)]
    frame = pl.DataFrame(
        {
            "OPA_Ident": range(len(days)),
            "Der_Provider_Code": "ZZ1",
            "Appointment_Date": days,
            "Der_Procedure_All": codes,
            "Der_Diagnosis_All": "||M545",
        }
    )
    (folder / "x.toml").write_text(rule_text(head=f'start = "{START}"'))
    return ebi.audit(frame, folder / "x.toml")


def attack_with_periods(audit: ebi.Audit) -> Attack:
    """Return what the files of an audit say, and its headline counts of both periods."""
    files = read({name: text_table(table).write_csv() for name, table in audit.tables.by_file().items()})
    attack = attack_of(files)
    months = [key for key in attack.bounds if key[0] == "month"]
    periods = {"since": audit.totals(), "before": audit.before_policy}
    for period, table in periods.items():
        attack.learn((period,), read({period: text_table(table).write_csv()})[period]["flagged"].item())
        attack.add_up((period,), [key for key in months if (key[1] >= START) == (period == "since")])
    attack.add_up(("total",), [(period,) for period in periods])
    return attack


@pytest.mark.parametrize("in_scope", SCENARIOS)
def test_no_month_is_recovered(in_scope: dict[str, int], tmp_path: Path) -> None:
    attack = attack_with_periods(audit_of(in_scope, tmp_path))
    assert attack.starred
    assert attack.recovered() == {}


def test_the_attack_finds_what_suppression_hides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_counts, "RELATIONS", ())
    attacks = [attack_with_periods(audit_of(in_scope, tmp_path)) for in_scope in SCENARIOS]
    assert any(attack.recovered() for attack in attacks)
