"""The commands for a review of notes: draw a sample, and read back what reviewers said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ebi_rules._support.standing_words import FLAG_MEANING
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.options import (
    completing,
    disclosure_option,
    extract_argument,
    extract_options,
    force_option,
    opened,
    output_folder,
    places_option,
    rule_names,
)

_PERCENT = 100


@command()
@extract_argument
@output_folder
@click.option("--key", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Key to write, elsewhere.")
@click.option("--rule", required=True, shell_complete=completing(rule_names), help="Rule key or alias.")
@places_option
@click.option("--size", type=int, metavar="CASES", help="Flagged activities; by default what --precision needs.")
@click.option(
    "--precision",
    default=10.0,
    show_default=True,
    metavar="POINTS",
    help="Half the width of the 95% interval, in points.",
)
@click.option("--unflagged", default=0, show_default=True, metavar="CASES", help="Activities that are not flagged.")
@click.option("--reviewers", default=1, show_default=True, help="1 or 2: a workbook for each.")
@click.option("--checklist", type=click.Path(path_type=Path), metavar="FILE", help="What to look for, as TOML.")
@click.option("--seed", default=1, show_default=True, help="Seed of the random numbers.")
@extract_options
@force_option
def sample(
    extract: str,
    output: Path,
    key: Path,
    rule: str,
    places: Sequence[str],
    size: int | None,
    precision: float,
    unflagged: int,
    reviewers: int,
    checklist: Path | None,
    seed: int,
    any_dataset: bool,
    force: bool,
    **how: Any,
) -> None:
    """Draw a sample of flagged activity for a review of notes.

    \b
    Example:
      ebi-rules sample opa.parquet --rule 2S -o review --key private/key.csv --unflagged 40
    """
    from ebi_rules.results.notes_sample import draw_sample
    from ebi_rules.rule_model.catalogue import open_catalogue
    from ebi_rules.rule_model.checklists import read_checklist

    chosen = open_catalogue(*places).rule(rule)
    items = read_checklist(checklist) if checklist else None
    drawn = draw_sample(opened(extract, **how), chosen, size, precision / _PERCENT, unflagged, seed, items, any_dataset)
    drawn.write(output, key, reviewers, force)
    flagged = int(drawn.key["flagged"].sum())
    click.echo(f"{flagged:,} flagged and {drawn.key.height - flagged:,} other activities.")
    click.echo(
        f"Wrote {output}, for reviewers, and {key}, which says whose case is whose: keep it apart. {FLAG_MEANING}"
    )


@command()
@click.argument("workbooks", nargs=-1, required=True, metavar="WORKBOOK...", type=click.Path(path_type=Path))
@output_folder
@click.option("--key", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Key that sample wrote.")
@disclosure_option
@force_option
def review(workbooks: Sequence[Path], output: Path, key: Path, disclosure: str, force: bool) -> None:
    """Read back what one or two reviewers said of a sample.

    \b
    Example:
      ebi-rules review review/review_1.xlsx --key private/key.csv -o reviewed
    """
    from ebi_rules.results.notes_review import review_notes

    found = review_notes(key, workbooks, disclosure)
    found.write(output, force)
    for row in found.figures.iter_rows(named=True):
        if row["percent"] is not None:
            ends = f"{row['percent_lower_95']}% to {row['percent_upper_95']}%"
            click.echo(f"{row['figure']}: {row['percent']}% ({ends}), {row['reviewed']} reviewed.")
        else:
            click.echo(f"{row['figure']}: {row['note']}.")
    for row in found.counts.iter_rows(named=True):
        numbers = [row["number"], row["number_lower_95"], row["number_upper_95"]]
        number, lower, upper = ("few" if each is None else f"{each:,}" for each in numbers)
        click.echo(f"Number {row['count']}: {number} ({lower} to {upper}); {row['note']}.")
    for row in found.agreement.iter_rows(named=True):
        click.echo(f"Agreement, {row['question']}: {row['percent_agreed']}%, kappa {row['kappa']}, AC1 {row['ac1']}.")
    click.echo(f"Wrote {output}.")


COMMANDS = (sample, review)
