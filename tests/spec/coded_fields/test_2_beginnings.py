"""Beginnings"""

from collections.abc import Callable

Spec = Callable[..., None]


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
