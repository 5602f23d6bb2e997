"""A rule: its logic, its documentation, its examples, and its variants and editions.

A `Rule` is one interpretation: the current edition as designed, or what `variant()` and `edition()` return, which are
rules too. Rule files are read in `rule_parser`; nothing here touches an extract or prints anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ebi_rules._support.errors import UsageError, unknown
from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.nodes import Criterion
from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import Layout, find_layout
from ebi_rules.rule_model.availability import available_rules
from ebi_rules.rule_model.rule_documentation import RuleDocumentation
from ebi_rules.rule_model.rule_in_notebook import rule_in_notebook, rule_line
from ebi_rules.rule_model.rule_logic import DEFAULT, RuleLogic
from ebi_rules.translate.polars import expression
from opcs_icd import CodeList

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Example:
    """A made-up activity with the answer that the rule must give.

    Attributes:
        about: What the example shows.
        activity: The activity in normal form.
        values: The activity as the file writes it.
        flagged: The right answer.
        stopped_by: The criterion that must be the first to fail; None if the file does not say.
        variant: The variant the example is about; None for the rule as designed.
        edition: The edition the example is about; None for the current one.
    """

    about: str
    activity: Activity
    values: Mapping[str, object]
    flagged: bool
    stopped_by: str | None
    variant: str | None
    edition: str | None


@dataclass(frozen=True, eq=False, repr=False)
class Rule:
    """One interpretation of one rule.

    Attributes:
        logic: What evaluators, engines and SQL statements need.
        documentation: What people read.
        examples: The examples of the rule's file, for all variants and editions.
        variants: The other interpretations by name; empty for a variant.
        editions: The other dated codings by name; empty for a variant and for another edition.
    """

    logic: RuleLogic
    documentation: RuleDocumentation
    examples: tuple[Example, ...] = ()
    variants: Mapping[str, "Rule"] = field(default_factory=dict)
    editions: Mapping[str, "Rule"] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The rule's key, which is also the name of its flag."""
        return self.logic.key

    @property
    def title(self) -> str:
        """The title of the intervention or policy."""
        return self.documentation.title

    @property
    def dataset(self) -> str:
        """The kind of activity: outpatient or admitted."""
        return self.logic.dataset

    @property
    def edition_name(self) -> str:
        """The date of the coding, for example "2023-12"."""
        return self.logic.edition_name

    @property
    def variant_name(self) -> str:
        """The name of the interpretation: "default" for the rule as designed."""
        return self.logic.variant_name

    def __repr__(self) -> str:
        """Return the rule in one line."""
        return rule_line(self.documentation, self.logic)

    def _repr_html_(self) -> str:
        """Return a card for a notebook."""
        return rule_in_notebook(self.documentation, self.logic)

    @property
    def criteria(self) -> Mapping[str, Criterion]:
        """The criteria by name, in order; all must hold."""
        return self.logic.criteria

    @property
    def codes(self) -> Mapping[str, CodeList]:
        """The code lists that the criteria name, by name."""
        return {name: named.codes for name, named in self.logic.lists.items()}

    @property
    def interpretations(self) -> Mapping[str, "Rule"]:
        """This rule and its variants, by name of variant."""
        return {self.variant_name: self, **self.variants}

    def variant(self, name: str) -> "Rule":
        """Return the variant `name`; "default" is the rule itself.

        Raises:
            UsageError: The rule has no variant of that name.
        """
        if name not in self.interpretations:
            raise UsageError(f"{self.key}: " + unknown("variant", name, [DEFAULT, *self.variants]))
        return self.interpretations[name]

    def edition(self, name: str) -> "Rule":
        """Return the coding dated `name`, for example "2023-12".

        Raises:
            UsageError: The rule has no edition of that name.
        """
        if name == self.edition_name:
            return self
        if name not in self.editions:
            raise UsageError(f"{self.key}: " + unknown("edition", name, [self.edition_name, *self.editions]))
        return self.editions[name]

    def expr(
        self,
        layout: str | Path | Layout,
        columns: Mapping[str, str] | None = None,
        available: Iterable[str] | None = None,
        any_dataset: bool = False,
    ) -> "pl.Expr":
        """Return the rule as a Polars expression over an extract's own columns.

        Args:
            layout: The name of a layout, a layout file, or a layout.
            columns: Columns by canonical field, where they differ from the layout's.
            available: The extract's column names, if they may differ in case from the layout's.
            any_dataset: Allow a layout of another dataset than the rule's.

        Returns:
            A boolean expression without nulls, named by the rule's key.

        Raises:
            ExtractError: The layout lacks a field that the rule needs, or is of another dataset.
            UsageError: The layout's codes are in child tables, which an expression cannot reach: use `flag`.

        Example:
            >>> import polars as pl, ebi_rules as ebi
            >>> frame = pl.DataFrame({"OPA_Ident": [1], "Der_Procedure_All": ["||U055"], "Der_Diagnosis_All": [""],
            ...                       "Age_at_Start_of_Episode_SUS": [45], "Administrative_Category": ["01"]})
            >>> flag = ebi.rule("2S").expr("ncdr-opa", available=frame.columns)
            >>> frame.select(flag).to_series().to_list()
            [True]
        """
        binding = bind(find_layout(layout), available, columns)
        available_rules([self.logic], binding, any_dataset=any_dataset)
        return expression(self.criteria, binding).alias(self.key)
