"""What LMDB says, in the words of the catalogue."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import lmdb

from pithstore.engine.system_errors import storage_failed
from pithstore.errors import Damaged, PithstoreError, StoreBusy

MAX_READERS = 1024
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    lmdb.BadTxnError,
    lmdb.IncompatibleError,
)


@contextlib.contextmanager
def lmdb_errors(root: str, remedy: str = "restore it from a copy") -> Iterator[None]:
    """Turn LMDB's errors inside the block into ours, about what is at `root`; no other error is touched.

    `remedy` is what to do where it is damaged.
    """
    try:
        yield
    except lmdb.Error as error:
        raise translated(error, root, remedy) from None


def translated(error: lmdb.Error, root: str, remedy: str = "restore it from a copy") -> PithstoreError:
    """What LMDB said of what is at `root`, as an error of ours."""
    if isinstance(error, lmdb.ReadersFullError):
        return StoreBusy(f"{root}: over {MAX_READERS} readers at once; try again when some have ended")
    if isinstance(error, _DAMAGE):
        return Damaged(f"{root}: the data file is damaged ({_plain(error)}); {remedy}")
    return storage_failed(root, error.code, _plain(error))


def _plain(error: lmdb.Error) -> str:
    return re.sub(r"\bmdb_\w+: |\bMDB_\w+: ", "", str(error))
