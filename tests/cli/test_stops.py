"""A command that is stopped, or has too little memory, says so, says what to do, and leaves nothing half written."""

import signal
import subprocess
import sys
import time
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


def test_a_signal_that_the_caller_ignores_does_not_stop_a_run(tmp_path: Path) -> None:
    """`nohup`, and a shell that puts a command into the background, ignore signals for it."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from ebi_rules.cli import main; main()"
    command = [sys.executable, "-c", code, "synth", "-o", str(tmp_path / "opa.parquet"), "--rows", "400000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for _ in range(4):
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert (tmp_path / "opa.parquet").exists()


def test_an_unsafe_rule_is_called_so(run: Run, tmp_path: Path, no_report: None) -> None:
    run("synth", "-o", "apc.parquet", "--rows", "3000", "--layout", "hes-apc")
    output = run("audit", "apc.parquet", "-o", "out", "--rule", "1O", "--rule", "1A", "--disclosure", "none").output
    lines = {line.partition(":")[0]: line for line in output.splitlines() if " in scope of " in line}
    assert "Not safe to use, and providers are not compared: " in lines["1O_ganglion_excision"]
    assert "Not safe" not in lines["1A_snoring_surgery"]
