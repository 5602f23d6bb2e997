"""Ages"""

from collections.abc import Callable

Spec = Callable[..., None]


def test_the_programmes_age_bands(spec: Spec) -> None:
    """Adults are 19 to 120, children 0 to 18; HES's 7001 to 7007 are under one year old."""
    spec(
        "adult",
        table="""
        age  ¦ holds
        18   ¦ no
        19   ¦ yes
        120  ¦ yes
        121  ¦ no
        999  ¦ no
        7000 ¦ no
        7001 ¦ no
        7007 ¦ no
        7008 ¦ no
        -1   ¦ no
        """,
    )
    spec(
        "child",
        table="""
        age  ¦ holds
        0    ¦ yes
        18   ¦ yes
        19   ¦ no
        7000 ¦ no
        7001 ¦ yes
        7007 ¦ yes
        7008 ¦ no
        -1   ¦ no
             ¦ no
        """,
    )


def test_babies_are_under_every_age(spec: Spec) -> None:
    """A baby's age is 0 in every comparison."""
    spec("age >= 19", table="age ¦ holds\n7003 ¦ no\n7008 ¦ yes\n19 ¦ yes")
    spec("age < 5", table="age ¦ holds\n7003 ¦ yes\n7008 ¦ no\n4 ¦ yes")
    spec("age = 0", table="age ¦ holds\n7003 ¦ yes\n0 ¦ yes\n1 ¦ no")
    spec("age <> 0", table="age ¦ holds\n7003 ¦ no\n0 ¦ no\n1 ¦ yes\n ¦ yes")
    spec("age IN (0, 1)", table="age ¦ holds\n7003 ¦ yes\n1 ¦ yes\n2 ¦ no")
    spec("age BETWEEN 7000 AND 7010", table="age ¦ holds\n7003 ¦ no\n7000 ¦ yes\n7010 ¦ yes")
