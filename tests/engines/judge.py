"""A judge reads statements without running them: a vendor's own parser, or a grammar that is not sqlglot's."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.engines.engine import AbsentError, Evidence

ENVIRONMENTS = Path(__file__).parents[2] / ".engines"
"""Where `make engines` puts what cannot stand in our own environment."""

Schema = Mapping[str, Mapping[str, str]]
"""For each table, the types of its columns: BIGINT, VARCHAR(4000) or DATE."""


@dataclass(frozen=True)
class Judge:
    """Gives its complaints about a statement over tables.

    `wrong` are statements that it must complain about. One that is `slow` is asked about whole statements of a rule's
    default reading, and not about the long bare conditions.
    """

    name: str
    dialect: str
    evidence: Evidence
    version: Callable[[], str]
    complaints: Callable[[str, Schema], Sequence[str]]
    wrong: Sequence[str]
    note: str = ""
    slow: bool = False


@dataclass
class Served:
    """A program that answers a line of JSON on its standard input with one on its standard output.

    It ends when its input does, and so with the tests that started it.
    """

    command: Callable[[], Sequence[str | Path]]
    environment: Callable[[], Mapping[str, str] | None] = lambda: None
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def ask(self, question: object) -> object:
        """Give the answer; the program starts with the first question. Raises `AbsentError`."""
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
