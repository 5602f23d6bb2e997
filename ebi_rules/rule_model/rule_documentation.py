"""The documentation of a rule: title, source, limits and the words in which people read it."""

from collections.abc import Mapping
from dataclasses import dataclass

from opcs_icd import CodeSystem
from opcs_icd.reference import Reference


@dataclass(frozen=True)
class Intervention:
    """One intervention of the programme's lists, coded or not.

    Attributes:
        letter: Its number and letter, for example 2S.
        title: Its title.
        list_number: The number of the list.
        category: 1 (not routinely commissioned) or 2 (commissioned when criteria are met).
        specialty: A specialty to choose by; this grouping is ours.
        page: The address of its page; None if none was found.
        letter_seen: Whether the letter is printed on a page. If not, it follows from the order of the list.
        document: The programme's document that prints the coding of the list.
        published: The month in which its page says that it was published; None if that was not seen.
        reviewed: The month in which its page says that it was last reviewed; None if that was not seen.
        note: What else a reader must know of it.
    """

    letter: str
    title: str
    list_number: int
    category: int
    specialty: str
    page: str | None
    letter_seen: bool
    document: str
    published: str | None = None
    reviewed: str | None = None
    note: str = ""

    @property
    def where_coded(self) -> str:
        """Where the programme prints the coding: its page, if there is one, and the document of the list."""
        return f"the programme's page ({self.page}) and {self.document}" if self.page else self.document


@dataclass(frozen=True)
class Port:
    """Another organisation's version of the programme's scripts, from which codes were taken.

    Attributes:
        name: The name of its entry in `_shared.toml`.
        about: What it is.
        limits: What no rule taken from it can show.
    """

    name: str
    about: str
    limits: tuple[str, ...]


LOCAL = "local"
"""The status of a rule of one's own."""

FITNESS = {
    "compare": "Fit to count and to compare providers.",
    "count": "Fit to count, not to compare providers.",
    "floor": "A lower estimate: the true number may be higher.",
    "ceiling": "An upper estimate: the true number may be lower.",
    "unsafe": "Not safe to use: the coding does not find what the guidance is about.",
}
"""What a rule may be used for, in sentences."""

_UNFIT_TO_COMPARE = ("count", "unsafe")


@dataclass(frozen=True)
class Fitness:
    """What a rule may be used for, and why.

    Attributes:
        use: A key of `FITNESS`.
        reason: Why, in one or two sentences.
    """

    use: str
    reason: str

    @property
    def allows_comparison(self) -> bool:
        """Whether providers may be compared by the rule."""
        return self.use not in _UNFIT_TO_COMPARE

    @property
    def is_unsafe(self) -> bool:
        """Whether even the count says nothing about the guidance."""
        return self.use == "unsafe"

    @property
    def sentence(self) -> str:
        """What the rule may be used for, and why."""
        return f"{FITNESS[self.use]} {self.reason}"


NOT_STATED = Fitness("compare", "The rule's file states no limits of its use.")
"""The fitness of a local rule whose file does not state it."""


@dataclass(frozen=True)
class RuleDocumentation:
    """What people read about one interpretation of a rule.

    Attributes:
        title: The title of the intervention or policy.
        aliases: Other names by which the rule can be found.
        list_number: The number of the programme's list; None for a local policy.
        status: published, ported or local.
        source: Where the coding comes from.
        excerpt: Whether only an excerpt of the source was read.
        port: The version of the scripts that a ported coding comes from.
        interventions: What the rule codes: usually one, two if they share a coding.
        fitness: What the rule may be used for.
        start: The month in which a policy begins, "2025-07"; None for guidance.
        revised: The months in which the source says that its coding was updated.
        about: What the rule is.
        edition_about: What readers must know of an edition that is not the current one.
        variant_about: What the variant is; empty for the rule as designed.
        limits: What the coding cannot show.
        words: Phrases for criteria and code lists, by name.
        titles: Titles of codes that the source prints, by code.
    """

    title: str
    aliases: tuple[str, ...]
    list_number: int | None
    status: str
    source: str
    excerpt: bool
    port: Port | None
    interventions: tuple[Intervention, ...]
    fitness: Fitness
    start: str | None
    revised: tuple[str, ...]
    about: str
    edition_about: str
    variant_about: str
    limits: tuple[str, ...]
    words: Mapping[str, str]
    titles: Mapping[str, str]

    @property
    def all_limits(self) -> tuple[str, ...]:
        """The limits of the coding and those of the port it comes from."""
        return (*self.limits, *(self.port.limits if self.port else ()))

    def phrase(self, name: str) -> str:
        """Return the phrase for a criterion or a code list, or its name with blanks if it has no phrase."""
        return self.words.get(name, name.replace("_", " "))

    def code_title(self, system: CodeSystem, code: str, reference: Reference | None = None) -> str | None:
        """Return a code's title: from the user's classification files, or as the source prints it."""
        title = reference.title(system, code) if reference else None
        return title or self.titles.get(code)
