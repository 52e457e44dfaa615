"""Blobs that lie in frames, found by their digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.keys import PLACES
from pithstore.packs.frame import Frame
from pithstore.packs.frames import read_frame
from pithstore.packs.places import PREFIX_BYTES, positions, read_block


def read_many(view: View, digests: Sequence[Digest]) -> list[bytes | None]:
    """The bytes of each blob, hashed; None where no frame has it, or not as it was."""
    expanded: dict[int, Frame | None] = {}
    found: dict[Digest, bytes | None] = {}
    for digest, candidates in _candidates(view, digests):
        found[digest] = None
        for position in candidates:
            if position not in expanded:
                expanded[position] = _sound_frame(view, position)
            body = _body(expanded[position], digest)
            if body is not None:
                found[digest] = body
    return [found[digest] for digest in digests]


def has_many(view: View, digests: Sequence[Digest]) -> list[bool]:
    """Whether the places have a row for each blob, sound or not."""
    known = {digest for digest, candidates in _candidates(view, digests) if candidates}
    return [digest in known for digest in digests]


def _candidates(view: View, digests: Sequence[Digest]) -> Iterator[tuple[Digest, list[int]]]:
    """Each digest with the positions of the frames that may be its home, in order of the digests."""
    end: bytes | None = b""
    rows = b""
    for digest in sorted(set(digests)):
        if end is not None and digest[:PREFIX_BYTES] >= end:
            rows, end = _block(view, digest)
        yield digest, positions(rows, digest)


def _block(view: View, digest: Digest) -> tuple[bytes, bytes | None]:
    """The rows of the block that would have the digest, and where the next block begins."""
    prefix = digest[:PREFIX_BYTES]
    block = view.scan(PLACES, after=prefix + b"\x00", limit=1, reverse=True)
    following = view.scan(PLACES, after=prefix, limit=1)
    end = following[0][0] if following else None
    try:
        return read_block(*block[0]) if block else b"", end
    except Damaged:
        return b"", end


def _sound_frame(view: View, position: int) -> Frame | None:
    try:
        return read_frame(view, position)
    except Damaged:
        return None


def _body(frame: Frame | None, digest: Digest) -> bytes | None:
    for ordinal in range(frame.bodies if frame is not None else 0):
        body = frame.body(ordinal) if frame is not None else b""
        if Digest.of(body) == digest:
            return body
    return None
