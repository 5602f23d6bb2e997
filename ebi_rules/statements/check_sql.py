"""What is odd in a table's values, counted by one SQL statement: the findings that `engines.findings` judges.

Each value is read as text, whatever its type, and compared with what its field can have. Only counts leave the table.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sqlglot import exp

from ebi_rules.criteria.fields import FIELDS, Field, Kind
from ebi_rules.criteria.nodes import CODE_FIELDS
from ebi_rules.criteria.normal_values import BABY_AGES, DECIMAL, raw_spellings
from ebi_rules.cube import OLDEST
from ebi_rules.layouts.scope import EVERYTHING, Scope
from ebi_rules.statements.child_steps import part
from ebi_rules.statements.code_steps import ROWS_OF_TEXT, Steps, text_name
from ebi_rules.statements.table_source import TableSource
from ebi_rules.translate.dialects.dialect import Dialect, find_dialect
from ebi_rules.translate.sql_parts import (
    all_of,
    any_of,
    as_day,
    as_number,
    coalesce,
    concat,
    like,
    negate,
    number,
    text,
)
from ebi_rules.translate.sql_values import (
    as_text,
    as_whole_number,
    code_text,
    is_code,
    normal_text,
    separated_text,
    single_code,
    without_fillers,
)
from opcs_icd import MISSING_TEXTS, NOT_CODABLE, OPCS4, CodeSystem

NOTHING = " "
STATUS, BOOKED = FIELDS["attendance_status"], "0"
"""The attendance status of an appointment in the future."""

STANDARD_FIELDS = ("provider", "activity_date", "age", "sex")
"""What an audit needs beside the fields of its rules."""

LIMITS: Mapping[str, tuple[int, int]] = {"age": (0, OLDEST), "imd_decile": (1, 10)}
"""The plausible values of numbers; HES's codes for babies are ages too."""

_DIGITS = "0123456789"
_ENDS = {
    CodeSystem.OPCS4: (("",), (_DIGITS,), (_DIGITS, _DIGITS)),
    CodeSystem.ICD10: (
        ("",),
        (_DIGITS + "X-AD",),
        (_DIGITS + "X", _DIGITS + "-AD"),
        ("-", "AD"),
        (_DIGITS + "X", _DIGITS + "-", "-AD"),
        (_DIGITS + "X", _DIGITS + "-", "-", "AD"),
    ),
}
"""What may follow the three characters of a category: the characters allowed in each place (`CodeSystem.grammar`)."""


@dataclass(frozen=True)
class _Check:
    """One count.

    Attributes:
        field: The canonical field.
        check: What is counted, a key of `engines.findings.CHECKS`; `rows` for the rows with a value.
        step: The step that has the count.
        condition: Is true in the rows to count; None to count all.
    """

    field: str
    check: str
    step: str
    condition: exp.Expr | None


_BY_ROW, _ROWS = "activity", ROWS_OF_TEXT
_CODED = "coded_values"
"""The step with the different values of all fields whose values have meanings: each has few."""


