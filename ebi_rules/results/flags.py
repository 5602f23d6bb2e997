"""Flag activity: the Python call over an extract, and the file that the command line writes."""

import warnings as python_warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import polars as pl

from ebi_rules._support.atomic_output import require_apart, require_free, whole_file
from ebi_rules._support.errors import UsageError
from ebi_rules._support.notices import ExtractWarning
from ebi_rules._support.progress import Progress, quiet
from ebi_rules.criteria.labels import settings_files
from ebi_rules.criteria.nodes import Criterion
from ebi_rules.engines.checked_extract import check_extract, checked_rows, fields_to_read, reading
from ebi_rules.engines.extract import Extract, FrameExtract, Source
from ebi_rules.engines.lazy_frames import collect, naming_damage
from ebi_rules.engines.polars_engine import require_frame
from ebi_rules.engines.polars_flags import DecidedRows, decide_rows, flag_columns, flagged_keys
from ebi_rules.engines.row_reader import RowReader
from ebi_rules.results.opened_extract import as_extract
from ebi_rules.rule_model.catalogue import RuleNames, choose_rules
from ebi_rules.rule_model.rule_logic import DEFAULT, RuleLogic, criteria_of

CSV, PARQUET = ".csv", ".parquet"
_BETWEEN_CODES = " "
"""Between the codes in a cell of CSV, which has no lists."""
"""How flags can be written."""


@dataclass(frozen=True)
class WrittenFlags:
    """What `write_flags` wrote.

    Attributes:
        rows: How many rows.
        flagged: How many rows are flagged, by rule key.
        layout: The name of the extract's layout.
        warnings: What the user must know about the extract and the rules.
    """

    rows: int
    flagged: Mapping[str, int]
    layout: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Flagged:
    """An extract, and the rules that its rows are flagged by.

    Attributes:
        extract: The extract, with the fields that the criteria need.
        rules: The rules.
        criteria: Their criteria.
        fields: The fields to check.
        warnings: What must be said of the rules.
    """

    extract: FrameExtract
    rules: Sequence[RuleLogic]
    criteria: Sequence[Criterion]
    fields: Sequence[str]
    warnings: tuple[str, ...]

    def decided(self, explain: bool) -> DecidedRows:
        """Return the rows with the answers to the criteria, not yet read."""
        return decide_rows(self.extract, self.criteria, explain, self.fields)

    def keys_and_flags(self, explain: bool) -> tuple[RowReader, pl.LazyFrame]:
        """Return what reads the rows, and their keys and flags, not yet read."""
        if not explain:
            return flagged_keys(self.extract, self.rules, self.criteria, self.fields)
        decided = self.decided(explain)
        flags = flag_columns(decided, self.rules, explain)
        return decided.reader, decided.frame.select(*self.extract.binding.keys, *flags)


@overload
def flag(
    extract: pl.DataFrame,
    rules: RuleNames | None = None,
    variant: str = DEFAULT,
    explain: bool = False,
    any_dataset: bool = False,
) -> pl.DataFrame: ...


@overload
def flag(
    extract: str | Path | pl.LazyFrame,
    rules: RuleNames | None = None,
    variant: str = DEFAULT,
    explain: bool = False,
    any_dataset: bool = False,
) -> pl.LazyFrame: ...


@overload
def flag(
    extract: Extract,
    rules: RuleNames | None = None,
    variant: str = DEFAULT,
    explain: bool = False,
    any_dataset: bool = False,
) -> Any: ...


def flag(
    extract: Source | Extract,
    rules: RuleNames | None = None,
    variant: str = DEFAULT,
    explain: bool = False,
    any_dataset: bool = False,
) -> Any:
    """Add one boolean column per rule, named by the rule's key, to an extract.

    The columns that the rules need are read now, to check them and to decide codes; a lazy frame is read again when the
    result is collected.

    Args:
        extract: An extract, a path, a Polars frame or an Arrow table.
        rules: Names of rules, rules, or folders and files with rules; one or several. Without names, all rules for the
            extract's dataset.
        variant: The variant of the rules.
        explain: Add two more columns per rule: `<key>__stopped_by` (text, the first criterion that failed, null when
            flagged) and `<key>__codes` (list of text, the codes that matched).
        any_dataset: Allow rules for another dataset than the extract's.

    Returns:
        The same kind as was passed: a DataFrame, a LazyFrame (also for paths), a pandas frame, or an Arrow table.
        Rows and their order stay the same.

    Raises:
        UsageError: A name is unknown, or the extract already has a column of a rule's name.
        LayoutError: The layout file is wrong.
        ExtractError: The extract cannot be read, or cannot answer a rule.

    Warns:
        ExtractWarning: The extract has something that the user must know about, such as repeated keys.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> frame = pl.DataFrame({"OPA_Ident": [1, 2], "Der_Procedure_All": ["||U055", "||U051"],
        ...                       "Der_Diagnosis_All": [None, "M545"], "Age_at_Start_of_Episode_SUS": [45, 45],
        ...                       "Administrative_Category": ["01", "01"]})
        >>> ebi.flag(frame, "2S")["2S_lower_back_imaging"].to_list()
        [True, False]
    """
    opened = require_frame(as_extract(extract))
    flagged = _flag(opened, rules, variant, any_dataset=any_dataset)
    # The rows of a lazy frame are read when the caller collects it, which is too late to warn.
    checked = check_extract(flagged.extract, flagged.criteria)
    for text in (*flagged.warnings, *checked.notices):
        python_warnings.warn(text, ExtractWarning, stacklevel=2)
    decided = flagged.decided(explain)
    flags = flag_columns(decided, flagged.rules, explain)
    frame = decided.frame.select([*map(pl.col, opened.table.schema), *flags])
    if flagged.extract.kind == "lazy":
        return frame
    flags_and_rows = collect(frame)
    if flagged.extract.kind == "frame":
        return flags_and_rows
    return flags_and_rows.to_pandas() if flagged.extract.kind == "pandas" else flags_and_rows.to_arrow()


