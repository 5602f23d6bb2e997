"""What a test run showed: cases and mismatches by evaluator, statements by judge, and what was absent.

Every worker process keeps a tally of its own; the first process adds them up.
"""

import json
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """`cases`: how many extracts with rules an evaluator was given, or statements a judge; `mismatches`: in how many
    it did not give the reference's rows, or complained; `versions`: of each engine that ran; `absent`: what this run
    asked for and did not find, with what to install."""

    cases: Counter[str] = field(default_factory=Counter)
    mismatches: Counter[str] = field(default_factory=Counter)
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def count(self, name: str, mismatch: bool) -> None:
        self.cases[name] += 1
        self.mismatches[name] += mismatch

    def summary(self) -> list[str]:
        """Return a line on what was compared, and one on what is not on this machine; neither if there is nothing."""
        lines = []
        if self.cases:
            lines.append(
                f"{self.cases.total():,} cases on {len(self.cases)} evaluators and judges, "
                f"{self.mismatches.total():,} mismatches"
            )
        if self.absent:
            lacking = "; ".join(f"{name} ({install})" for name, install in sorted(self.absent.items()))
            lines.append(f"Not tried, as it is not on this machine: {lacking}")
        return lines

    def to_json(self) -> str:
        return json.dumps([self.cases, self.mismatches, self.versions, self.absent])

    def add_json(self, text: str | None) -> None:
        if text:
            cases, mismatches, versions, absent = json.loads(text)
            self.cases.update(cases)
            self.mismatches.update(mismatches)
            self.versions.update(versions)
            self.absent.update(absent)


TALLY = Tally()
"""The tally of this process."""
