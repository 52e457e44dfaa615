"""What LMDB says, in the words of the catalogue."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import lmdb

from pithstore.engine.system_errors import storage_failed
from pithstore.errors import Damaged, StoreBusy

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
    except lmdb.ReadersFullError:
        raise StoreBusy(f"{root}: over {MAX_READERS} readers at once; try again when some have ended") from None
    except _DAMAGE as error:
        raise Damaged(f"{root}: the data file is damaged ({_plain(error)}); {remedy}") from None
    except lmdb.Error as error:
        raise storage_failed(root, error.code, _plain(error)) from None


def _plain(error: lmdb.Error) -> str:
    return re.sub(r"\bmdb_\w+: |\bMDB_\w+: ", "", str(error))
