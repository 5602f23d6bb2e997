"""How much work deciding about criteria may take, counted in steps, so that it ends alike on every machine."""

from dataclasses import dataclass, field

STEPS = 4_000_000
"""The most steps for all questions about one interpretation of a rule: a few seconds."""


class TooComplexError(Exception):
    """Deciding takes more steps than there are. Whoever asked reports that; no user sees this error."""


@dataclass
class Budget:
    """The steps that decisions may still take."""

    steps: int = field(default=STEPS)

    def spend(self, steps: int = 1) -> None:
        """Count some steps.

        Raises:
            TooComplexError: None are left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise TooComplexError
