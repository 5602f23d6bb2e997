"""Codes of the whole spell"""

from collections.abc import Callable

Spec = Callable[..., None]


def test_the_dominant_procedure(spec: Spec) -> None:
    """Only the dominant procedure's own column is asked; of several codes there the first counts."""
    spec(
        "dominant_procedure(operation)",
        opcs={"operation": ["W82"]},
        layouts=["ncdr-apcs"],
        table="""
        dominant_procedure ¦ procedures ¦ holds
        W822               ¦ X339       ¦ yes
        w82.2              ¦            ¦ yes
        "W822;X339"        ¦            ¦ yes
        "X339;W822"        ¦            ¦ no
        X339               ¦ W822       ¦ no
                           ¦ W822       ¦ no
        NULL               ¦            ¦ no
        """,
    )


def test_the_primary_diagnosis_of_the_spell(spec: Spec) -> None:
    """The same for the spell's primary diagnosis."""
    spec(
        "spell_primary_diagnosis(tear)",
        icd={"tear": ["M232", "S832"]},
        layouts=["ncdr-apcs"],
        table="""
        spell_primary_diagnosis ¦ diagnoses ¦ holds
        M232                    ¦ I10X      ¦ yes
        M2325                   ¦           ¦ yes
        "S832 ;M232"            ¦           ¦ yes
        I10X                    ¦ M232      ¦ no
                                ¦ M232      ¦ no
        """,
    )
