"""Run an audit: over an extract, or over a cube that somebody else's warehouse made."""

import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.areas import recodings
from ebi_rules.criteria.fields import AREAS, GROUPABLE
from ebi_rules.criteria.labels import REFERRAL_SETTING
from ebi_rules.cube import STANDARD_DIMENSIONS, Audited, add_up, dimensions_of, read_cube
from ebi_rules.engines.extract import Source
from ebi_rules.engines.registry import Counted, find_engine
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import Layout
from ebi_rules.layouts.scope import Scope
from ebi_rules.provider_audit import practitioners
from ebi_rules.provider_audit.settings import Population, Settings
from ebi_rules.results.audit_result import Audit
from ebi_rules.rule_model.catalogue import choose
from ebi_rules.rule_model.catalogue import rule as find_rule
from ebi_rules.rule_model.catalogue import rules as find_rules
from ebi_rules.rule_model.rule import DEFAULT, Rule
from ebi_rules.version import __version__
from opcs_icd.reference import Reference


def audit(
    source: Source,
    rules: Iterable[str | Rule] | None = None,
    by: Sequence[str] = (),
    layout: str | Path | Layout | None = None,
    variant: str = DEFAULT,
    overrides: Mapping[str, str] | None = None,
    procedures: Source | None = None,
    diagnoses: Source | None = None,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
    disclosure: str | None = None,
    settings: Settings | None = None,
    reference: Reference | None = None,
    engine: str = "polars",
    months: str | None = None,
    providers: Sequence[str] = (),
    areas: str | Path | None = None,
    progress: Progress = quiet,
) -> Audit:
    """Count rules over an extract, by provider, month, age band, sex and the fields in `by`.

    `source` is a parquet file, folder or glob, a LazyFrame or a DataFrame; `layout` is detected when not
    given; `overrides` maps canonical fields to columns. `variant` is the reading that is counted; all variants
    are compared. With `skip_unavailable`, rules that the extract cannot answer are left out with a warning. A rule
    that is named must be of the extract's dataset, unless `any_dataset`; when none is named these are all of it.
    `disclosure` is hes (the default), midpoint6 or none; `settings` say that and how providers are compared.
    `reference` gives the report titles of codes (`opcs_icd.reference`). `engine` is one of
    `ebi_rules.engines.ENGINES`; with another than polars the source is the name of a table, and only counts leave it.
    `months` (2024-04, or 2024-04..2025-03) and `providers` say what part of the extract is counted; the rest is not
    read where the source allows it. `areas` is a CSV that says in what PCN, borough and ICB each GP practice or LSOA is
    (`ebi_rules.recoding.read_areas`), so that `by` may name these. `progress` is told each step.

    Every field in `by` multiplies the cube: name those you need. Raises `UsageError`, `RuleError`, `LayoutError` or
    `ExtractError`.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    chosen_settings = _settings(settings, disclosure)
    dimensions = _dimensions([*by, *chosen_settings.adjust], chosen_settings.population)
    scope = Scope.of(months, providers)
    progress("opening the extract")
    children = {"procedures": procedures, "diagnoses": diagnoses}
    opened = find_engine(engine).open_source(source, layout, overrides, children)
    binding: Binding = opened.binding.recoded(recodings(areas))
    opened = replace(opened, binding=binding)
    for field in dimensions:
        if field not in STANDARD_DIMENSIONS[1:] and field not in binding.fields:
            raise ExtractError(f"this extract has no column for {field}. {_why_lacking(field, binding)}")
    chosen, notices = choose(rules, variant, binding, skip_unavailable, any_dataset)
    audited = [Audited.among(rule, reading, binding) for rule, reading in chosen]
    progress("counting")
    counted: Counted = opened.count(audited, dimensions, scope, progress)
    every: list[str] = [*notices, *_lacking(binding), *counted.notices]
    if counted.rows == 0:
        every.append("the extract has no rows.")
    every += _absent(scope, counted)
    people = practitioners.among(dimensions)
    every += [practitioners.CAUTION] if people else []
    cube = counted.cube
    if not chosen_settings.real_codes:
        cube = practitioners.with_pseudonyms(cube, people)
    run = {
        **program_run(started, clock),
        "rules": _rules_run(audited),
        "layout": binding.layout.name,
        "columns": {name: list(columns) for name, columns in binding.fields.items()},
        "options": {"by": dimensions, "variant": variant, "overrides": dict(overrides or {}), **scope.said()},
        "inputs": [{"path": file.path, "bytes": file.bytes, "rows": file.rows} for file in opened.files],
        "engine": engine,
        "rows": counted.rows,
    }
    return Audit(cube, tuple(audited), run, tuple(every), chosen_settings, reference)


def _why_lacking(field: str, binding: Binding) -> str:
    if field == REFERRAL_SETTING:
        return f"It comes from referral_source. {binding.why_lacking('referral_source')}"
    if field in AREAS or (field == "imd_decile" and not binding.layout.fields.get(field)):
        return f"Say with --areas FILE in which {field} each GP practice or LSOA is, or use --column {field}=COLUMN."
    return binding.why_lacking(field)


def _absent(scope: Scope, counted: Counted) -> list[str]:
    """Say of which providers that were asked for there is no activity."""
    found = set(counted.cube["provider"].cast(pl.String))
    return [f"no activity of the provider {code}." for code in scope.providers or () if code not in found]


def audit_cube(
    cube: str | Path | pl.DataFrame | Sequence[str | Path],
    rules: Iterable[str | Rule] | None = None,
    variant: str = DEFAULT,
    disclosure: str | None = None,
    settings: Settings | None = None,
    reference: Reference | None = None,
) -> Audit:
    """Audit a cube that an engine or a warehouse made (`ebi_rules.cube` says what it holds): a file or a frame.

    Several files are parts of one cube, such as a month each, and are added up. `rules` and `variant` say what was
    counted, where that is not the current edition as designed. Raises `UsageError`, or `ExtractError` for a cube that
    does not fit its rules.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    paths: list[Path] = []
    if isinstance(cube, pl.DataFrame):
        read = read_cube(cube)
    else:
        paths = [Path(path) for path in ([cube] if isinstance(cube, str | Path) else cube)]
        read = add_up([read_cube(path) for path in paths])
    chosen_settings = _settings(settings, disclosure)
    population = chosen_settings.population
    if population and population.field not in dimensions_of(read):
        raise ExtractError(f"--population is by {population.field}, and the cube has no such column.")
    for field in chosen_settings.adjust:
        if field not in dimensions_of(read):
            raise ExtractError(f"--adjust: the cube has no column {field}.")
    counted = read["rule"].drop_nulls().unique(maintain_order=True).cast(pl.String).to_list()
    named = [find_rule(key) for key in counted] if rules is None else find_rules(rules)
    if not named:
        raise ExtractError("the cube counts no rule.")
    audited = []
    for rule in named:
        if rule.key not in counted:
            raise ExtractError(f"the cube does not count {rule.key}: it has {', '.join(counted) or 'no rule'}.")
        audited.append(_audited_in(read, rule, rule.variant(variant)))
    read = read.filter(pl.col("rule").is_null() | pl.col("rule").cast(pl.String).is_in([rule.key for rule in named]))
    activity = read.filter(pl.col("measure") == "activity")["count"].sum()
    run = {
        **program_run(started, clock),
        "rules": _rules_run(audited),
        "layout": "a cube",
        "columns": {},
        "options": {"by": list(dimensions_of(read)), "variant": variant, "overrides": {}},
        "inputs": [{"path": str(path), "bytes": path.stat().st_size, "rows": read.height} for path in paths],
        "rows": int(activity),
    }
    notices = [] if read.height else ["the cube has no rows."]
    people = practitioners.among(dimensions_of(read))
    notices += [practitioners.CAUTION] if people else []
    if not chosen_settings.real_codes:
        read = practitioners.with_pseudonyms(read, people)
    return Audit(read, tuple(audited), run, tuple(notices), chosen_settings, reference)


