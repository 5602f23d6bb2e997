"""Spelling"""

from collections.abc import Callable

Spec = Callable[..., None]


def test_letters_are_capitals(spec: Spec) -> None:
    """Codes with letters compare in capitals, and may have any length where the dictionary fixes none."""
    spec(
        "ethnic_category IN ('A', 'Z', '99')",
        table="""
        ethnic_category ¦ holds
        A               ¦ yes
        a               ¦ yes
        "A "            ¦ yes
        99              ¦ yes
        9               ¦ no
        B               ¦ no
                        ¦ no
        """,
    )
    spec("starts_with(ethnic_category, 'N')", table='ethnic_category ¦ holds\nN ¦ yes\nn1 ¦ yes\nNULL ¦ no\n"" ¦ no')


def test_a_value_read_as_null_never_matches(spec: Spec) -> None:
    """The text NULL is missing, not a code that begins with N."""
    spec(
        "NOT starts_with(ethnic_category, 'NU')",
        table="ethnic_category ¦ holds\nNULL ¦ yes\nNUL ¦ no\nA ¦ yes",
    )
