"""Draw report.png, funnel.svg and flow.svg for the docs, of made-up data: `python -m tests.report.picture FOLDER`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner
from markupsafe import Markup

import ebi_rules as ebi
from ebi_rules.cli.all_commands import command_group
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report.browser import require_browser
from ebi_rules.report.flow_section import drawn_flow
from ebi_rules.synth.made_up_extract import write_extract
from ebi_rules.synth.made_up_people import write_population


def main() -> None:
    """Write the pictures to the folder that is named on the command line."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for name, drawn in (("funnel", _funnel(Path(folder))), ("flow", _flow(Path(folder)))):
            (target / f"{name}.svg").write_text(f"{drawn}\n", encoding="utf-8")
        _photograph(Path(folder), (target / "report.png").resolve())


def _photograph(folder: Path, picture: Path) -> None:
    """Write the first screen of the demo's report as a picture, by an installed browser."""
    CliRunner().invoke(command_group, ["demo", "--out", str(folder / "demo")], catch_exceptions=False)
    page = (folder / "demo" / "audit" / "report.html").as_uri()
    size = ["--window-size=1100,960", "--hide-scrollbars", "--force-device-scale-factor=1"]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", *size, f"--screenshot={picture}", page]
    subprocess.run([str(require_browser()), *flags], check=True, capture_output=True)


def _funnel(folder: Path) -> Markup:
    write_extract(folder / "opa.parquet", 1_000_000)
    chart = ebi.audit(folder / "opa.parquet", "2S").chart("funnel")
    return chart.named("Funnel plot of made-up providers").svg()


def _flow(folder: Path) -> Markup:
    write_population(folder / "people", 100_000)
    extracts = [folder / "people" / f"{name}.parquet" for name in ("outpatient", "admitted")]
    chart = drawn_flow(ebi.run_measures(extracts, flows="musculoskeletal").tables, 0, ALL_PROVIDERS)
    assert chart, "so many people are shown"
    return chart.svg()


if __name__ == "__main__":
    main()
