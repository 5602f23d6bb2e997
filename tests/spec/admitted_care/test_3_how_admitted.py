"""How admitted"""

from collections.abc import Callable

Spec = Callable[..., None]
ADMITTED = ["ncdr-apcs", "hes-apc"]


def test_an_emergency_is_any_method_that_begins_with_2(spec: Spec) -> None:
    """Letters are codes too (2A to 2D); a missing method is no emergency, and is not elective either."""
    spec(
        "not_emergency",
        layouts=ADMITTED,
        table="""
        admission_method ¦ holds
        11               ¦ yes
        31               ¦ yes
        82               ¦ yes
                         ¦ yes
        21               ¦ no
        2A               ¦ no
        2d               ¦ no
        " 2B"            ¦ no
        """,
    )
    spec(
        "elective",
        layouts=ADMITTED,
        table="""
        admission_method ¦ holds
        11               ¦ yes
        13               ¦ yes
        21               ¦ no
        31               ¦ no
                         ¦ no
        """,
    )


def test_the_port_drops_a_missing_method(spec: Spec) -> None:
    """The variants `as_ported` ask that there be a method, as a comparison with NULL does."""
    spec(
        "admission_method IS NOT NULL AND not_emergency",
        layouts=ADMITTED,
        table="""
        admission_method ¦ holds
        11               ¦ yes
        2A               ¦ no
                         ¦ no
        NULL             ¦ no
        """,
    )


def test_patient_classification(spec: Spec) -> None:
    """Day cases are told by the patient classification."""
    spec(
        "patient_classification = '2'",
        layouts=ADMITTED,
        table="""
        patient_classification ¦ holds
        2                      ¦ yes
        1                      ¦ no
                               ¦ no
        """,
    )
