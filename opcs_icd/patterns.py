"""Expand one pattern from a coding script (`U05[45]`, `C00-C99`, `Z665`) into prefixes of codes.

A prefix is a letter followed by two to four characters. A malformed pattern raises `PatternError`, which explains the
problem and suggests a repair. Whether the codes exist is not checked.
"""

import re
from itertools import product

from opcs_icd.codes import CodeError, CodeSystem, normal_form

_ELEMENT = re.compile(r"\[[^\[\]]*\]|.")
_RANGE = re.compile(r"([^\[\]-]+)-([^\[\]-]+)")
_QUOTES = "'\"`\u2018\u2019\u201c\u201d"
_FOREIGN_MARKS = (
    (_QUOTES, "contains a quotation mark"),
    ("%", "contains the wildcard %, which is not needed: a pattern matches every code that begins with it"),
)
_PLAIN = re.compile(r"[A-Z][0-9]{2,4}")
"""Most patterns: one code, which need not be taken apart."""

_DIGITS = "0123456789"
_STEM = 3
_LONGEST = 5


class PatternError(CodeError):
    """A pattern is malformed.

    Attributes:
        pattern: The pattern as it was written.
        problem: What is wrong with it, as the end of a sentence.
        suggestion: The pattern that was probably meant, or None.
    """

    def __init__(self, pattern: str, problem: str, suggestion: str | None = None) -> None:
        self.pattern = pattern
        self.problem = problem
        self.suggestion = suggestion
        hint = f" Did you mean {suggestion}?" if suggestion else ""
        super().__init__(f"the pattern {pattern!r} {problem}.{hint}")


def expand(system: CodeSystem, pattern: str) -> tuple[str, ...]:
    """Return the prefixes that a pattern covers.

    Args:
        system: The classification.
        pattern: A code, a code with classes of characters (`U05[45]`), a range of categories (`C00-C99`) or of
            subdivisions (`V382-V386`), or the start of a category (`D0` covers D00 to D09).

    Returns:
        Prefixes of three to five characters, in normal form.

    Raises:
        PatternError: The pattern is malformed.

    Example:
        >>> from opcs_icd import OPCS4
        >>> expand(OPCS4, "U05[45]")
        ('U054', 'U055')
    """
    text = normal_form(pattern)
    if _PLAIN.fullmatch(text):
        _check_letter(system, pattern, text[0])
        return (text,)
    _check_marks(system, pattern, text)
    bounds = _RANGE.fullmatch(text)
    if bounds:
        return _expand_range(system, pattern, *bounds.groups())
    return _expand_classes(system, pattern, _without_filler(text))


def inside_ranges(system: CodeSystem, pattern: str) -> frozenset[str]:
    """Return the prefixes of a pattern that lie inside a range, neither at its start nor at its end.

    A published range may run over codes that were never assigned, but it starts and ends with codes that exist.

    Raises:
        PatternError: The pattern is malformed.

    Example:
        >>> from opcs_icd import ICD10, OPCS4
        >>> sorted(inside_ranges(ICD10, "C26-C29")), sorted(inside_ranges(OPCS4, "H51[1-38]"))
        (['C27', 'C28'], ['H512'])
    """
    prefixes = expand(system, pattern)
    text = normal_form(pattern)
    if _RANGE.fullmatch(text):
        return frozenset(prefixes[1:-1])
    inner = [_inside_class(element) for element in _ELEMENT.findall(_without_filler(text))]
    inner += [_DIGITS[1:-1]] * (_STEM - len(inner))
    return frozenset(
        prefix for prefix in prefixes if any(character in inner[at] for at, character in enumerate(prefix))
    )


def _inside_class(element: str) -> str:
    """Return the characters inside the ranges of a class: 2 for `[1-38]`."""
    spans = re.findall(r"([A-Z0-9])-([A-Z0-9])", element) if element.startswith("[") else []
    return "".join(chr(code) for low, high in spans for code in range(ord(low) + 1, ord(high)))


