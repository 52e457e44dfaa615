"""The directory of a store on LMDB, and which data file in it counts.

    STORE/CURRENT              the name of the generation that counts, one line
    STORE/write.lock           see `write_lock`
    STORE/gen-000001/          locked shared (flock) by every process that has the generation open
    STORE/gen-000001/data.mdb  the data, and LMDB's lock.mdb beside it

A data file is never replaced or cut while somebody may have it open: the other process would go on writing into
the old file.  So space is given back by writing a new generation and moving CURRENT to it, and whoever begins a
transaction looks whether CURRENT moved.
"""

from __future__ import annotations

import fcntl
import os
import re

import attrs

from pithstore.errors import Damaged, NoStore, UsageError

CURRENT = "CURRENT"
WRITE_LOCK = "write.lock"
FIRST_GENERATION = "gen-000001"
_GENERATION = re.compile(r"gen-\d{6,}", re.ASCII)


@attrs.frozen
class Stamp:
    """What changes when CURRENT is moved to another generation."""

    inode: int
    modified_ns: int


def read_current(root: str) -> tuple[str, Stamp]:
    """The name of the generation that counts and its stamp; NoStore or Damaged where CURRENT names none."""
    try:
        with open(os.path.join(root, CURRENT), encoding="ascii", errors="replace") as file:
            status, name = os.fstat(file.fileno()), file.read(64).strip()
    except (FileNotFoundError, NotADirectoryError):
        raise NoStore(f"there is no store at {root}; create one with 'pithstore --store {root} init'") from None
    if not _GENERATION.fullmatch(name):
        raise Damaged(f"{root}/{CURRENT} names no generation; its one line should be like {FIRST_GENERATION!r}")
    return name, Stamp(status.st_ino, status.st_mtime_ns)


def current_stamp(root: str) -> Stamp | None:
    """The stamp of CURRENT as it is now; None where there is no such file any more."""
    try:
        status = os.stat(os.path.join(root, CURRENT))
    except FileNotFoundError:
        return None
    return Stamp(status.st_ino, status.st_mtime_ns)


def move_current(root: str, generation: str) -> None:
    """Make that generation the one that counts, durably and at once."""
    temporary = os.path.join(root, f"{CURRENT}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, f"{generation}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, os.path.join(root, CURRENT))
    sync_directory(root)


def sync_directory(directory: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prepare_directory(root: str) -> None:
    """A directory in which a store can be created: made, or empty, or left by a creation that did not finish."""
    try:
        os.makedirs(root, mode=0o700, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"{root} cannot be a directory: there is a file in its way; choose another place"
        ) from None
    strangers = [
        name
        for name in sorted(os.listdir(root))
        if name not in (WRITE_LOCK, CURRENT, f"{CURRENT}.tmp") and not _GENERATION.fullmatch(name)
    ]
    if strangers:
        raise UsageError(f"{root} is not empty (it holds {strangers[0]!r}); give a directory that does not exist")


def hold_in_use(generation: str) -> int:
    """A descriptor that keeps the generation from being removed until it is closed."""
    descriptor = os.open(generation, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor
