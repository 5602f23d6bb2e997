"""Fields"""

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
