"""Every hostile run of the corpus ends in a sentence, loses nothing and leaves nothing."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.makers import MAKERS
from tests.hostile.runs import contents, faults, finish, start

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("corpus.toml").read_text(encoding="utf-8"))["case"]


def _parameter(case: dict[str, Any]) -> Any:
    marks = [pytest.mark.needs(case["needs"])] if "needs" in case else []
    return pytest.param(case, id=f"{case['kind']}: {case['about']}", marks=marks)


@pytest.mark.parametrize("case", [_parameter(case) for case in CASES])
def test_a_hostile_run_ends_well(case: dict[str, Any], tmp_path: Path) -> None:
    MAKERS[case["make"]](tmp_path, case.get("with", ""))
    before = contents(tmp_path)
    process = start(case["command"], tmp_path, case.get("environment"))
    end = finish(process, reads="reader" not in case)
    writes = [text for text in case["command"] if text in ("out", "dbt", "flags.parquet")] if case["code"] == 0 else []
    assert list(faults(end, before, tmp_path, [*writes, case.get("writes", "\0")])) == []
    assert end.code == case["code"], end.text
    assert case.get("says", "") in end.text
    if case["code"] == 0:
        assert all((tmp_path / name).exists() for name in writes)


def test_a_title_reaches_dbt_as_text(tmp_path: Path) -> None:
    MAKERS["title"](tmp_path, "{{ 7 * 7 }} <b> *x*")
    command = [
        "dbt",
        "x",
        "--rules",
        "rule.toml",
        "--dialect",
        "duckdb",
        "--layout",
        "ncdr-opa",
        "--table",
        "t",
        "-o",
        "dbt",
    ]
    assert finish(start(command, tmp_path)).code == 0
    assert "{{" not in (tmp_path / "dbt" / "models" / "schema.yml").read_text()
    assert "\\{\\{ 7 \\* 7 \\}\\} \\<b\\> \\*x\\*" in (tmp_path / "dbt" / "README.md").read_text()
