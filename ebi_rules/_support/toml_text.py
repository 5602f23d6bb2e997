"""Parse the text of a TOML file. Whatever the parser cannot cope with is an error with a sentence."""

import tomllib
from typing import Any

from ebi_rules._support.errors import DataFileError


class TomlError(DataFileError):
    """A text is not TOML, or goes beyond what a file of definitions needs. The message is part of a sentence."""


def parse_toml(content: str) -> dict[str, Any]:
    """Return the table in a text.

    Raises:
        TomlError: The text is not TOML, is nested too deeply, or contains a number that is too long.

    Example:
        >>> parse_toml('key = "2S"')
        {'key': '2S'}
    """
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from None
    except RecursionError:
        raise TomlError("brackets are nested too deeply") from None
    except ValueError:
        raise TomlError("a number has too many digits") from None
