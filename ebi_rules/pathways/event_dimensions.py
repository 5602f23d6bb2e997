"""What events are counted by: provider, month, age band, sex and further fields, first as places and then as labels."""

from collections.abc import Mapping, Sequence

import polars as pl

from ebi_rules.cube import AGE_BANDS, normal_values
from ebi_rules.engines.coded_values import CodedValues
from ebi_rules.engines.polars_dates import age_band_number
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.polars import field_value


def place_of(name: str, binding: Binding, schema: Mapping[str, pl.DataType], values: CodedValues) -> pl.Expr:
    """Return a dimension as the place of its label in `labels_of`."""
    if name in values.by_field:
        return values.place(name).cast(pl.UInt32)
    if name == "age_band" and "age" in binding.fields:
        return age_band_number(field_value(binding, "age", schema).cast(pl.Int32, strict=False)).cast(pl.UInt32)
    return pl.lit(None, pl.UInt32)


def labels_of(name: str, binding: Binding, values: CodedValues) -> Sequence[str | None]:
    """Return the labels of a dimension."""
    if name in values.by_field:
        return normal_values(values.texts(name).alias(name)).to_list()
    return AGE_BANDS if name == "age_band" else [None]


def months_of(day: pl.Series) -> pl.Series:
    """Return the months of days: "2024-04"."""
    return day.cast(pl.Date).dt.strftime("%Y-%m").cast(pl.Categorical()).alias("month")


def labelled_places(places: pl.Series, labels: Sequence[str | None]) -> pl.Series:
    """Return labels instead of their places."""
    texts = pl.Series(places.name, labels, dtype=pl.String)
    return texts.gather(places).cast(pl.Categorical()).alias(places.name)
