"""What LMDB and the system say, in the words of the catalogue."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import lmdb

from pithstore.errors import Damaged, PithstoreError, StorageFailed, StoreBusy

MAX_READERS = 1024


@contextlib.contextmanager
def translated(root: Path) -> Iterator[None]:
    """Turn what LMDB and the system say into the catalogue's errors, in words that say what to do."""
    try:
        yield
    except lmdb.ReadersFullError:
        raise StoreBusy(f"{root}: over {MAX_READERS} readers at once; try again when some have ended") from None
    except _DAMAGE as error:
        raise Damaged(f"{root}: the data file is damaged ({_plain(error)}); restore it from a copy") from None
    except lmdb.Error as error:
        raise _storage_failed(root, error.code, _plain(error)) from None
    except OSError as error:
        raise _storage_failed(root, error.errno or 0, error.strerror or str(error)) from None


_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    lmdb.BadTxnError,
    lmdb.IncompatibleError,
)


def _plain(error: lmdb.Error) -> str:
    return re.sub(r"\bmdb_\w+: |\bMDB_\w+: ", "", str(error))


def _storage_failed(root: Path, code: int, why: str) -> PithstoreError:
    if code in (errno.EACCES, errno.EPERM):
        return StorageFailed(
            f"{root}: permission denied; readers write to lock.mdb beside the data: use the account that owns the "
            "store, or give this one write permission, or read a copy"
        )
    if code == errno.EROFS:
        return StorageFailed(f"{root}: the file system is read-only; open the store read-only")
    if code in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailed(f"{root}: the disk is full; nothing of this transaction was stored, free some space")
    return StorageFailed(f"{root}: {os.strerror(code) if code > 0 else why}")
