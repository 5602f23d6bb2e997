"""SUS-like outpatient extracts made up by seed, in any layout; no row is or resembles a real patient's.

What is in scope of the low back imaging rule is decided when a row is planted, never by the rule engine, so
that `truth` can judge it. Providers truly differ; months have seasons; codes come in all the forms seen in
real extracts. Organisation codes begin with ZZ, which no real NHS organisation's code is assumed to do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ebi_rules.criteria import CODE_FIELDS
from ebi_rules.errors import UsageError
from ebi_rules.layouts import ChildTable, Layout, Numbered, find_layout
from ebi_rules.output import whole_file
from opcs_icd import ICD10, OPCS4, CodeSystem

if TYPE_CHECKING:
    from numpy.random import Generator

Array = np.ndarray[Any, np.dtype[Any]]

CHUNK = 250_000
PROVIDERS = 32
_FIRST_DAY, _DAYS = date(2023, 4, 1), 3 * 365

Codes = tuple[str, ...]

# What is planted, with its share of activity at a provider of ordinary habits and whether its codes are in
# scope of the rule. The codes and their meanings are the rule's source's.
_PLANTED: Sequence[tuple[str, float, bool, Sequence[Codes]]] = (
    ("CT or MRI of the spine", 0.010, True, [("U054",), ("U055",), ("U055", "Y981"), ("Y981", "U055", "Z664")]),
    (
        "other imaging, lumbar site later",
        0.008,
        True,
        [("U135", "Z665"), ("U133", "Y981", "Z665"), ("U132", "O162"), ("U136", "Z665"), ("U211", "Z665"),
         ("U212", "O162"), ("U216", "Z665"), ("U217", "O162"), ("Y973", "U217", "Z665")],
    ),
    ("other imaging, lumbar site first", 0.001, True, [("Z665", "U135"), ("O162", "U211")]),
    ("near miss: imaging without a site", 0.010, False, [("U135",), ("U133", "Y981"), ("U217",)]),
    ("near miss: imaging of another site", 0.010, False, [("U135", "Z663"), ("U133", "Z846"), ("U211", "Z901")]),
    ("near miss: lumbar site without imaging", 0.004, False, [("W903", "Z665"), ("A521", "Z665"), ("X384", "O162")]),
    ("near miss: other imaging", 0.008, False, [("U052",), ("U051",), ("U131", "Z665"), ("U134", "Z665")]),
)  # fmt: skip
_CANCERS: Sequence[Codes] = (("C509",), ("C61X",), ("M545", "C795"), ("D05X",), ("D480",), ("Z080", "C340"), ("D099",))
_DIAGNOSES: Sequence[Codes] = (("M545",), ("M544", "I10X"), ("M511",), ("D360",), ("E119", "E780", "J849"), ("G551",))

# Shares of values by field: what a national outpatient extract roughly looks like.
_VALUES: Mapping[str, Mapping[str | None, float]] = {
    "sex": {"1": 0.43, "2": 0.56, "9": 0.005, "0": 0.005},
    "attendance_status": {"5": 0.80, "6": 0.02, "3": 0.075, "2": 0.05, "4": 0.04, "7": 0.005, "0": 0.005, None: 0.005},
    "referral_source": {"03": 0.55, "05": 0.15, "04": 0.05, "01": 0.05, "11": 0.08, "14": 0.05, "97": 0.05, None: 0.02},
    "priority": {"1": 0.75, "2": 0.15, "3": 0.08, None: 0.02},
    "treatment_function": {"812": 0.12, "110": 0.15, "108": 0.02, "191": 0.02, "410": 0.05, "650": 0.10, "300": 0.30,
                           "130": 0.12, "502": 0.12},
    "ethnic_category": {"A": 0.65, "B": 0.01, "C": 0.05, "H": 0.04, "J": 0.03, "M": 0.02, "N": 0.04, "Z": 0.10,
                        "99": 0.03, None: 0.03},
}  # fmt: skip
_CATEGORIES: Mapping[str | None, float] = {"01": 0.95, "03": 0.01, "98": 0.005, "99": 0.005, None: 0.03}


@dataclass(frozen=True)
class _Population:
    """What all rows of one seed share: organisations and their habits, and the codes that rows draw from."""

    names: tuple[str, ...]
    size: Array
    imaging: Array
    private: Array
    codes: Mapping[CodeSystem, Sequence[Codes]]
    planted_at: Sequence[range]
    cancer_at: range


def write_extract(
    output: Path,
    rows: int,
    seed: int = 1,
    layout: str | Path | Layout = "ncdr-opa",
    truth: Path | None = None,
    names: Path | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[Path]:
    """Write a made-up extract as parquet, and give the files written.

    `output` is the activity table; a child layout's tables stand beside it as NAME.procedures.parquet and
    NAME.diagnoses.parquet. `truth` gets the key, `in_scope` and `why` of every row; `names` gets the made-up
    provider names as CSV (code, name). `progress` is told of every rows written. The same seed, rows and
    layout give the same data. Raises `UsageError` for a path that exists, unless `force`.
    """
    import pyarrow.parquet as pq

    if rows < 0:
        raise UsageError("the number of rows is 0 or more.")
    chosen = find_layout(layout)
    if chosen.dataset != "outpatient":
        raise UsageError(f"only outpatient extracts are made up so far, and {chosen.name} is {chosen.dataset}.")
    population = _population(seed)
    targets: dict[str, Path] = {"activity": output}
    for name, shape in chosen.codes.items():
        if isinstance(shape, ChildTable):
            targets[name] = output.with_name(f"{output.stem}.{name}.parquet")
    if truth is not None:
        targets["truth"] = truth
    every = [*targets.values(), *([names] if names else [])]
    if len({path.resolve() for path in every}) < len(every):
        raise UsageError("two of the files to write have the same name: give each its own.")
    with ExitStack() as stack:
        scratch = {name: stack.enter_context(whole_file(path, force)) for name, path in targets.items()}
        if names is not None:
            names_frame = pl.DataFrame({"code": _provider_codes(), "name": population.names})
            names_frame.write_csv(stack.enter_context(whole_file(names, force)))
        with ExitStack() as writers:
            open_writers: dict[str, pq.ParquetWriter] = {}
            for tables in _chunks(rows, seed, population, chosen):
                for name, table in tables.items():
                    if name in scratch:
                        arrow = table.to_arrow(compat_level=pl.CompatLevel.oldest())
                        if name not in open_writers:
                            writer = pq.ParquetWriter(scratch[name], arrow.schema, compression="zstd")
                            open_writers[name] = writers.enter_context(writer)
                        open_writers[name].write_table(arrow)
                progress(tables["activity"].height)
    return every


def _chunks(rows: int, seed: int, population: _Population, layout: Layout) -> Iterator[dict[str, pl.DataFrame]]:
    """Give the tables of a layout in chunks of rows; at least one chunk, so that an empty table has columns."""
    for number, start in enumerate(range(0, max(rows, 1), CHUNK)):
        rng = np.random.default_rng([seed, number])
        yield _lay_out(_activities(rng, start, min(CHUNK, rows - start), population), layout, population, rng)


def _population(seed: int) -> _Population:
    from faker import Faker

    faker = Faker("en_GB")
    faker.seed_instance(seed)
    rng = np.random.default_rng([seed, 10**9])
    names = tuple(f"{faker.unique.last_name()} {kind} (made up)"
                  for kind in ["Hospitals", "Community Trust", "Clinics", "Infirmary"] * (PROVIDERS // 4))  # fmt: skip
    letters = np.array(list("ABEFGHJKLMNPQRSTVWX"))
    background = [
        tuple(f"{letter}{rng.integers(1, 99):02d}{rng.integers(1, 10)}" for letter in rng.choice(letters, size))
        for size in rng.integers(1, 7, 3000)
    ]
    procedures: list[Codes] = list(background)
    planted_at = []
    for _, _, _, forms in _PLANTED:
        planted_at.append(range(len(procedures), len(procedures) + len(forms)))
        procedures += forms
    diagnoses = [*_DIAGNOSES, *_CANCERS]
    return _Population(
        names=names,
        size=rng.dirichlet(np.full(PROVIDERS, 3.0)),
        imaging=rng.lognormal(0.0, 0.45, PROVIDERS),
        private=rng.beta(1, 30, PROVIDERS),
        codes={OPCS4: procedures, ICD10: diagnoses},
        planted_at=planted_at,
        cancer_at=range(len(_DIAGNOSES), len(diagnoses)),
    )


def _activities(rng: "Generator", start: int, rows: int, population: _Population) -> pl.DataFrame:
    """Make rows with canonical columns, the numbers of their code tuples (null: none), and the truth."""
    provider = rng.choice(PROVIDERS, rows, p=population.size)
    procedures, planted = _plant(rng, provider, population)
    has_diagnosis = rng.random(rows) < np.where(planted >= 0, 0.35, 0.08)
    has_cancer = has_diagnosis & (rng.random(rows) < 0.06)
    diagnosis = np.where(
        has_cancer,
        rng.integers(population.cancer_at.start, population.cancer_at.stop, rows),
        rng.integers(0, len(_DIAGNOSES), rows),
    )
    age = np.where(rng.random(rows) < 0.12, rng.integers(0, 19, rows), _adult_ages(rng, rows))
    age_known = rng.random(rows) > 0.004
    is_private = rng.random(rows) < population.private[provider]
    return pl.DataFrame(
        {
            "id": np.arange(start, start + rows, dtype=np.int64) + 10_000_000,
            "activity_date": _dates(rng, rows),
            "age": pl.Series(age).set(pl.Series(~age_known), None),
            "provider": pl.Series(_provider_codes()).gather(provider),
            "site": pl.Series(_provider_codes()).gather(provider) + pl.Series(["01", "02", "03"]).gather(
                rng.integers(0, 3, rows)
            ),
            "commissioner": pl.Series([f"ZZC{place}" for place in range(6)]).gather(provider % 6),
            "gp_practice": pl.Series([f"ZZ{place:04d}" for place in range(400)]).gather(rng.integers(0, 400, rows)),
            "consultant": pl.Series([f"ZZC{place:05d}" for place in range(900)]).gather(rng.integers(0, 900, rows)),
            "lsoa": pl.Series([f"ZZ{place:07d}" for place in range(2000)]).gather(rng.integers(0, 2000, rows)),
            "patient": pl.Series(rng.integers(0, 2**40, rows)).cast(pl.String).str.pad_start(13, "0"),
            "administrative_category": pl.Series(_draw(rng, _CATEGORIES, rows)).set(pl.Series(is_private), "02"),
            "procedures": pl.Series(procedures).set(pl.Series(procedures < 0), None),
            "diagnoses": pl.Series(diagnosis).set(pl.Series(~has_diagnosis), None),
            **{name: _draw(rng, shares, rows) for name, shares in _VALUES.items()},
            "planted": planted,
            "in_scope": (planted >= 0) & np.isin(planted, _in_scope_scenarios()) & age_known & (age >= 19)
            & ~has_cancer & ~is_private,
            "why": _reasons(planted, age, age_known, has_cancer, is_private),
        }
    )  # fmt: skip


def _plant(rng: "Generator", provider: Array, population: _Population) -> tuple[Array, Array]:
    """Choose each row's procedures (-1: none) and the scenario planted there (-1: none)."""
    rows = len(provider)
    background = population.planted_at[0].start
    procedures = np.where(rng.random(rows) < 0.28, rng.integers(0, background, rows), -1)
    shares = np.array([share for _, share, _, _ in _PLANTED])
    chance = rng.random(rows) / population.imaging[provider]
    planted = np.searchsorted(np.cumsum(shares), chance, side="right")
    planted = np.where(planted < len(shares), planted, -1)
    for scenario, places in enumerate(population.planted_at):
        here = planted == scenario
        procedures[here] = rng.integers(places.start, places.stop, int(here.sum()))
    return procedures, planted


