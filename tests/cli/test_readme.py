"""What the README prints is what the commands print, on the extract of the demo."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import ebi_rules as ebi

Run = Callable[..., Result]
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = [part.partition("```")[0] for part in README.split("```console\n")[1:]]
SHOWN = [block for block in BLOCKS if block.startswith("$ ebi-rules ")]


@pytest.mark.usefixtures("no_report")
def test_the_commands_print_what_is_shown(run: Run, tmp_path: Path) -> None:
    run("demo")
    (tmp_path / "ebi-demo" / "extract.parquet").rename(tmp_path / "opa.parquet")
    assert len(SHOWN) == 2
    for block in SHOWN:
        command, *lines = block.splitlines()
        printed = run(*shlex.split(command.removeprefix("$ ebi-rules "))).output.splitlines()
        assert [line for line in lines if line != "..." and line not in printed] == []
    exact = ebi.audit(tmp_path / "opa.parquet", "2S", settings=ebi.Settings(disclosure="none")).sensitivity
    flagged = dict(exact.select("variant", "flagged").iter_rows())
    assert f"{flagged['as_published']:,} where the rule as meant flags {flagged['default']:,}" in README
