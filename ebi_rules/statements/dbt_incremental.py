"""A dbt model of the cube that counts the last months again, and keeps what it counted before.

How many months are counted again is a variable of the package, and so is the first of them. A model that was made by
other rules or another version is refused: `dbt build --full-refresh` counts everything.
"""

import re
from hashlib import sha256

from ebi_rules.cube import EARLIEST
from ebi_rules.layouts.scope import Scope
from ebi_rules.translate.dialects.dialect import Dialect
from ebi_rules.translate.dialects.printing import identifier

VARIABLES = {"ebi_recount": 3, "ebi_recount_from": None}
"""How many of the last months are counted again, and the first month that is: 202404, instead of their number."""

MADE_WITH = "ebi_cube_made_with"
"""The model that says with what the cube was made."""

_SINCE = 987601
_LAST_KEPT = str(_SINCE - 1)
"""A month that no extract has, in whose place the statement gets the month before the first to count."""

SINCE = Scope(since=_SINCE)
"""The scope of the statement that `incremental` changes: from a month on, with what has no plausible date."""

_EARLIEST = EARLIEST.year * 100 + EARLIEST.month

_MACROS = f"""\
{{# The last month that the cube keeps: 0 if it counts everything. #}}
{{% macro ebi_last_kept(cube, made_with) %}}
    {{%- if not is_incremental() -%}}
        {{{{ return(0) }}}}
    {{%- endif -%}}
    {{%- set record = adapter.get_relation(cube.database, cube.schema, '{MADE_WITH}') -%}}
    {{%- set earlier = (none, none) -%}}
    {{%- if record is not none -%}}
        {{%- set earlier = run_query('SELECT made_with, counted_in FROM ' ~ record).rows[0] -%}}
    {{%- endif -%}}
    {{%- if earlier[0] != made_with -%}}
        {{{{ exceptions.raise_compiler_error('{{0}} was counted by other rules, another layout or another version of '
            'ebi-rules. Run dbt build --full-refresh to count everything.'.format(cube)) }}}}
    {{%- endif -%}}
    {{%- if var('ebi_recount_from', none) is not none -%}}
        {{%- set first = var('ebi_recount_from') | int -%}}
        {{{{ return(first - 1 if first % 100 > 1 else first - 89) }}}}
    {{%- endif -%}}
    {{# Months after the one in which it was counted were not complete, however much is booked for them. #}}
    {{%- set counts = run_query(
        "SELECT <month>, SUM(<count>) AS n FROM " ~ cube ~ " WHERE <measure> = 'activity' AND <month> BETWEEN "
        ~ "{_EARLIEST} AND " ~ earlier[1] ~ " GROUP BY <month> ORDER BY <month>").rows -%}}
    {{# A few wrong dates behind the last month do not say that the months before them were complete. #}}
    {{%- set bulk = namespace(total=0, so_far=0, last=0) -%}}
    {{%- for month, n in counts -%}}
        {{%- set bulk.total = bulk.total + (n | int) -%}}
    {{%- endfor -%}}
    {{%- for month, n in counts -%}}
        {{%- if bulk.so_far < 0.99 * bulk.total -%}}
            {{%- set bulk.last = month | int -%}}
        {{%- endif -%}}
        {{%- set bulk.so_far = bulk.so_far + (n | int) -%}}
    {{%- endfor -%}}
    {{%- if bulk.last == 0 -%}}
        {{{{ return(0) }}}}
    {{%- endif -%}}
    {{%- set months = (bulk.last // 100) * 12 + bulk.last % 100 - 1 - (var('ebi_recount', 3) | int) -%}}
    {{{{ return((months // 12) * 100 + months % 12 + 1) }}}}
{{% endmacro %}}

{{# Remove what is counted again. #}}
{{% macro ebi_forget(cube, made_with) %}}
    {{%- if is_incremental() -%}}
        {{%- set last_kept = ebi_last_kept(cube, made_with) -%}}
        DELETE FROM {{{{ cube }}}} WHERE NOT COALESCE(<month>, 0) BETWEEN {_EARLIEST} AND {{{{ last_kept }}}}
    {{%- endif -%}}
{{% endmacro %}}
"""


def macros(dialect: Dialect) -> str:
    """Return the macros that the model of the cube calls, in a dialect."""
    month, measure, count = (identifier(name, dialect).sql(dialect.sqlglot) for name in ("month", "measure", "count"))
    quoted = {"month": month, "measure": measure, "count": count}
    return re.sub("<(month|measure|count)>", lambda found: quoted[found[1]], _MACROS)


def incremental(statement: str) -> dict[str, str]:
    """Return the models of a cube that is counted month by month.

    Args:
        statement: The statement that counts the cube within `SINCE`, as a model has it.

    Returns:
        The text of each model, by its name after `ebi_cube`.
    """
    digest = sha256(statement.encode()).hexdigest()[:16]
    assert statement.count(_LAST_KEPT), "the statement has a place for the month"
    text = statement.replace(_LAST_KEPT, "{{ last_kept }}")
    config = (
        "{{ config(materialized='incremental', on_schema_change='fail', "
        f"""pre_hook="{{{{ ebi_forget(this, '{digest}') }}}}") }}}}\n"""
        f"{{% set last_kept = ebi_last_kept(this, '{digest}') %}}\n"
    )
    made_with = (
        "{{ config(materialized='table') }}\n-- depends on {{ ref('ebi_cube') }}\n"
        + f"SELECT '{digest}' AS made_with, {{{{ modules.datetime.date.today().strftime('%Y%m') }}}} AS counted_in\n"
    )
    return {"": config + text, MADE_WITH.removeprefix("ebi_cube"): made_with}
