"""Read one pattern as coding scripts publish it - `U05[45]`, `C00-C99`, `Z665` - into prefixes.

A prefix is three to five characters, letter first. A pattern that cannot be read is a `PatternError` that
says what is wrong and what was probably meant.
"""

import re
from itertools import product

from opcs_icd.codes import CodeSystem, normal_form

_ELEMENT = re.compile(r"\[[^\[\]]*\]|.")
_RANGE = re.compile(r"([^\[\]-]+)-([^\[\]-]+)")
_QUOTES = "'\"`\u2018\u2019\u201c\u201d"
_DIGITS = "0123456789"
_STEM = 3
_LONGEST = 5


class PatternError(ValueError):
    """A pattern that is not one of OPCS-4 or ICD-10 codes.

    `pattern` is the text as given, `problem` what is wrong with it, `suggestion` the likely meaning or None.
    """

    def __init__(self, pattern: str, problem: str, suggestion: str | None = None) -> None:
        self.pattern = pattern
        self.problem = problem
        self.suggestion = suggestion
        hint = f" Did you mean {suggestion}?" if suggestion else ""
        super().__init__(f"the pattern {pattern!r} {problem}.{hint}")


def expand(system: CodeSystem, pattern: str) -> tuple[str, ...]:
    """Give the prefixes that `pattern` stands for: `U05[45]` gives U054 and U055.

    A pattern shorter than a three-character category means its categories: `D0` is D00 to D09.
    Raises `PatternError` for anything else than a code, classes of characters, or a range.
    """
    text = normal_form(pattern)
    _refuse_foreign_marks(system, pattern, text)
    bounds = _RANGE.fullmatch(text)
    if bounds:
        return _expand_range(system, pattern, *bounds.groups())
    return _expand_classes(system, pattern, _without_filler(text))


def _refuse_foreign_marks(system: CodeSystem, pattern: str, text: str) -> None:
    """Refuse what belongs to a script or to prose around the pattern, not to the pattern."""
    if not text:
        raise PatternError(pattern, "is empty")
    for marks, name in ((_QUOTES, "a quotation mark"), ("%", "the wildcard %, which every pattern ends in anyway")):
        if any(mark in text for mark in marks):
            bare = "".join(char for char in text if char not in _QUOTES + "%")
            raise PatternError(pattern, f"contains {name}", _if_readable(system, pattern, bare))
    if "(" in text and ")" in text:
        inside = re.sub(r"\(([^()]*)\)", lambda found: f"[{_unique(found[1])}]", text)
        raise PatternError(
            pattern, "has parentheses where a class needs square brackets", _if_readable(system, pattern, inside)
        )
    if "(" in text or ")" in text:
        raise PatternError(
            pattern, "has a stray parenthesis", _if_readable(system, pattern, text.replace("(", "").replace(")", ""))
        )
    if text.count("[") > text.count("]"):
        raise PatternError(
            pattern, "opens a class with [ and does not close it", _if_readable(system, pattern, text + "]")
        )
    if text.count("]") > text.count("["):
        raise PatternError(
            pattern, "closes a class with ] that was not opened", _if_readable(system, pattern, _open(text))
        )
    if re.search(r"[,;|/]", text):
        raise PatternError(pattern, "holds several patterns: give each one its own place in the list")


def _expand_range(system: CodeSystem, pattern: str, low: str, high: str) -> tuple[str, ...]:
    """Expand `C00-C99` over categories, `V382-V386` over the subdivisions of one category."""
    for end in (low, high):
        _check_letter(system, pattern, end[0])
    if not (re.fullmatch(r"[A-Z][0-9]{2,3}", low) and re.fullmatch(r"[A-Z][0-9]{2,3}", high)):
        raise PatternError(pattern, "is a range whose ends are not codes of three or four characters")
    if len(low) != len(high):
        raise PatternError(pattern, "is a range whose ends have different lengths")
    if low > high:
        raise PatternError(pattern, "is a range whose end comes before its start", f"{high}-{low}")
    if len(low) > _STEM and low[:_STEM] != high[:_STEM]:
        raise PatternError(pattern, "is a range of subdivisions across categories", f"{low[:_STEM]}-{high[:_STEM]}")
    width = len(low) - 1
    letters = [letter for letter in system.letters if low[0] <= letter <= high[0]]
    stems = (f"{letter}{number:0{width}d}" for letter in letters for number in range(10**width))
    return tuple(stem for stem in stems if low <= stem <= high)


