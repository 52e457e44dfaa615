"""The directory of a store on LMDB, and which data file in it counts.

    STORE/CURRENT              the name of the generation that counts, one line
    STORE/write.lock           see `write_lock`
    STORE/RECEIPT              see `lmdb.receipt`; written after CURRENT, so never there without it
    STORE/gen-000001/          locked shared (flock) by every process that has the generation open
    STORE/gen-000001/data.mdb  the data, and LMDB's lock.mdb beside it
    STORE/gen-000002/          before CURRENT names it: a successor, locked exclusively by the process at it

A data file is never replaced or cut while somebody may have it open: the other process would go on writing into
the old file.  So space is given back by writing a new generation and moving CURRENT to it, and whoever begins a
transaction looks whether CURRENT moved.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import sys
import time

import attrs

from pithstore.errors import Damaged, NoStore, StorageFailed, StoreBusy, UsageError

CURRENT = "CURRENT"
WRITE_LOCK = "write.lock"
RECEIPT = "RECEIPT"
FIRST_GENERATION = "gen-000001"
_GENERATION = re.compile(r"gen-\d{6,}", re.ASCII)
_FILES = ("data.mdb", "lock.mdb")  # removed in this order: without its data nobody takes what is left for a store


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
        if _lost_current(root):
            raise Damaged(
                f"{root}/{CURRENT} is missing; its one line should be like {FIRST_GENERATION!r}"
            ) from None
        raise NoStore(f"there is no store at {root}; create one with 'pithstore --store {root} init'") from None
    if not _GENERATION.fullmatch(name):
        raise Damaged(f"{root}/{CURRENT} names no generation; its one line should be like {FIRST_GENERATION!r}")
    return name, Stamp(status.st_ino, status.st_mtime_ns)


def _lost_current(root: str) -> bool:
    """Whether a store is here that lost its CURRENT; in the reverse order of a creation."""
    return os.path.lexists(os.path.join(root, RECEIPT)) and not os.path.lexists(os.path.join(root, CURRENT))


def is_current(path: str, stamp: Stamp) -> bool:
    """Whether CURRENT, at that path, is still as it was; asked before every transaction."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return status.st_ino == stamp.inode and status.st_mtime_ns == stamp.modified_ns


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
        now = time.time_ns()  # the system's own is coarse: with an inode used again, an old stamp might come back
        os.utime(descriptor, ns=(now, now))
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
    """A directory in which a store can be created: made, or empty, or left by a creation that did not finish.

    No link is followed, be it the directory or in it: who planted it would choose what is written to.
    """
    if os.path.islink(os.path.abspath(root)):
        raise UsageError(f"{root} is a link; a store is created in a directory itself: name the one it leads to")
    try:
        _make_durably(os.path.abspath(root))
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"{root} cannot be a directory: there is a file in its way; choose another place"
        ) from None
    strangers = [name for name in sorted(os.listdir(root)) if not _is_ours(root, name)]
    if strangers:
        raise UsageError(f"{root} is not empty (it holds {strangers[0]!r}); give a directory that does not exist")


def _is_ours(root: str, name: str) -> bool:
    """Whether a creation that did not finish can have left this."""
    if name not in (WRITE_LOCK, CURRENT, f"{CURRENT}.tmp", RECEIPT) and not _GENERATION.fullmatch(name):
        return False
    try:
        status = os.lstat(os.path.join(root, name))
    except FileNotFoundError:  # of a creation that goes on
        return True
    return not stat.S_ISLNK(status.st_mode) and status.st_uid == os.geteuid()


def _make_durably(directory: str) -> None:
    """Make the directory and those that it lies in; their names must not go when the power does."""
    if not os.path.isdir(directory):
        _make_durably(os.path.dirname(directory))
        with contextlib.suppress(FileExistsError):  # somebody was quicker, or it is a file: what follows will tell
            os.mkdir(directory, mode=0o700)
    if not os.path.isdir(directory):
        raise NotADirectoryError(directory)
    with contextlib.suppress(PermissionError):  # one that may not be read was there before
        sync_directory(os.path.dirname(directory))


def hold_current(root: str) -> tuple[str, Stamp, int]:
    """The directory that counts, the stamp of CURRENT, and a descriptor that keeps it until that is closed."""
    while True:
        name, stamp = read_current(root)
        directory = os.path.join(root, name)
        try:
            in_use = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            if current_stamp(root) == stamp:
                raise Damaged(f"{directory} is missing; restore the store from a copy") from None
            continue  # a sweep was quicker: CURRENT names another one now
        fcntl.flock(in_use, fcntl.LOCK_SH)
        if current_stamp(root) == stamp:
            return directory, stamp, in_use
        os.close(in_use)


def hold_successor(root: str) -> tuple[str, str, int]:
    """The generation that counts, the one after it, and a descriptor that keeps that one for this process.

    Its directory is there, what is in it is not looked at, and what nobody has open beyond it is gone.  StoreBusy
    where somebody has it already, this process too.
    """
    while True:
        name, stamp = read_current(root)
        current, directory = os.path.join(root, name), os.path.join(root, _following(name))
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, mode=0o700)
        try:
            descriptor = _try_hold_alone(directory)
        except NotADirectoryError:
            raise StorageFailed(
                f"{directory} is in the way of the store's next generation; move it away"
            ) from None
        if descriptor is not None:
            if current_stamp(root) == stamp:
                _remove(root, range(_number(directory) + 1, sys.maxsize))
                return current, directory, descriptor
            os.close(descriptor)
        elif current_stamp(root) == stamp and os.path.isdir(directory):
            raise StoreBusy(f"{root}: somebody else is writing {directory}, its successor; try again later")


def sweep(root: str, current: str) -> int:
    """Remove the generations before that one; how many stay: somebody has them open, or nobody may remove them."""
    former = range(_number(current))
    _remove(root, former)
    return sum(_number(name) in former for name in generations(root))


def remove(directory: str, descriptor: int) -> None:
    """Remove that generation, which this descriptor keeps for this process alone."""
    remove_files(descriptor)
    os.rmdir(directory)  # what is not ours in there stays, and so does the directory


def remove_files(descriptor: int) -> None:
    """Remove the files of the generation that is open as this descriptor."""
    for name in _FILES:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=descriptor)


def generations(root: str) -> list[str]:
    """The names of the generations that are there, whether they count or not, in order."""
    return sorted(filter(_GENERATION.fullmatch, os.listdir(root)), key=_number)


def _remove(root: str, numbers: range) -> None:
    for name in generations(root):
        if _number(name) in numbers:
            directory = os.path.join(root, name)
            with contextlib.suppress(OSError):  # it is left for later, as one that is open is
                descriptor = _try_hold_alone(directory)
                if descriptor is not None:
                    try:
                        remove(directory, descriptor)
                    finally:
                        os.close(descriptor)


def _try_hold_alone(directory: str) -> int | None:
    """A descriptor that keeps a generation for this process alone; None where it is open, or gone.

    A link is not followed: what it leads to is not ours to remove.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(directory)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _number(generation: str) -> int:
    return int(os.path.basename(generation).removeprefix("gen-"))


def _following(name: str) -> str:
    return f"gen-{_number(name) + 1:06d}"
