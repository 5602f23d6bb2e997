"""Remember that a signal asked the program to stop, whatever a library makes of the exception that it raises.

A library may turn the exception into one of its own, if it was raised inside a callback. The run has been stopped all
the same, and ends as a stopped one.
"""

import sys

_received: list[int] = []


def stop(number: int, frame: object) -> None:
    """End the program as the handler of a signal: KeyboardInterrupt for Ctrl-C, SystemExit for others."""
    _received.append(number)
    import signal

    if number == signal.SIGINT:
        signal.default_int_handler(number, None)
    sys.exit(128 + number)


def received() -> int | None:
    """Return the number of the first signal that asked to stop; None if there was none."""
    return _received[0] if _received else None
