"""Hypothesis strategies for rules, layouts and extracts, over tiny domains so that values collide.

A case has any code lists, any criteria over them, any shape of layout, and cells as messy as real ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl
from hypothesis import strategies as st

from ebi_rules.criteria.fields import FIELDS, Kind
from ebi_rules.criteria.nodes import (
    CODE_FIELD,
    CODE_FIELDS,
    SPELL_FIELD,
    And,
    Between,
    Compare,
    Criterion,
    FollowedBy,
    HasCode,
    In,
    InList,
    IsNull,
    NamedCodes,
    NamedImagingCodes,
    Not,
    Or,
    Position,
    Recorded,
    StartsWith,
)
from ebi_rules.layouts.binding import BIRTH_AND_ACTIVITY
from ebi_rules.layouts.layout import ChildTable, Layout, Numbered
from opcs_icd import ICD10, OPCS4, CodeList, CodeSystem, ImagingCodes
from tests.engines.case import Case
from tests.engines.making import make_rule

SEPARATORS = ["||", ",", " ,", ", ", "|", ";", " ", ",,", " || ", "||,"]
"""What stands between two codes of one text."""

ENDS = ["", "||", "|", " ", ",", ";"]
"""What stands before the first code of a text, and behind the last."""

NO_CODES = ["", "NULL", "null", "-", "&"]
CELLS = [None, "", "NULL", "||", "  ", ".", ",", "-"]
"""Whole cells that hold no code."""

# Two letters and two digits a place: few enough that codes and patterns meet by chance, in either classification.
_LETTERS = {OPCS4: "UZ", ICD10: "CM"}
_DIGITS = "05"

_FIELD_VALUES: Mapping[str, list[str]] = {
    "administrative_category": ["01", "02", "20"],
    "attendance_status": ["5", "6"],
    "treatment_function": ["010", "100", "001"],
    "ethnic_category": ["A", "N1", "9"],
    "nicip": ["MLUSP", "MKNEL", "XCHES"],
    "snomed": ["241648005", "2471000087103"],
}
_RAW_VALUES: Mapping[str, list[str | None]] = {
    "administrative_category": [None, "", " ", "NULL", "01", "1", "02", "2", " 2", "20", "0 2", "A", "002"],
    "attendance_status": [None, "", "null", "5", "6 ", "05"],
    "treatment_function": [None, "", "010", "10", "1", "01", "100", "1000", "A"],
    "ethnic_category": [None, " ", "NULL", "a", "A", "N1", "NUL", "9", "%", "A_"],
    "nicip": [None, "", "NULL", "MLUSP", "mlusp ", "MLUSPC", "MKNEL", " MKNE L", "MKNEB", "XCHES", "M%", "LUSP"],
    "snomed": [None, " ", "NULL", "241648005", " 241648005", "41333006", "2471000087103", "24164800", "2416480051"],
}
_NUMBERS: Mapping[str, list[int | None]] = {
    "age": [None, -1, 0, 1, 18, 19, 7000, 7001, 7007, 7008],
    "imd_decile": [None, -1, 0, 1, 10],
}
_BOUNDS = st.sampled_from([-1, 0, 1, 10, 18, 19, 7000, 7001, 7005, 7010])
_EXAMINATIONS = [
    NamedImagingCodes("lumbar", ImagingCodes.nicip(["MLUSP", "MLUSPC"])),
    NamedImagingCodes("knee", ImagingCodes.nicip(["MKNE[BLR]"])),
    NamedImagingCodes("lumbar", ImagingCodes.snomed(["241648005", "41333006"])),
    NamedImagingCodes("knee", ImagingCodes.snomed(["2471000087103"])),
]
"""Lists of imaging codes, some of which have the codes of a raw value."""

_DAYS = [None, *(date(*day) for day in ((2000, 2, 29), (2006, 3, 1), (2007, 2, 28), (2024, 2, 29), (2025, 2, 28)))]
"""Days of births and of activities: some birthdays are on the day, some a day later."""

_PREFIXES = ["0", "00", "01", "1", "2", "5", "A", "N", "NU", "9"]

_LIST_NAMES = {OPCS4: ("scans", "age"), ICD10: ("plain", "order")}
"""The names of code lists: some are also those of a field, a key or a word of SQL."""

_TWO_COLUMNS = {"age", "administrative_category"}
"""Fields that a layout may keep in two columns, the first that is not null counting."""

_COLUMN_NAMES = ["plain", "With Blank", "a.dotted.name", "SELECT", "order", "group", "1st", "user"]
"""How the columns of a layout are named, all in one way: each with the field's name behind it, or bare for the key."""


