"""The command that compares the months before and after a change."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ebi_rules._support.errors import UsageError
from ebi_rules._support.standing_words import BEFORE_IT_LEAVES, FLAG_MEANING
from ebi_rules.cli.command_line import status, warn, warn_of_exact_counts
from ebi_rules.cli.grouped_help import command
from ebi_rules.cli.options import (
    areas_option,
    disclosure_option,
    extract_options,
    force_option,
    from_cube_option,
    merge_option,
    named_rules,
    names_option,
    opened,
    output_folder,
    release_options,
    require_one_of,
    rules_option,
    skip_option,
    variant_option,
)

_HOW_TO_OPEN = ("layout", "columns", "procedures", "diagnoses", "separator", "encoding")


@command()
@click.argument("extract", required=False)
@output_folder
@from_cube_option
@rules_option
@click.option("--at", metavar="MONTH", help="First month with the change (2025-07); by default the start of a policy.")
@click.option(
    "--phase-in", default=0, show_default=True, metavar="MONTHS", help="Leave out this many months from it on."
)
@click.option(
    "--immature",
    default=2,
    show_default=True,
    metavar="MONTHS",
    help="Leave out this many of the latest months, as they may be incomplete.",
)
@click.option("--exclude-months", multiple=True, metavar="MONTHS", help="Leave out months, such as 2020-03..2021-06.")
@click.option("--treated", multiple=True, metavar="CODE", help="Providers that changed; the others are the controls.")
@click.option("--control-rule", multiple=True, metavar="RULE", help="A rule that should not change (also in --rule).")
@click.option(
    "--per",
    default="eligible",
    show_default=True,
    metavar="WHAT",
    help="Rates per eligible activity, per days, or per people: a CSV file with month, people. Where the change can "
    "move what is eligible, use days or people.",
)
@variant_option
@disclosure_option
@names_option
@merge_option
@areas_option
@extract_options
@skip_option
@release_options
@force_option
def compare(
    extract: str | None,
    output: Path,
    from_cube: Sequence[Path],
    rules: Sequence[str],
    places: Sequence[str],
    at: str | None,
    phase_in: int,
    immature: int,
    exclude_months: Sequence[str],
    treated: Sequence[str],
    control_rule: Sequence[str],
    per: str,
    names: str | None,
    merge_providers: str | None,
    release: Path | None,
    release_override: str | None,
    force: bool,
    **options: Any,
) -> None:
    """Compare the months before and after a change.

    It compares two periods, and the series of months.

    \b
    Example:
      ebi-rules compare opa.parquet -o before-after --rule 2S --at 2025-07
    """
    from ebi_rules._support.atomic_output import reserved_output
    from ebi_rules.provider_audit.denominators import read_denominator
    from ebi_rules.provider_audit.input_files import read_names
    from ebi_rules.provider_audit.merged_providers import MergedProviders, read_merged_providers
    from ebi_rules.provider_audit.policy_effect import Change
    from ebi_rules.provider_audit.settings import Settings
    from ebi_rules.report.effect_page import effect_sentences
    from ebi_rules.results.audit_run import audit, audit_cube
    from ebi_rules.results.policy_effect_result import compare as compare_audit

    require_one_of(extract, from_cube, "name either an extract, or a cube with --from-cube.")
    change = Change(
        at, phase_in, immature, tuple(exclude_months), tuple(treated), tuple(control_rule), read_denominator(per)
    )
    how = {
        name: options.pop(name) for name in ("layout", "columns", "procedures", "diagnoses", "separator", "encoding")
    }
    settings = Settings(
        names=read_names(names) if names else {},
        merged=read_merged_providers(merge_providers) if merge_providers else MergedProviders(),
        **options,
    )
    chosen = named_rules(rules, places)
    with status() as progress, reserved_output(output, force):
        if extract is None:
            if used := [name for name, value in how.items() if value]:
                raise UsageError(f"--{used[0]}: only for an extract; a cube is already counted.")
            counted = audit_cube(from_cube, chosen, settings)
        else:
            progress("opening the extract")
            counted = audit(opened(extract, **how), chosen, settings=settings, progress=progress)
        progress("comparing")
        result = compare_audit(counted, change)
        result.write(output, force, release, release_override)
    warn(counted.warnings)
    for rule, begins in result.effect.begins.items():
        click.echo(f"{rule}, before and after {begins}:")
        for sentence in (*effect_sentences(result.effect, rule), *result.effect.notes[rule]):
            click.echo(f"  {sentence}")
    if counted.settings.disclosure == "none":
        warn_of_exact_counts()
    else:
        click.echo(BEFORE_IT_LEAVES)
    click.echo(f"Wrote {output / 'report.html'}. {FLAG_MEANING}")


COMMANDS = (compare,)
