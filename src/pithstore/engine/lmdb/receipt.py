"""What a store remembers of its own age, beside its data: else an old copy put back looks as sound as the newest.

Every commit says in the data file which commit it is, and that is noted in STORE/RECEIPT afterwards.  So whoever
reads RECEIPT first and the data file then finds that commit there, or a later one.  Where it is not, the data are
older, or not those.  docs/design/011-receipt.md goes through the moments at which a process or a machine may die.
"""

from __future__ import annotations

import contextlib
import enum
import os
import struct
from collections.abc import Iterator
from hashlib import sha256
from typing import Self

import attrs
import lmdb

from pithstore.engine.generations import RECEIPT
from pithstore.errors import Damaged
from pithstore.seal import SEAL_BYTES, seal, unseal

_KEY = b"receipt"  # in LMDB's main database, where the spaces have their names
_HASH_BYTES = 16
_CHAIN_BYTES = 32 * _HASH_BYTES  # as many commits as the data file knows: a RECEIPT that lags is held against them
_STORED = struct.Struct(">Q16s")  # commit, origin; the chain follows
_NOTED = struct.Struct(">8sI16sQ16s")  # magic, version, origin, commit, hash
_MAGIC, _VERSION = b"pithrcpt", 1
_SLOT_BYTES = 512  # what a disk writes whole
_SLOTS = 2


class ReceiptState(enum.StrEnum):
    """Whether a store can be told from an older copy of it."""

    SOUND = "sound"
    MISSING = "missing"
    """RECEIPT is not there, or says nothing; the next commit writes it."""


@attrs.frozen
class Receipt:
    """How far a history has come: whose it is, its last commit, the hashes of its newest ones, newest first."""

    origin: bytes
    commit: int
    chain: bytes

    @classmethod
    def begun(cls) -> Self:
        """That of a history without a commit, like no other."""
        return cls(os.urandom(_HASH_BYTES), 0, b"")

    def advanced(self) -> Self:
        """That after one commit more, which is like no other."""
        commit = self.commit + 1
        newest = sha256(self.hash_of(self.commit) + commit.to_bytes(8, "big") + os.urandom(16)).digest()[
            :_HASH_BYTES
        ]
        return type(self)(self.origin, commit, newest + self.chain[: _CHAIN_BYTES - _HASH_BYTES])

    def hash_of(self, commit: int) -> bytes:
        """The hash of that commit, which is not after the last; nothing where it is not known any more."""
        at = (self.commit - commit) * _HASH_BYTES
        return self.chain[at : at + _HASH_BYTES]


def stored_receipt(raw: lmdb.Transaction[bytes], path: str) -> Receipt | None:
    """What the data file at `path` says; None for one that was written before there were receipts."""
    value = raw.get(_KEY)
    if value is None:
        return None
    try:
        payload = unseal("", _KEY, value)
    except Damaged:
        raise Damaged(f"{path} is damaged: its receipt does not match its checksum; {_REMEDY}") from None
    commit, origin = _STORED.unpack_from(payload)
    return Receipt(origin, commit, payload[_STORED.size :])


def store_receipt(raw: lmdb.Transaction[bytes], receipt: Receipt) -> Receipt:
    """Say it in the data file, with all else that this transaction writes."""
    payload = _STORED.pack(receipt.commit, receipt.origin) + receipt.chain
    raw.put(_KEY, seal("", _KEY, payload))
    return receipt


def noted_receipt(root: str) -> Receipt | None:
    """What RECEIPT says, with one hash; None where it cannot be read, or says nothing."""
    try:
        with _opened(root, os.O_RDONLY) as descriptor:
            return max(filter(None, _slots(descriptor)), key=lambda each: each.commit, default=None)
    except OSError:
        return None


def note_receipt(root: str, receipt: Receipt) -> None:
    """Note a commit that is on the medium; whoever does it keeps out all others who write.

    Two slots take turns: the note of the commit before is there whatever happens.  That RECEIPT cannot be written
    is no error of the commit.  It lags then, and less is seen.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(os.path.join(root, RECEIPT), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.pwrite(descriptor, _slot(receipt), receipt.commit % _SLOTS * _SLOT_BYTES)
        finally:
            os.close(descriptor)


def accept_receipt(root: str, receipt: Receipt) -> None:
    """Make RECEIPT say this and nothing else, durably; whoever does it keeps out all others who write."""
    slots = [bytes(_SLOT_BYTES)] * _SLOTS
    slots[receipt.commit % _SLOTS] = _slot(receipt)
    with _opened(root, os.O_RDWR | os.O_CREAT) as descriptor:
        os.pwrite(descriptor, b"".join(slots), 0)
        os.fsync(descriptor)


def sync_receipt(root: str) -> None:
    """Bring what was noted to the medium, where there is anything.  It is too dear to be done for each commit."""
    with contextlib.suppress(OSError), _opened(root, os.O_RDWR) as descriptor:
        os.fdatasync(descriptor)


def check_receipt(root: str, noted: Receipt | None, stored: Receipt | None) -> None:
    """Damaged where the data file is not what RECEIPT, read before it, knows of."""
    if noted is None:
        return
    if stored is not None and stored.origin != noted.origin:
        raise Damaged(f"the store at {root} {_ANOTHER}: its {RECEIPT} was written by another store; {_REMEDY}")
    missing = noted.commit - (stored.commit if stored else 0)
    if stored is None or missing > 0:
        raise Damaged(
            f"the store at {root} is older than its receipt ({missing} commits are missing): it was put back from "
            f"an old copy or lost its newest state; {_REMEDY}"
        )
    if stored.hash_of(noted.commit) not in (b"", noted.chain):
        raise Damaged(f"the store at {root} {_ANOTHER}: commit {noted.commit} is not the one it noted; {_REMEDY}")


_ANOTHER = "has another history than its receipt"
_REMEDY = "put the newest copy back, or go on with what is here: 'pithstore repair'"


@contextlib.contextmanager
def _opened(root: str, flags: int) -> Iterator[int]:
    descriptor = os.open(os.path.join(root, RECEIPT), flags | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _slots(descriptor: int) -> list[Receipt | None]:
    return [_noted(os.pread(descriptor, _SLOT_BYTES, at * _SLOT_BYTES)) for at in range(_SLOTS)]


def _slot(receipt: Receipt) -> bytes:
    payload = _NOTED.pack(_MAGIC, _VERSION, receipt.origin, receipt.commit, receipt.hash_of(receipt.commit))
    return seal("", RECEIPT.encode(), payload).ljust(_SLOT_BYTES, b"\0")


def _noted(slot: bytes) -> Receipt | None:
    """What a slot says; None for one that was never written, or half."""
    try:
        payload = unseal("", RECEIPT.encode(), slot[: _NOTED.size + SEAL_BYTES])
    except Damaged:
        return None
    if len(payload) != _NOTED.size:
        return None
    magic, version, origin, commit, newest = _NOTED.unpack(payload)
    return Receipt(origin, commit, newest) if (magic, version) == (_MAGIC, _VERSION) else None
