"""Draw a sample of activity whose notes are to be reviewed: by provider and by what made the rule flag it.

The workbooks have no identifier. The key, which links the numbers of cases to activities, is a file of its own.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_file, whole_folder
from ebi_rules._support.errors import ExtractError, UsageError
from ebi_rules.criteria.nodes import Or
from ebi_rules.engines.extract import Extract, Source
from ebi_rules.engines.polars_engine import require_frame
from ebi_rules.results.flags import flag
from ebi_rules.results.opened_extract import as_extract
from ebi_rules.results.review_workbook import write_review_workbook
from ebi_rules.rule_model.catalogue import rule as find_rule
from ebi_rules.rule_model.checklists import Checklist, shipped_checklist
from ebi_rules.rule_model.rule import Rule

OUR_FILES = re.compile(r"review_\d\.xlsx")
FEWEST_IN_STRATUM = 2
"""Cases of each stratum, so that its variance can be estimated."""
OTHERS = "other providers"
"""The stratum of providers that are too small for one of their own."""

_NORMAL = 1.96


@dataclass(frozen=True)
class NotesSample:
    """A sample of activity.

    Attributes:
        rule: The rule.
        checklist: What reviewers look for.
        key: One row per case: sample (a mark that the workbooks have too), case, the activity's key, flagged, provider,
            alternative (what made the rule flag it), stratum, in_stratum (how many activities the stratum has), rule,
            content_hash.
        inputs: The files that were read.
    """

    rule: Rule
    checklist: Checklist
    key: pl.DataFrame
    inputs: tuple[Path, ...]

    def write(self, folder: str | Path, key: str | Path, reviewers: int = 1, force: bool = False) -> None:
        """Write a workbook for each reviewer, and the key to another folder.

        Args:
            folder: The folder for the workbooks.
            key: The CSV file that links cases to activities: keep it apart, inside your organisation.
            reviewers: How many reviewers there are: 1 or 2.
            force: Replace what exists.

        Raises:
            UsageError: Something exists, or the key would be with the workbooks.
        """
        target, key_path = Path(folder), Path(key)
        if reviewers not in (1, 2):
            raise UsageError("--reviewers must be 1 or 2.")
        if key_path.resolve().parent == target.resolve() or target.resolve() in key_path.resolve().parents:
            raise UsageError("the key says whose case is whose: write it to another folder than the workbooks.")
        for place in (target, key_path):
            require_apart(place, self.inputs)
        cases = self.key["case"].to_list()
        with whole_file(key_path, force) as key_file, whole_folder(target, OUR_FILES, force) as workbooks:
            self.key.write_csv(key_file)
            for number in range(1, reviewers + 1):
                path = workbooks / f"review_{number}.xlsx"
                write_review_workbook(path, str(self.key["sample"][0]), cases, self.checklist, self.rule.title)


def sample_size(precision: float, among: int) -> int:
    """Return how many cases a share needs for an interval of this half width, at its widest.

    Args:
        precision: Half the width of the 95% interval, as a share: 0.1 for 10 percentage points.
        among: How many there are.

    Source:
        Cochran, Sampling Techniques, 1977, 4.4: n = n0 / (1 + (n0 - 1) / N), n0 = 1.96^2 / (4 d^2).

    Example:
        >>> sample_size(0.1, 1000000), sample_size(0.1, 200)
        (97, 66)
    """
    if not 0.01 <= precision <= 0.5:
        raise UsageError("--precision must be from 1 to 50 percentage points.")
    unlimited = _NORMAL**2 * 0.25 / precision**2
    return min(math.ceil(unlimited / (1 + (unlimited - 1) / max(among, 1))), among)


def draw_sample(
    extract: Source | Extract,
    rule: str | Rule,
    size: int | None = None,
    precision: float = 0.1,
    unflagged: int = 0,
    seed: int = 1,
    checklist: Checklist | None = None,
) -> NotesSample:
    """Draw a sample.

    Args:
        extract: The extract.
        rule: The rule, or its key or alias.
        size: How many flagged activities; by default as many as the precision needs.
        precision: Half the width of the 95% interval of the share appropriate, as a share.
        unflagged: How many eligible activities that are not flagged, to see what is missed.
        seed: The seed of the random numbers: the same seed and extract give the same sample.
        checklist: What reviewers look for; by default the one that is shipped for the rule, if there is one.

    Raises:
        UsageError: More are asked for than there are, or a number is impossible.
        ExtractError: The extract cannot answer the rule, or has no activity in scope.

    Example:
        >>> import polars as pl, ebi_rules as ebi
        >>> frame = pl.DataFrame({"OPA_Ident": range(40), "Der_Procedure_All": ["||U055", "||U051"] * 20,
        ...                       "Der_Diagnosis_All": ["M545"] * 40, "Age_at_Start_of_Episode_SUS": [45] * 40,
        ...                       "Administrative_Category": ["01"] * 40})
        >>> sample = ebi.draw_sample(frame, "2S", size=8, unflagged=4)
        >>> sample.key["flagged"].sum(), sample.key.height
        (8, 12)
    """
    chosen = find_rule(rule) if isinstance(rule, str) else rule
    opened = require_frame(as_extract(extract))
    names = opened.binding.keys
    activity = _activity(opened, chosen)
    flagged, others = activity.filter("flagged"), activity.filter(~pl.col("flagged"))
    if not flagged.height:
        raise ExtractError("no activity is in scope: there is nothing to review.")
    number = sample_size(precision, flagged.height) if size is None else size
    for what, wanted, there in (("flagged", number, flagged.height), ("not flagged", unflagged, others.height)):
        if not 0 <= wanted <= there:
            raise UsageError(f"{wanted:,} activities that are {what} are asked for, and there are {there:,}.")
    if number < FEWEST_IN_STRATUM:
        raise UsageError(f"a sample needs at least {FEWEST_IN_STRATUM} flagged activities.")
    rng = np.random.default_rng(seed)
    drawn = [_drawn(flagged, number, rng)]
    if unflagged:
        drawn.append(_drawn(others, unflagged, rng))
    cases = pl.concat(drawn)
    order = rng.permutation(cases.height)
    cases = cases[order.tolist()].with_columns(
        case=pl.int_range(1, pl.len() + 1), rule=pl.lit(chosen.key), content_hash=pl.lit(chosen.logic.content_hash)
    )
    columns = ["flagged", "provider", "alternative", "stratum", "in_stratum", "rule", "content_hash"]
    key = cases.select("case", *names, *columns)
    mark = hashlib.sha256(f"{seed} {key.write_csv()}".encode()).hexdigest()[:12]
    key = key.select(pl.lit(mark).alias("sample"), pl.all())
    shown = shipped_checklist(chosen.key) if checklist is None else checklist
    return NotesSample(chosen, shown, key, tuple(opened.paths))


def _activity(opened: Extract, rule: Rule) -> pl.DataFrame:
    """Return eligible activity: its key, provider, whether it is flagged, and what made the rule flag it."""
    alternatives = _alternatives(rule)
    eligible = {name: rule.logic.criteria[name] for name in rule.logic.eligible}
    rules = [
        rule,
        *(_with_criteria(rule, f"alternative {place}", each) for place, each in enumerate(alternatives, start=1)),
    ]
    if eligible:
        rules.append(_with_criteria(rule, "eligible", eligible))
    frame: Any = flag(opened, rules)
    rows = frame.lazy() if isinstance(frame, pl.DataFrame | pl.LazyFrame) else pl.from_arrow(frame).lazy()  # type: ignore[union-attr]
    binding = opened.binding
    provider = binding.fields.get("provider")
    names = [each.key for each in rules[1 : 1 + len(alternatives)]]
    first = [pl.when(pl.col(name)).then(pl.lit(name)).otherwise(pl.lit(None, pl.String)) for name in names]
    which = pl.coalesce([*first, pl.lit("the rule")])
    selected = rows.select(
        *binding.keys,
        pl.col(rule.key).alias("flagged"),
        (pl.col(provider[0]).cast(pl.String) if provider else pl.lit(None, pl.String)).alias("provider"),
        pl.when(pl.col(rule.key)).then(which).alias("alternative"),
        (pl.col("eligible") if eligible else pl.lit(True)).alias("is_eligible"),
    )
    return selected.filter("is_eligible").drop("is_eligible").collect()


def _alternatives(rule: Rule) -> list[dict[str, Any]]:
    """Return the rule's criteria with each operand of its first OR alone; nothing if there is no OR."""
    for name, criterion in rule.logic.criteria.items():
        if isinstance(criterion, Or):
            return [{**rule.logic.criteria, name: operand} for operand in criterion.operands]
    return []


