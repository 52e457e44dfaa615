"""How blobs become values of the tail, and values blobs again.  Pure.

A writer's tail is one stream of bytes, cut into values.  A frame in it is the length of a blob, then the blob.
Every value starts with where in it the first frame starts, so that a reader who lost the index, or a value, finds
the next frame.  A full value is n pages of LMDB less their header: none is rounded up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat

import attrs

from pithstore.codec import HOME_BYTES, Place, write_number
from pithstore.engine import Item
from pithstore.keys import TAIL, tail_key
from pithstore.seal import SEAL_BYTES, seal

VALUE_BYTES = 4 * 4096 - 24
FIRST_FRAME_BYTES = 2
STREAM_BYTES = VALUE_BYTES - FIRST_FRAME_BYTES - SEAL_BYTES
"""How much of the stream one value holds."""
_NO_FRAME = 0xFFFF


@attrs.frozen
class TailEnd:
    """Where a writer goes on: its number, and the next sequence number of its values."""

    writer: int
    sequence: int


@attrs.frozen
class Slice:
    """A part of a blob: where it lies in the stream bytes of one value."""

    key: bytes
    start: int
    stop: int


def slices(place: Place) -> Iterator[Slice]:
    """The parts of a blob in order; a value that it runs out of is full."""
    sequence, start, left = place.sequence, place.offset, place.length
    if 0 < left <= STREAM_BYTES - start:  # most blobs lie in one value
        yield Slice(tail_key(place.writer, sequence), start, start + left)
        return
    while left > 0:
        stop = min(start + left, STREAM_BYTES)
        if stop > start:
            yield Slice(tail_key(place.writer, sequence), start, stop)
            left -= stop - start
        sequence, start = sequence + 1, 0


def cut(value: bytes, start: int, stop: int) -> bytes:
    """A part of the stream that a value holds; shorter where the value ends before it."""
    return value[FIRST_FRAME_BYTES + start : min(FIRST_FRAME_BYTES + stop, max(len(value) - SEAL_BYTES, 0))]


def holds(value: bytes, start: int, piece: bytes) -> bool:
    """Whether the stream that a value holds has this piece at that place."""
    at = FIRST_FRAME_BYTES + start
    return at + len(piece) <= len(value) - SEAL_BYTES and value.startswith(piece, at)


def write_tail(
    end: TailEnd, bodies: Iterable[bytes], space: str = TAIL, homes: Iterable[bytes] = repeat(bytes(HOME_BYTES))
) -> tuple[list[Place], list[Item], TailEnd]:
    """Where each blob will lie, the sealed values of the space that hold them, and where the writer goes on."""
    extents, values, after = lay_out(end, bodies, space)
    return [Place(end.writer, *extent, home) for extent, home in zip(extents, homes, strict=False)], values, after


def lay_out(
    end: TailEnd, bodies: Iterable[bytes], space: str = TAIL
) -> tuple[list[tuple[int, int, int]], list[Item], TailEnd]:
    """The same, where the places are sequence, offset and length: a put has no use for more."""
    extents: list[tuple[int, int, int]] = []
    stream = bytearray()
    starts: list[int] = []
    for body in bodies:
        starts.append(len(stream))
        stream += write_number(len(body))
        value, offset = divmod(len(stream), STREAM_BYTES)
        extents.append((end.sequence + value, offset, len(body)))
        stream += body
    values = list(_cut(end, stream, starts, space))
    return extents, values, attrs.evolve(end, sequence=end.sequence + len(values))


def _cut(end: TailEnd, stream: bytearray, starts: list[int], space: str) -> Iterator[Item]:
    firsts: dict[int, int] = {}
    for start in starts:
        firsts.setdefault(start // STREAM_BYTES, start % STREAM_BYTES)
    for i in range(-(-len(stream) // STREAM_BYTES)):
        key = tail_key(end.writer, end.sequence + i)
        first = firsts.get(i, _NO_FRAME).to_bytes(FIRST_FRAME_BYTES, "big")
        yield key, seal(space, key, first + stream[i * STREAM_BYTES : (i + 1) * STREAM_BYTES])
