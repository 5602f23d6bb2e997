"""Warnings that count rows: exact for whoever holds the extract, under disclosure control in what is passed on."""

from collections.abc import Callable


class Notice(str):
    """A warning as text, which remembers its count.

    `template` has `{rows_have}` where the count stands: "1 row has", "12 rows have".
    """

    template: str
    rows: int

    def __new__(cls, template: str, rows: int) -> "Notice":
        notice = super().__new__(cls, template.format(rows_have=rows_have(rows)))
        notice.template, notice.rows = template, rows
        return notice

    def shown(self, control: Callable[[int], int | None]) -> str:
        """Give the warning with its count as `control` shows it, or none where that suppresses it."""
        shown = control(self.rows)
        return self.template.format(rows_have="few rows have" if shown is None else rows_have(shown))


def rows_have(count: int) -> str:
    """Give the count as the beginning of a sentence."""
    return "1 row has" if count == 1 else f"{count:,} rows have"


def braced(name: str) -> str:
    """Give a column's name for a template, whatever braces it has."""
    return name.replace("{", "{{").replace("}", "}}")


class ExtractWarning(UserWarning):
    """Something in an extract that the user must know, such as repeated keys."""
