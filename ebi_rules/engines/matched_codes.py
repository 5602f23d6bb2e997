"""List the codes of each activity that are in the lists of rules, for those who ask why it was flagged."""

from collections.abc import Sequence

import polars as pl

from ebi_rules.criteria.nodes import NamedCodes
from ebi_rules.engines.child_codes import ChildCodes
from ebi_rules.engines.extract import FrameExtract
from ebi_rules.engines.lazy_frames import collect
from ebi_rules.engines.packed_keys import PREFIX
from ebi_rules.translate.polars import code_text, matched


def join_matched_codes(
    frame: pl.LazyFrame, extract: FrameExtract, name: str, lists: Sequence[NamedCodes]
) -> tuple[pl.LazyFrame, str]:
    """Return rows with a column of the codes in some lists, null or empty where there are none, and its name.

    Args:
        frame: The extract's rows.
        extract: The extract.
        name: The field of codes.
        lists: The lists.
    """
    column, key = f"{PREFIX}{name}_matched", f"{PREFIX}{name}_key"
    child = extract.binding.child(name)
    if not child:
        text = code_text(extract.binding.code_columns(name), extract.binding, name)
        return frame.with_columns(matched(lists, text).alias(column)), column
    codes = ChildCodes(name, extract, child)
    texts = collect(codes.texts(lists)).lazy()
    listed = texts.select(
        pl.col("key").alias(key), matched(lists, code_text(["text"], extract.binding, name)).alias(column)
    )
    keyed = frame.with_columns(codes.activity_key.alias(key))
    return keyed.join(listed, on=key, how="left", maintain_order="left"), column
