"""Followed by"""

from collections.abc import Callable

Spec = Callable[..., None]
LISTS = {"imaging": ["U13[2356]"], "site": ["Z665", "O162"]}


def test_followed_by_asks_for_a_later_code(spec: Spec) -> None:
    """The second list's code stands later than the first's, not necessarily next to it."""
    spec(
        "procedure_followed_by(imaging, site)",
        opcs=LISTS,
        table="""
        procedures          ¦ holds
        U132 Z665           ¦ yes
        U132 Y981 Z665      ¦ yes
        Z665 U132 O162      ¦ yes
        Z665 U132           ¦ no
        U132                ¦ no
        Z665                ¦ no
        U134 Z665           ¦ no
                            ¦ no
        """,
    )


def test_a_code_does_not_follow_itself(spec: Spec) -> None:
    """Where the lists overlap, two codes are needed."""
    spec(
        "procedure_followed_by(imaging, imaging)",
        opcs=LISTS,
        table="""
        procedures  ¦ holds
        U132 U132   ¦ yes
        U132 U136   ¦ yes
        U132        ¦ no
        """,
    )


def test_codes_follow_each_other_across_episodes(spec: Spec) -> None:
    """A spell's episodes run on in their order, however their codes are separated."""
    spec(
        "procedure_followed_by(imaging, site)",
        opcs=LISTS,
        raw=True,
        table="""
        procedures              ¦ holds
        ||U132||Z665            ¦ yes
        ||Y981,U132||Y981||Z665 ¦ yes
        U132;Y981|Z665          ¦ yes
        ||U132||||Z665||        ¦ yes
        ||Z665||U132            ¦ no
        ||U132||                ¦ no
        ||NULL||Z665            ¦ no
        """,
    )
