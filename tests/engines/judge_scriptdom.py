"""ScriptDom, Microsoft's own T-SQL parser, with the grammar of SQL Server 2016."""

from collections.abc import Sequence

from tests.engines import scriptdom
from tests.engines.engine import Evidence
from tests.engines.judge import Judge, Schema


def _complaints(text: str, schema: Schema) -> Sequence[str]:
    try:
        scriptdom.parse(text)
    except SyntaxError as error:
        return [str(error)]
    return []


JUDGES = (
    Judge(
        name="ScriptDom",
        dialect="tsql",
        evidence=Evidence.VENDOR,
        version=lambda: scriptdom.version(),
        complaints=_complaints,
        wrong=[
            "SELECT a LIKE 'x' AS f FROM opa",
            "SELECT a || 'x' AS f FROM opa",
            "SELECT a AS rule FROM opa",
            "SELECT a FROM opa LIMIT 1",
        ],
        note="the grammar of SQL Server 2016",
    ),
)
