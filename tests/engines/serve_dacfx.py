"""Run by `judge_dacfx`: a list of statements a line on standard input, what DacFx says of them on standard output."""

import json
import os
import sys

from tests.engines.scriptdom import library_folder, start_dotnet


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr
    folder = library_folder()
    start_dotnet(folder, "false")
    import clr

    for name in ("Microsoft.SqlServer.Dac", "Microsoft.SqlServer.Dac.Extensions"):
        clr.AddReference(str(folder / f"{name}.dll"))
    from Microsoft.SqlServer.Dac.Model import SqlServerVersion, TSqlModel, TSqlModelOptions
    from System.Diagnostics import FileVersionInfo

    for line in sys.stdin:
        question = json.loads(line)
        if question == "version":
            file = str(folder / "Microsoft.SqlServer.Dac.dll")
            answer: object = str(FileVersionInfo.GetVersionInfo(file).FileVersion)
        else:
            answer = _complaints(TSqlModel(SqlServerVersion.Sql130, TSqlModelOptions()), question)
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # The runtime does not end by itself.


def _complaints(model: object, statements: list[str]) -> list[str]:
    try:
        for statement in statements:
            model.AddObjects(statement)
        return [str(message.Message) for message in model.Validate()]
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    main()
