"""The sources of rules as they are written (fixtures/as_written), and whether a rule keeps what they say."""

from collections.abc import Iterator
from pathlib import Path

from ebi_rules.criteria.logic import equivalent
from ebi_rules.criteria.nodes import And
from ebi_rules.rule_model.catalogue import shared_definitions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_logic import DEFAULT
from ebi_rules.rule_model.rule_parser import parse_with_problems, read_text

FILES = {file.stem: file for file in sorted((Path(__file__).parents[2] / "fixtures" / "as_written").glob("*.toml"))}


def names_of_public_editions(rule: Rule) -> Iterator[str]:
    """Return the name of the file of each edition that comes from the programme or from a port, for example 2R.old."""
    letter = rule.documentation.interventions[0].letter if rule.documentation.interventions else rule.key
    for edition in (rule, *rule.editions.values()):
        if edition.documentation.status != "local":
            yield f"{letter}.{_era(edition)}"


def edition_of(name: str, rule: Rule) -> Rule:
    """Return the edition of a rule that a file is about."""
    era = name.partition(".")[2]
    return next(edition for edition in (rule, *rule.editions.values()) if _era(edition) == era)


def keeps_what_was_written(name: str, rule: Rule) -> bool:
    """Return whether the edition, private patients aside, or its variant `as_ported` flags what the source flags.

    A source that cannot be read as it is written is kept by any rule.
    """
    written, _ = parse_with_problems(read_text(FILES[name]), name, shared_definitions())
    if written is None:
        return True
    ours = edition_of(name, rule).interpretations
    if equivalent(_whole(ours[DEFAULT], "not_private"), _whole(written, "not_private")):
        return True
    return "as_ported" in ours and equivalent(_whole(ours["as_ported"]), _whole(written))


def _era(edition: Rule) -> str:
    if edition.edition_name.endswith("-port"):
        return "old"
    return "2020" if edition.edition_name == "2020" else "cur"


def _whole(interpretation: Rule, without: str = "") -> And:
    return And(tuple(criterion for name, criterion in interpretation.criteria.items() if name != without))
