"""Recodings: a field's codes put under broader labels, such as a source of referral under the setting it is in.

A recoding is data. A criterion that names its label is read as one about the codes behind it, so no translator knows of
recodings; what counts by the label puts it in the place of the codes.
"""

from pathlib import Path

from ebi_rules.recoding.areas import read_areas
from ebi_rules.recoding.recoding import REFERRAL_SETTING, Recoding, read_recoding, referral_settings

__all__ = ["REFERRAL_SETTING", "Recoding", "read_areas", "read_recoding", "recodings", "referral_settings"]


def recodings(areas: str | Path | None = None) -> tuple[Recoding, ...]:
    """Give the recodings in force: referral settings, and those of a file of areas. Raises `UsageError`."""
    return (referral_settings(), *(read_areas(areas) if areas else ()))
