"""What tests of our own cases have in common."""

import pytest

import ebi_rules as ebi
from tests.cases.test_files_as_people_have_them import EXACT

RIGHT = (349, 1434)
SCAN = """
key = "scan_of_the_spine"
title = "Scan of the spine"
dataset = "outpatient"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"
about = "A made-up rule that needs procedures alone."

[codes.opcs]
spine = ["U05[45]"]

[criteria]
imaging = "procedure(spine)"

[[examples]]
about = "MRI of the spine"
activity = { procedures = ["U055"] }
flagged = true

[[examples]]
about = "another scan"
activity = { procedures = ["U132"] }
flagged = false
stopped_by = "imaging"
"""

PUBLISHED = ebi.Settings(disclosure="none", variant="as_published")


def audited(source: object, settings: ebi.Settings = EXACT, **how: object) -> ebi.Audit:
    return ebi.audit(ebi.open(source, **how), "2S", settings=settings)  # type: ignore[arg-type]


def refused(source: object, **how: object) -> str:
    """Return the error for a source."""
    with pytest.raises(ebi.EbiError) as error:
        audited(source, **how)
    return str(error.value)
