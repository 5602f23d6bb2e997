"""The extract of the cases, as it should be."""

import polars as pl
import pytest

from tests.cases.test_files_as_people_have_them import CASES


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """The extract of the cases, as it should be."""
    return pl.read_parquet(CASES / "63-names-cp1252" / "opa.parquet")


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """The lines of the extract as text."""
    text = (CASES / "66-header-blanks" / "opa.csv").read_text(encoding="utf-8")
    return text.replace(" ", "").splitlines()
