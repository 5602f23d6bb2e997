"""Run in fakesnow's own environment: a query a line on standard input, its rows or error a line on standard output.

It ends when its input does, and so with the tests that started it.
"""

import json
import sys
from importlib import metadata

import fakesnow
import snowflake.connector


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    with fakesnow.patch():
        cursor = snowflake.connector.connect(database="tests", schema="tests").cursor()
        for line in sys.stdin:
            query = json.loads(line)
            try:
                rows = [[metadata.version("fakesnow")]] if query == "version" else cursor.execute(query).fetchall()
                answer = {"rows": rows}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
