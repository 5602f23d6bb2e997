"""Draw the README's picture: the funnel of the demo's extract. Run as `python -m tests.report.picture FILE`."""

import sys
import tempfile
from pathlib import Path

import ebi_rules as ebi
from ebi_rules.report.drawing import svg
from ebi_rules.synth import write_extract


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        extract = Path(folder) / "opa.parquet"
        write_extract(extract, 1_000_000)
        picture = svg(ebi.audit(extract, ["2S"]).chart("funnel"), "Funnel plot of made-up providers")  # type: ignore[arg-type]
    Path(sys.argv[1]).write_text(f"{picture}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
