"""Addresses and connection strings without what opens them: passwords, tokens and keys."""

import re

_USER = re.compile(r"(?<![\w+.-])((?!abfss?:|wasbs?:)\w[\w+.-]*://)[^/\s@?#]+@")
"""The user and password of an address. What is before @ in Azure's own addresses is the name of a container."""

_QUERY = re.compile(r"(\w[\w+.-]*://[^\s?'\"]*)\?[^\s'\"]*")
_SETTING = re.compile(
    r"\b([\w-]*(?:password|passwd|pwd|token|secret|signature|_key)|sig|sas|(?:access|account|api) ?key)(\s*=\s*)"
    r"('[^']*'|\"[^\"]*\"|\{[^}]*\}|[^\s;&,'\"]+)",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """Return a text in which addresses have no user, password or query, and settings of secrets no value.

    Example:
        >>> without_secrets("az://me:pw@store/x.parquet?sig=abc cannot be read")
        'az://store/x.parquet cannot be read'
        >>> without_secrets("Server=a;PWD=b;Database=c")
        'Server=a;PWD=...;Database=c'
        >>> without_secrets("abfss://extracts@store/x.parquet")
        'abfss://extracts@store/x.parquet'
    """
    return _SETTING.sub(r"\1\2...", _QUERY.sub(r"\1", _USER.sub(r"\1", text)))