def _with_criteria(rule: Rule, key: str, criteria: Mapping[str, Any]) -> Rule:
    eligible = tuple(name for name in rule.logic.eligible if name in criteria)
    logic = replace(rule.logic, key=key, criteria=dict(criteria), eligible=eligible, compare_within=None)
    return replace(rule, logic=logic, variants={}, editions={})


def _drawn(activity: pl.DataFrame, number: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw so many, from each stratum in proportion to its size, and at least two of each."""
    strata = _strata(activity, number)
    sizes = strata.group_by("stratum", maintain_order=True).len("in_stratum").sort("stratum")
    counts = _allotted(sizes["in_stratum"].to_list(), number)
    parts = []
    for (stratum, there), wanted in zip(sizes.iter_rows(), counts, strict=True):
        rows = strata.filter(stratum=stratum)
        chosen = rng.choice(there, wanted, replace=False)
        parts.append(rows[sorted(chosen.tolist())].with_columns(in_stratum=pl.lit(there)))
    return pl.concat(parts)


def _strata(activity: pl.DataFrame, number: int) -> pl.DataFrame:
    """Name each activity's stratum; the smallest providers are one stratum where there would be too many."""
    group = pl.concat_str(pl.col("alternative").fill_null("not flagged"), pl.lit(", "), pl.col("of_whom"))
    most = max(number // (2 * FEWEST_IN_STRATUM), 1)
    sizes = activity.group_by("provider").len().sort("len", "provider", descending=[True, False], nulls_last=True)
    for kept in range(sizes.height, -1, -1):
        own = sizes["provider"].drop_nulls().head(kept).to_list()
        name = pl.when(pl.col("provider").is_in(own)).then("provider").otherwise(pl.lit(OTHERS))
        named = activity.with_columns(of_whom=name).with_columns(stratum=group)
        counted = named.group_by("stratum").len()
        if (counted.height <= most and counted["len"].min() >= FEWEST_IN_STRATUM) or kept == 0:  # type: ignore[operator]
            break
    if counted["len"].min() < FEWEST_IN_STRATUM or counted.height > most:  # type: ignore[operator]
        named = named.with_columns(stratum=pl.when("flagged").then(pl.lit("flagged")).otherwise(pl.lit("not flagged")))
    return named.drop("of_whom")


def _allotted(sizes: list[int], number: int) -> list[int]:
    """Share a number out in proportion to sizes: at least two each, at most what is there; largest remainders first."""
    whole = sum(sizes)
    counts = [min(max(FEWEST_IN_STRATUM, math.floor(number * size / whole)), size) for size in sizes]
    while sum(counts) != number:
        gap = [number * size / whole - count for size, count in zip(sizes, counts, strict=True)]
        if sum(counts) < number:
            place = max((at for at in range(len(sizes)) if counts[at] < sizes[at]), key=lambda at: gap[at])
            counts[place] += 1
        else:
            place = min((at for at in range(len(sizes)) if counts[at] > FEWEST_IN_STRATUM), key=lambda at: gap[at])
            counts[place] -= 1
    return counts
