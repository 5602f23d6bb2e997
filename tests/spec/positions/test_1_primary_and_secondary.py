"""Primary and secondary"""

from collections.abc import Callable

Spec = Callable[..., None]
LISTS = {"imaging": ["U13[2356]"], "site": ["Z665", "O162"]}


def test_primary_is_the_first_code(spec: Spec) -> None:
    """The primary code is the first that is a code at all."""
    spec(
        "primary_procedure(imaging)",
        opcs=LISTS,
        table="""
        procedures     ¦ holds
        U132           ¦ yes
        U132 Z665      ¦ yes
        - U132         ¦ yes
        NULL U132      ¦ yes
        Z665 U132      ¦ no
        Z665           ¦ no
                       ¦ no
        """,
    )


def test_secondary_is_any_later_code(spec: Spec) -> None:
    """A secondary code is any but the first."""
    spec(
        "secondary_procedure(site)",
        opcs=LISTS,
        table="""
        procedures     ¦ holds
        U132 Z665      ¦ yes
        U132 Y981 O162 ¦ yes
        Z665 O162      ¦ yes
        Z665           ¦ no
        Z665 U132      ¦ no
        - Z665         ¦ no
        NULL Z665      ¦ no
                       ¦ no
        """,
    )


def test_the_primary_code_of_a_spell_is_of_its_first_episode(spec: Spec) -> None:
    """Episodes stand between double bars and run on in their order; leading bars are no episode."""
    spec(
        "primary_diagnosis(listed)",
        icd={"listed": ["M54"]},
        raw=True,
        table="""
        diagnoses       ¦ holds
        ||M545||I10X    ¦ yes
        M545||I10X      ¦ yes
        ||,M545         ¦ yes
        || NULL ||M545  ¦ yes
        ||I10X||M545    ¦ no
        ||I10X,M545     ¦ no
        """,
    )
