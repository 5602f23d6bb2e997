"""A command that is stopped, or has too little memory, says so, says what to do, and leaves nothing half written."""

import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import Result

from ebi_rules.cli import stop_signals

Run = Callable[..., Result]
Extract = Callable[..., Path]


def test_too_little_memory_and_ctrl_c_say_what_to_do(
    run: Run, extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, code in ((MemoryError(), 5), (KeyboardInterrupt(), 130)):

        def stop(*arguments: object, error: BaseException = error, **options: object) -> None:
            raise error

        monkeypatch.setattr(import_module("ebi_rules.results.audit_run"), "audit", stop)
        message = run("audit", str(extract()), "-o", "out", code=code).stderr
        assert "No partial output is left" in message
        for advice in ("--by", "--months", "--from-cube", "--engine"):
            assert advice in message


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stop_that_a_library_turns_into_another_error_is_a_stop(
    run: Run, extract: Extract, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    def raise_another(*arguments: object, **options: object) -> None:
        try:
            stop_signals.stop(number, None)
        except BaseException as error:
            raise TypeError("a callback failed") from error

    monkeypatch.setattr(stop_signals, "_received", [])
    monkeypatch.setattr("ebi_rules.results.audit_run.audit", raise_another)
    assert "Stopped. No partial output is left." in run("audit", str(extract()), "-o", "out", code=code).stderr
