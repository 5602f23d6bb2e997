"""Child tables"""

from collections.abc import Callable

Spec = Callable[..., None]
CHILDREN = ("unified-sus-op", "sus-cds-op")


def test_a_row_is_one_code(spec: Spec) -> None:
    """It is enough that one row matches; an activity without rows has no code."""
    spec(
        "procedure(scan) AND NOT diagnosis(cancer)",
        opcs={"scan": ["U05"]},
        icd={"cancer": ["C00-C99"]},
        layouts=CHILDREN,
        table="""
        procedures ¦ diagnoses ¦ holds
        U054       ¦ M545      ¦ yes
        Z665 U05.4 ¦           ¦ yes
        Z665       ¦ M545      ¦ no
        U054       ¦ M545 c509 ¦ no
                   ¦ M545      ¦ no
        """,
    )


def test_a_row_may_be_no_code(spec: Spec) -> None:
    """Fillers and the text NULL are no codes there either."""
    spec(
        "procedure_recorded",
        layouts=CHILDREN,
        table="""
        procedures ¦ holds
        U054       ¦ yes
        - U054     ¦ yes
        NULL -     ¦ no
        &          ¦ no
                   ¦ no
        """,
    )
