"""What goes wrong with files becomes an error of ours, or stays what it is."""

import errno

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.engines.lazy_frames import DamagedExtractError, naming_damage


@pytest.mark.parametrize("kind", [OSError, pl.exceptions.ComputeError, pl.exceptions.PanicException])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_named_whoever_finds_it(kind: type[BaseException], number: int) -> None:
    message = {errno.ENOSPC: "No space left on device", errno.EFBIG: "File too large"}[number]
    with pytest.raises(ebi.EngineError, match="the disk has no space"), naming_damage():
        raise kind(number, message) if kind is OSError else kind(message)


def test_other_errors_of_the_system_are_not_damage() -> None:
    with pytest.raises(OSError, match="denied"), naming_damage():
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(DamagedExtractError), naming_damage():
        raise pl.exceptions.PanicException("something else")
