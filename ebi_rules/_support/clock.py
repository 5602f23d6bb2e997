"""The time and the day of a run. `SOURCE_DATE_EPOCH` fixes both, so that two runs give the same bytes."""

import os
from datetime import UTC, date, datetime

from ebi_rules._support.errors import UsageError

_FIXED = "SOURCE_DATE_EPOCH"


def is_fixed() -> bool:
    """Return whether the time of runs is fixed."""
    return bool(os.environ.get(_FIXED))


def now() -> datetime:
    """Return the time, in UTC.

    Raises:
        UsageError: `SOURCE_DATE_EPOCH` is not a number of seconds.
    """
    fixed = os.environ.get(_FIXED)
    if not fixed:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(fixed), UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{_FIXED} must be a number of seconds since 1970, such as 1700000000.") from None


def today() -> date:
    """Return today's date.

    Raises:
        UsageError: `SOURCE_DATE_EPOCH` is not a number of seconds.
    """
    return now().date() if is_fixed() else date.today()
