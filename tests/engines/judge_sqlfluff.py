"""sqlfluff's grammars, written apart from sqlglot's, for dialects whose engine was not to be had.

They are lax: what they refuse is wrong, and what they take may be.
"""

from collections.abc import Sequence
from importlib import metadata

from tests.engines.engine import AbsentError, Evidence
from tests.engines.judge import Judge, Schema


def _version() -> str:
    try:
        return f"sqlfluff {metadata.version('sqlfluff')}"
    except metadata.PackageNotFoundError:
        raise AbsentError("make engines") from None


def _judge(dialect: str, title: str, wrong: Sequence[str]) -> Judge:
    def complaints(text: str, schema: Schema) -> Sequence[str]:
        from sqlfluff.core import FluffConfig, Linter

        config = FluffConfig(overrides={"dialect": dialect, "max_parse_depth": 0})
        return [str(violation.desc()) for violation in Linter(config=config).parse_string(text).violations]

    return Judge(f"sqlfluff's grammar of {title}", dialect, Evidence.GRAMMAR, _version, complaints, wrong, slow=True)


JUDGES = (
    _judge("oracle", "Oracle", ["SELECT `a` FROM b", "SELECT a b c FROM d", "SELECT a FROM b QUALIFY a = 1"]),
    _judge("redshift", "Redshift", ["SELECT `a` FROM b", "SELECT a FROM b WHERE a RLIKE 'x'", "SELECT a b c FROM d"]),
    _judge("snowflake", "Snowflake", ["SELECT `a` FROM b", "SELECT a b c FROM d", "SELECT a FROM b WHERE"]),
)
