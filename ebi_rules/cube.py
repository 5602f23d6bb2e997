"""The cube: counts of activity by rule, provider, month, age band, sex and further fields that the user chooses.

An engine returns it for an audit, and everything later in an audit needs only the cube. It has one row per count above
0, with these columns:

- `rule`: the rule's key; null for counts of the activity itself, which are the same for all rules.
- `provider`, `month` (2024-04), `age_band` (`AGE_BANDS`), `sex`, and further fields: null where not recorded.
- `measure` and `item`: what was counted (`MEASURES`).
- `count`: the number of activities, or of codes for the measures `codes` and `invalid`.

This module also reads cubes that were counted elsewhere. It counts nothing itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from ebi_rules._support.errors import ExtractError, unknown
from ebi_rules._support.small_csv import read_small_csv
from ebi_rules.criteria.fields import FIELDS, GROUPABLE, Kind
from ebi_rules.criteria.normal_values import normal_code
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.categories import changed, in_text_order
from opcs_icd import MISSING_TEXTS, WHITE_SPACE

AGE_BANDS = ("0-4", "5-9", "10-14", "15-18", "19", *(f"{low}-{low + 4}" for low in range(20, 90, 5)), "90+")
"""Five-year bands; 15-19 is split at 19, where the programme's children end and its adults begin."""

AGE_BANDS_PARTED = 19
"""The age in years at which the band 15-19 is split."""

AGE_BAND_STARTS = tuple(int(band.rstrip("+").split("-")[0]) for band in AGE_BANDS)

MEASURES: Mapping[str, str] = {
    "activity": "all activity",
    "recorded": "activity with at least one code in the field `item`",
    "codes": "codes in the field `item`",
    "invalid": "malformed codes in the field `item`",
    "missing": "activity whose field `item` is not recorded",
    "first_date": "the earliest day of the month in the extract, as a number such as 20240304",
    "last_date": "the latest day of the month in the extract, as a number such as 20240328",
    "early": "activity on the first ten days of the month",
    "late": "activity after the 20th day of the month",
    "treatment": "activity with the treatment function `item`, by provider and month alone",
    "eligible": "activity in the rule's denominator",
    "comparable": "eligible activity within which the rule compares providers",
    "compared": "activity in scope within which the rule compares providers",
    "undiagnosed": "activity in scope without any diagnosis, for rules that exclude diagnoses",
    "left": "activity for which the criterion `item` and all criteria before it hold",
    "flagged": "activity in scope, under the variant that is counted",
    "variant": "activity in scope under the variant `item`",
    "differs": "activity in scope under only one of the variant `item` and the variant that is counted",
}
"""What a row of the cube may count, with a description."""

OF_RULES = ("eligible", "comparable", "compared", "undiagnosed", "left", "flagged", "variant", "differs")
"""The measures that are counted for each rule."""

STANDARD_DIMENSIONS = ("provider", "month", "age_band", "sex")
TREATMENT = "treatment"
"""What a cube counts of treatment functions, by provider and month alone: which providers can be compared."""

FIRST_DATE, LAST_DATE, EARLY, LATE = DAY_MEASURES = ("first_date", "last_date", "early", "late")
"""What a cube counts of the days in a month, by month alone: which months are partial."""

EARLY_DAYS, LATE_DAYS = 10, 20
"""Early are days up to the first of these, late are days after the second."""

OLDEST = 150
"""Maximum plausible age in years."""

ALWAYS_CHECKED = ("activity_date", "attendance_status")
"""Fields whose values are checked for every cube: its months depend on them."""

EARLIEST = date(1990, 1, 1)
"""The first plausible day of care, request or referral: what is before it stands for "no date"."""


def cube_dimensions(by: Iterable[str] = ()) -> list[str]:
    """Return the fields a cube counts by: provider, month, age band, sex, then the fields in `by`, each once.

    Example:
        >>> cube_dimensions(["imd_decile", "sex"])
        ['provider', 'month', 'age_band', 'sex', 'imd_decile']
    """
    return list(dict.fromkeys([*STANDARD_DIMENSIONS, *by]))


def dimensions_of(cube: pl.DataFrame) -> tuple[str, ...]:
    """Return the fields by which a cube counts, `provider` first."""
    return tuple(name for name in cube.columns if name not in ("rule", "measure", "item", "count"))