@st.composite
def _pattern(draw: st.DrawFn, system: CodeSystem) -> str:
    """Return a pattern of a code list: any form that scripts publish."""
    letter = draw(st.sampled_from(_LETTERS[system]))
    tens, units, fourth, fifth = (draw(st.sampled_from(_DIGITS)) for _ in range(4))
    category = letter + tens + units
    return draw(
        st.sampled_from(
            [
                category,
                category + "X",
                category + fourth,
                f"{category}.{fourth}",
                category + fourth + fifth,
                f"{category}[{_DIGITS}]",
                f"{letter}{tens}[{_DIGITS}]",
                letter + tens,
                f"{letter}00-{letter}0{units}",
                f"{category}.0-{category}.{fourth}",
                category.lower(),
            ]
        )
    )


def code_lists(system: CodeSystem) -> st.SearchStrategy[list[CodeList]]:
    """Return two code lists."""
    one = st.lists(_pattern(system), min_size=1, max_size=4).map(lambda patterns: CodeList(system, patterns))
    return st.lists(one, min_size=2, max_size=2)


def _code_atoms(
    lists: Mapping[CodeSystem, Sequence[NamedCodes]], ordered: Mapping[str, bool]
) -> Iterator[st.SearchStrategy[Criterion]]:
    """Return strategies of atoms about codes; those about order only where a layout keeps it."""
    for system, named in lists.items():
        one = st.sampled_from(named)
        yield st.builds(HasCode, one)
        yield st.builds(Recorded, st.just(system))
        yield st.builds(HasCode, one, st.just(Position.SPELL))
        if ordered[CODE_FIELD[system]]:
            yield st.builds(HasCode, one, st.sampled_from(Position))
            yield st.builds(FollowedBy, one, one)


def _field_atoms() -> st.SearchStrategy[Criterion]:
    numbers, codes = st.sampled_from(sorted(_NUMBERS)), st.sampled_from(sorted(_FIELD_VALUES))
    of = {name: st.sampled_from(values) for name, values in _FIELD_VALUES.items()}
    some = {name: st.lists(values, min_size=1, max_size=3, unique=True).map(tuple) for name, values in of.items()}
    bounds = st.lists(_BOUNDS, min_size=1, max_size=3, unique=True).map(tuple)
    return st.one_of(
        st.builds(lambda name, one, two: Between(name, min(one, two), max(one, two)), numbers, _BOUNDS, _BOUNDS),
        st.builds(Compare, numbers, st.sampled_from(["=", "<", "<=", ">", ">="]), _BOUNDS),
        codes.flatmap(lambda name: st.builds(Compare, st.just(name), st.just("="), of[name])),
        codes.flatmap(lambda name: st.builds(In, st.just(name), some[name])),
        st.builds(In, numbers, bounds),
        st.builds(IsNull, st.one_of(numbers, codes)),
        st.builds(StartsWith, codes, st.sampled_from(_PREFIXES)),
        st.builds(InList, st.sampled_from(_EXAMINATIONS)),
    )


