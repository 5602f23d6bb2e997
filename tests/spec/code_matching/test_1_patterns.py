"""Patterns"""

from collections.abc import Callable

Spec = Callable[..., None]
SPINE = {"spine": ["U05[45]"]}


def test_a_pattern_is_a_prefix_of_a_code(spec: Spec) -> None:
    """A pattern matches every code that begins with it, and no code that merely contains it."""
    spec(
        "procedure(spine)",
        opcs=SPINE,
        table="""
        procedures   ¦ holds
        U054         ¦ yes
        U055         ¦ yes
        U0541        ¦ yes
        U053         ¦ no
        U05          ¦ no
        XU054        ¦ no
        U05[45]      ¦ no
        0U054        ¦ no
        """,
    )


def test_any_code_of_the_activity_counts(spec: Spec) -> None:
    """It is enough that one code matches, wherever it stands."""
    spec(
        "procedure(spine)",
        opcs=SPINE,
        table="""
        procedures       ¦ holds
        Y981 U055        ¦ yes
        U055 Y981 Z664   ¦ yes
        Y981 Z664        ¦ no
                         ¦ no
        """,
    )


def test_case_dots_and_fillers_do_not_matter(spec: Spec) -> None:
    """A code is read in capitals and without its dot; what stands behind the prefix does not matter."""
    spec(
        "diagnosis(listed)",
        icd={"listed": ["M545", "C61X", "M45"]},
        table="""
        diagnoses  ¦ holds
        M545       ¦ yes
        m54.5      ¦ yes
        M545-      ¦ yes
        M545-D     ¦ yes
        M545D      ¦ yes
        C61X       ¦ yes
        C61        ¦ yes
        M45X       ¦ yes
        M45        ¦ yes
        M450       ¦ yes
        M45X9      ¦ yes
        M54        ¦ no
        M544       ¦ no
        """,
    )


def test_a_range_runs_over_two_digit_categories(spec: Spec) -> None:
    """C00-C99 is C and two digits; D0 is D00 to D09."""
    spec(
        "diagnosis(cancers)",
        icd={"cancers": ["C00-C99", "D0", "D37-D48"]},
        table="""
        diagnoses ¦ holds
        C00       ¦ yes
        C509      ¦ yes
        C99       ¦ yes
        C7A       ¦ no
        C5        ¦ no
        D00       ¦ yes
        D091      ¦ yes
        D0A       ¦ no
        D0        ¦ no
        D10       ¦ no
        D36       ¦ no
        D37       ¦ yes
        D480      ¦ yes
        D49       ¦ no
        """,
    )
