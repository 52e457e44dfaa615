"""A look at a data file before LMDB maps it: a missing end is SIGBUS, a file of 0 bytes a new and empty store."""

from __future__ import annotations

import os
import struct
import time

from pithstore.errors import Damaged

# mdb.c of LMDB 0.9: a page header of 16 bytes, then MDB_meta; two meta pages start the file.
_PAGE_HEADER = 16
_META = struct.Struct("=II16xI44x48xQQ")  # magic, version, (address, map size), page size …, last page, txn id
_MAGIC, _DATA_VERSION = 0xBEEFC0DE, 1
_PAGE_SIZES = (0x1000, 0x2000, 0x4000, 0x8000, 0x10000)
_ATTEMPTS = 5


def check_data_file(path: str) -> None:
    """Return if the file can be mapped: both meta pages sound, and every page that is in use there.

    Reads two pages.  Only a file that is shorter than its meta page says is walked: its end may be pages that
    were free before they were ever written.  What is found is looked at again, as a writer may have been at it.
    """
    why: str | None = None
    for attempt in range(_ATTEMPTS):
        why = _meta_fault(path) or _length_fault(path)
        if why is None:
            return
        time.sleep(0.01 * attempt)
    raise Damaged(f"{path} is damaged: {why}; restore the store from a copy")


def _meta_fault(path: str) -> str | None:
    try:
        head = _head(path)
    except FileNotFoundError:
        return "the file is missing"
    if len(head) < _PAGE_HEADER + _META.size:
        return f"it has only {len(head)} bytes"
    page = _page_bytes(head)
    if page not in _PAGE_SIZES or len(head) < page + _PAGE_HEADER + _META.size:
        return "its first page is not that of a data file"
    if any(meta[:3] != (_MAGIC, _DATA_VERSION, page) for meta in _metas(head)):
        return "one of its two meta pages is broken"
    return None


def _length_fault(path: str) -> str | None:
    metas = _metas(_head(path))
    last_page, page = max(metas, key=lambda meta: meta[4])[3], metas[0][2]
    length, needed = os.stat(path).st_size, (last_page + 1) * page
    if length >= needed:
        return None
    from lmdb.verify import VerifyError, verify  # only for a file that is short

    try:
        findings: list[str] = verify(path, subdir=False)
    except VerifyError as error:
        findings = [str(error)]
    return f"it has {length} of {needed} bytes, and {findings[0]}" if findings else None


def _head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(2 * max(_PAGE_SIZES))


def _page_bytes(head: bytes) -> int:
    page: int = _META.unpack_from(head, _PAGE_HEADER)[2]
    return page


def _metas(head: bytes) -> list[tuple[int, ...]]:
    return [_META.unpack_from(head, at + _PAGE_HEADER) for at in (0, _page_bytes(head))]