def _expand_classes(system: CodeSystem, pattern: str, text: str) -> tuple[str, ...]:
    """Expand a code whose characters may each be a class such as [45] or [0-8]."""
    choices = [_choices(pattern, element) for element in _ELEMENT.findall(text)]
    for letter in choices[0]:
        _check_letter(system, pattern, letter)
    if len(choices) > _LONGEST:
        raise PatternError(pattern, "is longer than a code")
    for place, characters in enumerate(choices[1:], start=1):
        if place == _STEM and characters == "X" and len(choices) > place + 1 and system is CodeSystem.ICD10:
            continue  # M45X9: a UK fifth character on an undivided category keeps the filler in between.
        for character in characters:
            if character not in _DIGITS:
                raise PatternError(pattern, _not_a_digit(character), _digits_for_letters(system, pattern))
    choices += [_DIGITS] * (_STEM - len(choices))
    return tuple("".join(characters) for characters in product(*choices))


def _choices(pattern: str, element: str) -> str:
    """Give the characters that one element of a pattern stands for: `[0-3]` gives 0123."""
    if not element.startswith("["):
        return element
    body = element[1:-1]
    if not body:
        raise PatternError(pattern, "has an empty class []")
    if body[0] in "^!":
        raise PatternError(pattern, "has a negated class: list the characters that are meant")
    if not re.fullmatch(r"(?:[A-Z0-9](?:-[A-Z0-9])?)+", body):
        raise PatternError(pattern, f"has a class [{body}] that is not letters, digits and ranges of them")
    characters = ""
    for low, high in re.findall(r"([A-Z0-9])(?:-([A-Z0-9]))?", body):
        if high and (low > high or low.isdigit() != high.isdigit()):
            raise PatternError(pattern, f"has a class [{body}] whose range runs backwards", None)
        characters += "".join(chr(code) for code in range(ord(low), ord(high or low) + 1))
    return _unique(characters)


def _check_letter(system: CodeSystem, pattern: str, letter: str) -> None:
    if letter in system.letters:
        return
    if letter == "I" and system is CodeSystem.OPCS4:
        raise PatternError(
            pattern,
            "is in chapter I, which OPCS-4 does not have",
            f"the ICD-10 code {normal_form(pattern)}",
        )
    raise PatternError(pattern, "does not begin with a chapter letter")


def _without_filler(text: str) -> str:
    """Drop the X that fills the fourth place of an undivided category: C61X is C61."""
    return text[:_STEM] if re.fullmatch(r"[A-Z][0-9]{2}X", text) else text


def _not_a_digit(character: str) -> str:
    if character in "OIL":
        return f"has the letter {character} where a digit belongs"
    return f"has {character!r} where a digit belongs"


def _digits_for_letters(system: CodeSystem, pattern: str) -> str | None:
    """Suggest the digits that are typed as look-alike letters: U054 for UO54."""
    text = normal_form(pattern)
    return _if_readable(system, pattern, text[0] + text[1:].translate(str.maketrans("OIL", "011")))


def _if_readable(system: CodeSystem, pattern: str, text: str) -> str | None:
    """Give `text` as a suggestion in place of `pattern`, unless it is no better."""
    if text == normal_form(pattern):
        return None
    try:
        expand(system, text)
    except PatternError:
        return None
    return text


def _open(text: str) -> str:
    """Put the missing [ after the category: U0545] becomes U05[45]."""
    return f"{text[:_STEM]}[{text[_STEM:]}"


def _unique(characters: str) -> str:
    return "".join(dict.fromkeys(characters))
