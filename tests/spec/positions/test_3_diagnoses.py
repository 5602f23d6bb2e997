"""Diagnoses

Every function about procedures has its like for diagnoses."""

from collections.abc import Callable

Spec = Callable[..., None]
LISTS = {"back": ["M54"], "cancer": ["C00-C99"]}


def test_primary_and_secondary_diagnoses(spec: Spec) -> None:
    """The first diagnosis is the primary one, any later one secondary."""
    table = """
        diagnoses      ¦ holds
        M545           ¦ {one}
        M545 C509      ¦ {both}
        C509 M545      ¦ {other}
        C509           ¦ no
        """
    spec("primary_diagnosis(back)", icd=LISTS, table=table.format(one="yes", both="yes", other="no"))
    spec("secondary_diagnosis(back)", icd=LISTS, table=table.format(one="no", both="no", other="yes"))


def test_a_diagnosis_followed_by_another(spec: Spec) -> None:
    """The second list's code stands later than the first's."""
    spec(
        "diagnosis_followed_by(back, cancer)",
        icd=LISTS,
        table="""
        diagnoses      ¦ holds
        M545 C509      ¦ yes
        M545 I10X C509 ¦ yes
        C509 M545 C61X ¦ yes
        C509 M545      ¦ no
        M545           ¦ no
                       ¦ no
        """,
    )
