"""The cube of imaging examinations is the same from every SQL engine as from Polars: labels and ages worked out too."""

import random
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest

from ebi_rules.criteria.labels import Recoding, recodings_in_force, request_settings
from ebi_rules.cube import STANDARD_DIMENSIONS, read_cube, schema
from ebi_rules.engines.polars_cube import count_frame
from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.audited_rule import AuditedRule
from ebi_rules.rule_model.catalogue import open_policy
from ebi_rules.statements.cube_sql import cube_statement
from ebi_rules.statements.table_source import TableSource
from tests.engines.case import Case
from tests.engines.engine import ACTIVITY, tables
from tests.engines.evaluators import EVERY_SQL_ENGINE, SQL_ENGINES, started
from tests.engines.test_cube import NOT_IN_SQL

DIMENSIONS = (*STANDARD_DIMENSIONS, "request_setting", "referrer_type", "modality")
_ROWS = 300
_VALUES = {
    "provider": ["R1H01", " r1h01", "RYJ02", None],
    "sex": ["1", "2", " 1", None],
    "nicip": ["MLUSP", "mknel", "UHIPB", "XCHES", "MLUSPC", None, "XLSPN"],
    "snomed": ["241648005", "2471000087103", None, "241504009", "168537006"],
    "source_setting": ["01", "03", "4", "04", "05", "06", "6", "99", None],
    "referring_organisation": ["RX1", " rx1", "E84001", None],
    "referrer": ["C1234", "G1", "PH12", "PH1234567", "N9999998", "12a3456b", "1233456B", "X9999998", "ZE12", None, ""],
}


def _labels() -> tuple[Recoding, ...]:
    """Return the labels in force when a list of specialist settings is given, that of settings first."""
    settings = request_settings()
    assert settings.split
    listed = replace(settings, split=replace(settings.split, codes=("RX1",)))
    return listed, *(each for each in recodings_in_force() if each.name != settings.name)


@cache
def _case() -> Case:
    layout, rng = find_layout("dids-v1"), random.Random(5)
    columns: dict[str, pl.Series] = {layout.fields["id"][0]: pl.Series(range(_ROWS))}
    for name, values in _VALUES.items():
        columns[layout.fields[name][0]] = pl.Series(rng.choices(values, k=_ROWS), dtype=pl.String)
    births = [date(1930, 1, 1) + timedelta(days=rng.randrange(35_000)) for _ in range(_ROWS)]
    days = [rng.choice([None, date(2024, 2, 29) + timedelta(days=rng.randrange(700))]) for _ in range(_ROWS)]
    columns[layout.fields["birth_date"][0]] = pl.Series(births, dtype=pl.Date)
    columns[layout.fields["activity_date"][0]] = pl.Series(days, dtype=pl.Date)
    rules = [*open_policy("imaging-dataset"), *open_policy("nwl-msk-imaging")]
    chosen = [rule for rule in rules if rule.key in ("did_low_back_imaging", "nwl_did_any")]
    return Case(layout, chosen, pl.DataFrame(columns))


@pytest.mark.parametrize("name", EVERY_SQL_ENGINE)
def test_the_cube_of_examinations(name: str) -> None:
    started(name)
    engine, dialect = SQL_ENGINES[name]
    case = engine.stores(_case())
    audited = [AuditedRule.of(each, each, case.binding) for each in case.rules]
    text = cube_statement(audited, DIMENSIONS, dialect, TableSource(case.binding.recoded(_labels()), ACTIVITY, {}))
    engine.load_all(tables(case), dialect)
    found = [[None if value is None else str(value) for value in row] for row in engine.rows(text.rstrip(";"))]
    cube = read_cube(pl.DataFrame(found, schema=dict.fromkeys(schema(DIMENSIONS), pl.String), orient="row"))
    expected = count_frame(case.extract.with_labels(_labels()), audited, DIMENSIONS).cube
    expected = expected.filter(~pl.col("measure").is_in(list(NOT_IN_SQL)))
    assert cube.equals(expected), cube.join(expected, on=cube.columns, how="anti", nulls_equal=True)
    assert expected.filter(pl.col("measure") == "flagged")["count"].sum() >= 20
    assert {*_labels()[0].known, None} == set(expected["request_setting"].cast(pl.String))
    assert {"consultant", "nurse", "not known", "general practitioner"} <= set(
        expected["referrer_type"].cast(pl.String)
    )
