"""What the operating system says, in the words of the catalogue."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from pithstore.errors import PithstoreError, StorageFailed

_NEXT_TO_NOTHING = 1 << 20  # bytes


@contextlib.contextmanager
def system_errors(root: str) -> Iterator[None]:
    """Turn an OSError inside the block into a StorageFailed that says what to do about the store at `root`."""
    try:
        yield
    except OSError as error:
        raise storage_failed(root, error.errno or 0, error.strerror or str(error)) from None


def storage_failed(root: str, code: int, why: str) -> PithstoreError:
    """The error for an errno; `why` is said where the number says nothing."""
    if code in (errno.EACCES, errno.EPERM):
        return StorageFailed(
            f"{root}: permission denied; readers write to lock.mdb beside the data: use the account that owns the "
            "store, or give this one write permission, or read a copy"
        )
    if code == errno.EROFS:
        return StorageFailed(f"{root}: the file system is read-only; open the store read-only")
    if code in (errno.ENOSPC, errno.EDQUOT) or (code == errno.EIO and _is_full(root)):
        return StorageFailed(f"{root}: the disk is full; nothing of this transaction was stored, free some space")
    return StorageFailed(f"{root}: {os.strerror(code) if code > 0 else why}")


def _is_full(root: str) -> bool:
    """Whether next to nothing is free: LMDB says EIO of a write that was cut short (mdb_page_flush)."""
    try:
        free = os.statvfs(root)
    except OSError:
        return False
    return free.f_bavail * free.f_frsize < _NEXT_TO_NOTHING
