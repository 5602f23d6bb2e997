"""What a ledger of releases remembers of an audit or of a run of measures, and where a ledger may be."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from ebi_rules._support.atomic_output import require_apart
from ebi_rules._support.clock import now
from ebi_rules._support.errors import UsageError
from ebi_rules.criteria.fields import PRACTITIONERS
from ebi_rules.cube import DAY_MEASURES, dimensions_of
from ebi_rules.disclosure.release_ledger import Release, check_release, record_release
from ebi_rules.provider_audit.settings import Settings

_OF_OUTPUTS = ("run.json", "report.html")
"""Files by which a folder of outputs is known."""


def release_recorder(
    ledger: str | Path | None,
    override: str | None,
    output: Path,
    inputs: Iterable[Path],
    kind: str,
    cube: pl.DataFrame,
    settings: Settings,
    counted: Mapping[str, str],
) -> Callable[[], None]:
    """Check that an output may be released, and return a function that records it in the ledger.

    Args:
        ledger: The ledger; None if the output is not released, and nothing is checked or recorded.
        override: Why the output may be released although it combines with an earlier one.
        output: The output.
        inputs: The files that were read.
        kind: audit or measures.
        cube: The exact counts.
        settings: How they are shown.
        counted: For each rule or measure, its edition and variant.

    Raises:
        UsageError: The ledger is in a folder of outputs or one of the inputs, or the output may not be released.
    """
    if ledger is None:
        if override is not None:
            raise UsageError("--release-override is a reason beside --release: name the ledger too.")
        return lambda: None
    path = Path(ledger)
    _require_place(path, output, inputs)
    release = check_release(path, _release_of(output, kind, cube, settings, counted), override)
    return partial(record_release, path, release, override)


def _require_place(ledger: Path, output: Path, inputs: Iterable[Path]) -> None:
    """Raise `UsageError` if a ledger would leave with an output, or is one of the inputs."""
    require_apart(ledger, [path for path in inputs if not path.is_dir()])
    folder = ledger.absolute().parent
    place, left = Path(os.path.realpath(ledger)), Path(os.path.realpath(output))
    is_with_output = place == left or left in place.parents
    if is_with_output or any((folder / name).exists() for name in _OF_OUTPUTS):
        raise UsageError(
            f"the ledger {ledger} is in a folder of outputs, and would leave with them: keep it beside the exact cube."
        )
    if not folder.is_dir():
        raise UsageError(f"the folder {folder} does not exist.")


def _release_of(output: Path, kind: str, cube: pl.DataFrame, settings: Settings, counted: Mapping[str, str]) -> Release:
    fields = dimensions_of(cube)
    # Pseudonyms of practitioners are new in every run.
    lasting = [name for name in fields if name not in PRACTITIONERS]
    texts = cube.with_columns(pl.col(["rule", "measure", "item", *fields]).cast(pl.String))
    activity = texts.filter(measure="activity")
    by_rule = texts.filter(pl.col("rule").is_not_null())
    return Release(
        output=output.name,
        released=now().isoformat(timespec="seconds"),
        kind=kind,
        method=settings.disclosure,
        fields=tuple(fields),
        months=_values(activity, "month"),
        providers=_values(activity, "provider"),
        choices={
            "merged_providers": dict(settings.merged.codes),
            "real_codes": settings.real_codes,
            "standard": settings.standard is not None,
            "population": settings.population.field if settings.population else None,
        },
        activity=_fingerprint(texts.filter(pl.col("rule").is_null(), ~pl.col("measure").is_in(DAY_MEASURES)), lasting),
        counted={
            key: f"{name} {_fingerprint(by_rule.filter(pl.col('rule') == key), lasting)}"
            for key, name in counted.items()
        },
    )


def _values(activity: pl.DataFrame, field: str) -> tuple[str | None, ...]:
    return tuple(activity[field].unique().sort(nulls_last=True).to_list())


def _fingerprint(rows: pl.DataFrame, fields: Iterable[str]) -> str:
    """Return a hash of exact counts, which is equal for equal counts in any order."""
    keys = ["measure", "item", *fields]
    summed = rows.group_by(keys).agg(pl.col("count").sum()).sort(keys, nulls_last=True)
    return hashlib.sha256(summed.write_csv().encode()).hexdigest()