def _in_scope_scenarios() -> list[int]:
    return [place for place, (_, _, in_scope, _) in enumerate(_PLANTED) if in_scope]


def _reasons(
    planted: Array,
    age: Array,
    age_known: Array,
    has_cancer: Array,
    is_private: Array,
) -> pl.Series:
    """Say of each row what was planted, or which exclusion was planted with it."""
    names = [name for name, _, _, _ in _PLANTED]
    reasons = np.select(
        [planted < 0, ~np.isin(planted, _in_scope_scenarios()), ~age_known, age < 19, has_cancer, is_private],
        np.array([0, 1, 2, 3, 4, 5]),
        default=6,
    )
    labels = ["nothing planted", "near miss", "age not recorded", "child", "cancer", "private patient"]
    whole = [*labels, *names]
    index = np.where(reasons == 6, planted + 6, np.where(reasons == 1, planted + 6, reasons))
    return pl.Series(whole).gather(index)


def _dates(rng: "Generator", rows: int) -> pl.Series:
    """Draw days with seasons: few at weekends and around New Year, more in spring and autumn."""
    days = np.arange(_DAYS)
    weekday = (days + _FIRST_DAY.weekday()) % 7
    of_year = (days + 90) % 365
    weights = np.where(weekday < 5, 1.0, 0.08) * (1 + 0.12 * np.cos((of_year - 60) / 365 * 4 * np.pi))
    weights = weights * np.where((of_year > 355) | (of_year < 3), 0.45, 1.0) * (1 + days / _DAYS * 0.1)
    offsets = pl.Series(rng.choice(_DAYS, rows, p=weights / weights.sum()))
    calendar = pl.date_range(_FIRST_DAY, _FIRST_DAY + timedelta(days=_DAYS - 1), eager=True)
    return calendar.gather(offsets)


