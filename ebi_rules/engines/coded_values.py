"""Decide atoms about coded fields on the distinct values, of which there are a few hundred, and not row by row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ebi_rules.criteria.fields import FIELDS, TEXTS
from ebi_rules.criteria.labels import Recoding
from ebi_rules.criteria.nodes import Criterion, FieldAtom, IsNull
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.layouts.binding import Binding
from ebi_rules.translate.polars import Answering, PolarsTranslator, field_value, raw_code

VALUE = "value"
ROWS = f"{PREFIX}rows"
"""The column that counts the rows of each distinct value: the extract may have a column `rows`."""


@dataclass(frozen=True)
class CodedValues:
    """The distinct values of coded fields.

    Attributes:
        binding: The extract's layout, bound to its columns.
        schema: The types of the columns.
        by_field: For each field, one row per distinct value: `value`, the extract's as text, and how many rows have it
            (`ROWS`).
    """

    binding: Binding
    schema: Mapping[str, pl.DataType]
    by_field: Mapping[str, pl.DataFrame]

    def decide(self, node: Criterion) -> pl.Expr | None:
        """Return the expression that a row's value is one of those for which an atom holds; None for other nodes."""
        if not isinstance(node, FieldAtom):
            return None
        if self.binding.fields.get(node.field) == ():
            return pl.lit(isinstance(node, IsNull))  # An imaging code of the kind that the extract does not have.
        if node.field not in self.by_field:
            return None
        distinct = self.by_field[node.field][VALUE]
        values = distinct.filter(pl.Series(truth_of_values(self.binding, node.field, distinct, node)))
        recorded, raw = values.drop_nulls().to_list(), raw_code(self.binding, node.field, self.schema)
        is_one = raw.is_in(recorded).fill_null(False) if recorded else pl.lit(False)
        return is_one | raw.is_null() if values.has_nulls() else is_one

    def place(self, name: str) -> pl.Expr:
        """Return the expression of the place of a field's text, or of its label, in `texts`."""
        recoding = self.binding.recodings.get(name)
        if recoding is not None and recoding.is_split:
            return self._split_place(recoding)
        texts = self._raw_texts(name)
        place = raw_code(self.binding, name, self.schema).cast(pl.Enum(texts)).to_physical()
        if recoding is None:
            return place
        labels = self.texts(name)
        places = {label: number for number, label in enumerate(labels)}
        recoded = pl.Series([places.get(recoding.label(text)) for text in texts], dtype=pl.UInt32)
        missing = pl.lit(places.get(recoding.label(None)), pl.UInt32)
        return pl.when(place.is_null()).then(missing).otherwise(pl.lit(recoded).gather(place))

    def _split_place(self, recoding: Recoding) -> pl.Expr:
        """Return the place of a label that depends on two fields."""
        places = {label: place for place, label in enumerate(self.texts(recoding.name))}
        translator = Answering(self.decide)
        place = pl.lit(places[recoding.otherwise], pl.UInt32)
        for label in recoding.known:
            if label != recoding.otherwise:
                has_label = translator.visit(recoding.among([label]))
                place = pl.when(has_label).then(pl.lit(places[label], pl.UInt32)).otherwise(place)
        return place

    def texts(self, name: str) -> pl.Series:
        """Return the distinct values of a field as text, sorted and without null; of a recoded field, its labels."""
        recoding = self.binding.recodings.get(name)
        if recoding is not None and recoding.is_split:
            return pl.Series(VALUE, sorted(recoding.known), dtype=pl.String)
        texts = self._raw_texts(name)
        if recoding is None:
            return texts
        labels = {recoding.label(text) for text in [None, *texts]}
        return pl.Series(VALUE, sorted(label for label in labels if label), dtype=pl.String)

    def _raw_texts(self, name: str) -> pl.Series:
        return self.by_field[name][VALUE].drop_nulls().unique().sort()


def truth_of_values(binding: Binding, name: str, values: pl.Series, atom: FieldAtom) -> npt.NDArray[np.bool_]:
    """Return whether an atom about a coded field holds for each of some values, as texts."""
    of_values = Binding(binding.layout, {name: (VALUE,)}, {}, None)
    translator = PolarsTranslator(lambda field: field_value(of_values, field, {VALUE: pl.String()}), _no_codes)
    truths = values.alias(VALUE).to_frame().select(translator.visit(atom)).to_series()
    return truths.to_numpy()


def distinct_values(
    frame: pl.LazyFrame, binding: Binding, fields: Iterable[str], schema: Mapping[str, pl.DataType]
) -> CodedValues:
    """Read the distinct values of the coded fields among some fields."""
    by_field: dict[str, pl.DataFrame] = {}
    named = list(fields)
    # Labels that depend on two fields are worked out from the values of both.
    recodings = [binding.recodings[name] for name in named if name in binding.recodings]
    sources = [each for recoding in recodings if recoding.is_split for each in recoding.fields]
    for name in dict.fromkeys([*sources, *named]):
        recoding = binding.recodings.get(name)
        if (recoding or FIELDS[name].kind in TEXTS) and binding.fields.get(name):
            if recoding and recoding.field in by_field:
                by_field[name] = by_field[recoding.field]
                continue
            raw = raw_code(binding, name, schema).alias(VALUE)
            by_field[name] = collect(frame.select(raw).group_by(VALUE).agg(pl.len().alias(ROWS)))
    return CodedValues(binding, schema, by_field)


def _no_codes(atom: Criterion) -> pl.Expr:
    assert False, f"An atom about codes: {atom}"
