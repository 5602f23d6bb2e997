"""What an audit can write beside its tables and its report: print, slides, packs, charts, a star schema."""

from collections.abc import Sequence
from pathlib import Path

import click

from ebi_rules._support.errors import UsageError
from ebi_rules.cli.options import combined

pack_options = combined(
    click.option(
        "--pack",
        metavar="FIELD",
        help="Also write a small report for each provider, gp_practice, pcn or commissioner: its place among others.",
    ),
    click.option("--name-others", is_flag=True, help="With --pack: name the others; by default they are anonymous."),
)

further_outputs = combined(
    click.option("--pdf", is_flag=True, help="Also print the report, by an installed Chromium, Chrome or Edge."),
    click.option("--pptx", is_flag=True, help="Also write slides, one for each rule (needs the extra slides)."),
    pack_options,
    click.option(
        "--charts",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Also write every chart as SVG and PNG.",
    ),
    click.option(
        "--star-schema",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Also write facts, dimensions and a data dictionary as parquet, for Power BI or Fabric.",
    ),
)


def require_replaceable_folders(charts: Path | None, star_schema: Path | None) -> None:
    """Check, before anything is counted, that the folders of charts and of the star schema may be replaced.

    Raises:
        UsageError: A folder contains a file that no such output wrote.
    """
    from ebi_rules._support.atomic_output import require_replaceable
    from ebi_rules.results.audit_result import CHART_FILES, STAR_FILES

    for folder, replaceable in ((charts, CHART_FILES), (star_schema, STAR_FILES)):
        if folder is not None:
            require_replaceable(folder, replaceable)


def require_possible(
    pdf: bool, pptx: bool, pack: str | None, name_others: bool, by: Sequence[str], is_cube: bool
) -> None:
    """Check, before anything is counted, that what is asked for can be written.

    Args:
        pdf: Whether the report is to be printed.
        pptx: Whether slides are to be written.
        pack: The field whose units are to have packs.
        name_others: Whether packs name the others.
        by: The fields that are counted beside provider.
        is_cube: Whether a cube is read, which has its fields already.

    Raises:
        UsageError: There can be no such packs.
        EngineError: There is no browser to print with, or no library or font to make slides with.
    """
    from ebi_rules.report.browser import require_browser
    from ebi_rules.report.slides import require_slides
    from ebi_rules.report.unit_packs import require_field

    if name_others and pack is None:
        raise UsageError("--name-others is for --pack.")
    if pack is not None:
        require_field(pack, [*by, pack] if is_cube else by)
    if pdf:
        require_browser()
    if pptx:
        require_slides()
