"""How a notebook shows a rule and an explanation: a card as HTML, in titles and phrases, without keys."""

from collections.abc import Iterable

from markupsafe import Markup

from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.rule_model.rule_documentation import RuleDocumentation
from ebi_rules.rule_model.rule_logic import RuleLogic
from ebi_rules.translate.english import say

_CARD = 'style="border:1px solid #c8d3dc;border-radius:6px;padding:.3rem 1rem;max-width:46rem"'


def rule_line(documentation: RuleDocumentation, logic: RuleLogic) -> str:
    """Return a rule in one line."""
    return f"Rule {logic.key}: {documentation.title} ({logic.dataset}, {logic.edition_name}, {logic.variant_name})"


def rule_in_notebook(documentation: RuleDocumentation, logic: RuleLogic) -> str:
    """Return the card of a rule: what is in scope, what a flag means and what the rule may be used for."""
    criteria = _list(
        Markup("<strong>{}</strong>: {}").format(documentation.phrase(name), say(criterion, documentation.words))
        for name, criterion in logic.criteria.items()
    )
    card = Markup(
        "<div {}><h4>{}</h4><p>Edition {}, variant {}. Activity is in scope when all of these hold:</p>{}"
        "<p>{}</p><p>{}</p></div>"
    )
    return str(
        card.format(
            Markup(_CARD),
            documentation.title,
            logic.edition_name,
            logic.variant_name,
            criteria,
            documentation.fitness.sentence,
            FLAG_MEANING,
        )
    )


def explanation_in_notebook(title: str, answer: str, criteria: Iterable[tuple[bool, str, Iterable[str]]]) -> str:
    """Return the card of an explanation.

    Args:
        title: The rule's title.
        answer: Whether the activity is in scope, in words.
        criteria: Of each criterion whether it holds, its phrase, and the codes that matched.
    """
    rows = _list(
        Markup("{} {}{}").format("✓" if held else "✗", phrase, f": {', '.join(codes)}" if codes else "")
        for held, phrase, codes in criteria
    )
    return str(Markup("<div {}><h4>{}</h4><p>{}</p>{}</div>").format(Markup(_CARD), title, answer, rows))


def _list(items: Iterable[Markup]) -> Markup:
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in items))
