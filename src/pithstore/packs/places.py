"""Where the homes of blobs are: digest → position of a frame, in sorted rows cut into blocks.  Pure.

A row is the first 6 bytes of a digest and a position (6 bytes, big-endian).  A block holds rows in order; its key
is the digest part of its first row, and rows with equal ones are never in two blocks.  A row is a hint: whoever
follows it looks whether the frame has the blob.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

from pithstore.digest import Digest
from pithstore.engine import Item
from pithstore.errors import Damaged
from pithstore.keys import PLACES
from pithstore.seal import SEAL_BYTES, seal, unseal

PREFIX_BYTES = 6
ROW_BYTES = 12
_BLOCK_ROWS = (4096 - 16 - SEAL_BYTES) // ROW_BYTES  # one page of LMDB less its header


def row(digest: bytes, position: int) -> bytes:
    """The row that says: the blob with that digest is in the frame at that position."""
    return digest[:PREFIX_BYTES] + position.to_bytes(ROW_BYTES - PREFIX_BYTES, "big")


def home_rows(bodies: Iterable[bytes], position: int) -> list[bytes]:
    """The rows of these bodies, each hashed, whose home is the frame at that position."""
    place = position.to_bytes(ROW_BYTES - PREFIX_BYTES, "big")
    return [sha256(body).digest()[:PREFIX_BYTES] + place for body in bodies]


def blocks(rows: Iterable[bytes]) -> Iterator[Item]:
    """The sealed blocks of these rows, which rise."""
    block: list[bytes] = []
    for one in rows:
        if len(block) >= _BLOCK_ROWS and not block[-1].startswith(one[:PREFIX_BYTES]):
            yield _block(block)
            block = []
        block.append(one)
    if block:
        yield _block(block)


def _block(rows: list[bytes]) -> Item:
    key = rows[0][:PREFIX_BYTES]
    return key, seal(PLACES, key, b"".join(rows))


def read_block(key: bytes, value: bytes) -> bytes:
    """The rows of a block, one behind the other; Damaged where they are not as they were written."""
    rows = unseal(PLACES, key, value)
    if not rows or len(rows) % ROW_BYTES or not rows.startswith(key):
        raise Damaged("a block of places is none")
    return rows


def positions(rows: bytes, digest: Digest) -> list[int]:
    """The positions that the rows of a block give for a digest; mostly one or none."""
    prefix = digest[:PREFIX_BYTES]
    low, high = 0, len(rows) // ROW_BYTES
    while low < high:
        middle = (low + high) // 2
        at = middle * ROW_BYTES
        low, high = (middle + 1, high) if rows[at : at + PREFIX_BYTES] < prefix else (low, middle)
    found: list[int] = []
    for at in range(low * ROW_BYTES, len(rows), ROW_BYTES):
        if rows[at : at + PREFIX_BYTES] != prefix:
            break
        found.append(int.from_bytes(rows[at + PREFIX_BYTES : at + ROW_BYTES], "big"))
    return found


def cut_rows(rows: bytes) -> Iterator[bytes]:
    """The single rows of a block."""
    return (rows[at : at + ROW_BYTES] for at in range(0, len(rows), ROW_BYTES))
