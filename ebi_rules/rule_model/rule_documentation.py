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
    """

    letter: str
    title: str
    list_number: int
    category: int
    specialty: str
    page: str | None
    letter_seen: bool


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


@dataclass(frozen=True)
class RuleDocumentation:
    """What people read about one interpretation of a rule.

    Attributes:
        title: The title of the intervention or policy.
        aliases: Other names by which the rule can be found.
        list_number: The number of the programme's list; None for a local policy.
        status: published, ported or local.
        source: Where the coding comes from.
        port: The version of the scripts that a ported coding comes from.
        interventions: What the rule codes: usually one, two if they share a coding.
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
    port: Port | None
    interventions: tuple[Intervention, ...]
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
