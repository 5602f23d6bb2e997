"""The exit codes of a run that was stopped: 128 and the number of the signal, as a shell gives it."""

INTERRUPTED = 130
"""After Ctrl-C."""

NOBODY_READS = 141
"""Where nobody reads the output any more, such as `head` that has enough."""
