"""Make rules and extracts for tests: a rule from criteria as text, rows from canonical values in any layout."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import Criterion, NamedCodes, NamedImagingCodes
from ebi_rules.criteria.parser import parse
from ebi_rules.layouts.layout import ChildTable, Layout, find_layout
from ebi_rules.rule_model.catalogue import shared_definitions
from ebi_rules.rule_model.rule import Rule
from ebi_rules.rule_model.rule_documentation import NOT_STATED, RuleDocumentation
from ebi_rules.rule_model.rule_logic import DEFAULT, RuleLogic
from opcs_icd import CodeList, ImagingCodes
from tests.engines.case import Case

LAYOUTS = ("ncdr-opa", "hes-op", "unified-sus-op")
"""One layout of each shape: delimited, numbered, child tables."""

Row = Mapping[str, object]

_TYPES: Mapping[Kind, type[pl.DataType]] = {Kind.NUMBER: pl.Int64, Kind.DATE: pl.Date}

_DOCUMENTATION = RuleDocumentation(
    title="Made up",
    aliases=(),
    list_number=None,
    status="local",
    source="",
    excerpt=False,
    port=None,
    interventions=(),
    fitness=NOT_STATED,
    start=None,
    revised=(),
    about="",
    edition_about="",
    variant_about="",
    limits=(),
    words={},
    titles={},
)


def make_rule(
    criteria: Mapping[str, str | Criterion],
    opcs: Mapping[str, Sequence[str]] | None = None,
    icd: Mapping[str, Sequence[str]] | None = None,
    key: str = "made_up",
    nicip: Mapping[str, Sequence[str]] | None = None,
    snomed: Mapping[str, Sequence[str]] | None = None,
) -> Rule:
    lists: dict[str, NamedCodes | NamedImagingCodes] = {}
    lists |= {name: NamedCodes(name, CodeList.opcs(patterns)) for name, patterns in (opcs or {}).items()}
    lists |= {name: NamedImagingCodes(name, ImagingCodes.nicip(patterns)) for name, patterns in (nicip or {}).items()}
    lists |= {name: NamedImagingCodes(name, ImagingCodes.snomed(codes)) for name, codes in (snomed or {}).items()}
    lists |= {name: NamedCodes(name, CodeList.icd(patterns)) for name, patterns in (icd or {}).items()}
    shared = shared_definitions()
    parsed = {
        name: parse(text, {**shared.lists, **lists}, shared.criteria) if isinstance(text, str) else text
        for name, text in criteria.items()
    }
    logic = RuleLogic(
        key=key,
        dataset="outpatient",
        edition_name="2026-01",
        variant_name=DEFAULT,
        criteria=parsed,
        eligible=(),
    )
    return Rule(logic, _DOCUMENTATION)


def make_case(layout: str | Layout, rules: Sequence[Rule], rows: Sequence[Row]) -> Case:
    """Return a case whose rows have keys 0, 1, ...

    The codes of a row, such as its `procedures`, are one text for a delimited layout, or a list of cells.
    """
    chosen = find_layout(layout)
    columns: dict[str, list[object]] = {chosen.fields["id"][0]: list(range(len(rows)))}
    schema: dict[str, type[pl.DataType]] = {chosen.fields["id"][0]: pl.Int64}
    for name, (first, *_) in chosen.fields.items():
        if any(name in row for row in rows):
            columns[first] = [_cell(name, row.get(name)) for row in rows]
            schema[first] = _TYPES.get(FIELDS[name].kind, pl.String)
    children = {}
    for name, shape in chosen.codes.items():
        cells = [_cells(row.get(name)) for row in rows]
        if isinstance(shape, ChildTable):
            children[name] = _child(cells, shape)
        elif len(shape.names(shape.templates[0])) == 1:
            columns[shape.templates[0]] = [",".join(c or "" for c in each) if each else None for each in cells]
            schema[shape.templates[0]] = pl.String
        else:
            for place, column in enumerate(shape.names(shape.templates[0])[:8]):
                columns[column] = [each[place] if place < len(each) else None for each in cells]
                schema[column] = pl.String
    return Case(chosen, rules, pl.DataFrame(columns, schema=schema), children)


def _cell(name: str, value: object) -> object:
    """Return a value of a field as the frame has it: dates are written 2024-03-28."""
    is_day = FIELDS[name].kind is Kind.DATE and isinstance(value, str)
    return date.fromisoformat(str(value)) if is_day else value


def _cells(value: object) -> list[str | None]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _child(cells: Sequence[Sequence[str | None]], shape: ChildTable) -> pl.DataFrame:
    rows = [(key, cell, place) for key, each in enumerate(cells) for place, cell in enumerate(each, start=1)]
    frame = pl.DataFrame(
        rows, schema={shape.key: pl.Int64, shape.code: pl.String, "position": pl.Int64}, orient="row"
    ).reverse()
    return frame.rename({"position": shape.position}) if shape.position else frame.drop("position")
