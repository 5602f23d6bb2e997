"""Numbers"""

from collections.abc import Callable

Spec = Callable[..., None]


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
    """A missing number is neither less nor more, and equals nothing."""
    table = """
        age ¦ holds
        18  ¦ {0}
        19  ¦ {1}
        20  ¦ {2}
            ¦ {3}
        """
    answers = {
        "age < 19": "yes no no no",
        "age <= 19": "yes yes no no",
        "age > 19": "no no yes no",
        "age >= 19": "no yes yes no",
        "age = 19": "no yes no no",
        "age <> 19": "yes no yes yes",
        "age IN (18, 20)": "yes no yes no",
        "age IS NULL": "no no no yes",
        "age IS NOT NULL": "yes yes yes no",
        "NOT age < 19": "no yes yes yes",
    }
    for criterion, holds in answers.items():
        spec(criterion, table=table.format(*holds.split()))
