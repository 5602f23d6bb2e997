"""A result says what it was made from, and can be made again to the byte."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result

import ebi_rules as ebi
from ebi_rules._support.addresses import without_secrets
from ebi_rules.results import input_records

Run = Callable[..., Result]
Extract = Callable[..., Path]


def test_two_runs_over_the_same_input_write_the_same_bytes(
    run: Run, extract: Extract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(extract())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for name in ("one", "two"):
        run("audit", path, "-o", name, "--xlsx")
    files = sorted(file.relative_to(tmp_path / "one") for file in (tmp_path / "one").rglob("*") if file.is_file())
    assert {Path("audit.xlsx"), Path("report.html"), Path("run.json")} <= set(files)
    different = [
        name for name in files if (tmp_path / "one" / name).read_bytes() != (tmp_path / "two" / name).read_bytes()
    ]
    assert different == []
    assert json.loads((tmp_path / "one" / "run.json").read_text())["started"] == "2023-11-14T22:13:20+00:00"


def test_a_fingerprint_is_of_the_content(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = extract("a.parquet"), extract("b.parquet", Age_at_Start_of_Episode_SUS=[45, 46, 47, 49])
    assert input_records.fingerprint(path) == input_records.fingerprint(extract("c.parquet"))
    assert input_records.fingerprint(path) != input_records.fingerprint(other)
    monkeypatch.setattr(input_records, "_WHOLE", 10)
    large = [input_records.fingerprint(file) for file in (path, other)]
    assert large[0]["method"] == "sha256 of the size and of the parquet footer"
    assert large[0] != large[1], "the footer has the largest and smallest value of each column"
    text = path.with_suffix(".csv")
    pl.read_parquet(path).write_csv(text)
    assert input_records.fingerprint(text)["method"] == "sha256 of the size and of the first and the last MiB"


def test_a_frame_is_an_input_too(extract: Extract) -> None:
    settings = ebi.Settings(disclosure="none")
    assert ebi.audit(pl.read_parquet(extract()), "2S", settings=settings).run["inputs"] == [
        {"frame": "frame", "rows": 4}
    ]


def test_an_address_of_a_file_is_the_file(extract: Extract) -> None:
    path = extract()
    inputs = ebi.audit(path.as_uri(), "2S", settings=ebi.Settings(disclosure="none")).run["inputs"]
    assert (inputs[0]["path"], inputs[0]["rows"]) == (str(path), 4)


@pytest.mark.needs("deltalake")
def test_a_delta_table_has_its_version(extract: Extract, tmp_path: Path) -> None:
    for _ in range(2):
        pl.read_parquet(extract()).write_delta(tmp_path / "delta", mode="overwrite")
    inputs = ebi.audit(tmp_path / "delta", "2S", settings=ebi.Settings(disclosure="none")).run["inputs"]
    assert inputs == [{"path": str(tmp_path / "delta"), "format": "Delta", "version": 1, "rows": 4}]


@pytest.mark.needs("pyiceberg")
@pytest.mark.filterwarnings("ignore::polars.exceptions.PerformanceWarning")
def test_an_iceberg_table_has_its_snapshot(extract: Extract, tmp_path: Path) -> None:
    table = iceberg_table(tmp_path, extract())
    place = tmp_path / "warehouse" / "sus" / "opa"
    (record,) = ebi.audit(place, "2S", settings=ebi.Settings(disclosure="none")).run["inputs"]
    assert (record["path"], record["format"], record["rows"]) == (str(place), "Iceberg", 4)
    assert record["version"] == table.current_snapshot().snapshot_id
    assert record["metadata"] == Path(table.metadata_location).name


@pytest.mark.needs("pyiceberg")
@pytest.mark.filterwarnings("ignore::polars.exceptions.PerformanceWarning")
def test_the_newest_metadata_is_read(extract: Extract, tmp_path: Path) -> None:
    """Names are compared as numbers: v10 is newer than v9. A hint, where there is one, says which."""
    table = iceberg_table(tmp_path, extract())
    newest = Path(table.metadata_location.removeprefix("file://"))
    oldest = min(newest.parent.glob("00000-*.metadata.json"))
    for number, file in ((9, oldest), (10, newest)):
        file.rename(newest.parent / f"v{number}.metadata.json")
    place = tmp_path / "warehouse" / "sus" / "opa"
    settings = ebi.Settings(disclosure="none")
    assert ebi.audit(place, "2S", settings=settings).run["rows"] == 4
    (newest.parent / "version-hint.text").write_text("9")
    assert ebi.audit(place, "2S", settings=settings).run["rows"] == 0


@pytest.mark.needs("deltalake")
@pytest.mark.parametrize("name", ["delta/*.parquet", "", "**/*.parquet"])
def test_files_of_a_delta_table_are_not_read_apart(extract: Extract, tmp_path: Path, name: str) -> None:
    for _ in range(2):
        pl.read_parquet(extract()).write_delta(tmp_path / "lake" / "delta", mode="overwrite")
    with pytest.raises(ebi.ExtractError, match="name that folder"):
        ebi.open(str(tmp_path / "lake" / name))


def test_an_address_of_a_folder_is_not_read_as_parquet_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """They could be those of a Delta table, with rows that were deleted since."""
    read: list[str] = []

    def scan(source: str, **options: object) -> pl.LazyFrame:
        read.append(source)
        return pl.LazyFrame({"OPA_Ident": [1]})

    monkeypatch.setattr(pl, "scan_parquet", scan)
    ebi.open("s3://nobody-has-this-bucket/opa/*.parquet", layout="ncdr-opa")
    assert read == ["s3://nobody-has-this-bucket/opa/*.parquet"]
    with pytest.raises(ebi.EbiError, match=r"deltalake is not installed|cannot be read|not a Delta table"):
        ebi.open("s3://nobody-has-this-bucket/opa", layout="ncdr-opa")
    assert len(read) == 1, "only the parquet files that were named are read"


def iceberg_table(folder: Path, extract: Path) -> Any:
    """Write an Iceberg table of an extract's rows."""
    catalog = import_module("pyiceberg.catalog.sql").SqlCatalog(
        "local", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse"
    )
    catalog.create_namespace("sus")
    rows = pl.read_parquet(extract).to_arrow()
    table = catalog.create_table("sus.opa", rows.schema, location=f"file://{folder}/warehouse/sus/opa")
    table.append(rows)
    return table


@pytest.mark.needs("DuckDB")
def test_a_table_of_a_database_has_its_name(extract: Extract, tmp_path: Path) -> None:
    with import_module("duckdb").connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(f"CREATE TABLE opa AS SELECT * FROM read_parquet('{extract()}')")
    opened = ebi.open(f"{tmp_path / 'warehouse.duckdb'}::opa", engine="duckdb")
    (record,) = ebi.audit(opened, "2S", settings=ebi.Settings(disclosure="none")).run["inputs"]
    assert record["engine"] == "duckdb"
    assert "opa" in record["table"]
    assert record["rows"] == 4


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:CANARY@bucket/x.parquet",
        "https://store/x.parquet?sv=1&sig=CANARY cannot be read",
        "abfss://c@store/x?token=CANARY",
        "Server=a;UID=b;PWD=CANARY;Database=c",
        "Server=a;Password={CA;CANARY};Database=c",
        "postgresql://me:CANARY@host/db",
        "azure_storage_account_key='CANARY'",
    ],
)
def test_no_secret_of_an_address_is_in_a_message(text: str) -> None:
    assert "CANARY" not in without_secrets(text)
    assert "CANARY" not in str(ebi.ExtractError(text))