def write_flags(
    extract: Source | Extract,
    output: str | Path,
    rules: RuleNames | None = None,
    variant: str = DEFAULT,
    explain: bool = False,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
    force: bool = False,
    progress: Progress = quiet,
) -> WrittenFlags:
    """Write the activity key and one boolean column per rule, in the extract's order, as parquet or CSV.

    If the run fails, no partial output is left.

    Args:
        extract: An extract, a path, a Polars frame or an Arrow table.
        output: The file to write, which ends in .parquet or .csv.
        rules: As for `flag`.
        variant: As for `flag`.
        explain: As for `flag`.
        skip_unavailable: Warn about rules that the extract cannot answer, instead of raising an error.
        any_dataset: As for `flag`.
        force: Replace a file that exists.
        progress: Is called with each step.

    Returns:
        How many rows were written, and how many are flagged.

    Raises:
        UsageError: As for `flag`; or the output exists, or is an input.
        LayoutError: As for `flag`.
        ExtractError: As for `flag`.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> frame = pl.DataFrame({"OPA_Ident": [1, 2], "Der_Procedure_All": ["||U055", "||U051"],
        ...                       "Der_Diagnosis_All": [None, "M545"], "Age_at_Start_of_Episode_SUS": [45, 45],
        ...                       "Administrative_Category": ["01", "01"]})
        >>> ebi.write_flags(frame, "flags.parquet", "2S", force=True).flagged
        {'2S_lower_back_imaging': 1}
    """
    target_path = Path(output)
    if target_path.suffix not in (CSV, PARQUET):
        raise UsageError(f"flags are written as .parquet or .csv: {target_path} must end in one of these.")
    require_free(target_path, force)
    opened = require_frame(as_extract(extract))
    require_apart(target_path, [*opened.paths, *map(Path, settings_files().values())])
    with whole_file(target_path, force) as target:
        progress("deciding rules and checking values")
        flagged = _flag(opened, rules, variant, skip_unavailable, any_dataset)
        reader, rows = flagged.keys_and_flags(explain)
        with reading(reader), naming_damage():
            if target.suffix == CSV:
                rows.with_columns(pl.col(pl.List(pl.String)).list.join(_BETWEEN_CODES)).sink_csv(target)
            else:
                # A higher level takes a quarter longer, for files of the same size.
                rows.sink_parquet(target, compression="zstd", compression_level=1)
        checked = checked_rows(reader, flagged.criteria)
        # A CSV without rows does not say what its columns are.
        types = dict.fromkeys((rule.key for rule in flagged.rules), pl.Boolean())
        written = pl.scan_csv(target, schema_overrides=types) if target.suffix == CSV else pl.scan_parquet(target)
        counts = collect(written.select(pl.col(name).sum() for name in types)).row(0)
    by_key = dict(zip(types, counts, strict=True))
    warnings = (*flagged.warnings, *checked.notices)
    return WrittenFlags(checked.rows, by_key, opened.binding.layout.name, warnings)


def _flag(
    extract: FrameExtract,
    rules: RuleNames | None,
    variant: str,
    skip_unavailable: bool = False,
    any_dataset: bool = False,
) -> _Flagged:
    chosen, warnings = choose_rules(rules, variant, extract.binding, skip_unavailable, any_dataset)
    logics = [interpretation.logic for _, interpretation in chosen]
    for logic in logics:
        if logic.key in extract.table.columns:
            raise UsageError(f"the extract already has a column {logic.key}, where the rule's flag would go.")
    criteria = criteria_of(logics)
    with_fields, fields = fields_to_read(extract, criteria)
    return _Flagged(with_fields, logics, criteria, fields, tuple(warnings))