def _adult_ages(rng: "Generator", rows: int) -> Array:
    return np.clip(rng.normal(58, 19, rows), 19, 104).astype(np.int64)


def _draw(rng: "Generator", shares: Mapping[str | None, float], rows: int) -> pl.Series:
    weights = np.array(list(shares.values()))
    return pl.Series(list(shares), dtype=pl.String).gather(rng.choice(len(weights), rows, p=weights / weights.sum()))


def _provider_codes() -> list[str]:
    characters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return [f"ZZ{character}" for character in characters[:PROVIDERS]]


def _lay_out(
    activities: pl.DataFrame, layout: Layout, population: _Population, rng: "Generator"
) -> dict[str, pl.DataFrame]:
    """Give an activity table, child tables and truth in a layout's shape and under its names."""
    key = layout.fields["id"][0]
    columns: dict[str, pl.Series] = {}
    for name, (first, *others) in layout.fields.items():
        if name in activities.columns:
            values = activities[name]
            columns[first] = values if not others else _with_gaps(rng, values)
            columns |= dict.fromkeys(others, values)
    if layout.baby_ages:
        columns[layout.fields["age"][0]] = _baby_ages(rng, activities["age"])
    tables = {}
    for field, shape in layout.codes.items():
        number, system = activities[field], CODE_FIELDS[field]
        if isinstance(shape, ChildTable):
            tables[field] = _child_rows(activities["id"], number, population.codes[system], shape)
        elif "NN" in shape.templates[0]:
            columns |= _numbered_columns(rng, number, population.codes[system], shape)
        else:
            columns[shape.templates[0]] = _delimited_text(rng, number, population.codes[system])
    truth = activities.select(pl.col("id").alias(key), "in_scope", "why")
    return {"activity": pl.DataFrame(columns), "truth": truth, **tables}


