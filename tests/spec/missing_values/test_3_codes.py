"""Codes"""

from collections.abc import Callable

Spec = Callable[..., None]


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
