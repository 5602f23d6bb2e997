"""Episodes in a spell"""

from collections.abc import Callable

Spec = Callable[..., None]
LISTS = {"operation": ["W82"], "site": ["Z846"]}


def test_primary_is_the_first_code_of_the_first_episode(spec: Spec) -> None:
    """Primary is the first code of the spell, which is the first episode's; later episodes have none of their own."""
    spec(
        "primary_procedure(operation)",
        opcs=LISTS,
        raw=True,
        layouts=["ncdr-apcs"],
        table="""
        procedures               ¦ holds
        "||W822,Z846||X339"      ¦ yes
        "||X339||W822,Z846"      ¦ no
        "W822,Z846 ||X339"       ¦ yes
        "||||W822"               ¦ yes
        """,
    )


def test_secondary_codes_run_on_through_the_episodes(spec: Spec) -> None:
    """Every later code of the spell is secondary, the first of a later episode too."""
    spec(
        "secondary_procedure(operation)",
        opcs=LISTS,
        raw=True,
        layouts=["ncdr-apcs"],
        table="""
        procedures               ¦ holds
        "||X339||W822,Z846"      ¦ yes
        "||X339,W822"            ¦ yes
        "||W822||X339"           ¦ no
        """,
    )


def test_a_code_may_follow_in_a_later_episode(spec: Spec) -> None:
    """One code follows another across episodes; the other way round it does not."""
    spec(
        "procedure_followed_by(operation, site)",
        opcs=LISTS,
        raw=True,
        layouts=["ncdr-apcs"],
        table="""
        procedures               ¦ holds
        "||W822||Z846"           ¦ yes
        "||W822,Z846"            ¦ yes
        "||Z846||W822"           ¦ no
        """,
    )