def _with_gaps(rng: "Generator", values: pl.Series) -> pl.Series:
    """Leave out one value in ten, for the column that a second one stands in for."""
    return values.to_frame().select(pl.when(pl.Series(rng.random(len(values)) >= 0.1)).then(pl.first())).to_series()


def _baby_ages(rng: "Generator", ages: pl.Series) -> pl.Series:
    """Write ages under one year as HES does: 7001 to 7007."""
    babies = pl.Series(rng.integers(7001, 7008, len(ages)))
    return (
        ages.to_frame("age").select(pl.when(pl.col("age") == 0).then(babies).otherwise("age").alias("age")).to_series()
    )


_FORMS: Sequence[tuple[float, Callable[[Codes], str]]] = (
    (0.70, lambda codes: "||" + ",".join(codes)),
    (0.06, lambda codes: ",".join(codes)),
    (0.06, lambda codes: "||" + ",".join(f"{code:<5}" for code in codes)),
    (0.03, lambda codes: "||" + ", ".join(codes)),
    (0.03, lambda codes: "||" + "||".join(codes)),
    (0.02, lambda codes: "|".join(codes)),
    (0.02, lambda codes: "||" + ",".join(codes) + "||"),
    (0.02, lambda codes: "  ||" + " , ".join(codes) + " "),
    (0.02, lambda codes: "||" + ",".join(codes).lower()),
    (0.02, lambda codes: "||" + ",".join(f"{code[:3]}.{code[3:]}" for code in codes)),
    (0.02, lambda codes: "||," + ",,".join(codes) + ",NULL"),
)
_NOTHING: Mapping[str | None, float] = {None: 0.97, "": 0.01, "NULL": 0.01, "||": 0.01}


