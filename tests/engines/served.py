"""Programs that run beside the tests, in an environment or language of their own, and answer line by line."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engines.engine import AbsentError

ENVIRONMENTS = Path(__file__).parents[2] / ".engines"
"""Where `make engines` puts what cannot stand in our own environment."""


@dataclass
class Served:
    """A program that answers a line of JSON on its standard input with one on its standard output.

    It ends when its input does, and so with the tests that started it.
    """

    command: Callable[[], Sequence[str | Path]]
    environment: Callable[[], Mapping[str, str] | None] = lambda: None
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def ask(self, question: object) -> Any:
        """Return the answer; the program starts with the first question. Raises `AbsentError`."""
        if self.process is None:
            command = self.command()
            if not Path(command[0]).exists() or not Path(command[-1]).exists():
                raise AbsentError("make engines")
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment()
            )
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{Path(self.command()[-1]).name} ended without an answer")
        return json.loads(answer)

    def stop(self) -> None:
        if self.process and self.process.stdin and self.process.stdout:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()
            self.process = None
