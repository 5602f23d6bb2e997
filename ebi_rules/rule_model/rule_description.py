"""Describe a whole rule in English, as Markdown: criteria, codes, limits, variants and source."""

from collections.abc import Sequence
from dataclasses import dataclass

from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_documentation import RuleDocumentation
from ebi_rules.translate.english import dotted, heading, listed, month_name, say, with_dot
from opcs_icd import CodeSystem, ImagingSystem
from opcs_icd.reference import Reference

_ACTIVITIES = {
    "outpatient": "An outpatient appointment",
    "admitted": "An admitted episode or spell",
    "imaging": "An imaging examination",
}
_STATUSES = {
    "published": "The coding is published by the programme.",
    "ported": "The codes come from a port of the programme's script, not from its page.",
    "local": "The coding belongs to a local policy.",
}
_MOST_TITLES = 40
"""How many codes a list may have for each to be listed with its title."""


@dataclass(frozen=True)
class DescribedCodes:
    """A code list in words.

    Attributes:
        heading: The phrase for the list.
        system: Its classification, or kind of imaging code.
        codes: The codes as a clinician writes them.
        titles: Pairs of code and title, as far as titles are known.
    """

    heading: str
    system: CodeSystem | ImagingSystem
    codes: str
    titles: tuple[tuple[str, str], ...]


def rule_as_markdown(rule: Rule, reference: Reference | None = None) -> str:
    """Return a rule as Markdown: what it asks, its codes, what it cannot show, its variants and its source.

    Args:
        rule: The rule, or one of its variants or editions.
        reference: The user's own classification files, for the titles of codes.
    """
    sections = [
        _introduction(rule),
        _criteria(rule),
        _denominator(rule),
        _codes(rule, reference),
        _section("What the coding cannot show", rule.documentation.all_limits),
        _section("Variants", _variants(rule)),
        _section("Other editions", _editions(rule)),
        _source(rule),
    ]
    return "\n".join(line for section in sections for line in section)


def origin(documentation: RuleDocumentation) -> str:
    """Return in words whose coding a rule is: the programme's own, a port's, or a local policy's."""
    port = [documentation.port.about] if documentation.port else []
    excerpt = ["Only an excerpt of it was read, at an older address."] if documentation.excerpt else []
    return " ".join([_STATUSES[documentation.status], *excerpt, *port])


def not_yet_read(documentation: RuleDocumentation) -> list[str]:
    """Return where the programme prints the current coding of each intervention, if that was not read."""
    if documentation.status == "published" and not documentation.excerpt:
        return []
    return [f"{intervention.letter}: {intervention.where_coded}" for intervention in documentation.interventions]


def described_codes(rule: Rule, reference: Reference | None = None) -> list[DescribedCodes]:
    """Return the code lists that a rule names, in words.

    Titles come from the classification files if they are given and the list is short, and otherwise from the source.
    """
    documentation = rule.documentation
    described = []
    for named in rule.logic.code_lists():
        printed = [code for code in sorted(documentation.titles) if code in named.codes]
        codes = named.codes.prefixes if reference and len(named.codes) <= _MOST_TITLES else printed
        titles = [(with_dot(code), documentation.code_title(named.system, code, reference)) for code in codes]
        known = tuple((code, title) for code, title in titles if title)
        name = heading(named.name, documentation.words)
        described.append(DescribedCodes(name, named.system, dotted(named.codes), known))
    for imaging in rule.logic.imaging_lists():
        name = heading(imaging.name, documentation.words)
        described.append(DescribedCodes(name, imaging.system, str(imaging.codes), ()))
    return described


def _introduction(rule: Rule) -> list[str]:
    documentation = rule.documentation
    lines = [f"# {rule.title} ({', '.join(documentation.aliases[:1]) or rule.key})", ""]
    if documentation.about:
        lines += [documentation.about, ""]
    lines += [f"**What it may be used for**: {documentation.fitness.sentence}", ""]
    if documentation.start:
        start = month_name(documentation.start)
        lines += [
            f"The policy begins in {start}. Headline counts are from then on; trends and comparisons use all.",
            "",
        ]
    if len(documentation.interventions) > 1:
        titles = listed([f"{each.letter} {each.title}" for each in documentation.interventions], "and")
        lines += [f"This coding serves {titles}: the data cannot tell them apart.", ""]
    if documentation.edition_about:
        edition = month_name(rule.edition_name)
        lines += [f"This is the **edition of {edition}**. {documentation.edition_about}", ""]
    if documentation.variant_about:
        lines += [f"This is the variant **{rule.variant_name}**. {documentation.variant_about}", ""]
    return lines


def _criteria(rule: Rule) -> list[str]:
    words = rule.documentation.words
    lines = [f"{_ACTIVITIES[rule.dataset]} is in scope of the guidance when all of these hold:", ""]
    for place, (name, criterion) in enumerate(rule.criteria.items(), start=1):
        lines.append(f"{place}. **{heading(name, words)}**: {say(criterion, words)}.")
    warning = "In scope does not mean inappropriate: that is for a clinician who knows the patient."
    return [*lines, "", warning, ""]


def _denominator(rule: Rule) -> list[str]:
    places = [str(place) for place, name in enumerate(rule.criteria, start=1) if name in rule.logic.eligible]
    eligible = f"that meets {listed(places, 'and')}" if places else "in the extract"
    sentences = [f"Rates are per 1,000 eligible, which is the activity {eligible}."]
    if rule.logic.compare_within is not None:
        sentences.append(f"Providers are compared within activity where {say(rule.logic.compare_within, {})}.")
    return [" ".join(sentences), ""]


def _codes(rule: Rule, reference: Reference | None) -> list[str]:
    lines = ["## Codes", ""]
    for described in described_codes(rule, reference):
        lines.append(f"- {described.heading} ({described.system.value}): {described.codes}")
        lines += [f"    - {code} {title}" for code, title in described.titles]
    return [*lines, ""]


def _variants(rule: Rule) -> list[str]:
    return [f"**{name}**: {variant.documentation.variant_about}" for name, variant in rule.variants.items()]


def _editions(rule: Rule) -> list[str]:
    abouts = [(name, edition.documentation) for name, edition in rule.editions.items()]
    return [f"**{name}** ({about.status}): {about.edition_about}".rstrip(": ") for name, about in abouts]


def _source(rule: Rule) -> list[str]:
    documentation = rule.documentation
    lines = ["## Source", "", origin(documentation), documentation.source, ""]
    unread = not_yet_read(documentation)
    if unread:
        lines += [
            "The programme's current coding is not yet read. It is printed here:",
            "",
            *(f"- {each}" for each in unread),
            "",
        ]
    for intervention in documentation.interventions:
        if intervention.page and intervention.page != documentation.source and not unread:
            title = f"{intervention.title[:1].lower()}{intervention.title[1:]}"
            lines.append(f"Guidance on {title}: {intervention.page}\n")
        if intervention.published and intervention.reviewed:
            published, reviewed = month_name(intervention.published), month_name(intervention.reviewed)
            lines.append(
                f"The page of {intervention.letter} was published in {published} and last reviewed in {reviewed}.\n"
            )
    edition = f"Edition of {month_name(rule.edition_name)}."
    if documentation.revised:
        months = listed([month_name(month) for month in documentation.revised], "and")
        edition += f" The source says that its coding was updated in {months}."
    return [*lines, edition, f"Rule key `{rule.key}`, content {rule.logic.content_hash[:12]}.", ""]


def _section(title: str, items: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *(f"- {item}" for item in items), ""] if items else []
