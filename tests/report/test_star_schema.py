"""The star schema: the audit's tables and no more, with a status for each count and a meaning for each column."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.star_schema import meaning, star_schema
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS

COUNTS = ("activity", "eligible", "flagged", "left", "differs")


@pytest.fixture(scope="module")
def audit(extract: Path) -> ebi.Audit:
    return ebi.audit(extract, ["2S", "2T"], by=["referral_setting", "gp_practice"])


def test_facts_are_the_files(audit: ebi.Audit, tmp_path: Path) -> None:
    audit.write(tmp_path / "audit")
    assert audit.star_schema(tmp_path / "star") == len(list((tmp_path / "star").iterdir()))
    for file in (tmp_path / "audit").glob("*.csv"):
        written = pl.read_csv(file, infer_schema=False)
        parts = [tmp_path / "star" / f"fact_{file.stem}{part}.parquet" for part in ("", "_all")]
        facts = pl.concat([pl.read_parquet(part) for part in parts if part.exists()], how="diagonal_relaxed")
        assert facts.height == written.height, file.name
        for count in set(COUNTS) & set(written.columns):
            signs = {"shown": 0, "suppressed": 0, "withheld": 0}
            signs |= dict(facts[f"{count}_status"].value_counts().iter_rows())
            of_file = [(written[count] == sign).sum() for sign in ("*", "**")]
            assert of_file == [signs["suppressed"], signs["withheld"]], (file.name, count)
            shown = written.filter(~pl.col(count).is_in(["*", "**"]))[count].cast(pl.Int64).sum()
            assert facts[count].sum() == shown


def test_every_key_has_its_dimension_and_every_column_a_meaning(audit: ebi.Audit) -> None:
    tables = star_schema(audit.tables)
    for name, table in tables.items():
        for key in {"rule", "provider", "month"} & set(table.columns):
            if name.startswith("fact_") and not name.endswith("_all"):
                assert not table.join(tables[f"dim_{key}"], on=key, how="anti").height, (name, key)
        if name.startswith("fact_") and not name.endswith("_all") and "provider" in table.columns:
            assert ALL_PROVIDERS not in table["provider"]
    words = tables["data_dictionary"]
    assert words["meaning"].str.len_chars().min() > 2
    described = set(words.select("table", "column").iter_rows())
    assert described == {
        (name, column) for name, table in tables.items() if name != "data_dictionary" for column in table.columns
    }
    with pytest.raises(ebi.UsageError, match="no meaning is written down"):
        meaning("something", ())
