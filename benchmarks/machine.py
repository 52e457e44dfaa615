"""Where, when and with what it was measured."""

from __future__ import annotations

import os
import platform
import shlex
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("pithstore", "lmdb", "blake3", "orjson", "msgspec", "zstandard", "rocksdict", "pygit2")


def machine(room: Path) -> dict[str, str]:
    """The machine with the disk under that folder, the moment, the command and the versions."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{models[0].split(': ')[1] if models else platform.machine()}, {os.cpu_count()} cores,"
        f" {memory:.0f} GB of memory",
        "load": f"{os.getloadavg()[0]:.1f} at the start; a busy machine tells little",
        "system": f"Linux {platform.release()}, {_said('stat', '-f', '-c', '%T', str(room))}",
        "versions": ", ".join(f"{name} {found}" for name, found in _versions().items()),
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
    }


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _versions() -> dict[str, str]:
    found = {
        "Python": platform.python_version(),
        "git": _said("git", "--version").split()[-1],
        "SQLite": sqlite3.sqlite_version,
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # the store to compare with is not installed
            continue
    return found
