"""The command line: `ebi-rules`, also `python -m ebi_rules`. Commands are thin: the library does the work.

Nothing else is imported until `main` runs, so that an interrupt at any moment ends in one sentence.
"""

import os
import sys

from ebi_rules.cli.exit_codes import INTERRUPTED
from ebi_rules.cli.stop_signals import stop

__all__ = ["main"]

_MOMENT = 0.02
"""Seconds after which a stop is repeated."""


def main() -> None:
    """Run the command line; also the entry point `ebi-rules`."""
    # Polars reads many row groups ahead. For wide extracts that takes gigabytes, and on two cores it is no faster.
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "2")
    try:
        import signal

        # SIGTERM ends the program as Ctrl-C does, so that no partial output is left.
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, stop)
        sys.unraisablehook = _repeat_stop
        from ebi_rules.cli.all_commands import command_group
        from ebi_rules.cli.native_messages import hidden_native_messages

        with hidden_native_messages("--debug" not in sys.argv):
            command_group(prog_name="ebi-rules")
    except KeyboardInterrupt:
        os.write(2, b"Stopped. No partial output is left.\n")
        sys.exit(INTERRUPTED)


def _repeat_stop(unraisable: "sys.UnraisableHookArgs") -> None:
    """Stop again a moment later, where Python could not raise the exception of a signal and would go on."""
    import signal
    import threading

    numbers = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}
    for kind, number in numbers.items():
        if isinstance(unraisable.exc_value, kind):
            threading.Timer(_MOMENT, signal.raise_signal, (number,)).start()
            return
    sys.__unraisablehook__(unraisable)
