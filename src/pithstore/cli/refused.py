"""How a refused record is said: which file and line, by which rule, and where in it."""

from __future__ import annotations

from pithstore.cli.output import say
from pithstore.errors import InvalidRecord

_SHOWN = 100


def say_refused(file: str, line: int, error: InvalidRecord) -> None:
    """Say on the standard error that the record on that line of the file is refused."""
    byte = "" if error.offset is None else f", byte {error.offset} of the record"
    pointer = f" (at {error.pointer[:_SHOWN]})" if error.pointer else ""
    say(f"{file}:{line}{byte}: refused, {error.reason}: {error.why}{pointer}")
