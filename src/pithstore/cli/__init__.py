"""The command line.  One module a command, imported when the command is called."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(100_000)  # imports and records make many objects and no circles: looking costs 5 %
    _occupy_streams()
    from pithstore.cli.commands import run

    sys.exit(run())


def _occupy_streams() -> None:
    """Open /dev/null where a standard stream is closed: else a data file would get its number, and its text."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
