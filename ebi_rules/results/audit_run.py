"""Run an audit: of an extract, or of a cube that was counted elsewhere."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.clock import now, today
from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.areas import recodings
from ebi_rules.criteria.fields import AREAS, GROUPABLE
from ebi_rules.criteria.labels import ASKED_BY, REFERRER_TYPE
from ebi_rules.cube import STANDARD_DIMENSIONS, add_up, cube_dimensions, dimensions_of, read_cube
from ebi_rules.engines.counted_cube import CountedCube
from ebi_rules.engines.extract import Extract, Source
from ebi_rules.engines.findings import Finding
from ebi_rules.engines.registry import find_engine
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.scope import Scope
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.cube_sums import CubeSums
from ebi_rules.provider_audit.merged_providers import merger_hints
from ebi_rules.provider_audit.plausible_months import without_stray_months
from ebi_rules.provider_audit.practitioners import CAUTION, practitioner_fields, with_pseudonyms
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.audit_result import Audit
from ebi_rules.results.cube_consistency import require_activity, require_consistent
from ebi_rules.results.earlier_cube import EarlierCube, read_earlier_cube
from ebi_rules.results.input_records import file_record, input_records, settings_records
from ebi_rules.results.opened_extract import as_extract
from ebi_rules.results.run_record import program_record
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import RuleNames, choose_rules
from ebi_rules.rule_model.catalogue import rule as find_rule
from ebi_rules.rule_model.catalogue import rules as find_rules
from ebi_rules.rule_model.rule import Rule
from opcs_icd.reference import Reference

_COUNTED = ("rule", "measure", "item")
_TEXTS = pl.Schema({**dict.fromkeys((*_COUNTED, "provider"), pl.String()), "count": pl.Int64()})

CubeSource = str | Path | pl.DataFrame | Sequence[str | Path]


def audit(
    extract: Source | Extract,
    rules: RuleNames | None = None,
    by: Sequence[str] = (),
    settings: Settings | None = None,
    reference: Reference | None = None,
    progress: Progress = quiet,
    append: str | Path | None = None,
    recount: int | None = None,
    recount_from: str | None = None,
    find_restated: bool = False,
) -> Audit:
    """Count rules over an extract, and compare providers.

    Args:
        extract: An extract, a path, a Polars frame or an Arrow table. A table in a warehouse is opened with
            `ebi_rules.open(..., engine=...)`; only counts leave it.
        rules: Names of rules, rules, or folders and files with rules; one or several. Without names, all rules for the
            extract's dataset.
        by: Fields to count by, beside provider, month, age band and sex. Every field multiplies the cube.
        settings: What is counted, and how it is shown and compared.
        reference: The user's own classification files, for the titles of codes in the report.
        progress: Is called with each step.
        append: A cube that an earlier audit of the same kind saved (`Audit.save_cube`): only its last months and later
            ones, and activity without a plausible date, are counted, and take the place of its own. Without such a file
            yet, everything is counted.
        recount: How many of its last months are counted again; by default 3.
        recount_from: Or the first month that is counted again, "2024-04".
        find_restated: With `append`, count the activity of all months first, without rules. From the first month that
            differs from the cube in activity or in how much of it has codes, everything is counted again. If the cube
            was counted in another way, everything is, instead of an error. run.json says which.

    Returns:
        The tables of the audit, under disclosure control, which can be written with a report.

    Raises:
        UsageError: A name is unknown, or settings do not fit together.
        RuleError: A rule file is wrong.
        LayoutError: The layout file is wrong.
        ExtractError: The extract cannot be read, or cannot answer a rule.
        EngineError: The engine failed.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> frame = pl.DataFrame({"OPA_Ident": [1, 2], "Der_Procedure_All": ["||U055", "||U051"],
        ...                       "Der_Diagnosis_All": [None, "M545"], "Age_at_Start_of_Episode_SUS": [45, 45],
        ...                       "Administrative_Category": "01", "Der_Provider_Code": "ZZ1"})
        >>> result = ebi.audit(frame, "2S", settings=ebi.Settings(disclosure="none"))
        >>> result.totals().select("eligible", "flagged").row(0)
        (2, 1)
    """
    started, clock = now(), time.perf_counter()
    chosen_settings = settings or Settings()
    scope = chosen_settings.scope
    earlier = None
    if append is not None:
        _require_appendable(by, chosen_settings)
        earlier = read_earlier_cube(append, recount, recount_from)
    dimensions = _dimensions(by, chosen_settings)
    progress("opening the extract")
    opened = as_extract(extract).with_labels(recodings(chosen_settings.areas))
    opened = replace(opened, checks_keys=chosen_settings.check_keys)
    binding = opened.binding
    _require_fields(dimensions, binding)
    chosen, notices = choose_rules(
        rules, chosen_settings.variant, binding, chosen_settings.skip_unavailable, chosen_settings.any_dataset
    )
    audited = _safe_first(AuditedRule.of(rule, counted, binding) for rule, counted in chosen)
    areas = chosen_settings.areas
    run: dict[str, Any] = {
        **program_record(started, clock),
        "rules": _rules_record(audited),
        "layout": binding.layout.name,
        "columns": {name: list(columns) for name, columns in binding.fields.items()},
        "options": {
            "by": dimensions,
            "variant": chosen_settings.variant,
            **scope.as_record(),
            "merged_providers": dict(chosen_settings.merged.codes),
        },
        "settings_files": settings_records(),
        **({"areas": file_record(Path(areas), None)} if areas else {}),
        "engine": opened.engine,
    }
    if earlier is not None and find_restated:
        earlier, run["counted_again"] = _usable_cube(earlier, run, opened, dimensions, chosen_settings, progress)
    if earlier is not None:
        earlier.require_counted_as(run)
        scope = replace(scope, since=earlier.since)
    progress("counting")
    counts = find_engine(opened.engine).count_cube(opened, audited, dimensions, scope, progress)
    if not opened.checks_keys:
        notices.append("keys were not checked: activity that the extract repeats was counted each time.")
    notices += [*_missing_comparisons(binding), *counts.notices, *_missing_activity(scope, counts)]
    cube, rows = counts.cube, counts.rows
    if earlier is not None:
        cube = earlier.with_months(cube)
        rows = int(cube.filter(pl.col("measure") == "activity")["count"].sum())
        run["earlier_cube"] = {**file_record(earlier.path, None), "counted_again_from": earlier.month}
        notices.append(f"the months before {earlier.month} were not counted now: they are those of {earlier.path}.")
    run.update(seconds=program_record(started, clock)["seconds"], inputs=input_records(opened, counts.rows), rows=rows)
    return _result(cube, audited, run, notices, chosen_settings, reference, counts.findings)


def audit_cube(
    cube: CubeSource,
    rules: RuleNames | None = None,
    settings: Settings | None = None,
    reference: Reference | None = None,
    replace_months: bool = False,
) -> Audit:
    """Compare providers by a cube that an engine or a warehouse counted (`ebi_rules.cube` describes cubes).

    Args:
        cube: A parquet or CSV file, or a frame. Several files are parts of one cube, such as one per month, and are
            added up; no two may have counted the same rule, provider and month.
        rules: The rules that were counted; without names, all in the cube, in their current edition.
        settings: How counts are shown and compared; `variant` is the variant that was counted.
        reference: The user's own classification files, for the titles of codes in the report.
        replace_months: A later file replaces the months of an earlier one that it has too, because they were restated.

    Returns:
        The tables of the audit, under disclosure control.

    Raises:
        UsageError: A name is unknown, or settings do not fit together.
        ExtractError: Two files have counted the same, or a file is not a cube, or does not fit its rules.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> cube = pl.DataFrame({"rule": [None, "2S_lower_back_imaging", "2S_lower_back_imaging"], "provider": "ZZ1",
        ...                      "month": "2024-04", "age_band": "45-49", "sex": "1",
        ...                      "measure": ["activity", "eligible", "flagged"], "item": None,
        ...                      "count": [90, 80, 20]})
        >>> result = ebi.audit_cube(cube, settings=ebi.Settings(disclosure="none"))
        >>> result.totals().select("eligible", "flagged").row(0)
        (80, 20)
    """
    started, clock = now(), time.perf_counter()
    chosen_settings = settings or Settings()
    paths, counts, warnings = _read_cubes(cube, replace_months)
    _require_dimensions(dimensions_of(counts), chosen_settings)
    chosen = _rules_of_cube(counts, rules)
    sums_of_counts = CubeSums(counts)
    by_provider = sums_of_counts.by([*_COUNTED, "provider"]).cast(_TEXTS)
    sums = by_provider.group_by(_COUNTED).agg(pl.col("count").sum())
    audited = _safe_first(_audited_in(sums, rule, rule.variant(chosen_settings.variant)) for rule in chosen)
    require_consistent(by_provider, audited)
    require_activity(sums_of_counts)
    keys = [rule.key for rule in chosen]
    if not set(sums["rule"].drop_nulls().cast(pl.String)).issubset(keys):
        counts = counts.filter(pl.col("rule").is_null() | pl.col("rule").is_in(keys))
    run = {
        **program_record(started, clock),
        "rules": _rules_record(audited),
        "layout": "a cube",
        "columns": {},
        "options": {"by": list(dimensions_of(counts)), "variant": chosen_settings.variant},
        "inputs": [file_record(path, counts.height) for path in paths],
        "rows": int(counts.filter(pl.col("measure") == "activity")["count"].sum()),
    }
    notices = [*warnings, *([] if counts.height else ["the cube has no rows."])]
    return _result(counts, audited, run, notices, chosen_settings, reference)


def _safe_first(audited: Iterable[AuditedRule]) -> tuple[AuditedRule, ...]:
    """Return the rules in their order, those that are not safe to use after all others."""
    return tuple(sorted(audited, key=lambda entry: entry.fitness.is_unsafe))


def _result(
    cube: pl.DataFrame,
    audited: tuple[AuditedRule, ...],
    run: dict[str, Any],
    notices: list[str],
    settings: Settings,
    reference: Reference | None,
    findings: tuple[Finding, ...] = (),
) -> Audit:
    """Return the audit of a cube, with pseudonyms for practitioners."""
    practitioners = practitioner_fields(dimensions_of(cube))
    caution = [CAUTION] if practitioners else []
    if not settings.real_codes:
        cube = with_pseudonyms(cube, practitioners)
    cube, stray = without_stray_months(cube, today())
    cube = settings.merged.in_cube(cube)
    hints = [] if settings.providers else merger_hints(cube)
    return Audit(AuditTables(cube, audited, settings, run, (*notices, *stray, *hints, *caution), reference, findings))


def _dimensions(by: Sequence[str], settings: Settings) -> list[str]:
    for field in by:
        if field not in (*GROUPABLE, *STANDARD_DIMENSIONS):
            raise UsageError("--by: " + unknown("field to group by", field, GROUPABLE))
    population = [settings.population.field] if settings.population else []
    return cube_dimensions([*by, *settings.adjust, *population])


def _require_fields(dimensions: Sequence[str], binding: Binding) -> None:
    for field in dimensions:
        if field not in STANDARD_DIMENSIONS[1:] and field not in binding.fields:
            raise ExtractError(f"this extract has no column for {field}. {_why_lacking(field, binding)}")


def _why_lacking(field: str, binding: Binding) -> str:
    sources = {**ASKED_BY, REFERRER_TYPE: "referrer"}
    if field in sources:
        return f"It comes from {sources[field]}. {binding.why_lacking(sources[field])}"
    if field in AREAS or (field == "imd_decile" and not binding.layout.fields.get(field)):
        return f"Use --areas FILE, a CSV with the {field} of each GP practice or LSOA, or --column {field}=COLUMN."
    return binding.why_lacking(field)


def _missing_comparisons(binding: Binding) -> list[str]:
    """Return warnings about comparisons that an extract cannot support."""
    consequences = {
        "activity_date": "there is no trend",
        "age": "rates are not standardised by age",
        "sex": "rates are not standardised by sex",
    }
    return [
        f"this extract has no column for {field}, so {consequence}. {binding.why_lacking(field)}"
        for field, consequence in consequences.items()
        if field not in binding.fields
    ]


def _require_appendable(by: Sequence[str], settings: Settings) -> None:
    """Raise `UsageError` for settings with which months cannot be added to an earlier cube."""
    if settings.months:
        raise UsageError("--months and --append: --append counts the months from the first that it counts again.")
    if practitioner_fields(by) and not settings.real_codes:
        raise UsageError(
            "practitioners have pseudonyms that are new in every run, so that months cannot be added to a cube by "
            "practitioner: use --real-codes, inside your organisation."
        )


def _usable_cube(
    earlier: EarlierCube,
    run: dict[str, Any],
    opened: Extract,
    dimensions: Sequence[str],
    settings: Settings,
    progress: Progress,
) -> tuple[EarlierCube | None, str]:
    """Return what of an earlier cube is still right, None if nothing is, and in words why more is counted again."""
    if other := earlier.differences(run):
        return None, f"everything, as {', '.join(other)} differ from the count before"
    progress("looking for restated months")
    whole = replace(opened, checks_keys=False)
    activity = find_engine(opened.engine).count_cube(whole, (), dimensions, settings.scope, quiet).cube
    known = settings.merged.in_cube(without_stray_months(activity, today())[0])
    right = earlier.from_first_restated(known)
    if right.since == earlier.since:
        return right, "the last months"
    return right, f"the months from {right.month} on, as the activity or the coding of that month has changed"


def _missing_activity(scope: Scope, counts: CountedCube) -> list[str]:
    """Return warnings about an empty extract, and about providers that were named and have no activity."""
    if counts.rows == 0 and (scope.months or scope.providers):
        raise ExtractError("there is no activity in these months for these providers: check --months and --provider.")
    if counts.rows == 0:
        return ["there is nothing to count again in the extract." if scope.since else "the extract has no rows."]
    providers = set(counts.cube["provider"].unique().cast(pl.String))
    return [f"there is no activity of the provider {code}." for code in scope.providers or () if code not in providers]


def _read_cubes(cube: CubeSource, replace_months: bool) -> tuple[list[Path], pl.DataFrame, list[str]]:
    if isinstance(cube, pl.DataFrame):
        return [], read_cube(cube), []
    paths = [Path(path) for path in ([cube] if isinstance(cube, str | Path) else cube)]
    return paths, *add_up([read_cube(path) for path in paths], replace_months)


def _require_dimensions(dimensions: Sequence[str], settings: Settings) -> None:
    population = settings.population
    if population and population.field not in dimensions:
        raise ExtractError(f"--population is by {population.field}, but the cube has no such column.")
    for field in settings.adjust:
        if field not in dimensions:
            raise ExtractError(f"--adjust: the cube has no column {field}.")


def _rules_of_cube(cube: pl.DataFrame, names: RuleNames | None) -> list[Rule]:
    counted = cube["rule"].drop_nulls().unique(maintain_order=True).cast(pl.String).to_list()
    chosen = [find_rule(key) for key in counted] if names is None else find_rules(names)
    if not chosen:
        raise ExtractError("the cube counts no rule.")
    for rule in chosen:
        if rule.key not in counted:
            raise ExtractError(f"the cube does not count {rule.key}: it has {', '.join(counted) or 'no rule'}.")
    return chosen


def _audited_in(sums: pl.DataFrame, rule: Rule, counted: Rule) -> AuditedRule:
    """Check that what a cube counts of a rule fits the variant that was counted.

    Args:
        sums: The counts of all rules: rule, measure, item, count.
        rule: The rule.
        counted: The variant that was counted.
    """
    rows = sums.filter(pl.col("rule") == rule.key).select("measure", "item", "count")
    counts = {(measure, item): count for measure, item, count in rows.iter_rows()}
    steps = [str(item) for measure, item in counts if measure == "left"]
    for step in steps:
        if step not in counted.criteria:
            problem = unknown("criterion", step, counted.criteria)
            raise ExtractError(f"{rule.key}: {problem} If another variant or edition was counted, name it.")
    variants = {str(item) for measure, item in counts if measure == "variant"}
    for name in variants - set(rule.interpretations):
        raise ExtractError(f"{rule.key}: " + unknown("variant", name, rule.interpretations))
    left = [counts.get(("left", name), 0) for name in counted.criteria]
    flagged = counts.get(("flagged", None), 0)
    if left != sorted(left, reverse=True) or (steps and flagged != left[-1]):
        raise ExtractError(f"{rule.key}: the counts left after each criterion do not agree with the count flagged.")
    # A cube has no row for a count of 0, so a variant without rows was not counted only if no variant has rows.
    not_counted = not variants and bool(flagged)
    skipped = dict.fromkeys(rule.interpretations, "the cube does not count variants") if not_counted else {}
    skipped.pop(counted.variant_name, None)
    return AuditedRule(rule, counted, skipped, has_steps=bool(steps) or not flagged)


def _rules_record(audited: Sequence[AuditedRule]) -> list[dict[str, str | None]]:
    return [
        {
            "key": entry.key,
            "edition": entry.counted.edition_name,
            "variant": entry.counted.variant_name,
            "content_hash": entry.counted.logic.content_hash,
            "start": entry.start,
            "fitness": entry.fitness.use,
            "fitness_reason": entry.fitness.reason,
        }
        for entry in audited
    ]
