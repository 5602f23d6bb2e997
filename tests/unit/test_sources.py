"""An extract counts the same from any kind of file: text stays text, and dates are parsed as the layout says."""

from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.synth.made_up_extract import write_extract

RULES = ["2S", "2T"]


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sources") / "opa.parquet"
    write_extract(path, 4_000, 8)
    return path


def counts_are_equal(source: Path | str, extract: Path) -> bool:
    return ebi.audit(source, RULES).exact_cube.equals(ebi.audit(extract, RULES).exact_cube)


def as_text(extract: Path, date: str = "%Y-%m-%d") -> pl.DataFrame:
    return pl.read_parquet(extract).with_columns(pl.col("Appointment_Date").dt.strftime(date))


@pytest.mark.parametrize("date", ["%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%d 00:00:00"])
def test_csv_with_any_usual_date(extract: Path, tmp_path: Path, date: str) -> None:
    as_text(extract, date).write_csv(tmp_path / "opa.csv")
    assert counts_are_equal(tmp_path / "opa.csv", extract)
    flags = ebi.flag(tmp_path / "opa.csv", RULES).collect()
    assert flags["2S_lower_back_imaging"].sum() == ebi.flag(extract, RULES).collect()["2S_lower_back_imaging"].sum()


def test_csv_keeps_its_zeros(extract: Path, tmp_path: Path) -> None:
    as_text(extract).write_csv(tmp_path / "opa.csv")
    columns = ebi.flag(tmp_path / "opa.csv", RULES).collect_schema()
    assert columns["Administrative_Category"] == pl.String
    assert columns["OPA_Ident"] == pl.String


def test_compressed_tab_separated_and_several_files(extract: Path, tmp_path: Path) -> None:
    import gzip

    frame = as_text(extract)
    (tmp_path / "opa.csv.gz").write_bytes(gzip.compress(frame.write_csv().encode()))
    assert counts_are_equal(tmp_path / "opa.csv.gz", extract)
    frame.write_csv(tmp_path / "opa.tsv", separator="\t")
    assert counts_are_equal(tmp_path / "opa.tsv", extract)
    (tmp_path / "parts").mkdir()
    for place, part in enumerate(frame.iter_slices(1_500)):
        part.write_csv(tmp_path / "parts" / f"{place}.csv")
    assert counts_are_equal(tmp_path / "parts", extract)
    assert counts_are_equal(str(tmp_path / "parts" / "*.csv"), extract)


def test_arrow_files(extract: Path, tmp_path: Path) -> None:
    pl.read_parquet(extract).write_ipc(tmp_path / "opa.arrow")
    assert counts_are_equal(tmp_path / "opa.arrow", extract)


def test_child_tables_as_csv(tmp_path: Path) -> None:
    write_extract(tmp_path / "sus.parquet", 2_000, 4, "unified-sus-op")
    (tmp_path / "text").mkdir()
    for name in ("sus", "sus.procedures", "sus.diagnoses"):
        pl.read_parquet(tmp_path / f"{name}.parquet").write_csv(tmp_path / "text" / f"{name}.csv")
    assert counts_are_equal(tmp_path / "text" / "sus.csv", tmp_path / "sus.parquet")


def test_a_hive_partitioned_folder(extract: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(extract)
    for (provider,), part in frame.group_by("Der_Provider_Code"):
        folder = tmp_path / "opa" / f"Der_Provider_Code={provider}"
        folder.mkdir(parents=True)
        part.drop("Der_Provider_Code").write_parquet(folder / "part.parquet")
    assert counts_are_equal(tmp_path / "opa", extract)


def test_a_delta_table(extract: Path, tmp_path: Path) -> None:
    if find_spec("deltalake") is None:
        with pytest.raises(ebi.EngineError, match="deltalake is not installed"):
            (tmp_path / "opa" / "_delta_log").mkdir(parents=True)
            ebi.audit(tmp_path / "opa", RULES)
        return
    pl.read_parquet(extract).write_delta(tmp_path / "opa")
    assert counts_are_equal(tmp_path / "opa", extract)


@pytest.mark.filterwarnings("ignore::polars.exceptions.PerformanceWarning")
def test_an_iceberg_table(extract: Path, tmp_path: Path) -> None:
    if find_spec("pyiceberg") is None:
        with pytest.raises(ebi.EngineError, match="pyiceberg is not installed"):
            (tmp_path / "opa" / "metadata").mkdir(parents=True)
            (tmp_path / "opa" / "metadata" / "1.metadata.json").write_text("{}")
            ebi.audit(tmp_path / "opa", RULES)
        return
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("made-up", uri=f"sqlite:///{tmp_path / 'catalog.db'}", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("sus")
    rows = pl.read_parquet(extract).to_arrow()
    table = catalog.create_table("sus.opa", schema=rows.schema)
    table.append(rows)
    assert counts_are_equal(table.location().removeprefix("file://"), extract)


def test_a_wrong_source_is_reported(extract: Path, tmp_path: Path) -> None:
    frame = as_text(extract)
    frame.head(5).with_columns(pl.lit("31st of May").alias("Appointment_Date")).write_csv(tmp_path / "dates.csv")
    with pytest.raises(ebi.ExtractError, match="activity_date: 5 rows have a value that is not a date"):
        ebi.audit(tmp_path / "dates.csv", RULES)
    (tmp_path / "mixed").mkdir()
    frame.write_csv(tmp_path / "mixed" / "a.csv")
    frame.write_csv(tmp_path / "mixed" / "b.tsv", separator="\t")
    with pytest.raises(ebi.ExtractError, match=r"different kinds \(CSV, TSV\)"):
        ebi.audit(str(tmp_path / "mixed" / "*"), RULES)
    (tmp_path / "broken.arrow").write_bytes(b"ARROW1 and no more")
    with pytest.raises(ebi.ExtractError, match="is not an Arrow IPC file, or is incomplete"):
        ebi.audit(tmp_path / "broken.arrow", RULES)
    (tmp_path / "none").mkdir()
    with pytest.raises(ebi.ExtractError, match=r"has no file that ends in \.parquet or \.csv"):
        ebi.audit(tmp_path / "none", RULES)
