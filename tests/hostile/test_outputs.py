"""Nothing that anybody saves is lost while an output is written: into it, over it, or in its place."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ebi_rules._support import atomic_output, moving, output_lock
from ebi_rules._support.atomic_output import reserved_output, whole_file, whole_folder
from ebi_rules._support.errors import UsageError
from tests.hostile.makers import extract
from tests.hostile.runs import finish, start

OURS = re.compile(r"ours\.csv")
Write = Callable[[Path], None]


@pytest.fixture(params=["in one step", "step by step"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try what a system does that can exchange two folders in one step, and what any other does."""
    if request.param == "step by step":
        monkeypatch.setattr(atomic_output, "exchange", lambda one, other: False)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def write_folder(path: Path, text: str, meanwhile: Write | None = None) -> None:
    with whole_folder(path, OURS, force=True) as folder:
        (folder / "ours.csv").write_text(text)
        if meanwhile:
            meanwhile(path)


def write_file(path: Path, text: str, meanwhile: Write | None = None, force: bool = True) -> None:
    with whole_file(path, force=force) as file:
        file.write_text(text)
        if meanwhile:
            meanwhile(path)


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("name", ["notes.txt", "ours.csv"])
def test_what_is_saved_into_a_folder_meanwhile_stays(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    write_folder(out, "first")
    with pytest.raises(UsageError, match="was saved while this ran"):
        write_folder(out, "second", lambda path: (path / name).write_text("somebody's"))
    assert (out / name).read_text() == "somebody's"
    assert (out / "ours.csv").read_text() == ("somebody's" if name == "ours.csv" else "first")
    assert hidden(tmp_path) == []
    (out / name).unlink()
    write_folder(out, "third")
    assert (out / "ours.csv").read_text() == "third"


@pytest.mark.usefixtures("steps")
def test_what_is_created_in_place_of_an_output_meanwhile_stays(tmp_path: Path) -> None:
    def folder_with_a_file(path: Path) -> None:
        path.mkdir()
        (path / "notes.txt").write_text("somebody's")

    with pytest.raises(UsageError, match="was created while this ran"):
        write_folder(tmp_path / "out", "ours", folder_with_a_file)
    assert (tmp_path / "out" / "notes.txt").read_text() == "somebody's"
    with pytest.raises(UsageError, match="was created while this ran"):
        write_folder(tmp_path / "file", "ours", lambda path: path.write_text("somebody's"))
    with pytest.raises(UsageError, match="was created while this ran"):
        write_file(tmp_path / "other", "ours", lambda path: path.write_text("somebody's"), force=False)
    assert {(tmp_path / name).read_text() for name in ("file", "other")} == {"somebody's"}
    assert hidden(tmp_path) == []


@pytest.mark.usefixtures("steps")
def test_a_file_that_is_saved_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "flags.csv"
    path.write_text("first")
    with pytest.raises(UsageError, match="was changed while this ran"):
        write_file(path, "ours", lambda file: file.write_text("somebody's"))
    assert path.read_text() == "somebody's"
    write_file(path, "ours")
    assert path.read_text() == "ours"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_saved_at_the_very_moment_stays(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves after the last look and before the exchange; what was exchanged is looked at and put back."""
    place = tmp_path / "out"
    saved = place if kind == "file" else place / "ours.csv"
    write = write_file if kind == "file" else write_folder
    write(place, "first")
    times = iter([True, False])

    def save_and_exchange(one: Path, other: Path) -> bool:
        if next(times):
            saved.write_text("somebody's")
        return moving.exchange(one, other)

    monkeypatch.setattr(atomic_output, "exchange", save_and_exchange)
    with pytest.raises(UsageError, match="while this ran"):
        write(place, "second")
    assert saved.read_text() == "somebody's"
    assert hidden(tmp_path) == []


def test_without_links_a_new_file_is_still_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, place: Path) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(moving.os, "link", no_links)
    write_file(tmp_path / "a", "ours", force=False)
    assert (tmp_path / "a").read_text() == "ours"
    with pytest.raises(UsageError, match="was created"):
        write_file(tmp_path / "b", "ours", lambda path: path.write_text("somebody's"), force=False)
    assert (tmp_path / "b").read_text() == "somebody's"


def test_a_file_that_excel_has_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a folder with an open file cannot be moved."""
    out = tmp_path / "out"
    write_folder(out, "first")

    def is_open(self: Path, target: Path) -> Path:
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(atomic_output, "exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "replace", is_open)
    with pytest.raises(UsageError, match="close the file and run this again"):
        write_folder(out, "second")
    monkeypatch.undo()
    assert (out / "ours.csv").read_text() == "first"
    assert hidden(tmp_path) == []


def test_a_link_to_a_file_stays_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("first")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", "ours")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "ours"


def test_a_second_run_to_one_output_is_refused(tmp_path: Path) -> None:
    extract(tmp_path, "")
    with reserved_output(tmp_path / "out", force=False):
        end = finish(start(["audit", "opa.parquet", "-o", "out"], tmp_path))
    assert end.code == 2
    assert "another run is writing to" in end.text
    assert finish(start(["audit", "opa.parquet", "-o", "out"], tmp_path)).code == 0
    assert hidden(tmp_path) == []


def test_two_runs_at_once(tmp_path: Path) -> None:
    extract(tmp_path, "")
    command = ["audit", "opa.parquet", "-o", "out"]
    ends = [finish(process) for process in [start(command, tmp_path), start(command, tmp_path)]]
    assert sorted(end.code for end in ends) == [0, 2]
    assert hidden(tmp_path) == []


def test_what_a_killed_run_left_goes_and_an_earlier_output_comes_back(tmp_path: Path) -> None:
    """A run that was killed between moving the earlier output aside and putting the new one in its place."""
    out = tmp_path / "out"
    write_folder(out, "first")
    scratch = output_lock.scratch_path(out)
    scratch.mkdir()
    out.rename(scratch / "old")
    (scratch / "new").mkdir()
    with pytest.raises(UsageError, match="already exists"), whole_folder(out, OURS):
        pass
    assert (out / "ours.csv").read_text() == "first"
    write_folder(out, "second")
    assert (out / "ours.csv").read_text() == "second"
    assert hidden(tmp_path) == []


def test_two_saves_at_the_very_moment_are_both_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One before the exchange, and one into the new folder before it is taken back: that is kept beside the output."""
    out = tmp_path / "out"
    write_folder(out, "first")
    names = iter(["one.txt", "two.txt"])

    def save_and_exchange(one: Path, other: Path) -> bool:
        (other / next(names)).write_text("somebody's")
        return moving.exchange(one, other)

    monkeypatch.setattr(atomic_output, "exchange", save_and_exchange)
    with pytest.raises(UsageError, match="while this ran"):
        write_folder(out, "second")
    assert (out / "one.txt").read_text() == "somebody's"
    assert (tmp_path / "out.kept-1" / "two.txt").read_text() == "somebody's"
    assert hidden(tmp_path) == []


def test_two_saves_over_a_file_are_both_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves over the earlier file just before the exchange, and over the new one just before it is undone."""
    out = tmp_path / "flags.csv"
    write_file(out, "first")
    texts = iter(["one", "the second of two"])

    def save_and_exchange(one: Path, other: Path) -> bool:
        other.write_text(next(texts))
        return moving.exchange(one, other)

    monkeypatch.setattr(atomic_output, "exchange", save_and_exchange)
    with pytest.raises(UsageError, match="was changed while this ran"):
        write_file(out, "second")
    assert out.read_text() == "one"
    assert (tmp_path / "flags.csv.kept-1").read_text() == "the second of two"
    assert hidden(tmp_path) == []


def test_an_output_in_whose_place_something_appears_is_kept_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, something may appear between moving the earlier output aside and putting the new one there."""
    out = tmp_path / "out"
    write_folder(out, "first")

    def appears(source: Path, place: Path) -> None:
        if place == out:
            out.mkdir()
            (out / "notes.txt").write_text("somebody's")
        moving.move_new(source, place)

    monkeypatch.setattr(atomic_output, "exchange", lambda one, other: False)
    monkeypatch.setattr(atomic_output, "move_new", appears)
    with pytest.raises(UsageError, match="was created while this ran"):
        write_folder(out, "second")
    assert (out / "notes.txt").read_text() == "somebody's"
    assert (tmp_path / "out.kept-1" / "ours.csv").read_text() == "first"
    assert hidden(tmp_path) == []
