"""The command line.  One module a command, imported when the command is called."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code.

    Python is not taken down object by object, which is a sixth of what a `get` costs: stores and files are closed
    by whoever opened them, and `run` flushes the output.
    """
    gc.set_threshold(100_000)  # imports and records make many objects and no circles: looking costs 5 %
    _occupy_streams()
    if _opens_store(sys.argv[1:]):
        from pithstore.isolation import go_on_in_child

        go_on_in_child(_say_damaged)  # now: a process that has imported little is forked quickly
    from pithstore.cli.commands import run

    os._exit(run())


def _opens_store(arguments: list[str]) -> bool:
    """Whether a store may be opened.  To be wrong costs time, or the words for a store that ends processes."""
    pairs = zip(["", *arguments], arguments, strict=False)
    words = [each for last, each in pairs if each[:1] != "-" and last != "--store"]
    return bool(words) and words[0] not in ("check", "hash") and not {"--help", "-h"} & set(arguments)


def _say_damaged(by: str) -> int:
    """Say that reading the store ended the process, by that signal; the exit code for it."""
    from pithstore.cli.commands import say_damaged

    return say_damaged(by, sys.argv[1:])


def _occupy_streams() -> None:
    """Open /dev/null where a standard stream is closed: else a data file would get its number, and its text."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
