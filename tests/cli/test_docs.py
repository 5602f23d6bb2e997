"""Every command and every block of Python in the documentation runs, and the pages that are written are current."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlglot
from click.testing import CliRunner, Result

import ebi_rules as ebi
from ebi_rules._support.toml_text import parse_toml
from ebi_rules.cli.all_commands import command_group
from ebi_rules.synth.made_up_extract import write_extract
from ebi_rules.synth.made_up_people import EXTRACTS, write_population
from tests.cli import command_pages
from tests.spec import field_pages

Run = Callable[..., Result]

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
    if path.parent.name != "rules"
)
_TYPED_ELSEWHERE = {"story.md", "policies.md", "README.md", "commands.md"}
"""Pages whose commands other tests type and read, and the help of commands itself."""

_NOT_HERE = re.compile(
    # A review is read back once people have filled its workbooks in.
    r"^review |"
    r"--engine (snowflake|spark|postgres|bigquery|sqlserver)|\b(EXTRACT|FILE|FILES|RULE|KEY|DIR)\b|\.\.\."
)
"""What needs a server, or has a word to be replaced: the command line is read, and not run."""


def _blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each fenced block, and each run of indented lines as the language `text`."""
    content = page.read_text(encoding="utf-8")
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```", content, re.M | re.S):
        yield language, text
    without = re.sub(r"^```.*?^```", "", content, flags=re.M | re.S)
    for text in re.findall(r"(?:^    .*\n|^\n(?=    ))+", without, re.M):
        yield "text", text


def _commands(page: Path) -> list[str]:
    lines = [line.strip().removeprefix("$ ") for _, text in _blocks(page) for line in text.splitlines()]
    return [re.sub(r"\s{3,}\(.*\)$", "", line) for line in lines if line.startswith("ebi-rules ")]


WITH_COMMANDS = [page for page in PAGES if page.name not in _TYPED_ELSEWHERE and _commands(page)]
WITH_PYTHON = [
    page for page in PAGES if page.name != "story.md" and any(language == "python" for language, _ in _blocks(page))
]


@pytest.fixture
def files(run: Run, tmp_path: Path) -> None:
    """Write the files that the pages name."""
    write_extract(tmp_path / "opa.parquet", 3_000, names=tmp_path / "providers.csv")
    rows = pl.read_parquet("opa.parquet")
    first = int(rows[0, "OPA_Ident"])
    rows.with_columns(OPA_Ident=pl.col("OPA_Ident") - first + 10_000_001).write_csv("opa.csv")
    write_extract(tmp_path / "outpatients.parquet", 2_000)
    (tmp_path / "prices.csv").write_text("rule,price,from,to\n2S,100,,\n")
    (tmp_path / "published.csv").write_text("rule,rate_per_1000,source\n2S,10,A made-up source\n")
    (tmp_path / "private").mkdir()
    ebi.audit("opa.parquet", ["2S", "2T"]).save_cube("cube.csv")
    (tmp_path / "people").mkdir()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_run_in_their_order(
    page: Path, run: Run, files: None, no_report: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebi_rules.results.opened_extract.open_extract", ebi.open)
    for command in _commands(page):
        line = command.removeprefix("ebi-rules ").partition(" > ")[0]
        if line.startswith("synth --people"):
            _write_people(tmp_path / "people")
            continue
        words = [each for word in shlex.split(line) for each in _globbed(word)]
        if line.startswith("demo"):
            words += ["--rows", "2000"]
        if _NOT_HERE.search(line):
            _require_known_options(words)
            continue
        if line.startswith("measure opa.parquet"):
            _write_people(tmp_path / "people")
            words = [word.replace("opa.parquet", "people/outpatient.parquet") for word in words]
            words = [word.replace("apcs.parquet", "people/admitted.parquet") for word in words]
        force = ["--force"] if {"-o", "--output"} & set(words) and words[0] in ("audit", "measure", "compare") else []
        result = CliRunner().invoke(command_group, [*words, *force], prog_name="ebi-rules")
        found = 3 if line.startswith("lint") and "new rule" in " ".join(_commands(page)) else 0
        assert result.exit_code == found, (command, result.output)


def _write_people(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
        write_population(folder, 600, seed=3)
    assert {f"{name}.parquet" for name in EXTRACTS} <= {path.name for path in folder.iterdir()}


def _globbed(word: str) -> list[str]:
    return sorted(map(str, Path().glob(word))) or [word] if "*" in word else [word]


def _require_known_options(words: list[str]) -> None:
    """Check that a command line that cannot run has only options that its command has."""
    command = command_group.commands[words[0]]
    known = {option for each in command.params for option in each.opts}
    for word in words[1:]:
        assert not word.startswith("-") or word.partition("=")[0] in {*known, "..."}, words


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_runs(page: Path, run: Run, files: None) -> None:
    names: dict[str, Any] = {"frame": pl.read_parquet("opa.parquet")}
    for language, text in _blocks(page):
        if language == "python":
            exec(compile(text, page.name, "exec"), names)  # The documentation is ours.


EXAMPLES = re.findall(r"^    (ebi-rules .+)$", command_pages.page(), re.M)


def test_the_examples_of_help_run(run: Run, files: None, no_report: None, tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", 1_000, layout="ncdr-apcs")
    _write_people(tmp_path / "people")
    for name, dataset in (("opa", "outpatient"), ("apc", "admitted")):
        (tmp_path / "people" / f"{dataset}.parquet").rename(tmp_path / f"people_{name}.parquet")
    pl.read_csv("opa.csv", infer_schema=False).rename({"Der_Provider_Code": "ProvCode"}).write_csv("opa.csv")
    ebi.audit("opa.parquet", ["2S"]).save_cube("cube.parquet")
    write_rule = ("new", "policy", "ours", "-o", "my-rules/ours.toml")
    (tmp_path / "my-rules").mkdir()
    run(*write_rule)
    tried = 0
    for example in EXAMPLES:
        words = shlex.split(example)[1:]
        if words[0] in ("demo", "explain", "review", "test") or "people" in words:
            continue  # Typed in tests of their own, or slow.
        if words[0] == "measure":
            words = [word.replace("opa.parquet", "people_opa.parquet") for word in words]
            words = [word.replace("apc.parquet", "people_apc.parquet") for word in words]
        force = ["--force"] if {"-o", "--output"} & set(words) or words[0] == "new" else []
        result = CliRunner().invoke(command_group, [*words, *force], prog_name="ebi-rules")
        assert result.exit_code == 0, (example, result.output)
        tried += 1
    assert tried > 20


def test_toml_and_sql_in_the_documentation_can_be_read() -> None:
    read = 0
    for page in PAGES:
        for language, text in _blocks(page):
            if language == "toml":
                parse_toml(text.replace("...", ""))
                read += 1
            elif language == "sql":
                sqlglot.parse(text, read="tsql")
                read += 1
    assert read > 5


def test_the_pages_that_are_written_are_current() -> None:
    """If this is red: make docs."""
    for pages in (command_pages, field_pages):
        assert (ROOT / "docs" / pages.PAGE).read_text(encoding="utf-8") == pages.page()


def test_every_page_is_in_the_contents_of_the_site() -> None:
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"([\w./-]+\.md)$", contents, re.M))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert named == {*pages, "rules/README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    content = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)\s]+)\)", content):
        assert (page.parent / target.partition("#")[0]).exists(), target