def missing_counted(dimensions: Sequence[str]) -> tuple[str, ...]:
    """Return the fields whose missing values an audit counts: those that its comparisons depend on.

    Example:
        >>> missing_counted(["provider", "month", "age_band", "sex", "imd_decile"])
        ('age', 'sex', 'administrative_category', 'imd_decile')
    """
    others = [name for name in dimensions if name not in STANDARD_DIMENSIONS]
    return tuple(dict.fromkeys(["age", "sex", "administrative_category", *others]))


def treatment_fields(binding: Binding) -> tuple[str, ...]:
    """Return the fields of the measure `TREATMENT`: provider and treatment function, or nothing if one is lacking."""
    fields = ("provider", "treatment_function")
    return fields if all(name in binding.fields for name in fields) else ()


def schema(dimensions: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the columns and types of a cube, in order."""
    return {**dict.fromkeys(_texts_of(dimensions), pl.Categorical()), "count": pl.Int64()}


def _texts_of(dimensions: Sequence[str]) -> list[str]:
    """Return all columns of a cube but the count."""
    return ["rule", *dimensions, "measure", "item"]


def read_cube(source: str | Path | pl.DataFrame) -> pl.DataFrame:
    """Read a cube that an engine or a warehouse counted.

    Names of columns match in any case. Texts such as NULL and NA are read as missing, and months also as 202404 or
    2024-04-01. Values of fields are put into normal form, and rows of the same count are added up.

    Args:
        source: A parquet or CSV file, or a frame.

    Returns:
        The cube, in the order of `in_order`.

    Raises:
        ExtractError: The source is not a cube. The message names the column, and never a value.
    """
    frame = source if isinstance(source, pl.DataFrame) else _read(Path(source))
    columns = _cube_columns(frame)
    others = [name for name in columns if name in GROUPABLE and name not in STANDARD_DIMENSIONS]
    dimensions = [*STANDARD_DIMENSIONS, *others]
    texts = {name: changed(frame[columns[name]], _clean).alias(name) for name in _texts_of(dimensions)}
    count = frame.select(_whole_number(columns["count"], frame.schema)).to_series()
    cube = pl.DataFrame({**texts, "count": count})
    cube = cube.with_columns(changed(cube["month"], _clean_months))
    _check(cube)
    cube = cube.with_columns(changed(cube[name], normal_values) for name in dimensions if name in FIELDS)
    cube = _with_form(cube.cast(pl.Schema(schema(dimensions))), pl.col("measure").is_in(DAY_MEASURES), _days)
    return _added_up(_with_form(cube, pl.col("measure") == TREATMENT, _treatments), dimensions)


def normal_fields(counts: pl.DataFrame) -> pl.DataFrame:
    """Return counts whose fields, as a warehouse has them, are in the normal form of a cube, as text.

    Args:
        counts: Columns with the names of a cube's dimensions, and others, which stay as they are.
    """
    fields = [name for name in counts.columns if name in FIELDS or name in STANDARD_DIMENSIONS]
    changes = {**dict.fromkeys(fields, normal_values), "age_band": lambda texts: texts, "month": _clean_months}
    clean = counts.with_columns(changed(counts[name], _clean) for name in fields)
    return clean.with_columns(changed(clean[name], changes[name]).cast(pl.String) for name in fields)


def _with_form(cube: pl.DataFrame, rows: pl.Expr, form: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Return a cube in which some rows are put into a form; if they have it, as in a saved cube, all stay in order."""
    chosen = cube.filter(rows)
    formed = form(chosen).cast(cube.schema)
    return cube if formed.equals(chosen) else pl.concat([cube.filter(~rows), formed])


def _days(cube: pl.DataFrame) -> pl.DataFrame:
    """Return the days of months. Warehouses count them in each group: here they have their month alone."""
    day = pl.col("count").cast(pl.String)
    month_of_day = pl.concat_str([day.str.slice(0, 4), pl.lit("-"), day.str.slice(4, 2)])
    is_day = pl.col("measure").is_in([FIRST_DATE, LAST_DATE])
    month = pl.when(is_day).then(month_of_day).otherwise(pl.col("month").cast(pl.String))
    return cube.with_columns(_nothing(cube, ["month"]), month=month)


def _treatments(cube: pl.DataFrame) -> pl.DataFrame:
    """Return activity by treatment function, with its provider and month alone."""
    functions = cube["item"].cast(pl.String).alias("treatment_function")
    return cube.with_columns(_nothing(cube, ["provider", "month"]), item=normal_values(functions))


def _nothing(cube: pl.DataFrame, kept: Sequence[str]) -> list[pl.Expr]:
    """Return all fields of a cube but some as missing."""
    return [pl.lit(None, pl.String).alias(name) for name in dimensions_of(cube) if name not in kept]


def _clean(texts: pl.Series) -> pl.Series:
    """Return texts without white space around them; null for those that say that a value is missing."""
    stripped = texts.str.strip_chars(WHITE_SPACE)
    is_missing = stripped.str.to_uppercase().is_in(MISSING_TEXTS)
    return stripped.set(is_missing, None)


def _clean_months(texts: pl.Series) -> pl.Series:
    """Return months as 2024-04, also where they were 202404 or 2024-04-01."""
    return texts.str.replace(r"^([0-9]{4})-?([0-9]{2})(-[0-9]{2}.*)?$", "$1-$2")


def _cube_columns(frame: pl.DataFrame) -> dict[str, str]:
    """Return the columns of a frame by their names in a cube. Raises `ExtractError`."""
    columns: dict[str, str] = {}
    for column in frame.columns:
        if columns.setdefault(column.strip().lower(), column) != column:
            raise ExtractError(f"the cube has two columns {column}, in different cases: remove one.")
    allowed = tuple(dict.fromkeys(("rule", *STANDARD_DIMENSIONS, *GROUPABLE, "measure", "item", "count")))
    for name in columns:
        if name not in allowed:
            raise ExtractError("the cube: " + unknown("column", name, allowed))
    for name in ("rule", *STANDARD_DIMENSIONS, "measure", "item", "count"):
        if name not in columns:
            raise ExtractError(
                f"the cube has no column {name}: it needs rule, {', '.join(STANDARD_DIMENSIONS)}, measure, "
                "item, count. Save results with headings, as UTF-8, with commas."
            )
    return columns


def add_up(cubes: Sequence[pl.DataFrame], replace_months: bool = False) -> tuple[pl.DataFrame, list[str]]:
    """Add up cubes of different activity.

    Args:
        cubes: Cubes from `read_cube`; at least one.
        replace_months: Where a later cube has a month of a rule and provider that an earlier one has, use the later one
            for that month, as it was restated; if not, this is an error.

    Returns:
        The sum, and warnings about providers whose months are gone because a later cube does not have them.

    Raises:
        ExtractError: The cubes count by different fields, or the same activity.
    """
    first, *others = cubes
    for other in others:
        if other.columns != first.columns:
            fields = " and by ".join(", ".join(dimensions_of(cube)) for cube in (first, other))
            raise ExtractError(f"the cubes count by different fields: by {fields}.")
    if not others:
        return first, []
    warnings = []
    dimensions = dimensions_of(first)
    total, *later = (cube.with_columns(pl.col(cube.columns[:-1]).cast(pl.String)) for cube in cubes)
    for cube in later:
        shared = _counted(total).join(_counted(cube), on=_PART, how="semi", nulls_equal=True)
        if shared.height and not replace_months:
            raise ExtractError(_shared_words(shared))
        # A month is replaced as a whole, for the rules that the later cube has: a provider may have been renamed.
        is_restated = pl.col("month").is_in(shared["month"].unique().to_list()) & (
            pl.col("rule").is_null() | pl.col("rule").is_in(cube["rule"].drop_nulls().unique().to_list())
        )
        replaced = total.filter(is_restated.fill_null(False))
        gone = _counted(replaced).join(_counted(cube), on=_PART, how="anti", nulls_equal=True)["provider"].drop_nulls()
        if gone.len():
            codes = ", ".join(gone.unique().sort())
            warnings.append(f"months that a later cube restates do not have these providers there any more: {codes}.")
        total = pl.concat([total.filter(~is_restated.fill_null(False)), cube])
    return _added_up(total.cast(pl.Schema(schema(dimensions))), dimensions), warnings


_PART = ["rule", "provider", "month"]


def _counted(cube: pl.DataFrame) -> pl.DataFrame:
    """Return what a cube has counted: rule (null for activity), provider and month."""
    return cube.filter(~pl.col("measure").is_in(DAY_MEASURES), pl.col("month").is_not_null()).select(_PART).unique()


def _shared_words(shared: pl.DataFrame) -> str:
    """Return the message that two cubes have counted the same."""
    by_rule = shared.sort("month", "provider", "rule", nulls_last=True)
    rule, provider, month = by_rule.row(0)
    others = f" and {shared.height - 1:,} more of these" if shared.height > 1 else ""
    months = shared["month"].n_unique()
    return (
        f"two cubes have counted the same: {rule or 'all activity'} of the provider {provider or 'not recorded'} in "
        f"{month}{others}, in {months:,} {'month' if months == 1 else 'months'}. Remove one of the cubes or, if "
        f"the later "
        "one restates these months, use --replace."
    )


def in_order(cube: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return a cube sorted by all its columns, so that equal cubes are equal frames whichever engine counted them.

    Args:
        cube: The cube.
        dimensions: The fields by which it counts.
    """
    return in_text_order(cube.cast(pl.Schema(schema(dimensions))), _texts_of(dimensions))[0]


def _added_up(cube: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    """Return a cube in order, with rows of the same count added up, and without those of 0."""
    ordered, is_new = in_text_order(cube.filter(pl.col("count") > 0), _texts_of(dimensions))
    if is_new.all():
        return ordered
    count, measure = pl.col("count"), pl.col("measure").first()
    total = pl.when(measure == FIRST_DATE).then(count.min()).when(measure == LAST_DATE).then(count.max())
    totals = (
        ordered.select("measure", "count", place=is_new.cum_sum())
        .group_by("place", maintain_order=True)
        .agg(total.otherwise(count.sum()).alias("count"))
    )
    return ordered.filter(is_new).with_columns(totals["count"])


def _read(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise ExtractError(f"there is no file {path}.")
    if path.suffix.lower() != ".parquet":
        return read_small_csv(path, "the cube", ExtractError)
    try:
        return pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError):
        raise ExtractError(f"{path} cannot be read as a cube: it must be parquet or CSV.") from None


def _whole_number(column: str, schema: pl.Schema) -> pl.Expr:
    """Return a column of any type as whole numbers; null where it is not one."""
    value = pl.col(column)
    if schema[column].is_integer():
        return value.cast(pl.Int64, strict=False)
    if schema[column].is_float():
        return pl.when(value == value.round()).then(value).cast(pl.Int64, strict=False)
    return value.cast(pl.String).str.strip_chars(" ").str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)


def normal_values(values: pl.Series) -> pl.Series:
    """Return values of a field in normal form.

    Args:
        values: The values as text; the series has the name of the field.
    """
    definition = FIELDS[values.name]
    forms = {
        value: normal_code(definition, re.sub(r"\.0+$", "", value) if definition.kind is Kind.NUMBER else value)
        for value in values.drop_nulls().unique()
    }
    return values.replace_strict(forms, default=None, return_dtype=pl.String) if forms else values


def _check(cube: pl.DataFrame) -> None:
    """Raise `ExtractError` for values that no cube can have."""
    bad_texts = {
        "measure": lambda texts: ~texts.is_in(list(MEASURES)),
        "age_band": lambda texts: ~texts.is_in(list(AGE_BANDS)),
        "month": lambda texts: ~texts.str.contains(r"^[0-9]{4}-(0[1-9]|1[0-2])$"),
    }
    days = cube.filter(pl.col("measure").is_in([FIRST_DATE, LAST_DATE]))["count"].cast(pl.String)
    is_of_rule = pl.col("measure").is_in(list(OF_RULES))
    wrong = {
        "count": int((cube["count"].is_null() | (cube["count"] < 0)).sum()),
        **{name: _rows_with(cube[name], is_bad) for name, is_bad in bad_texts.items()},
        "count (of days)": days.str.to_date("%Y%m%d", strict=False).null_count(),
        "rule": cube.select((pl.col("rule").is_null() == is_of_rule).sum()).item(),
    }
    wrong["measure"] += cube["measure"].null_count()
    requirements = {
        "count": "a whole number, 0 or more",
        "measure": f"one of {', '.join(MEASURES)}",
        "age_band": f"one of {', '.join(AGE_BANDS)}, or empty",
        "month": "a month such as 2024-04, or empty",
        "count (of days)": "a day as a number, such as 20240328",
        "rule": "a rule's key for measures of rules, and empty for others",
    }
    for name, requirement in requirements.items():
        if rows := wrong[name]:
            raise ExtractError(f"the cube's column {name} is wrong in {rows:,} of its rows: it must be {requirement}.")
    if cube.height and not (cube["measure"] == "activity").any():
        raise ExtractError("the cube has no row whose measure is activity.")


def _rows_with(values: pl.Series, is_bad: Callable[[pl.Series], pl.Series]) -> int:
    """Return how many rows have a text of which something holds."""
    counted = values.drop_nulls().value_counts(name="rows")
    bad = is_bad(counted[values.name].cast(pl.String))
    return int(counted["rows"].filter(bad).sum())
