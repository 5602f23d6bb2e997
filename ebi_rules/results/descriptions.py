"""Describe a rule in English."""

from ebi_rules.rule_model.catalogue import rule as find_rule
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_description import rule_as_markdown
from opcs_icd.reference import Reference


class Description(str):
    """Markdown that a notebook shows as formatted text."""

    def _repr_markdown_(self) -> str:
        return str(self)


def describe(rule: str | Rule, reference: Reference | None = None) -> Description:
    """Return a rule in English, as Markdown: criteria, codes, limits, variants and source.

    Args:
        rule: The rule, one of its variants or editions, or a name.
        reference: The user's own classification files, for the titles of codes.

    Raises:
        UsageError: There is no rule of that name.
        RuleError: The rule's file is wrong.

    Example:
        >>> import ebi_rules as ebi
        >>> print(ebi.describe("2S").splitlines()[0])
        # Low back pain imaging (2S)
    """
    return Description(rule_as_markdown(rule if isinstance(rule, Rule) else find_rule(rule), reference))