def criteria(
    lists: Mapping[CodeSystem, Sequence[NamedCodes]], ordered: Mapping[str, bool]
) -> st.SearchStrategy[Criterion]:
    """Return any criterion over the lists."""
    atoms = st.one_of(*_code_atoms(lists, ordered), _field_atoms())
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple)),
            st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        ),
        max_leaves=5,
    )


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Return a layout: codes in any shape, fields in one column or two, columns of any name."""
    style = draw(st.sampled_from(_COLUMN_NAMES))
    fields = {"id": (style,)}
    kinds = draw(st.sampled_from([("nicip", "snomed"), ("nicip",), ("snomed",)]))
    absent = {"nicip", "snomed"} - set(kinds)
    if draw(st.booleans()):
        absent.add("age")
        fields |= {name: (f"{style} {name}",) for name in BIRTH_AND_ACTIVITY}
    for name in [*_NUMBERS, *_FIELD_VALUES]:
        if name in absent:
            continue
        most = 2 if name in _TWO_COLUMNS else 1
        fields[name] = tuple(f"{style} {name}{place}" for place in range(draw(st.integers(1, most))))
    codes: dict[str, Numbered | ChildTable] = {name: Numbered((f"{style} {name}",)) for name in SPELL_FIELD.values()}
    for name in CODE_FIELD.values():
        codes[name] = draw(
            st.sampled_from(
                [
                    Numbered((f"{style} {name}",)),
                    Numbered((f"{style} {name} NN",), positions=3),
                    ChildTable(name, f"{style} parent", "code", "position"),
                    ChildTable(name, style, f"{style} code", None),
                ]
            )
        )
    return Layout("generated", "Generated", "outpatient", "", fields, codes, baby_ages=True)


@st.composite
def _token(draw: st.DrawFn, system: CodeSystem) -> str:
    """Return one code as a cell may write it, or what is none."""
    code = draw(st.sampled_from(_LETTERS[system])) + "".join(
        draw(st.sampled_from(_DIGITS)) for _ in range(draw(st.integers(1, 4)))
    )
    return draw(
        st.sampled_from(
            [
                code,
                code,
                code,
                code.lower(),
                f"{code[:3]}.{code[3:]}",
                code + "-",
                code[:3] + "X",
                code[:3] + "A",
                "X" + code,
                "%" + code[1:],
                code[:2] + "_" + code[3:],
                code[:2] + "[05]",
                *NO_CODES,
            ]
        )
    )


@st.composite
def _text(draw: st.DrawFn, system: CodeSystem) -> str | None:
    """Return codes as one text with any separators, or none."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(CELLS))
    tokens = draw(st.lists(_token(system), min_size=1, max_size=4))
    text = draw(st.sampled_from(ENDS)) + tokens[0]
    for token in tokens[1:]:
        text += draw(st.sampled_from(SEPARATORS)) + token
    return text + draw(st.sampled_from(ENDS))


def _cell(system: CodeSystem) -> st.SearchStrategy[str | None]:
    """Return a cell meant for one code: mostly one, sometimes none or several."""
    return st.one_of(_token(system), _token(system), st.sampled_from(CELLS), _text(system))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return rules and an extract in some layout."""
    layout = draw(layouts())
    lists = {
        system: [NamedCodes(*pair) for pair in zip(_LIST_NAMES[system], draw(code_lists(system)), strict=True)]
        for system in CodeSystem
    }
    ordered = {
        name: not (isinstance(shape, ChildTable) and shape.position is None) for name, shape in layout.codes.items()
    }
    criterion = st.lists(criteria(lists, ordered), min_size=1, max_size=2)
    rules = [
        make_rule({f"criterion_{place}": each for place, each in enumerate(asked)}, key=f"rule_{number}")
        for number, asked in enumerate(draw(st.lists(criterion, min_size=1, max_size=3)))
    ]
    height = draw(st.integers(0, 8))
    columns: dict[str, list[object]] = {layout.fields["id"][0]: draw(st.permutations(range(height)))}
    schema: dict[str, type[pl.DataType]] = {layout.fields["id"][0]: pl.Int64}
    for name in layout.fields:
        if name == "id":
            continue
        if name in BIRTH_AND_ACTIVITY:
            (column,) = layout.fields[name]
            columns[column] = draw(st.lists(st.sampled_from(_DAYS), min_size=height, max_size=height))
            schema[column] = pl.Date
            continue
        values = st.sampled_from(_NUMBERS[name] if name in _NUMBERS else _RAW_VALUES[name])
        for column in layout.fields[name]:
            columns[column] = draw(st.lists(values, min_size=height, max_size=height))
            schema[column] = pl.Int64 if FIELDS[name].kind is Kind.NUMBER else pl.String
    children = {}
    for name, shape in layout.codes.items():
        system = CODE_FIELDS[name]
        if isinstance(shape, ChildTable):
            children[name] = draw(_child(system, shape, height))
            continue
        names = shape.names(shape.templates[0])
        cell = _text(system) if len(names) == 1 else _cell(system)
        for column in names:
            columns[column] = draw(st.lists(cell, min_size=height, max_size=height))
            schema[column] = pl.String
    return Case(layout, rules, pl.DataFrame(columns, schema=schema), children)


@st.composite
def _child(draw: st.DrawFn, system: CodeSystem, shape: ChildTable, height: int) -> pl.DataFrame:
    """Return child rows in no order, with gaps in their positions, some of activities that are not there."""
    row = st.tuples(st.integers(0, height + 1), _cell(system), st.integers(1, 30))
    rows = draw(st.lists(row, max_size=2 * height + 2, unique_by=lambda each: (each[0], each[2])))
    schema: dict[str, type[pl.DataType]] = {shape.key: pl.Int64, shape.code: pl.String, "position": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.rename({"position": shape.position}) if shape.position else frame.drop("position")
