"""Server processes for the tests: each in a folder of its own, gone when the tests are, whatever happens."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1


class Server:
    """A server in a temporary folder, run by an unprivileged user where we are root."""

    def __init__(self, user: str | None, stop_signal: signal.Signals) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ebi-"))
        self.user = user if os.geteuid() == 0 else None
        self.stop_signal = stop_signal
        self.process: subprocess.Popen[bytes] | None = None
        if self.user:
            shutil.chown(self.folder, self.user)

    def run(self, *command: str | Path) -> None:
        """Run a command to its end, as the server's user."""
        done = subprocess.run(command, capture_output=True, check=False, **self._settings())
        if done.returncode:
            raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.decode(errors='replace')[-500:]}")

    def start(self, command: Sequence[str | Path], ready: Callable[[], object], wait: float = 60) -> None:
        """Start the server and wait until `ready` no longer raises."""
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self._die_with_parent,
                **self._settings(),
            )
        end = time.monotonic() + wait
        while True:
            try:
                ready()
            except Exception:
                if self.process.poll() is not None or time.monotonic() > end:
                    log_text = (self.folder / "log").read_text(errors="replace")
                    self.stop()
                    raise RuntimeError(f"{Path(command[0]).name} did not start: {log_text[-1000:]}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _settings(self) -> dict[str, object]:
        """Return how every process runs: as the server's user, with temporary files in the server's folder."""
        user = {"user": self.user, "extra_groups": []} if self.user else {}
        return {"cwd": self.folder, "env": {**os.environ, "TMPDIR": str(self.folder)}, **user}

    def _die_with_parent(self) -> None:
        """Ask Linux to end the server with the process that started it, even when that is killed."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, self.stop_signal)
