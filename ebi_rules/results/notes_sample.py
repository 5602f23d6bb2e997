"""Draw a sample of activity whose notes are to be reviewed: by provider and by what made the rule flag it.

The workbooks have no identifier. The key, which links the numbers of cases to activities, is a file of its own.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from ebi_rules._support.atomic_output import require_apart, whole_file, whole_folder
from ebi_rules._support.errors import ExtractError, UsageError
from ebi_rules.criteria.nodes import Criterion, Or
from ebi_rules.engines.extract import Extract, FrameExtract, Source
from ebi_rules.engines.polars_engine import require_frame
from ebi_rules.results.flags import flag
from ebi_rules.results.opened_extract import as_extract
from ebi_rules.results.review_workbook import write_review_workbook
from ebi_rules.rule_model.catalogue import rule as find_rule
from ebi_rules.rule_model.checklists import Checklist, shipped_checklist
from ebi_rules.rule_model.rule import Rule
from ebi_rules.statistics.stratified_draw import FEWEST_IN_STRATUM, allotted, strata_of
from ebi_rules.translate.english import say
from ebi_rules.translate.polars import raw_code

KEY_COLUMNS = (
    "sample",
    "case",
    "flagged",
    "provider",
    "alternative",
    "stratum",
    "stratum_provider",
    "in_stratum",
    "items",
    "rule",
    "content_hash",
)
"""The columns of a key, beside those that identify the activity."""
OUR_FILES = re.compile(r"review_\d\.xlsx")
_NORMAL = 1.96


@dataclass(frozen=True)
class NotesSample:
    """A sample of activity.

    Attributes:
        rule: The rule.
        checklist: What reviewers look for.
        key: One row per case: sample (a mark that the workbooks have too), case, the columns that identify the
            activity, flagged, provider, alternative (what made the rule flag it), stratum, stratum_provider (if it has
            only one), in_stratum (how many activities the stratum has), items (of the checklist), rule, content_hash.
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
    any_dataset: bool = False,
) -> NotesSample:
    """Draw a sample.

    Args:
        extract: The extract.
        rule: The rule, or its key or alias.
        size: How many flagged activities; by default as many as the precision needs.
        precision: Half the width of the 95% interval of the share appropriate, as a share.
        unflagged: How many eligible activities that are not flagged, to see what is missed: none, or at least 2.
        seed: The seed of the random numbers, a whole number from 0 on: the same seed and extract give the same sample.
        checklist: What reviewers look for; by default the one that is shipped for the rule, if there is one.
        any_dataset: Allow a rule for another dataset than the extract's.

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
    for option, number in (("--size", size), ("--unflagged", unflagged), ("--seed", seed)):
        if number is not None and (type(number) is not int or number < 0):
            raise UsageError(f"{option} must be a whole number from 0 on.")
    chosen = find_rule(rule) if isinstance(rule, str) else rule
    opened = require_frame(as_extract(extract))
    activity = _activity(opened, chosen, any_dataset)
    flagged, others = activity.filter("flagged"), activity.filter(~pl.col("flagged"))
    if not flagged.height:
        raise ExtractError("no activity is in scope: there is nothing to review.")
    number = sample_size(precision, flagged.height) if size is None else size
    for what, wanted, there in (("flagged", number, flagged.height), ("not flagged", unflagged, others.height)):
        if wanted > there:
            raise UsageError(f"{wanted:,} activities that are {what} are asked for, and there are {there:,}.")
    if number < FEWEST_IN_STRATUM or 0 < unflagged < FEWEST_IN_STRATUM:
        raise UsageError(f"a sample needs at least {FEWEST_IN_STRATUM} activities of each kind.")
    rng = np.random.default_rng(seed)
    drawn = [_drawn(flagged, number, rng)]
    if unflagged:
        drawn.append(_drawn(others, unflagged, rng))
    cases = pl.concat(drawn)
    items = shipped_checklist(chosen.key) if checklist is None else checklist
    columns = KEY_COLUMNS[2:8]
    key = cases[rng.permutation(cases.height).tolist()].select(
        pl.int_range(1, pl.len() + 1).alias("case"),
        *_key_names(opened).values(),
        *columns,
        items=pl.lit(" ".join(item.key for item in items.items)),
        rule=pl.lit(chosen.key),
        content_hash=pl.lit(chosen.logic.content_hash),
    )
    mark = hashlib.sha256(f"{seed} {key.write_csv()}".encode()).hexdigest()[:12]
    # A letter first, so that no spreadsheet takes the mark for a number.
    return NotesSample(chosen, items, key.select(pl.lit(f"s{mark}").alias("sample"), pl.all()), tuple(opened.paths))


def _activity(opened: FrameExtract, rule: Rule, any_dataset: bool) -> pl.DataFrame:
    """Return eligible activity: its key, provider, whether it is flagged, and what made the rule flag it."""
    alternatives = _alternatives(rule)
    # Columns of ours, which no extract is likely to have.
    named = {f"{rule.key}__alternative_{place}": words for place, words in enumerate(alternatives, start=1)}
    is_eligible = f"{rule.key}__eligible"
    rules = [rule, *(_with_criteria(rule, name, alternatives[words]) for name, words in named.items())]
    eligible = {name: rule.logic.criteria[name] for name in rule.logic.eligible}
    if eligible:
        rules.append(_with_criteria(rule, is_eligible, eligible))
    rows: pl.LazyFrame = flag(replace(opened, kind="lazy"), rules, any_dataset=any_dataset)
    is_flagged = pl.col(rule.key)
    met = [
        pl.when(pl.col(name)).then(pl.lit(words)).otherwise(pl.lit(None, pl.String)) for name, words in named.items()
    ]
    has_provider = bool(opened.binding.fields.get("provider"))
    provider = raw_code(opened.binding, "provider", opened.table.schema) if has_provider else pl.lit(None, pl.String)
    selected = rows.filter(is_eligible) if eligible else rows
    return selected.select(
        *[pl.col(column).alias(name) for column, name in _key_names(opened).items()],
        flagged=is_flagged,
        provider=provider.str.strip_chars().str.to_uppercase().replace("", None),
        alternative=pl.when(is_flagged).then(pl.coalesce([*met, pl.lit("the rule")])).otherwise(pl.lit("not flagged")),
    ).collect()


def _key_names(opened: FrameExtract) -> dict[str, str]:
    """Return the columns that identify an activity, each by its name in the key."""
    return {name: f"activity_{name}" if name in KEY_COLUMNS else name for name in opened.binding.keys}


def _alternatives(rule: Rule) -> dict[str, dict[str, Criterion]]:
    """Return the criteria of the rule with each operand of its first OR alone, by the operand in words."""
    words = rule.documentation.words
    for name, criterion in rule.logic.criteria.items():
        if isinstance(criterion, Or):
            return {
                " ".join(say(operand, words).split()): {**rule.logic.criteria, name: operand}
                for operand in criterion.operands
            }
    return {}


def _with_criteria(rule: Rule, key: str, criteria: Mapping[str, Criterion]) -> Rule:
    eligible = tuple(name for name in rule.logic.eligible if name in criteria)
    logic = replace(rule.logic, key=key, criteria=dict(criteria), eligible=eligible, compare_within=None)
    return replace(rule, logic=logic, variants={}, editions={})


def _drawn(activity: pl.DataFrame, number: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw so many, from each stratum in proportion to its size."""
    cells = activity.group_by("alternative", "provider").len().sort("alternative", "provider")
    named = strata_of({(alternative, provider): size for alternative, provider, size in cells.rows()}, number)
    strata = cells.with_columns(
        stratum=pl.Series([each.name for each in named.values()]),
        stratum_provider=pl.Series([each.provider for each in named.values()], dtype=pl.String),
    )
    sizes = strata.group_by("stratum").agg(in_stratum=pl.sum("len").cast(pl.Int64)).sort("stratum")
    sizes = sizes.with_columns(wanted=pl.Series(allotted(sizes["in_stratum"].to_list(), number)))
    of_cell = strata.drop("len").join(sizes, on="stratum")
    keys = ["alternative", "provider"]
    rows = activity.with_columns(draw=pl.Series(rng.random(activity.height)))
    rows = rows.join(of_cell, on=keys, nulls_equal=True, maintain_order="left")
    return rows.filter(pl.col("draw").rank("ordinal").over("stratum") <= pl.col("wanted")).drop("draw", "wanted")
