"""What processes hold for themselves (RssAnon in /proc), without the map of a file, which is the system's."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO


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


def run(command: list[str], source: IO[bytes] | None = None) -> tuple[str, float]:
    """What a command printed, and the most megabytes that it and its children held for themselves."""
    peak = 0
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdin=source, stdout=out)
        while process.poll() is None:
            peak = max(peak, family_kilobytes(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        if process.returncode:
            raise SystemExit(f"{' '.join(command[1:])} ended with {process.returncode}")
        out.seek(0)
        return out.read(), peak / 1024
