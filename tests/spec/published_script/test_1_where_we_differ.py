"""Rows that the two read differently

The patient is an adult."""

from collections.abc import Callable

Published = Callable[[str], None]


def test_codes_that_are_not_well_formed(published: Published) -> None:
    """The script looks for characters anywhere in the text; we look for codes."""
    published("""
        Der_Procedure_All ¦ Der_Diagnosis_All ¦ Administrative_Category ¦ the script ¦ as_published
        ||U054            ¦ M545              ¦ 01                      ¦ yes        ¦ yes
        ||U05.4           ¦ M545              ¦ 01                      ¦ no         ¦ yes
        ||XU054           ¦ M545              ¦ 01                      ¦ yes        ¦ no
        ||U054            ¦ D0A               ¦ 01                      ¦ no         ¦ yes
        ||U054            ¦ XC50              ¦ 01                      ¦ no         ¦ yes
        """)


def test_what_is_missing(published: Published) -> None:
    """Only NULL is missing to the script; to us so are empty text and text without codes."""
    published("""
        Der_Procedure_All ¦ Der_Diagnosis_All ¦ Administrative_Category ¦ the script ¦ as_published
        ||U054            ¦                   ¦ 01                      ¦ no         ¦ no
        ||U054            ¦ M545              ¦                         ¦ no         ¦ no
        ||U054            ¦ ||                ¦ 01                      ¦ yes        ¦ no
        ||U054            ¦ NULL              ¦ 01                      ¦ yes        ¦ no
        ||U054            ¦ M545              ¦ ""                      ¦ yes        ¦ no
        ||U054            ¦ M545              ¦ 2                       ¦ yes        ¦ no
        """)
