"""What processes hold for themselves (RssAnon in /proc), without the map of a file, which is the system's."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def private_kilobytes(pid: int) -> int:
    """RssAnon of a process; 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
    return 0


def family_kilobytes(pid: int) -> int:
    """RssAnon of a process and of all that it started."""
    children: list[str] = []
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return private_kilobytes(pid) + sum(family_kilobytes(int(child)) for child in children)