def check_statement(
    dialect: str | Path | Dialect,
    source: TableSource,
    fields: Iterable[str],
    scope: Scope = EVERYTHING,
    kept: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the SQL text that counts what is odd in a table.

    Args:
        dialect: A dialect, its name, or a dialect file.
        source: The table.
        fields: The canonical fields to check; codes are always checked.
        scope: The months and providers to read.
        kept: The tables with the results of `Steps.counted_texts`, by step.

    Returns:
        A statement whose rows have `field`, `finding` and `rows_found`.

    Raises:
        UsageError: A name is unknown.
        DialectError: The dialect cannot express the statement.
    """
    writer = _CheckWriter(find_dialect(dialect), source, {}, False, scope=scope, kept=kept)
    return writer.checks(list(dict.fromkeys(fields))) + ";"


class _CheckWriter(Steps):
    """Write the statement for one dialect, layout and table."""

    def checks(self, fields: Sequence[str]) -> str:
        fields = [name for name in fields if self._is_checked(name)]
        codes = [name for name in CODE_FIELDS if self.binding.codes.get(name)]
        inside = [name for name in codes if not self.binding.child(name)]
        outside = [name for name in codes if self.binding.child(name)]
        checks = [check for name in fields for check in self._of_field(name, fields)]
        checks += [check for name in codes for check in self._of_codes(name)]
        checks.append(
            _Check("id", "missing", _BY_ROW, exp.Is(this=self._column("activity_key"), expression=exp.Null()))
        )
        checks.append(_Check("id", "rows", _BY_ROW, None))
        of_steps = self._by_step(fields, has_booked=any(check.check == "booked" for check in checks))
        by_row = of_steps.pop(_BY_ROW, [])
        codes_by_row = [name for name in inside if self._step_of(name) == _BY_ROW]
        steps = [("texts", self._values_step(by_row, codes_by_row))]
        steps.append((_BY_ROW, self._without_fillers_step(["activity_key", *by_row], codes_by_row, "texts")))
        for step, names in of_steps.items():
            keys = [key for name in names for key in self._keys(name)]
            steps.append((step, self._counted([self._value(name) for name in names], keys)))
        for name in inside:
            if self._step_of(name) != _BY_ROW:
                texts = f"{name}_texts"
                steps.append((texts, self._texts_and_rows(name)))
                steps.append((self._step_of(name), self._without_fillers_step([_ROWS], [name], texts)))
        steps += [(_rows_of(name), self._child_step(name)) for name in outside]
        counted = list(dict.fromkeys(check.step for check in checks))
        steps += [(f"{step}_counts", self._counts_step(step, checks)) for step in counted]
        steps.append(("checks", self._list_step(checks)))
        values = self._chosen(
            [(place, self._column(f"n{place}", f"{check.step}_counts")) for place, check in enumerate(checks, 1)],
            "checks",
        )
        columns = [self._column("field", "checks"), self._column("finding", "checks")]
        found = coalesce(values, number(0)).as_(self._name("rows_found"))
        select = exp.Select(expressions=[*columns, found]).from_(self._step("checks"))
        for step in counted:
            select = select.join(self._step(f"{step}_counts"), join_type="cross")
        select.set("with_", exp.With(expressions=[self._cte(name, query) for name, query in steps]))
        return self._print(select)

    def _is_checked(self, name: str) -> bool:
        """Return whether a field has values to check: no labels, no imaging codes of a kind that the table lacks."""
        is_present = bool(self.binding.fields.get(name)) or (name == "age" and self.binding.derives_age)
        return is_present and name != "id" and name not in self.binding.recodings

    def _values_step(self, fields: Sequence[str], codes: Sequence[str]) -> exp.Expr:
        """Select every field as bare text, dates, and the first column of codes in normal form."""
        columns = [self._raw_column(self.binding.key).as_(self._name("activity_key"))]
        columns += [self._value(name) for name in fields]
        columns += [column for name in codes for column in self._texts(name)]
        return self._within_scope(exp.Select(expressions=columns).from_(self._activity_table()))

    def _value(self, name: str) -> exp.Alias:
        """Return a field as bare text, or as the date or derived age that it is."""
        if name == "age" and self.binding.derives_age:
            return exp.Alias(this=self._raw_field(name), alias=self._name(name))
        raw: list[exp.Expr] = [self._raw_column(column) for column in self.binding.fields[name]]
        if FIELDS[name].kind is Kind.DATE:
            # A column that is known to be of dates may have times of the day, which are all different.
            raw = [as_day(column, self.dialect) for column in raw] if self.source.as_read else raw
        else:
            raw = [normal_text(as_text(column, self.dialect), self.dialect) for column in raw]
        value = raw[0] if len(raw) == 1 else exp.Coalesce(this=raw[0], expressions=raw[1:])
        return exp.Alias(this=value, alias=self._name(name))

    def _texts_and_rows(self, name: str) -> exp.Select:
        """Select the different texts of the first column of codes, as `_texts` has them, and the rows with each."""
        kept = part(name, "texts")
        if kept in self.kept:
            raw = self._column(text_name(name))
            return exp.Select(expressions=[*self._texts(name, raw), self._column(_ROWS)]).from_(self._joinable(kept))
        return self._counted(self._texts(name), [self._raw_column(self.binding.code_columns(name)[0])])

    def _texts(self, name: str, raw: exp.Expr | None = None) -> Iterator[exp.Expr]:
        """Yield the first column of codes, each between a comma and a bar, and of procedures also every code.

        Args:
            name: The field of codes.
            raw: The column; by default that of the table.
        """
        column = [raw or self._raw_column(self.binding.code_columns(name)[0])]
        yield separated_text(column, self.dialect).as_(self._name(name))
        if CODE_FIELDS[name] is OPCS4:
            loose = code_text(column, self.dialect, False, self.binding, name)
            yield concat([loose, text(",")], self.dialect).as_(self._name(f"{name}_all"))

    def _step_of(self, name: str) -> str:
        """Return the step that has the values of a field: every row, or every different value with its rows."""
        if not self.dialect.distinct or (name == "age" and self.binding.derives_age):
            return _BY_ROW
        return _CODED if name in FIELDS and FIELDS[name].meanings else f"{name}_values"

    def _by_step(self, fields: Sequence[str], has_booked: bool) -> dict[str, list[str]]:
        """Return the fields by the step that has their values: fields with few values share one.

        Args:
            fields: The fields.
            has_booked: Whether dates are asked for together with the attendance status.
        """
        of_steps: dict[str, list[str]] = {}
        for name in fields:
            of_steps.setdefault(self._step_of(name), []).append(name)
        if has_booked and "attendance_status" not in of_steps[self._step_of("activity_date")]:
            of_steps[self._step_of("activity_date")].append("attendance_status")
        return of_steps

    def _keys(self, name: str) -> list[exp.Expr]:
        """Return what rows are grouped by to get the different values of a field."""
        if FIELDS[name].kind is Kind.DATE:
            return [self._value(name).this]
        return [self._raw_column(column) for column in self.binding.fields[name]]

    def _counted(self, values: Iterable[exp.Expr], keys: Sequence[exp.Expr]) -> exp.Select:
        """Select the different values of some columns, each with how many rows have it."""
        rows = exp.Count(this=exp.Star()).as_(self._name(_ROWS))
        select = exp.Select(expressions=[*values, rows]).from_(self._activity_table())
        return self._within_scope(select).group_by(*keys)

    def _without_fillers_step(self, fields: Sequence[str], codes: Sequence[str], step: str) -> exp.Expr:
        """Select the same as a step, with texts of codes that have codes only."""
        columns: list[exp.Expr] = [self._column(name) for name in fields]
        for name in codes:
            bare = without_fillers(self._column(name), self.dialect, self.binding, name)
            columns.append(bare.as_(self._name(name)))
            if CODE_FIELDS[name] is OPCS4:
                columns.append(self._column(f"{name}_all"))
        return exp.Select(expressions=columns).from_(self._step(step))

    def _child_step(self, name: str) -> exp.Expr:
        """Select the codes of a child table, each between a comma and a bar."""
        child = self.binding.child(name)
        assert child, "only for child tables"
        code = single_code(self._raw_column(child.code), self.dialect)
        between = concat([text(","), code, text("|")], self.dialect)
        is_filler = negate(is_code(code, self.dialect, self.binding.not_codes(name)))
        ordered = exp.Case(ifs=[exp.If(this=is_filler, true=text(NOTHING))], default=between)
        columns = [ordered.as_(self._name(name))]
        if CODE_FIELDS[name] is OPCS4:
            columns.append(concat([text(","), code.copy(), text(",")], self.dialect).as_(self._name(f"{name}_all")))
        return exp.Select(expressions=columns).from_(self._table_beside(name, child.table))

    def _of_field(self, name: str, fields: Sequence[str]) -> Iterator[_Check]:
        definition, column, step = FIELDS[name], self._column(name), self._step_of(name)
        if definition.kind is Kind.DATE:
            yield _Check(name, "missing", step, exp.Is(this=column, expression=exp.Null()))
            if name == "activity_date" and "attendance_status" in fields:
                is_later = exp.GT(this=as_day(column.copy(), self.dialect), expression=exp.CurrentDate())
                is_booked = self._is_one_of(self._column("attendance_status"), raw_spellings(STATUS, BOOKED))
                yield _Check(name, "booked", step, all_of([is_booked, is_later]))
            return
        if name == "age" and self.binding.derives_age:
            yield _Check(name, "missing", step, exp.Is(this=column, expression=exp.Null()))
            low, high = LIMITS[name]
            within = exp.Between(this=coalesce(column.copy(), number(low)), low=number(low), high=number(high))
            yield _Check(name, "implausible", step, negate(within))
            return
        recorded = negate(self._is_one_of(column, MISSING_TEXTS))
        yield _Check(name, "missing", step, negate(recorded))
        if definition.kind is Kind.NUMBER:
            value = as_whole_number(column, self.dialect)
            decimals = any_of([like(column, f"%.%{digit}%") for digit in _DIGITS[1:]])
            unread = any_of([exp.Is(this=value, expression=exp.Null()), self._holds(decimals, column)])
            yield _Check(name, "malformed", step, all_of([recorded, unread]))
            low, high = LIMITS[name]
            never_null = coalesce(as_whole_number(column, self.dialect), number(low))
            within = exp.Between(this=never_null, low=number(low), high=number(high))
            babies = exp.Between(this=never_null.copy(), low=number(BABY_AGES.start), high=number(BABY_AGES.stop - 1))
            is_plausible = any_of([within, babies]) if name == "age" else within
            yield _Check(name, "implausible", step, negate(is_plausible))
            return
        if definition.width and definition.width > 1:
            lengths = ["_" * length for length in range(1, definition.width)]
            patterns = [pattern + end for pattern in lengths for end in ("", DECIMAL)]
            is_short = any_of([self._matches(column, pattern) for pattern in patterns])
            known = [self._is_known(column, definition)] if definition.is_closed else []
            yield _Check(name, "short", step, all_of([recorded, is_short, *known]))
        if definition.is_closed:
            yield _Check(name, "unknown", step, all_of([recorded, negate(self._is_known(column, definition))]))

    def _is_known(self, column: exp.Expr, definition: Field) -> exp.Expr:
        spellings = [raw for value in definition.meanings for raw in raw_spellings(definition, value)]
        known = self._is_one_of(column, list(dict.fromkeys(spellings)))
        if not definition.has_local_character:
            return known
        return any_of([known, *(self._matches(column, f"{code}_") for code in definition.meanings if len(code) == 1)])

    def _of_codes(self, name: str) -> Iterator[_Check]:
        step = _rows_of(name) if self.binding.child(name) else self._step_of(name)
        column, system = self._column(name), CODE_FIELDS[name]
        lone = [f",{code}|" for code in self.binding.lone_fillers(name)]
        has_code = self._matches(column, ",%")
        recorded = all_of([has_code, *([negate(self._is_one_of(column, lone))] if lone else [])])
        yield _Check(name, "missing", step, negate(recorded))
        yield _Check(name, "malformed", step, all_of([recorded, negate(self._is_well_formed(column, system))]))
        yield _Check(
            name,
            "filler",
            step,
            self._is_one_of(column, lone) if lone else exp.EQ(this=number(0), expression=number(1)),
        )
        if system is OPCS4:
            three = all_of([self._matches(column, ",___|%"), self._is_category(column, system)])
            yield _Check(name, "three_characters", step, three)
            yield _Check(name, "not_codable", step, self._matches(self._column(f"{name}_all"), f"%,{NOT_CODABLE},%"))
        yield _Check(name, "rows", step, None)

    def _is_category(self, column: exp.Expr, system: CodeSystem) -> exp.Expr:
        letters = self._in_place(column, 1, system.letters)
        return all_of([letters, self._in_place(column, 2, _DIGITS), self._in_place(column, 3, _DIGITS)])

    def _is_well_formed(self, column: exp.Expr, system: CodeSystem) -> exp.Expr:
        """Return the condition that the first code has the shape of a code."""
        ends = []
        for allowed in _ENDS[system]:
            places = [characters for characters in allowed if characters]
            length = self._matches(column, "," + "_" * (3 + len(places)) + "|%")
            ends.append(
                all_of([length, *(self._in_place(column, 4 + n, characters) for n, characters in enumerate(places))])
            )
        return all_of([self._is_category(column, system), any_of(ends)])

    def _in_place(self, column: exp.Expr, place: int, characters: str) -> exp.Expr:
        """Return the condition that a character of the first code is one of several."""
        before = "," + "_" * (place - 1)
        if self.dialect.like_classes:
            # A hyphen at the end of a class is itself.
            inside = characters.replace("-", "") + ("-" if "-" in characters else "")
            return self._matches(column, f"{before}[{inside}]%")
        return any_of([self._matches(column, f"{before}{character}%") for character in characters])

    def _matches(self, column: exp.Expr, pattern: str) -> exp.Expr:
        return like(coalesce(column.copy(), text(NOTHING)), pattern)

    def _holds(self, condition: exp.Expr, column: exp.Expr) -> exp.Expr:
        return all_of([negate(exp.Is(this=column.copy(), expression=exp.Null())), condition])

    def _is_one_of(self, column: exp.Expr, texts: Sequence[str]) -> exp.Expr:
        values = [NOTHING, *(value for value in texts if value or not self.dialect.empty_is_null)]
        if NOTHING not in texts and "" not in texts:
            values = values[1:]
        return exp.In(this=coalesce(column.copy(), text(NOTHING)), expressions=[text(value) for value in values])

    def _counts_step(self, step: str, checks: Sequence[_Check]) -> exp.Expr:
        sums = []
        for place, check in enumerate(checks, 1):
            if check.step == step:
                sums.append(self._count(step, check.condition).as_(self._name(f"n{place}")))
        return exp.Select(expressions=sums).from_(self._step(step))

    def _count(self, step: str, condition: exp.Expr | None) -> exp.Expr:
        """Return the number of rows for which a condition holds, or of all."""
        if not step.endswith("_values"):
            return exp.Count(this=exp.Star()) if condition is None else exp.Sum(this=as_number(condition))
        rows = self._column(_ROWS)
        if condition is None:
            return exp.Sum(this=rows)
        return exp.Sum(this=exp.Case(ifs=[exp.If(this=condition, true=rows)], default=number(0)))

    def _list_step(self, checks: Sequence[_Check]) -> exp.Expr:
        """List the counts as rows: field, finding, and the number of the count."""
        return self._rows_of_constants(
            [
                {"field": text(check.field), "finding": text(check.check), "place": number(place)}
                for place, check in enumerate(checks, 1)
            ]
        )


def _rows_of(name: str) -> str:
    return f"{name}_rows"
