"""How much work deciding about criteria may take, counted in steps, so that it ends alike on every machine."""

from dataclasses import dataclass, field

from ebi_rules._support.errors import RuleError

STEPS = 4_000_000
"""The most steps for all questions about one interpretation of a rule: a few seconds."""


class TooComplexError(RuleError):
    """Deciding what criteria can mean takes more steps than there are."""

    def __init__(self) -> None:
        super().__init__("the criteria are too complex to decide what they can mean together: divide them.")


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
