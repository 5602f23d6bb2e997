"""Sentences that many outputs say."""

FLAG_MEANING = "In scope of the guidance does not mean inappropriate."
"""What a flag means; every output says it."""

BEFORE_IT_LEAVES = (
    "Before this leaves your organisation: a second output of the same activity with other options can reveal what is "
    "suppressed here (--release keeps a record). For internal use, --disclosure none is right."
)
"""What every output says about further outputs and about the choice of a method, for the screen."""
