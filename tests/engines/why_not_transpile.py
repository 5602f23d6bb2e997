"""Run the published script, transpiled by sqlglot alone, beside our text: `python -m tests.engines.why_not_transpile`.

Writes the table of docs/why-not-transpile.md. Engines that are not on this machine are left out, and said.
"""

from pathlib import Path

import sqlglot

from ebi_rules.layouts.layout import find_layout
from ebi_rules.rule_model.catalogue import rule
from tests.engines import reference
from tests.engines.case import Case
from tests.engines.engine import ACTIVITY, AbsentError, SqlEngine
from tests.engines.evaluators import ENGINES, stop_all
from tests.engines.published_script import REGEX_SCRIPT, SCRIPT, published_rows, well_formed_rows
from tests.engines.tsql_machine import Collation

PAGE = Path(__file__).parents[2] / "docs" / "why-not-transpile.md"
ROWS = 10_000
_OPENS = "<!-- table -->\n"


def main() -> None:
    frame = well_formed_rows(ROWS)
    case = Case(find_layout("ncdr-opa"), [rule("2S").variant("as_published")], frame)
    script = published_rows(frame, Collation(ignores_case=True, unicode=False))
    ours = {key for key, (flag,) in reference.evaluate(case).items() if flag}
    lines = [
        f"{ROWS:,} rows; the script gives {len(script):,} under SQL Server's rules. Found, and of them right:\n",
        "| dialect, engine | LIKE, transpiled | regular expressions, transpiled | ours |",
        "| --- | --- | --- | --- |",
    ]
    assert ours == script
    for engine in ENGINES:
        for dialect in engine.dialects:
            try:
                engine.version()
            except AbsentError as absent:
                print(f"{engine.name} is not on this machine ({absent})")
                continue
            flags = engine.flags(case, dialect)
            mine = {key for key, (flag,) in flags.items() if flag}
            cells = [
                _transpiled(engine, SCRIPT, "tsql", dialect, script),
                _transpiled(engine, REGEX_SCRIPT, "duckdb", dialect, script),
                _counts(mine, script),
            ]
            lines.append(f"| `{dialect}`, {engine.name} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    stop_all()
    head = PAGE.read_text(encoding="utf-8").partition(_OPENS)[0]
    PAGE.write_text(head + _OPENS + "\n".join(lines) + "\n", encoding="utf-8")


def _transpiled(engine: SqlEngine, condition: str, read: str, dialect: str, script: set[int]) -> str:
    """Say what sqlglot's own translation of a condition finds on the engine, or that it does not run."""
    try:
        text = sqlglot.transpile(f"SELECT OPA_Ident FROM {ACTIVITY} WHERE {condition}", read=read, write=dialect)[0]
        return _counts({int(str(key)) for (key,) in engine.rows(text)}, script)
    except Exception as error:
        return f"does not run ({type(error).__name__})"


def _counts(found: set[int], script: set[int]) -> str:
    return f"{len(found):,}, {len(found & script):,}"


if __name__ == "__main__":
    main()