def _delimited_text(rng: "Generator", number: pl.Series, codes: Sequence[Codes]) -> pl.Series:
    """Write code tuples as one string, each row in one of the forms seen in real extracts."""
    written = pl.Series([form(each) for each in codes for _, form in _FORMS])
    shares = np.array([share for share, _ in _FORMS])
    form = pl.Series(rng.choice(len(_FORMS), len(number), p=shares / shares.sum()))
    frame = pl.DataFrame(
        {"text": written.gather(number * len(_FORMS) + form), "nothing": _draw(rng, _NOTHING, len(number))}
    )
    return frame.select(pl.coalesce("text", "nothing")).to_series()


def _numbered_columns(
    rng: "Generator", number: pl.Series, codes: Sequence[Codes], shape: Numbered
) -> dict[str, pl.Series]:
    """Write code tuples into numbered columns; HES puts a dash in the first of a row without codes, or nothing."""
    columns = {}
    for place, name in enumerate(shape.names(shape.templates[0])):
        values = pl.Series([each[place] if place < len(each) else None for each in codes], dtype=pl.String)
        columns[name] = values.gather(number)
    first = next(iter(columns))
    dash = pl.Series(rng.random(len(number)) < 0.3) & number.is_null()
    columns[first] = columns[first].set(dash, "-")
    return columns


def _child_rows(key: pl.Series, number: pl.Series, codes: Sequence[Codes], shape: ChildTable) -> pl.DataFrame:
    """Write code tuples as rows of a child table."""
    rows = pl.DataFrame({shape.key: key, "number": number}).drop_nulls("number")
    listed = pl.DataFrame(
        {"number": range(len(codes)), shape.code: codes}, schema_overrides={shape.code: pl.List(pl.String)}
    )
    listed = listed.with_columns(pl.int_ranges(1, pl.col(shape.code).list.len() + 1).alias("position"))
    child = (
        rows.join(listed, on="number", how="left", maintain_order="left").explode(shape.code, "position").drop("number")
    )
    return child.rename({"position": shape.position}) if shape.position else child.drop("position")
