"""The command line as a stranger meets it: help, suggestions, what is installed, and new files to fill in."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import polars as pl
import pytest
from click.testing import CliRunner, Result

from ebi_rules.cli.all_commands import command_group
from ebi_rules.cli.command_line import show_columns
from ebi_rules.cli.grouped_help import COMMAND_HEADINGS, FEWEST_GROUPED, OTHER, heading_of
from ebi_rules.synth.made_up_extract import write_extract

Run = Callable[..., Result]


def _commands(group: click.Group = command_group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*before, name))
        else:
            yield (*before, name)


COMMANDS = sorted(_commands())


def _command(names: tuple[str, ...]) -> click.Command:
    found: click.Command = command_group
    for name in names:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    return found


def _help(names: tuple[str, ...], width: int = 80) -> str:
    arguments = [*names, "--help"]
    result = CliRunner().invoke(command_group, arguments, prog_name="ebi-rules", terminal_width=width)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_that_the_command_line_takes(names: tuple[str, ...]) -> None:
    text = _help(names, 200)
    examples = re.findall(r"^ +(ebi-rules .+)$", text.partition("Example")[2].partition("\n\n")[0], re.M)
    assert examples, text
    for example in examples:
        words = shlex.split(example)[1:]
        owner = next(length for length in (1, 2) if tuple(words[:length]) in COMMANDS)
        command = _command(tuple(words[:owner]))
        with command.make_context(words[owner - 1], words[owner:]):
            pass
    assert any(tuple(shlex.split(each)[1 : 1 + len(names)]) == names for each in examples), "it is the command's own"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_help_is_wider_than_the_terminal(width: int) -> None:
    for names in [(), *COMMANDS]:
        long = [line for line in _help(names, width).splitlines() if len(line) > width]
        assert not [line for line in long if "ebi-rules " not in line], (names, long)


def test_many_options_are_under_headings_and_none_is_left_over() -> None:
    for names in COMMANDS:
        options = [each for each in _command(names).params if isinstance(each, click.Option)]
        text = _help(names)
        if len(options) + 1 < FEWEST_GROUPED:
            assert "\nOptions:\n" in text
            continue
        assert "\nOptions:\n" not in text
        assert "What is read:\n" in text or "What is written:\n" in text
        assert not [option.opts for option in options if heading_of(option) == OTHER], names
        first = {re.match(r" +--?\S+(?: \S+)*? {2,}", line) for line in text.splitlines()}
        assert len({match.end() for match in first if match}) == 1, "the texts of all groups begin in one column"


def test_every_command_is_under_a_heading_with_a_whole_sentence() -> None:
    listed = [name for names in COMMAND_HEADINGS.values() for name in names.split()]
    assert sorted(set(listed) & set(command_group.commands)) == sorted(command_group.commands)
    assert "..." not in _help(()).partition("Start")[2]


def test_what_can_write_can_be_told_to_replace() -> None:
    """The error of an output that exists says: use --force."""
    for names in COMMANDS:
        options = {option for each in _command(names).params for option in each.opts}
        assert "--force" in options or not {"-o", "--output", "--out"} & options, names


def test_there_is_colour_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["audit", "--help"]
    assert "\x1b[1mWhat is read" in CliRunner().invoke(command_group, arguments, color=True).output
    assert "\x1b" not in CliRunner().invoke(command_group, arguments).output
    error = CliRunner().invoke(command_group, ["audit", "nothing.parquet", "-o", "x"], color=True)
    assert "\x1b[31m\x1b[1mError:" in error.output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(command_group, arguments, color=True).output


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["audti"], "the nearest is audit"),
        (["audit", "x.parquet", "-o", "y", "--disclosur", "none"], "Did you mean '--disclosure'?"),
        (["audit", "x.parquet", "-o", "y", "--disclosure", "hess"], "the nearest is hes"),
        (["show", "2SS"], "the nearest is 2S"),
        (["new", "polcy", "x"], "Did you mean 'policy'?"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest(run: Run, arguments: list[str], suggestion: str) -> None:
    result = CliRunner().invoke(command_group, arguments, prog_name="ebi-rules")
    assert result.exit_code == 2 and suggestion in result.output, result.output


def test_help_starts_without_the_libraries_that_are_slow_to_start() -> None:
    code = (
        "import sys; sys.argv = ['ebi-rules', '--help']\n"
        "from ebi_rules.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('polars', 'numpy', 'scipy', 'rich', 'filelock', 'jinja2') if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["audit", "flag"])
def test_reading_files_does_not_load_pandas(command: str, tmp_path: Path) -> None:
    """It is installed with statsmodels, and takes a fifth of a second; several functions of Arrow load it."""
    write_extract(tmp_path / "opa.parquet", 500)
    frame = pl.read_parquet(tmp_path / "opa.parquet")
    has_nulls = pl.when(pl.int_range(pl.len()) % 3 != 0).then("Sex").alias("Sex")
    frame.with_columns(has_nulls).write_parquet(tmp_path / "opa.parquet")
    output = tmp_path / ("audit" if command == "audit" else "flags.parquet")
    code = (
        f"import sys; sys.argv = ['ebi-rules', {command!r}, {str(tmp_path / 'opa.parquet')!r}, '-o', {str(output)!r}]\n"
        "from ebi_rules.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('pandas' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.exists()
    assert printed.splitlines()[-1] == "False"


def test_the_doctor_says_what_is_installed_and_what_is_missing_for_what(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebi_rules.results.installation.find_browser", lambda: None)
    monkeypatch.setattr("ebi_rules.results.installation.shutil.which", lambda name: None)
    monkeypatch.setenv("EBI_RULES_PATH", "our-rules")
    text = run("doctor").output
    assert re.search(r"polars +\d+\.\d+", text) and "not found  (for --pdf; install Chromium, Chrome or Edge)" in text
    assert "EBI_RULES_PATH" in text and "our-rules" in text
    parts = {part["name"]: part for part in json.loads(run("doctor", "--json").output)}
    assert parts["Java"]["found"] is None and parts["Python"]["found"]
    assert "ebi-rules[postgres]" in parts["postgres"]["about"] or parts["postgres"]["found"]


@pytest.mark.parametrize("kind", ["policy", "measure", "layout"])
def test_a_new_file_lints_and_works_as_it_stands(run: Run, extract: Callable[..., Path], kind: str) -> None:
    assert "Wrote ours.toml" in run("new", kind, "ours").output
    assert "1 file: 0 errors, 0 findings in all." in run("lint", "ours.toml").output
    assert "already exists" in run("new", kind, "ours", code=2).output
    if kind == "policy":
        assert "SQLite" in run("test", "ours.toml").output
        assert "MRI of the spine, requested by a GP" in run("show", "ours", "--rules", "ours.toml").output
    elif kind == "measure":
        table = ("--dialect", "duckdb", "--table", "ncdr-opa=sus.opa")
        assert "FROM sus.opa" in run("measure-sql", "ours", "--measures", "ours.toml", *table).output
    else:
        extract()
        assert "Layout ours" in run("check", "opa.parquet", "--layout", "ours.toml").output


@pytest.mark.parametrize("key", ["", "two words", "../up", "-x"])
def test_a_key_that_is_no_name_is_refused(run: Run, key: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(command_group, ["new", "policy", "--", key])
    assert result.exit_code == 2 and "a key is made of letters" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\ntitle = "X"\ndataset = "outpatient"\nsource = "X"\n[fields]\nagee = "Age"\n', "agee"),
        ('key = "x"\nshows = ["X"]\n', "the entry about is missing"),
    ],
)
def test_lint_names_what_is_wrong_in_a_layout_or_measure(run: Run, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    assert message in run("lint", "wrong.toml", code=3).output


@pytest.mark.parametrize("kind", ["measure", "layout"])
def test_a_folder_lints_as_its_files_do(run: Run, tmp_path: Path, kind: str) -> None:
    (tmp_path / "ours").mkdir()
    run("new", kind, "ours", "-o", "ours/ours.toml")
    assert "0 errors, 0 findings in all." in run("lint", "ours").output
    text = (tmp_path / "ours" / "ours.toml").read_text()
    (tmp_path / "ours" / "zz.toml").write_text(text.replace("title =", "titel ="))
    assert "titel" in run("lint", "ours", code=3).output


def test_engines_run_examples_only_if_asked(run: Run) -> None:
    run("new", "policy", "ours")
    assert "DuckDB" not in run("test", "ours.toml").output
    assert "DuckDB" in run("test", "ours.toml", "--engines").output


def test_explain_shows_what_the_rule_looks_at(run: Run, extract: Callable[..., Path]) -> None:
    extract()
    text = run("explain", "opa.parquet", "--id", "12", "--rule", "2S").output
    assert "  procedures: U135, Z665\n" in text and "  diagnoses: -\n" in text and "  age: 46\n" in text


def test_columns_are_wrapped_on_a_terminal_and_whole_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("a", "key", "some words that go on for longer than the terminal is wide"), ("bb", "k", "short")]
    show_columns(rows)
    assert capsys.readouterr().out.splitlines() == [
        "a   key  some words that go on for longer than the terminal is wide",
        "bb  k    short",
    ]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    show_columns(rows, indent="  ")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40 and len(lines) == 4
    assert lines[1].startswith(" " * 11) and lines[-1] == "  bb  k    short"
    show_columns([])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("encoding", ["cp1252", "cp437"])
def test_what_is_printed_fits_the_code_pages_of_windows(encoding: str) -> None:
    """Output to a file has the machine's code page there, which lacks most characters."""
    code = (
        "from ebi_rules.cli.all_commands import command_group\n"
        "for words in (['rules'], ['measures'], ['show', '2S'], ['show', '2E', '--diff', '2020'], ['--help']):\n"
        "    command_group(words, standalone_mode=False)\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert b"Low back pain imaging" in done.stdout
