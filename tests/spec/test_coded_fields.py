"""How coded fields compare."""

from collections.abc import Callable

Spec = Callable[..., None]
DELIMITED_AND_NUMBERED = ("ncdr-opa", "hes-op")


def test_starts_with(spec: Spec) -> None:
    """A code is filled with zeros to its width before its beginning is asked for."""
    spec(
        "starts_with(treatment_function, '1')",
        table="""
        treatment_function ¦ holds
        110                ¦ yes
        108                ¦ yes
        "110 "             ¦ yes
        1100               ¦ yes
        1                  ¦ no
        11                 ¦ no
        300                ¦ no
                           ¦ no
        """,
    )
    spec(
        "starts_with(treatment_function, '01')",
        table="""
        treatment_function ¦ holds
        010                ¦ yes
        10                 ¦ yes
        "10 "              ¦ yes
        01                 ¦ no
        1                  ¦ no
        110                ¦ no
        ""                 ¦ no
                           ¦ no
        """,
    )
    spec(
        "starts_with(treatment_function, '0')",
        table="""
        treatment_function ¦ holds
        010                ¦ yes
        10                 ¦ yes
        1                  ¦ yes
        110                ¦ no
        NULL               ¦ no
        ""                 ¦ no
                           ¦ no
        """,
    )


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


def test_priority_is_asked_where_it_is_kept(spec: Spec) -> None:
    """A field that a layout lacks cannot be asked for there; the others answer."""
    spec("priority = '3'", layouts=DELIMITED_AND_NUMBERED, table="priority ¦ holds\n3 ¦ yes\n1 ¦ no\n ¦ no")
