"""Requests"""

from collections.abc import Callable

Spec = Callable[..., None]

_LAYOUTS = ["dids-v1"]


def test_settings_of_requests(spec: Spec) -> None:
    """Another provider (06) is unknown until a list says which referring organisations are specialist settings."""
    spec(
        "request_setting = 'outside specialist settings'",
        layouts=_LAYOUTS,
        table="source_setting ¦ holds\n04 ¦ yes\n4 ¦ yes\n03 ¦ no\n05 ¦ no\n06 ¦ no\n99 ¦ no\n ¦ no",
    )
    spec(
        "request_setting = 'unknown'",
        layouts=_LAYOUTS,
        table="source_setting ¦ holds\n06 ¦ yes\n07 ¦ yes\n99 ¦ yes\n ¦ yes\n04 ¦ no\n01 ¦ no\n05 ¦ no",
    )


def test_settings_with_a_list(spec: Spec) -> None:
    """With a list, a request from another provider (06) is specialist if the organisation that made it is on it."""
    table = """
        source_setting ¦ referring_organisation ¦ holds
        06             ¦ RX1                    ¦ {}
        06             ¦ E84001                 ¦ {}
        06             ¦                        ¦ {}
        04             ¦ RX1                    ¦ {}
        03             ¦ E84001                 ¦ {}
        99             ¦ RX1                    ¦ {}
        """
    answers = {
        "request_setting = 'specialist'": ("yes", "no", "no", "no", "yes", "no"),
        "request_setting = 'outside specialist settings'": ("no", "yes", "no", "yes", "no", "no"),
        "request_setting <> 'specialist'": ("no", "yes", "yes", "yes", "no", "yes"),
        "request_setting = 'unknown'": ("no", "no", "yes", "no", "no", "yes"),
        "request_setting IN ('specialist', 'outside specialist settings')": ("yes", "yes", "no", "yes", "yes", "no"),
    }
    for criterion, holds in answers.items():
        spec(criterion, layouts=_LAYOUTS, specialist=["rx1"], table=table.format(*holds))


def test_age_from_the_date_of_birth(spec: Spec) -> None:
    """Where an extract has no ages, age is in completed years on the day of the activity."""
    spec(
        "age BETWEEN 19 AND 120",
        layouts=_LAYOUTS,
        table="""
        birth_date ¦ activity_date ¦ holds
        2006-03-01 ¦ 2025-03-01    ¦ yes
        2006-03-01 ¦ 2025-02-28    ¦ no
        2004-02-29 ¦ 2023-02-28    ¦ no
        2004-02-29 ¦ 2023-03-01    ¦ yes
        1904-01-01 ¦ 2025-01-01    ¦ no
                   ¦ 2025-01-01    ¦ no
        2000-01-01 ¦               ¦ no
        """,
    )
    spec(
        "NOT age < 19",
        layouts=_LAYOUTS,
        table="""
        birth_date ¦ activity_date ¦ holds
        2010-01-01 ¦ 2025-01-01    ¦ no
        2026-01-01 ¦ 2025-01-01    ¦ no
                   ¦ 2025-01-01    ¦ yes
        """,
    )
