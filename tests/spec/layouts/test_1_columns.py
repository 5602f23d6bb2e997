"""Columns"""

from collections.abc import Callable

Spec = Callable[..., None]


def test_a_field_may_have_two_columns(spec: Spec) -> None:
    """The first that is not null counts, as in the published script."""
    spec(
        "age BETWEEN 19 AND 120",
        columns="ncdr-opa",
        table="""
        Age_at_Start_of_Episode_SUS ¦ Der_Age_at_CDS_Activity_Date ¦ holds
        19                          ¦                              ¦ yes
                                    ¦ 19                           ¦ yes
        19                          ¦ 5                            ¦ yes
        5                           ¦ 19                           ¦ no
                                    ¦                              ¦ no
        """,
    )


def test_numbered_columns_stand_in_their_order(spec: Spec) -> None:
    """Fillers and empty columns are passed over; a column that holds several codes holds several."""
    spec(
        "primary_procedure(listed)",
        opcs={"listed": ["U05"]},
        columns="hes-op",
        table="""
        OPERTN_4_01 ¦ OPERTN_4_02 ¦ OPERTN_4_03 ¦ holds
        U054        ¦             ¦             ¦ yes
        -           ¦ U054        ¦ Z665        ¦ yes
        &           ¦             ¦ U054        ¦ yes
        U054 Z665   ¦ Z665        ¦             ¦ yes
        Z665        ¦ U054        ¦             ¦ no
        Z665 U054   ¦             ¦             ¦ no
                    ¦             ¦             ¦ no
        """,
    )


def test_a_field_that_a_layout_lacks(spec: Spec) -> None:
    """It cannot be asked for there, which is an error that says so; the others answer."""
    spec(
        "priority = '3'",
        layouts=("ncdr-opa", "hes-op"),
        table="""
        priority ¦ holds
        3        ¦ yes
        1        ¦ no
                 ¦ no
        """,
    )
