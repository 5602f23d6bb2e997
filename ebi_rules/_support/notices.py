"""Warnings that count rows.

Whoever has the extract sees the exact count; anything that is passed on shows it under disclosure control.
"""

from collections.abc import Callable


class Notice(str):
    """A warning that remembers how many rows it is about. As text it shows the exact count.

    Args:
        template: The warning, with `{rows_have}` in place of "1 row has" or "12 rows have".
        rows: The number of rows.
        noun: What is counted, if not rows.
    """

    template: str
    rows: int
    noun: str

    def __new__(cls, template: str, rows: int, noun: str = "row") -> "Notice":
        notice = super().__new__(cls, template.format(rows_have=rows_have(rows, noun)))
        notice.template, notice.rows, notice.noun = template, rows, noun
        return notice

    def shown(self, control: Callable[[int], int | None]) -> str:
        """Return the warning under disclosure control.

        Args:
            control: Returns a count as it may be shown, or None to suppress it.

        Returns:
            The warning with the count as it may be shown, or "few rows have" where it is suppressed.
        """
        shown = control(self.rows)
        few = f"few {self.noun}s have"
        return self.template.format(rows_have=few if shown is None else rows_have(shown, self.noun))


def rows_have(count: int, noun: str = "row") -> str:
    """Return a count of rows, or of something else, as the start of a sentence.

    Example:
        >>> rows_have(1), rows_have(1200, "wait")
        ('1 row has', '1,200 waits have')
    """
    return f"1 {noun} has" if count == 1 else f"{count:,} {noun}s have"


def braced(name: str) -> str:
    """Return a column's name for use in the template of a `Notice`, with its braces doubled.

    Example:
        >>> braced("age {years}")
        'age {{years}}'
    """
    return name.replace("{", "{{").replace("}", "}}")


class ExtractWarning(UserWarning):
    """Something in an extract that the user must know, such as repeated keys."""
