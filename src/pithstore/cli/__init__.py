"""The command line.  One module a command, imported when the command is called."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(100_000)  # imports and records make many objects and no circles: looking costs 5 %
    from pithstore.cli.commands import run

    sys.exit(run())
