"""The truth table of missing values: an atom about one is false, and NOT flips it."""

from collections.abc import Callable

Spec = Callable[..., None]


def test_equal(spec: Spec) -> None:
    """A missing value equals nothing."""
    spec(
        "administrative_category = '02'",
        table="""
        administrative_category ¦ holds
        02                      ¦ yes
        2                       ¦ yes
        " 2"                    ¦ yes
        "02 "                   ¦ yes
        01                      ¦ no
        20                      ¦ no
        002                     ¦ no
                                ¦ no
        ""                      ¦ no
        " "                     ¦ no
        NULL                    ¦ no
        """,
    )


def test_not_equal(spec: Spec) -> None:
    """So <> is true of a missing value."""
    spec(
        "administrative_category <> '02'",
        table="""
        administrative_category ¦ holds
        02                      ¦ no
        2                       ¦ no
        01                      ¦ yes
        1                       ¦ yes
                                ¦ yes
        ""                      ¦ yes
        NULL                    ¦ yes
        """,
    )


def test_is_null(spec: Spec) -> None:
    """Empty text and the text NULL are missing too."""
    spec(
        "administrative_category IS NULL",
        table="""
        administrative_category ¦ holds
                                ¦ yes
        ""                      ¦ yes
        "  "                    ¦ yes
        NULL                    ¦ yes
        null                    ¦ yes
        02                      ¦ no
        99                      ¦ no
        """,
    )


def test_in_and_not_in(spec: Spec) -> None:
    """IN is false of a missing value, NOT IN true."""
    table = """
        attendance_status ¦ holds
        5                 ¦ {yes}
        6                 ¦ {yes}
        "5 "              ¦ {yes}
        3                 ¦ {no}
        05                ¦ {no}
                          ¦ {no}
        ""                ¦ {no}
        """
    spec("attendance_status IN ('5', '6')", table=table.format(yes="yes", no="no"))
    spec("NOT attendance_status IN ('5', '6')", table=table.format(yes="no", no="yes"))


def test_between_and_its_denial(spec: Spec) -> None:
    """A missing age lies in no band, so it lies outside every band."""
    table = """
        age ¦ holds
        18  ¦ {no}
        19  ¦ {yes}
        120 ¦ {yes}
        121 ¦ {no}
            ¦ {no}
        """
    spec("age BETWEEN 19 AND 120", table=table.format(yes="yes", no="no"))
    spec("NOT age BETWEEN 19 AND 120", table=table.format(yes="no", no="yes"))


def test_order_of_numbers(spec: Spec) -> None:
    """A missing number is neither less nor more."""
    spec("age < 19", table="age ¦ holds\n18 ¦ yes\n0 ¦ yes\n19 ¦ no\n ¦ no")
    spec("age <= 19", table="age ¦ holds\n19 ¦ yes\n20 ¦ no\n ¦ no")
    spec("age > 19", table="age ¦ holds\n20 ¦ yes\n19 ¦ no\n ¦ no")
    spec("age >= 19", table="age ¦ holds\n19 ¦ yes\n18 ¦ no\n ¦ no")
    spec("age = 19", table="age ¦ holds\n19 ¦ yes\n18 ¦ no\n ¦ no")
    spec("age <> 19", table="age ¦ holds\n19 ¦ no\n18 ¦ yes\n ¦ yes")
    spec("age IN (1, 3)", table="age ¦ holds\n1 ¦ yes\n2 ¦ no\n ¦ no")
    spec("age IS NULL", table="age ¦ holds\n19 ¦ no\n ¦ yes")
    spec("NOT age < 19", table="age ¦ holds\n18 ¦ no\n19 ¦ yes\n ¦ yes")


def test_codes(spec: Spec) -> None:
    """No code recorded is no code matched, and NOT of it is true."""
    spec(
        "NOT diagnosis(cancer)",
        table="""
        diagnoses ¦ holds
        C509      ¦ no
        M545      ¦ yes
                  ¦ yes
        """,
    )
    spec(
        "diagnosis_recorded AND NOT diagnosis(cancer)",
        table="""
        diagnoses ¦ holds
        C509      ¦ no
        M545      ¦ yes
                  ¦ no
        """,
    )


def test_and_or_not(spec: Spec) -> None:
    """Connectives have their two-valued meaning, whatever is missing."""
    table = """
        age ¦ sex ¦ holds
        30  ¦ 1   ¦ {tt}
        30  ¦ 2   ¦ {tf}
        30  ¦     ¦ {tf}
        10  ¦ 1   ¦ {ft}
            ¦ 1   ¦ {ft}
        10  ¦ 2   ¦ {ff}
            ¦     ¦ {ff}
        """
    adult, male = "age >= 19", "sex = '1'"
    spec(f"{adult} AND {male}", table=table.format(tt="yes", tf="no", ft="no", ff="no"))
    spec(f"{adult} OR {male}", table=table.format(tt="yes", tf="yes", ft="yes", ff="no"))
    spec(f"NOT ({adult} AND {male})", table=table.format(tt="no", tf="yes", ft="yes", ff="yes"))
    spec(f"NOT ({adult} OR {male})", table=table.format(tt="no", tf="no", ft="no", ff="yes"))
    spec(f"NOT (NOT {adult}) AND NOT {male}", table=table.format(tt="no", tf="yes", ft="no", ff="no"))
    spec(f"{adult} OR {male} AND NOT {adult}", table=table.format(tt="yes", tf="yes", ft="yes", ff="no"))
