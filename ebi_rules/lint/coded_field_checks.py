"""Check values of coded fields against the NHS Data Dictionary: unknown ones, and groups of which a part is listed."""

from collections.abc import Iterator

from ebi_rules._support.errors import nearest
from ebi_rules.criteria.fields import FIELDS, Field
from ebi_rules.criteria.nodes import Compare, In, StartsWith, atoms
from ebi_rules.lint.finding import ERROR, NOTE, WARNING, Interpretation, Place, UnplacedFinding

_FEWEST_OF_A_GROUP = 3
"""How many codes with the same beginning must be listed before those left out are unlikely to be meant."""


def check_coded_fields(interpretation: Interpretation) -> Iterator[UnplacedFinding]:
    """Find values that the data dictionary does not have, and lists that leave out codes of a group."""
    for name, criterion in interpretation.rule.criteria.items():
        place = (*interpretation.place, "criteria", name)
        for atom in atoms(criterion):
            if isinstance(atom, In) and atom.field == "treatment_function":
                yield from _check_orthopaedics(set(map(str, atom.values)), place)
            if isinstance(atom, Compare | In | StartsWith) and FIELDS[atom.field].is_closed:
                yield from _check_atom(atom, FIELDS[atom.field], place)


def _check_orthopaedics(values: set[str], place: Place) -> Iterator[UnplacedFinding]:
    """Find lists with the code of orthopaedics before April 2021, and without those that there are since."""
    if "110" in values and not values & {"111", "115"}:
        text = (
            "since April 2021 orthopaedics is also recorded as 111 (orthopaedics) and 115 (trauma surgery). Check 110."
        )
        yield UnplacedFinding(NOTE, "code-of-the-time", place, text)


def _check_atom(atom: Compare | In | StartsWith, field: Field, place: Place) -> Iterator[UnplacedFinding]:
    match atom:
        case StartsWith(_, prefix):
            if not any(code.startswith(prefix) for code in field.meanings):
                yield _unknown(f"no code of {field.label} begins with {prefix!r}", prefix, field, place)
        case Compare(_, "=", value):
            yield from _check_values([str(value)], field, place)
        case In(_, values):
            yield from _check_values([str(value) for value in values], field, place)
            yield from _check_groups({str(value) for value in values}, field, place)


def _check_values(values: list[str], field: Field, place: Place) -> Iterator[UnplacedFinding]:
    for value in values:
        if not field.is_known(value):
            yield _unknown(f"{value!r} is not a code of {field.label}", value, field, place)


def _unknown(problem: str, value: str, field: Field, place: Place) -> UnplacedFinding:
    close = nearest(value, list(field.meanings), count=1)
    listed = ", ".join(f"{code} ({meaning})" for code, meaning in field.meanings.items())
    hint = f"The nearest is {close[0]} ({field.meanings[close[0]]})." if close else f"The codes are {listed}."
    return UnplacedFinding(ERROR, "unknown-value", place, f"{problem}. {hint}")


def _check_groups(values: set[str], field: Field, place: Place) -> Iterator[UnplacedFinding]:
    """Find a list with most codes of a group, such as 21 to 28 of emergency admissions without 2A to 2D."""
    for beginning, meaning in field.beginnings.items():
        group = {code for code in field.meanings if code.startswith(beginning)}
        left_out = sorted(group - values)
        if left_out and len(group & values) >= _FEWEST_OF_A_GROUP:
            text = (
                f"of the codes of {field.label} for {meaning}, {', '.join(left_out)} are left out. Add them, or write "
                f"starts_with({field.name}, '{beginning}')."
            )
            yield UnplacedFinding(WARNING, "part-of-group", place, text)
