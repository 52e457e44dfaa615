"""Blobs that lie in frames, found by their digest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.keys import PLACES
from pithstore.packs.frames import read_frame, read_sealed_frame
from pithstore.packs.places import PREFIX_BYTES, ROW_BYTES, positions, read_block


def read_many(view: View, digests: Sequence[Digest]) -> list[bytes | None]:
    """The bytes of each blob, hashed; None where no frame has it, or not as it was."""
    found = dict(find(view, digests))
    return [found.get(digest) for digest in digests]


def find(view: View, digests: Sequence[Digest]) -> Iterator[tuple[Digest, bytes]]:
    """Those of the blobs that frames have as they were, hashed, frame by frame; each frame is expanded once."""
    for position, wanted in sorted(_wanted(view, digests).items()):
        yield from _homed(view, position, wanted)


def hold(view: View, digests: Sequence[Digest]) -> tuple[set[Digest], set[Digest]]:
    """Those of the blobs that frames have as they were; and those of which a damaged frame may be the home."""
    sound: set[Digest] = set()
    doubtful: set[Digest] = set()
    for position, wanted in _wanted(view, digests).items():
        try:
            frame = read_sealed_frame(view, position)
        except Damaged:
            doubtful |= wanted
        else:
            sound.update(wanted.intersection(map(frame.digest, frame.homes)))
    return sound, doubtful - sound


def at_home(view: View, digests: Sequence[Digest], known: Collection[int]) -> set[Digest]:
    """Those of the blobs whose home is one of the frames at these positions, as it was written."""
    found: set[Digest] = set()
    for position, wanted in _wanted(view, digests).items():
        if position in known:
            with suppress(Damaged):
                frame = read_sealed_frame(view, position)
                found.update(wanted.intersection(map(frame.digest, frame.homes)))
    return found


def has_many(view: View, digests: Sequence[Digest]) -> list[bool]:
    """Whether the places have a row for each blob, sound or not."""
    known = {digest for digest, candidates in _candidates(view, digests) if candidates}
    return [digest in known for digest in digests]


def _wanted(view: View, digests: Sequence[Digest]) -> dict[int, set[Digest]]:
    """The positions of the frames that may be the home of some of the blobs, and of which."""
    wanted: dict[int, set[Digest]] = {}
    for digest, candidates in _candidates(view, digests):
        for position in candidates:
            wanted.setdefault(position, set()).add(digest)
    return wanted


def _candidates(view: View, digests: Sequence[Digest]) -> Iterator[tuple[Digest, list[int]]]:
    """Each digest with the positions of the frames that may be its home, in order of the digests."""
    rows = b""
    for digest in sorted(set(digests)):
        prefix = digest[:PREFIX_BYTES]
        if rows[-ROW_BYTES:][:PREFIX_BYTES] < prefix:
            rows = _block(view, prefix)
        yield digest, positions(rows, digest)


def _block(view: View, prefix: bytes) -> bytes:
    """The rows of the block that has those of the prefix, if there are any."""
    block = view.scan(PLACES, after=prefix + b"\x00", limit=1, reverse=True)
    try:
        return read_block(*block[0]) if block else b""
    except Damaged:
        return b""


def _homed(view: View, position: int, wanted: set[Digest]) -> Iterator[tuple[Digest, bytes]]:
    """Those of the blobs whose home is the frame at that position."""
    try:
        frame = read_frame(view, position)
    except Damaged:
        return
    found = ((frame.digest(ordinal), ordinal) for ordinal in frame.homes)
    held = ((digest, frame.body(ordinal)) for digest, ordinal in found if digest in wanted)
    yield from islice(held, len(wanted))
