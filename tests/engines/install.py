"""Install what judges our SQL and cannot stand in our own environment: `make engines` runs this.

fakesnow and dbt pin other versions than ours; mssql-cli, whose wheel carries Microsoft's parser, asks for old
packages that the parser does not need; DacFx needs libssl 1.1, which a wheel of psycopg2 carries; Trino's grammar is
an npm package.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.engines.served import ENVIRONMENTS

_HERE = Path(__file__).parent


def main() -> None:
    ENVIRONMENTS.mkdir(exist_ok=True)
    _pip(sys.executable, "install", "--no-deps", "mssql-cli==1.0.0")
    _fakesnow()
    _dbt()
    _openssl()
    _trino()


def _fakesnow() -> None:
    folder = ENVIRONMENTS / "fakesnow"
    if not folder.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    _pip(folder / "bin" / "python", "install", "fakesnow[server]==0.12.1", "snowflake-connector-python<5")


def _dbt() -> None:
    folder = ENVIRONMENTS / "dbt"
    if not folder.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # Later ones fetch a part of theirs from elsewhere than the package registry.
    wanted = ("dbt-core>=1.10,<1.11", "dbt-duckdb>=1.10,<1.11", "duckdb>=2", "dbt-postgres>=1.9,<1.11")
    _pip(folder / "bin" / "python", "install", *wanted)


def _openssl() -> None:
    folder = ENVIRONMENTS / "openssl"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tempfile.TemporaryDirectory() as downloads:
        _pip(
            sys.executable,
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            downloads,
            "psycopg2-binary==2.9.5",
        )
        (wheel,) = Path(downloads).glob("*.whl")
        with zipfile.ZipFile(wheel) as content:
            for name in content.namelist():
                if "binary.libs/" in name:
                    (folder / Path(name).name).write_bytes(content.read(name))
    for library in ("libssl", "libcrypto"):
        (found,) = folder.glob(f"{library}-*.so.1.1")
        (folder / f"{library}.so.1.1").symlink_to(found.name)


def _trino() -> None:
    if not shutil.which("npm"):
        print("npm is not on this machine, so Trino's grammar is not installed: apt-get install nodejs npm")
        return
    folder = ENVIRONMENTS / "trino"
    folder.mkdir(exist_ok=True)
    shutil.copy(_HERE / "serve_trino.mjs", folder)
    (folder / "package.json").write_text("{}")
    quiet = ["--silent", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    subprocess.run(["npm", "install", *quiet, "dt-sql-parser@4.5.1", "esbuild@0.28"], cwd=folder, check=True)
    subprocess.run(
        [
            "npx",
            "esbuild",
            "serve_trino.mjs",
            "--bundle",
            "--platform=node",
            "--log-level=error",
            "--outfile=serve_trino.cjs",
        ],
        cwd=folder,
        check=True,
    )


def _pip(python: str | Path, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", arguments[0], "--quiet", *arguments[1:]], check=True)


if __name__ == "__main__":
    main()
