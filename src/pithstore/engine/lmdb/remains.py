"""The data files of a store that may be damaged: found without the engine, and nobody writes to them meanwhile.

Nothing is written here, not even a name into the lock file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from pithstore.engine.generations import WRITE_LOCK, generations, read_current
from pithstore.engine.system_errors import system_errors
from pithstore.errors import Damaged, NoStore, StoreBusy

_DATA = "data.mdb"


@contextlib.contextmanager
def hold_remains(root: str) -> Iterator[list[str]]:
    """The data files in that directory: the one of the generation that counts, or of all where none is named.

    NoStore where there is none, StoreBusy while somebody writes.
    """
    lock: int | None = None
    try:
        with system_errors(root):
            files = _data_files(root)
            lock = _lock(root)
        yield files
    finally:
        if lock is not None:
            os.close(lock)


def _lock(root: str) -> int | None:
    """A descriptor that keeps writers out until it is closed; None where there is no lock to be asked."""
    try:
        lock = os.open(os.path.join(root, WRITE_LOCK), os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreBusy(f"{root}: store busy, somebody is writing to it; try again when they have ended") from None
    return lock


def _data_files(root: str) -> list[str]:
    with contextlib.suppress(NoStore, Damaged):
        current = os.path.join(root, read_current(root)[0], _DATA)
        if os.path.isfile(current):
            return [current]
    names: list[str] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = generations(root)
    found = [file for name in names if os.path.isfile(file := os.path.join(root, name, _DATA))]
    if not found:
        raise NoStore(f"there is no data file of a store at {root}; give the directory of the damaged store")
    return found
