"""What an audit writes beside its tables and its report, if it is asked: print, packs, charts, a star schema."""

from pathlib import Path

import click

from ebi_rules.cli.options import combined

further_outputs = combined(
    click.option("--pdf", is_flag=True, help="Also print the report, by an installed Chromium, Chrome or Edge."),
    click.option(
        "--pack",
        metavar="FIELD",
        help="Also write a small report for each provider, gp_practice, pcn or commissioner: its place among others.",
    ),
    click.option("--name-others", is_flag=True, help="With --pack: name the others; by default they are anonymous."),
    click.option(
        "--charts",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Also write every chart as SVG, and as PNG where a browser is installed.",
    ),
    click.option(
        "--star-schema",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Also write facts, dimensions and a data dictionary as parquet, for Power BI or Fabric.",
    ),
)
