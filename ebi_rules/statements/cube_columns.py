"""The dimensions of the cube as columns of SQL: months, age bands, days, codes and the labels of codes."""

from sqlglot import exp

from ebi_rules.criteria.labels import Recoding
from ebi_rules.criteria.nodes import In
from ebi_rules.criteria.normal_values import BABY_AGES
from ebi_rules.cube import AGE_BAND_STARTS, AGE_BANDS, OLDEST
from ebi_rules.statements.code_steps import Steps
from ebi_rules.statements.table_reading import no_codes
from ebi_rules.translate.sql import SqlTranslator
from ebi_rules.translate.sql_parts import as_number, negate, number, text


class CubeColumns(Steps):
    """Write what a cube counts by, over the columns of the step `codes`."""

    def _dimension(self, name: str) -> exp.Expr:
        if name == "month":
            has_date = self.binding.fields.get("activity_date")
            return self._month(self._column("activity_date")) if has_date else text("")
        if name == "age_band":
            return self._age_band() if self._has_age else text("")
        if name in self.binding.recodings:
            return self._label(self.binding.recodings[name])
        return self._column(name) if name in self.binding.fields else text("")

    @property
    def _has_age(self) -> bool:
        return "age" in self.binding.fields

    def _label(self, recoding: Recoding) -> exp.Expr:
        """Return the label of an activity's code."""
        named = [label for label in recoding.known if label != recoding.otherwise]
        if recoding.is_split:
            conditions = [self._translator().visit(recoding.among([label])) for label in named]
        else:
            conditions = [self._is_labelled(recoding, label) for label in named]
        labels = [exp.If(this=has, true=text(label)) for has, label in zip(conditions, named, strict=True)]
        return exp.Case(ifs=labels, default=text(recoding.otherwise) if recoding.otherwise else None)

    def _is_labelled(self, recoding: Recoding, *labels: str) -> exp.Expr:
        """Return the condition that an activity's code has one of some labels, or any label if none is named."""
        column = self._column(self._carried(recoding.name))
        translator = SqlTranslator(
            self.dialect, lambda _: column.copy(), no_codes, is_normal=lambda _: self._is_normal(recoding.name)
        )
        if recoding.patterns:
            patterns = [pattern for pattern, label in recoding.patterns if not labels or label in labels]
            return translator.fits_any(recoding.field, patterns)
        codes = [code for code, label in recoding.labels.items() if not labels or label in labels]
        return translator.visit(In(recoding.field, tuple(codes)))

    def _is_missing(self, name: str) -> exp.Expr:
        """Return 1 where a field has no value, or its recoding has no label for the value; else 0."""
        recoding = self.binding.recodings.get(name)
        if recoding is None:
            return as_number(self._translator().is_missing(name))
        return number(0) if recoding.otherwise else as_number(negate(self._is_labelled(recoding)))

    def _age_band(self) -> exp.Expr:
        age = self._column("age")
        known = exp.Between(this=age, low=number(0), high=number(OLDEST))
        babies = exp.Between(this=age.copy(), low=number(BABY_AGES.start), high=number(BABY_AGES.stop - 1))
        of_babies = exp.If(this=babies, true=self._band(0))
        return exp.Case(ifs=[exp.If(this=known, true=self._band_among(0, len(AGE_BANDS))), of_babies])

    def _band(self, place: int) -> exp.Expr:
        """Return the constant that stands for an age band."""
        return text(AGE_BANDS[place])

    def _band_among(self, first: int, end: int) -> exp.Expr:
        """Return the band of an age that is in one of some bands, halving these at every CASE."""
        if end - first == 1:
            return self._band(first)
        middle = (first + end) // 2
        is_younger = exp.LT(this=self._column("age"), expression=number(AGE_BAND_STARTS[middle]))
        younger = exp.If(this=is_younger, true=self._band_among(first, middle))
        return exp.Case(ifs=[younger], default=self._band_among(middle, end))

    def _day(self, date: exp.Expr) -> exp.Expr:
        """Return a day as a number: 20240328."""
        if not self.dialect.extract:
            return exp.cast(exp.TimeToStr(this=date.copy(), format=text("%Y%m%d")), "int")
        month = exp.Mul(this=exp.Paren(this=self._month(date)), expression=number(100))
        return exp.Add(this=month, expression=self._date_part(date, "DAY"))