def _check_marks(system: CodeSystem, pattern: str, text: str) -> None:
    """Raise `PatternError` for a pattern that is empty or has marks from the script or text around it."""
    if not text:
        raise PatternError(pattern, "is empty")
    for marks, problem in _FOREIGN_MARKS:
        if any(mark in text for mark in marks):
            bare = "".join(character for character in text if character not in _QUOTES + "%")
            raise PatternError(pattern, problem, _if_readable(system, pattern, bare))
    if "(" in text and ")" in text:
        bracketed = re.sub(r"\(([^()]*)\)", lambda match: f"[{_unique(match[1])}]", text)
        suggestion = _if_readable(system, pattern, bracketed)
        raise PatternError(pattern, "has parentheses where a class needs square brackets", suggestion)
    if "(" in text or ")" in text:
        suggestion = _if_readable(system, pattern, text.replace("(", "").replace(")", ""))
        raise PatternError(pattern, "has a stray parenthesis", suggestion)
    if text.count("[") > text.count("]"):
        suggestion = _if_readable(system, pattern, text + "]")
        raise PatternError(pattern, "opens a class with [ and does not close it", suggestion)
    if text.count("]") > text.count("["):
        suggestion = _if_readable(system, pattern, _open(text))
        raise PatternError(pattern, "closes a class with ] that was not opened", suggestion)
    if re.search(r"[,;|/]", text):
        raise PatternError(pattern, "contains several patterns: write each one as a separate item of the list")


def _expand_range(system: CodeSystem, pattern: str, low: str, high: str) -> tuple[str, ...]:
    """Return the prefixes of a range: `C00-C99` of categories, `V382-V386` of subdivisions of one category."""
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
    """Return the prefixes of a code in which any character may be a class, for example [45] or [0-8]."""
    choices = [_choices(pattern, element) for element in _ELEMENT.findall(text)]
    for letter in choices[0]:
        _check_letter(system, pattern, letter)
    if len(choices) > _LONGEST:
        raise PatternError(pattern, "is longer than a code")
    for position, characters in enumerate(choices[1:], start=1):
        is_filler = position == _STEM and characters == "X" and len(choices) > position + 1
        if is_filler and system is CodeSystem.ICD10:
            continue  # M45X9: a UK fifth character of an undivided category follows the filler X.
        for character in characters:
            if character not in _DIGITS:
                raise PatternError(pattern, _not_a_digit(character), _digits_for_letters(system, pattern))
    choices += [_DIGITS] * (_STEM - len(choices))
    return tuple("".join(characters) for characters in product(*choices))


def _choices(pattern: str, element: str) -> str:
    """Return the characters that one element of a pattern can be: 0123 for `[0-3]`."""
    if not element.startswith("["):
        return element
    body = element[1:-1]
    if not body:
        raise PatternError(pattern, "has an empty class []")
    if body[0] in "^!":
        raise PatternError(pattern, "has a negated class: list the characters to match instead")
    if not re.fullmatch(r"(?:[A-Z0-9](?:-[A-Z0-9])?)+", body):
        raise PatternError(pattern, f"has a class [{body}] with characters other than letters, digits and ranges")
    characters = ""
    for low, high in re.findall(r"([A-Z0-9])(?:-([A-Z0-9]))?", body):
        if high and (low > high or low.isdigit() != high.isdigit()):
            raise PatternError(pattern, f"has a class [{body}] whose range runs backwards")
        characters += "".join(chr(code) for code in range(ord(low), ord(high or low) + 1))
    return _unique(characters)


def _check_letter(system: CodeSystem, pattern: str, letter: str) -> None:
    """Raise `PatternError` for a first character that is not a chapter letter."""
    if letter in system.letters:
        return
    if letter == "I" and system is CodeSystem.OPCS4:
        suggestion = f"the ICD-10 code {normal_form(pattern)}"
        raise PatternError(pattern, "is in chapter I, which OPCS-4 does not have", suggestion)
    raise PatternError(pattern, "does not begin with a chapter letter")


def _without_filler(text: str) -> str:
    """Return the text without a filler X as the fourth character of an undivided category: C61 for C61X."""
    return text[:_STEM] if re.fullmatch(r"[A-Z][0-9]{2}X", text) else text


def _not_a_digit(character: str) -> str:
    """Return the problem of a character that must be a digit."""
    if character in "OIL":
        return f"has the letter {character} where a digit belongs"
    return f"has {character!r} where a digit belongs"


def _digits_for_letters(system: CodeSystem, pattern: str) -> str | None:
    """Return the pattern with digits for letters that look like them: U054 for UO54."""
    text = normal_form(pattern)
    return _if_readable(system, pattern, text[0] + text[1:].translate(str.maketrans("OIL", "011")))


def _if_readable(system: CodeSystem, pattern: str, text: str) -> str | None:
    """Return `text` as a suggestion if it is a valid pattern and differs from `pattern`."""
    if text == normal_form(pattern):
        return None
    try:
        expand(system, text)
    except PatternError:
        return None
    return text


def _open(text: str) -> str:
    """Return the text with the missing [ after the category: U05[45] for U0545]."""
    return f"{text[:_STEM]}[{text[_STEM:]}"


def _unique(characters: str) -> str:
    """Return the characters, each once, in order."""
    return "".join(dict.fromkeys(characters))
