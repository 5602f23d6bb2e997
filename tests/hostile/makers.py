"""Make the files of hostile cases, each in an empty folder. CANARY stands for a patient's value: no message has it."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.small_rule import rule_text

CANARY = "CANARY"


def frame(rows: int = 2_000, seed: int = 1) -> pl.DataFrame:
    """Return an extract in which free columns contain the canary."""
    rng = np.random.default_rng(seed)
    days = np.datetime64("2023-01-01") + rng.integers(0, 730, rows)
    return pl.DataFrame(
        {
            "OPA_Ident": np.arange(rows),
            "Der_Pseudo_NHS_Number": [f"{CANARY}{place}" for place in range(rows)],
            "Der_Provider_Code": rng.choice(["ZZ1", "ZZ2", "ZZ3"], rows),
            "Appointment_Date": pl.Series(days).cast(pl.Date),
            "Der_Procedure_All": rng.choice(["||U055", "||U135,Z665", "||X384"], rows),
            "Der_Diagnosis_All": rng.choice(["||M545", "||C509"], rows),
            "Administrative_Category": "01",
            "Attendance_Status": "5",
            "Age_at_Start_of_Episode_SUS": rng.integers(20, 90, rows),
            "Sex": rng.choice(["1", "2"], rows),
        }
    )


def extract(folder: Path, _: str) -> None:
    frame().write_parquet(folder / "opa.parquet")


def pipe(folder: Path, _: str) -> None:
    extract(folder, _)
    os.mkfifo(folder / "pipe")


def socket_file(folder: Path, _: str) -> None:
    extract(folder, _)
    here = Path.cwd()
    os.chdir(folder)  # The path of a socket may have 108 characters at most.
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.parquet")
    finally:
        os.chdir(here)


def dangling_link(folder: Path, _: str) -> None:
    extract(folder, _)
    (folder / "link.parquet").symlink_to("nowhere")


def link_to_folder(folder: Path, _: str) -> None:
    extract(folder, _)
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")


def file_for_folder(folder: Path, _: str) -> None:
    extract(folder, _)
    (folder / "out").write_text("somebody's")


def criterion(folder: Path, text: str) -> None:
    _write_rule(folder, more=f'aged = "{text}"')


def key(folder: Path, text: str) -> None:
    _write_rule(folder, key=text)


def title(folder: Path, text: str) -> None:
    _write_rule(folder, title=text)


def deep_toml(folder: Path, _: str) -> None:
    extract(folder, _)
    (folder / "rule.toml").write_text(f"key = {'[' * 5_000}{']' * 5_000}\n")


def long_number(folder: Path, _: str) -> None:
    (folder / "rule.toml").write_text(f"key = {'9' * 5_000}\n")


def far_date(folder: Path, _: str) -> None:
    _with_days(folder, pa.array([2**31 - 1] + [19_700] * 1_999, pa.int32()).cast(pa.date32()))


def far_time(folder: Path, _: str) -> None:
    _with_days(folder, pa.array([2**62] + [1_700_000_000_000_000] * 1_999, pa.int64()).cast(pa.timestamp("us")))


def odd_ages(folder: Path, _: str) -> None:
    age, place = pl.col("Age_at_Start_of_Episode_SUS").cast(pl.Float64), pl.int_range(pl.len())
    odd = pl.when(place < 3).then(float("nan")).when(place < 5).then(float("inf")).otherwise(age)
    frame().with_columns(odd.alias("Age_at_Start_of_Episode_SUS")).write_parquet(folder / "opa.parquet")


def list_key(folder: Path, _: str) -> None:
    frame().with_columns(pl.concat_list("OPA_Ident").alias("OPA_Ident")).write_parquet(folder / "opa.parquet")


def struct_key(folder: Path, _: str) -> None:
    frame().with_columns(pl.struct("OPA_Ident").alias("OPA_Ident")).write_parquet(folder / "opa.parquet")


def heading_twice(folder: Path, _: str) -> None:
    frame().write_csv(folder / "opa.csv")
    heading, rest = (folder / "opa.csv").read_text().split("\n", 1)
    (folder / "opa.csv").write_text(heading.replace("Attendance_Status", "Sex") + "\n" + rest)


def ring(folder: Path, _: str) -> None:
    (folder / "ring1").symlink_to("ring2")
    (folder / "ring2").symlink_to("ring1")


def damaged(folder: Path, _: str) -> None:
    path = folder / "opa.parquet"
    frame().write_parquet(path, compression="zstd", use_pyarrow=False)
    content = bytearray(path.read_bytes())
    metadata = pq.read_metadata(path).row_group(0)
    place = next(
        column.data_page_offset + 40
        for column in map(metadata.column, range(metadata.num_columns))
        if column.path_in_schema == "Der_Procedure_All"
    )
    for step in range(200):
        content[place + step] ^= 0x5A
    path.write_bytes(content)


def _with_days(folder: Path, days: pa.Array) -> None:
    table = frame().to_arrow()
    place = table.schema.get_field_index("Appointment_Date")
    pq.write_table(table.set_column(place, "Appointment_Date", days), folder / "opa.parquet")


def spark_limit(folder: Path, text: str) -> None:
    """An extract, and a configuration of Spark that accepts almost nothing."""
    extract(folder, text)
    (folder / "spark-defaults.conf").write_text(
        "spark.driver.maxResultSize 1k\nspark.master local[1]\n"
        "spark.sql.codegen.wholeStage false\n"
        "spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1\n"
    )


def _write_rule(folder: Path, key: str = "x", title: str = "Scan", more: str = "") -> None:
    (folder / "rule.toml").write_text(rule_text(key, title, more=more))


MAKERS: dict[str, Callable[[Path, str], None]] = {
    maker.__name__.removesuffix("_file"): maker
    for maker in (
        extract,
        pipe,
        socket_file,
        dangling_link,
        link_to_folder,
        file_for_folder,
        criterion,
        key,
        title,
        deep_toml,
        long_number,
        far_date,
        far_time,
        odd_ages,
        list_key,
        struct_key,
        heading_twice,
        ring,
        damaged,
        spark_limit,
    )
}
