"""Count measures of waits in a warehouse: only counts, and the days of lists, leave it."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from ebi_rules.criteria.nodes import fields_needed
from ebi_rules.cube import normal_fields
from ebi_rules.engines.findings import notices_of
from ebi_rules.engines.warehouse import WarehouseExtract, find_odd_values
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.wait_counts import (
    ANSWER,
    FLAGS,
    OddWaits,
    WaitCounts,
    list_notices,
    no_other_dataset,
)
from ebi_rules.pathways.wait_rows import FIRST_DAY, NO_STATUS, STATUSES
from ebi_rules.rule_model.measure_availability import can_contain, can_end
from ebi_rules.statements.wait_sql import (
    BEFORE_DATA,
    BEFORE_LIST,
    CONTACTS,
    FACT_COLUMNS,
    FACTS,
    LISTS,
    NO_START,
    TOTALS,
    wait_statements,
)

_COUNTED = (*ANSWER, *FLAGS, "kind", "early", "count")


def count_waits_in_warehouse(
    extracts: Sequence[WarehouseExtract], measure: Measure, dimensions: Sequence[str]
) -> WaitCounts:
    """Count a measure of waits where the tables are, as `wait_counts.count_waits` does.

    Args:
        extracts: The tables, in one place.
        measure: The measure.
        dimensions: The fields to count by.

    Raises:
        ExtractError: A column has a type that its field cannot have.
        EngineError: The warehouse refused a statement.
    """
    assert measure.wait, "only measures of waits"
    odd_values = _odd_values(extracts, measure, dimensions)
    sources = [extract.source for extract in extracts]
    statements = wait_statements(measure, extracts[0].dialect, sources, dimensions, STATUSES)
    query = extracts[0].query
    counted = query(statements[TOTALS])
    counted.columns = [*dimensions, *_COUNTED]
    numbers = [pl.col(name).cast(pl.Int64) for name in _COUNTED]
    texts = [pl.col(name).cast(pl.String) for name in dimensions]
    counted = normal_fields(counted.with_columns(*numbers, *texts))
    facts = query(statements[FACTS])
    facts.columns = list(FACT_COLUMNS)
    *numbers_of_odd, data_end = facts.row(0)
    several, no_person, no_day = (int(str(value or 0).split(".")[0]) for value in numbers_of_odd)
    elsewhere = [extract for extract in extracts if _is_elsewhere(extract, measure)]
    odd = OddWaits(
        no_start=_number(counted, pl.col("kind") == NO_START),
        before_data=_number(counted, pl.col("kind") == BEFORE_DATA),
        early=_number(counted, pl.col("early") == 1),
        before_list=_number(counted, pl.col("kind") == BEFORE_LIST),
        several=several,
        no_person=no_person if elsewhere else 0,
        no_list_day=no_day if measure.wait.snapshots else 0,
    )
    notices: list[str] = [*odd_values, *odd.notices(measure.key)]
    if LISTS in statements:
        notices += _list_notices(query(statements[LISTS]), measure.key, data_end)
        notices += [] if elsewhere else no_other_dataset(measure)
    contacts = pl.DataFrame(schema={"status": pl.String, "count": pl.Int64})
    if CONTACTS in statements:
        contacts = _contacts(query(statements[CONTACTS]))
    keys = [*dimensions, *ANSWER, *FLAGS]
    totals = counted.group_by(keys).agg(pl.col("count").sum())
    return WaitCounts(measure, totals, contacts, tuple(notices))


def _is_elsewhere(extract: WarehouseExtract, measure: Measure) -> bool:
    """Return whether a table shows who was seen in another dataset."""
    binding = extract.binding
    ends = measure.wait.seen if measure.wait else ()
    return not can_contain(measure.index, binding) and any(can_end(end, binding) for end in ends)


def _odd_values(extracts: Sequence[WarehouseExtract], measure: Measure, dimensions: Sequence[str]) -> list[str]:
    """Return warnings about values that are not understood in what a measure asks about."""
    assert measure.wait, "only measures of waits"
    notices: list[str] = []
    for extract in extracts:
        own = can_contain(measure.index, extract.binding)
        ends = [end for end in measure.wait.seen if can_end(end, extract.binding)]
        if not own and not ends:
            continue
        criteria = [criterion for end in ends for criterion in end.event.criteria]
        criteria += measure.index.criteria if own else ()
        needed = {name for criterion in criteria for name in fields_needed(criterion)}
        days = {"activity_date", str(measure.start), str(measure.wait.removed_on), *(end.on for end in ends)}
        extract.check_types([name for name in days if extract.binding.fields.get(name)])
        fields = [*needed, *(name for name in dimensions if name != "month" and own)]
        findings = find_odd_values(extract, [name for name in fields if name not in days])
        notices += [*notices_of(findings, needed), *extract.remarks]
    return list(dict.fromkeys(notices))


def _list_notices(lists: pl.DataFrame, key: str, data_end: object) -> list[str]:
    """Return warnings about weeks without a list, up to the end of the data."""
    lists.columns = ["provider", "day"]
    numbers = pl.Series("day", [_day_number(day) for day in lists["day"]], dtype=pl.Int64)
    return list_notices(key, lists.with_columns(numbers), _day_number(data_end) if data_end else 0)


def _day_number(day: object) -> int:
    return (date.fromisoformat(str(day)[:10]) - FIRST_DAY).days


def _contacts(counted: pl.DataFrame) -> pl.DataFrame:
    """Return the contacts by the name of their status."""
    counted.columns = ["status", "count"]
    names = [*STATUSES, NO_STATUS]
    status = [names[int(place)] for place in counted["status"]]
    named = counted.select(pl.Series("status", status, dtype=pl.String), pl.col("count").cast(pl.Int64))
    return named.sort("status")


def _number(counted: pl.DataFrame, condition: pl.Expr) -> int:
    return int(counted.filter(condition)["count"].sum())