def _settings(settings: Settings | None, disclosure: str | None) -> Settings:
    if settings is None:
        return Settings(disclosure or "hes")
    if disclosure is not None and disclosure != settings.disclosure:
        raise UsageError("disclosure is said twice: put it into the settings.")
    return settings


def _dimensions(by: Sequence[str], population: Population | None) -> list[str]:
    for field in by:
        if field not in (*GROUPABLE, *STANDARD_DIMENSIONS):
            raise UsageError("--by: " + unknown("field to group by", field, GROUPABLE))
    return list(dict.fromkeys([*STANDARD_DIMENSIONS, *by, *([population.field] if population else [])]))


def _audited_in(cube: pl.DataFrame, rule: Rule, reading: Rule) -> Audited:
    """Hold what a cube counts of a rule against the reading that it is said to be."""
    own = cube.filter(pl.col("rule").cast(pl.String) == rule.key).cast({"measure": pl.String, "item": pl.String})
    summed = own.group_by("measure", "item").agg(pl.col("count").sum())
    counts = {(measure, item): count for measure, item, count in summed.iter_rows()}
    steps = [item for measure, item in counts if measure == "left"]
    for step in steps:
        if step not in reading.criteria:
            raise ExtractError(
                f"{rule.key}: "
                + unknown("criterion", str(step), reading.criteria)
                + " If another variant or edition was counted, say so."
            )
    readings = rule.readings()
    there = {item for measure, item in counts if measure == "variant"}
    for name in there - set(readings):
        raise ExtractError(f"{rule.key}: " + unknown("variant", str(name), readings))
    left = [counts.get(("left", name), 0) for name in reading.criteria]
    flagged = counts.get(("flagged", None), 0)
    if left != sorted(left, reverse=True) or (steps and flagged != left[-1]):
        raise ExtractError(f"{rule.key}: what is left after each criterion does not lead down to what is flagged.")
    # A cube has no row for a count of 0, so a variant is only known not to be counted when none is.
    skipped = {} if there or not flagged else dict.fromkeys(readings, "the cube does not count variants")
    skipped.pop(reading.variant_name, None)
    return Audited(rule, reading, skipped)


def _lacking(binding: Binding) -> list[str]:
    """Say which comparisons an extract cannot serve."""
    lost = {
        "activity_date": "there is no trend",
        "age": "rates are not standardised by age",
        "sex": "rates are not standardised by sex",
    }
    return [
        f"this extract has no column for {field}, so {what}. {binding.why_lacking(field)}"
        for field, what in lost.items()
        if field not in binding.fields
    ]


def program_run(started: datetime, clock: float) -> dict[str, Any]:
    """Give what made a result, and when."""
    return {
        "program": "ebi-rules",
        "version": __version__,
        "python": platform.python_version(),
        "polars": pl.__version__,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
    }


def _rules_run(audited: Sequence[Audited]) -> list[dict[str, str]]:
    return [
        {
            "key": entry.key,
            "edition": entry.reading.edition_name,
            "variant": entry.reading.variant_name,
            "content_hash": entry.reading.content_hash,
        }
        for entry in audited
    ]
