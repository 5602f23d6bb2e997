"""Run measures and flows over extracts of the same people."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from ebi_rules._support.clock import now
from ebi_rules._support.clock import today as today_is
from ebi_rules._support.errors import ExtractError, UsageError, unknown
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.areas import recodings
from ebi_rules.criteria.fields import GROUPABLE, PRACTITIONERS
from ebi_rules.cube import STANDARD_DIMENSIONS, cube_dimensions
from ebi_rules.engines.extract import Extract, FrameExtract, Source
from ebi_rules.engines.polars_engine import require_frame
from ebi_rules.engines.warehouse import WarehouseExtract
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import DATASETS
from ebi_rules.layouts.scope import Scope
from ebi_rules.pathways.definitions import FlowNames, MeasureNames, flows, measures
from ebi_rules.pathways.flow import Flow
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.measure_counts import MeasureEntry
from ebi_rules.pathways.pathway_counts import PathwayCounts, count_people, in_order_of_keys
from ebi_rules.pathways.pathway_tables import PathwayTables
from ebi_rules.pathways.people_events import People, gather_people
from ebi_rules.pathways.people_events import Source as PeopleSource
from ebi_rules.pathways.wait_counts import WaitCounts, count_waits
from ebi_rules.pathways.warehouse_counts import count_in_warehouse, countable, require_one_place
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.results.input_records import input_records, settings_records
from ebi_rules.results.measure_result import MeasureResult
from ebi_rules.results.measure_scope import within
from ebi_rules.results.opened_extract import as_extract
from ebi_rules.results.run_record import program_record
from ebi_rules.rule_model.measure_availability import can_contain, is_of_other_data, require_people, why_unanswerable
from ebi_rules.rule_model.measure_logic import FIRST, EventDefinition


def run_measures(
    extracts: Source | Extract | Sequence[Source | Extract],
    measures: MeasureNames | None = None,
    flows: FlowNames | None = None,
    by: Sequence[str] = (),
    settings: Settings | None = None,
    today: date | None = None,
    progress: Progress = quiet,
) -> MeasureResult:
    """Count measures and flows over extracts of the same people: outpatients, admitted care, or both.

    Args:
        extracts: Extracts, or paths or frames; one or several. Child tables are found beside their extracts. Tables in
            a warehouse (`open_extract` with an engine) are counted where they are: no rows leave it.
        measures: Keys, measures, or folders and files with measures; one or several.
        flows: Keys, flows, or folders and files with flows; one or several. Stages that no extract can contain are
            left out with a warning. Without measures and flows, all that come with the package.
        by: Further fields to group index activities by.
        settings: How to show and compare, and the months and providers whose index activity counts.
        today: The data are taken to end on this day; by default the current date. Not for tables in a warehouse.
        progress: Is called with each step.

    Returns:
        The tables, which can be written with a report.

    Raises:
        UsageError: A name is unknown, or extracts cannot be asked together.
        EngineError: A warehouse refused a statement.
        RuleError: A measure or flow file is wrong.
        LayoutError: A layout file is wrong.
        ExtractError: An extract cannot be read, or the extracts cannot answer a measure.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> from datetime import date
        >>> days = [date(2023, 1, 9), date(2023, 3, 9), date(2024, 12, 9)]
        >>> frame = pl.DataFrame({"OPA_Ident": [1, 2, 3], "Der_Pseudo_NHS_Number": ["a", "a", "b"],
        ...                       "Appointment_Date": days, "Der_Procedure_All": ["||U055", "||U055", None],
        ...                       "Der_Diagnosis_All": None, "Age_at_Start_of_Episode_SUS": 45,
        ...                       "Administrative_Category": "01"})
        >>> result = ebi.run_measures(frame, "repeat_imaging", settings=ebi.Settings(disclosure="none"))
        >>> result.shares.select("index_activity", "followed", "outcome").row(0)
        (2, 2, 1)
    """
    started, clock = now(), time.perf_counter()
    chosen_settings = settings or Settings()
    population = chosen_settings.population
    dimensions = _dimensions([*by, *([population.field] if population else [])], chosen_settings)
    progress("opening the extracts")
    opened = _opened(extracts, chosen_settings)
    bindings = [extract.binding for extract in opened]
    _require_fields(dimensions, bindings)
    wanted = _measures(measures, flows)
    wanted, notices = _without_other_data(wanted, bindings, measures is None)
    chosen, skipped = _answerable(wanted, bindings, chosen_settings.skip_unavailable)
    notices += skipped
    chosen_flows, warnings = _with_possible_stages(_flows(measures, flows), bindings)
    notices += warnings
    tables = [extract for extract in opened if isinstance(extract, WarehouseExtract)]
    if tables:
        _require_alike(tables, opened, today)
        chosen, skipped = countable(chosen, chosen_settings.skip_unavailable or measures is None)
        notices += skipped
    if not chosen and not chosen_flows:
        raise ExtractError("these extracts can answer none of the measures. " + " ".join(notices))
    if tables:
        counts = count_in_warehouse(tables, chosen, chosen_flows, dimensions, progress)
        counts = _merged(counts, chosen_settings)
    else:
        frames = [require_frame(extract) for extract in opened]
        followed = [measure for measure in chosen if not measure.wait]
        last = today or today_is()
        people = _people(frames, followed, chosen_flows, dimensions, last, progress)
        people, warnings = _with_merged_providers(people, followed, chosen_settings)
        notices += warnings
        waits = _waits(frames, [measure for measure in chosen if measure.wait], dimensions, last, progress)
        waits = [_with_merged(each, chosen_settings) for each in waits]
        counts = count_people(people, followed, chosen_flows, waits, dimensions, progress)
    counts = within(counts, Scope.of(chosen_settings.months, chosen_settings.providers))
    record = _record(opened, chosen, chosen_flows, dimensions, chosen_settings, counts.sources)
    return MeasureResult(
        PathwayTables(
            exact_cube=counts.cube,
            spread=counts.spread,
            waits=counts.waits,
            contacts=counts.contacts,
            moves=tuple(zip(chosen_flows, counts.moves, strict=True)),
            entries=tuple(MeasureEntry(measure) for measure in chosen),
            run=program_record(started, clock) | record,
            notices=(*notices, *counts.notices),
            settings=chosen_settings,
        )
    )


def _require_alike(tables: Sequence[WarehouseExtract], opened: Sequence[Extract], today: date | None) -> None:
    """Raise `UsageError` if tables cannot be asked together."""
    if len(tables) < len(opened):
        raise UsageError("some of the extracts are files and some are tables: measures need all of them in one place.")
    if today is not None:
        raise UsageError(f"today: the engine {tables[0].engine} takes the day that it is there.")
    require_one_place(tables)


def _with_merged_providers(people: People, chosen: Sequence[Measure], settings: Settings) -> tuple[People, list[str]]:
    """Return people whose providers merged, and warnings about sites that count under their trust."""
    merged, warnings = settings.merged, []
    if any(measure.pairing for measure in chosen):
        sites = merged.with_sites(people.activity["provider"].cast(pl.String))
        if added := len(sites.codes) - len(merged.codes):
            warnings.append(f"{added} site codes count under the trust they begin with, as the other extract names it.")
        merged = sites
    activity = _added_up(merged.in_column(people.activity), "count")
    return replace(people, frame=merged.in_column(people.frame), activity=activity), warnings


def _merged(counts: PathwayCounts, settings: Settings) -> PathwayCounts:
    """Return counts whose providers merged."""
    merged = settings.merged
    moves = [_added_up(merged.in_column(each), "pathways") for each in counts.moves]
    return replace(
        counts,
        cube=merged.in_cube(counts.cube),
        spread=in_order_of_keys([_added_up(merged.in_column(counts.spread), "count")]),
        waits=in_order_of_keys([_added_up(merged.in_column(counts.waits), "count")]),
        moves=tuple(each.sort(each.columns[:-1], nulls_last=True) for each in moves),
    )


def _waits(
    frames: Sequence[FrameExtract],
    measures: Sequence[Measure],
    dimensions: Sequence[str],
    today: date,
    progress: Progress,
) -> list[WaitCounts]:
    """Count the measures of waits."""
    counted = []
    for measure in measures:
        progress(f"counting {measure.key}")
        counted.append(count_waits(frames, measure, dimensions, today))
    return counted


def _with_merged(waits: WaitCounts, settings: Settings) -> WaitCounts:
    """Return waits whose providers merged."""
    return replace(waits, totals=_added_up(settings.merged.in_column(waits.totals), "count"))


def _added_up(counts: pl.DataFrame, column: str) -> pl.DataFrame:
    keys = [name for name in counts.columns if name != column]
    return counts.group_by(keys).agg(pl.col(column).sum()).select(counts.columns)


def _measures(names: MeasureNames | None, flow_names: FlowNames | None) -> list[Measure]:
    if names is None and flow_names is not None:
        return []
    return [measure for measure in measures(names) if names is not None or not measure.only_when_named]


def _without_other_data(
    chosen: Sequence[Measure], bindings: Sequence[Binding], skips: bool
) -> tuple[list[Measure], list[str]]:
    """Return the measures that are about datasets of which there is an extract, and a warning about the others.

    Args:
        chosen: The measures.
        bindings: The layouts of the extracts.
        skips: Whether measures of other datasets are left out: those that nobody named.
    """
    others = [measure for measure in chosen if skips and is_of_other_data(measure, bindings)]
    if not others:
        return list(chosen), []
    keys = ", ".join(measure.key for measure in others)
    text = f"left out, as no extract is of the kind that they are about: {keys}."
    return [measure for measure in chosen if measure not in others], [text]


def _flows(measure_names: MeasureNames | None, names: FlowNames | None) -> list[Flow]:
    return [] if names is None and measure_names is not None else flows(names)


def _dimensions(by: Sequence[str], settings: Settings) -> list[str]:
    allowed = [name for name in GROUPABLE if name not in PRACTITIONERS]
    for field in by:
        if field not in allowed and field not in STANDARD_DIMENSIONS:
            raise UsageError("--by: " + unknown("field to group by", field, allowed))
    return cube_dimensions([*by, *settings.adjust])


def _opened(extracts: Source | Extract | Sequence[Source | Extract], settings: Settings) -> list[Extract]:
    several = list(extracts) if isinstance(extracts, list | tuple) else [extracts]
    if not several:
        raise UsageError("name at least one extract.")
    labels = recodings(settings.areas)
    return [as_extract(extract).with_labels(labels) for extract in several]


def _require_fields(dimensions: Iterable[str], bindings: Sequence[Binding]) -> None:
    for field in dimensions:
        if field not in STANDARD_DIMENSIONS and not any(field in binding.fields for binding in bindings):
            raise ExtractError(f"no extract has a column for {field}. {bindings[0].why_lacking(field)}")


def _people(
    extracts: Sequence[FrameExtract],
    chosen: Sequence[Measure],
    chosen_flows: Sequence[Flow],
    dimensions: Sequence[str],
    today: date,
    progress: Progress,
) -> People:
    definitions = [definition for measure in chosen for definition in measure.definitions]
    definitions += [definition for flow in chosen_flows for stage in flow.stages for definition in stage.events]
    starts = {name for measure in chosen for name in measure.clock_fields}
    # The first of a person, and the beginning of a pathway, is the least key of a day's activities.
    needs_keys = bool(chosen_flows) or any(measure.of == FIRST for measure in chosen)
    return gather_people(extracts, definitions, dimensions, today, starts, needs_keys, progress)


def _answerable(
    chosen: Sequence[Measure], bindings: Sequence[Binding], skip_unavailable: bool
) -> tuple[list[Measure], list[str]]:
    """Return the measures that extracts can answer, and warnings about the others."""
    answerable, warnings = [], []
    for measure in chosen:
        reason = why_unanswerable(measure, bindings)
        if reason and not skip_unavailable:
            raise ExtractError(reason)
        if reason:
            warnings.append(f"{measure.key} was skipped: {reason}")
        else:
            answerable.append(measure)
    return answerable, warnings


def _with_possible_stages(chosen: Sequence[Flow], bindings: Sequence[Binding]) -> tuple[list[Flow], list[str]]:
    """Return flows with the stages that extracts can contain, and warnings about the others."""
    for binding in bindings if chosen else ():
        require_people(binding)
    possible_flows, warnings = [], []
    for flow in chosen:
        stages = [
            replace(stage, events=tuple(each for each in stage.events if _is_anywhere(each, bindings)))
            for stage in flow.stages
        ]
        possible = tuple(stage for stage in stages if stage.events)
        missing = [stage.name for stage in stages if not stage.events]
        if missing:
            warnings.append(f"{flow.key}: skipped the stages {', '.join(missing)}, which no extract can contain.")
        lacking = [
            (stage.name, DATASETS[event.dataset])
            for stage in flow.stages
            for event in stage.events
            if stage.name not in missing and event.dataset and not _is_anywhere(event, bindings)
        ]
        if lacking:
            names, datasets = (", ".join(dict.fromkeys(each)) for each in zip(*lacking, strict=True))
            warnings.append(f"{flow.key}: known in part are the stages {names}, without an extract of {datasets}.")
        if possible:
            possible_flows.append(replace(flow, stages=possible))
    return possible_flows, warnings


def _is_anywhere(definition: EventDefinition, bindings: Sequence[Binding]) -> bool:
    """Return whether any extract can contain the events of a definition."""
    return any(can_contain(definition, binding) for binding in bindings)


def _record(
    extracts: Sequence[Extract],
    chosen: Sequence[Measure],
    chosen_flows: Sequence[Flow],
    dimensions: Sequence[str],
    settings: Settings,
    sources: Sequence[PeopleSource],
) -> dict[str, Any]:
    areas = str(settings.areas) if settings.areas else None
    return {
        "measures": [{"key": measure.key, "source": measure.source} for measure in chosen],
        "flows": [{"key": flow.key, "source": flow.source} for flow in chosen_flows],
        "engine": extracts[0].engine,
        "options": {"by": list(dimensions), "areas": areas, **settings.scope.as_record()},
        "inputs": [_without_rows(record) for extract in extracts for record in input_records(extract, None)],
        "settings_files": settings_records(),
        "extracts": [
            {
                "dataset": source.dataset,
                "layout": extract.binding.layout.name,
                "columns": {name: list(columns) for name, columns in extract.binding.fields.items()},
                "first_day": str(source.first),
                "last_day": str(source.last),
            }
            for extract, source in zip(extracts, sources, strict=True)
        ],
    }


def _without_rows(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an input without its number of rows, which these outputs do not show."""
    return {name: value for name, value in record.items() if name != "rows"}
