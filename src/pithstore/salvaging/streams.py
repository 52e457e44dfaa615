"""What was written to the two streams, tail and packs, piece by piece, from what is left of their values.

Every value says where in it the first piece starts, and every piece how long it is (see `pithstore.tail`).  So no
index is needed: a value that is lost takes with it what lay there, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from pithstore.codec import Reader, read_number, write_number
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import MAX_NUMBER
from pithstore.limits import LARGEST_RECORD_BYTES
from pithstore.salvaging.sift import walk
from pithstore.seal import SEAL_BYTES
from pithstore.tail import FIRST_FRAME_BYTES, STREAM_BYTES

_KEY_BYTES = 8 + SEAL_BYTES
_VALUES_AT_ONCE = 64  # of 16 KiB
_FORKS = 16
_LONGEST_LENGTH = 10  # bytes
_LONGEST = 2 * LARGEST_RECORD_BYTES


@attrs.frozen
class Extent:
    """Where a piece lies: so many bytes from `offset` on in the stream that these values of the scratch are."""

    keys: tuple[bytes, ...]
    offset: int
    length: int


def encode_extent(extent: Extent) -> bytes:
    """Offset, length and keys."""
    return write_number(extent.offset) + write_number(extent.length) + b"".join(extent.keys)


def decode_extent(data: bytes) -> Extent:
    """The extent that `encode_extent` wrote."""
    reader = Reader(data)
    offset, length = reader.number(), reader.number()
    return Extent(
        tuple(data[at : at + _KEY_BYTES] for at in range(reader.at, len(data), _KEY_BYTES)), offset, length
    )


def read_extent(view: View, space: str, extent: Extent) -> bytes:
    """The piece that lies there."""
    stream = b"".join([(value or b"")[FIRST_FRAME_BYTES:] for value in view.get_many(space, extent.keys)])
    return stream[extent.offset : extent.offset + extent.length]


def pieces(scratch: Engine, space: str) -> Iterator[tuple[Extent, bytes]]:
    """The pieces of a stream all of whose values are there, and perhaps some that are none."""
    reached = b""
    for page in walk(scratch, space, _VALUES_AT_ONCE):
        for item in page:
            place = _place(item)
            if place not in (reached, _next(reached)):
                yield from _before_first(scratch, space, item)
            yield from _starting(scratch, space, item)
            reached = place


def _place(item: Item) -> bytes:
    """The key that a value of the stream had in the store: writer and sequence."""
    return item[0][:-SEAL_BYTES]


def _next(place: bytes) -> bytes:
    """The key of the next value of the same writer; b"" if there is none."""
    number = int.from_bytes(place, "big") + 1
    return number.to_bytes(len(place), "big") if number & MAX_NUMBER and place else b""


def _stream(item: Item) -> bytes:
    return item[1][FIRST_FRAME_BYTES:]


def _first(item: Item) -> int:
    """Where in its stream the first piece starts; behind its end where none does."""
    return int.from_bytes(item[1][:FIRST_FRAME_BYTES], "big")


def _following(scratch: Engine, space: str, item: Item) -> list[Item]:
    """The values that may be the next one."""
    place = _next(_place(item))
    return scratch.view(lambda view: view.scan(space, prefix=place, limit=_FORKS)) if place else []


def _joined(chain: Sequence[Item], start: int, end: int) -> tuple[Extent, bytes]:
    keys = tuple(key for key, _ in chain)
    return Extent(keys, start, end - start), b"".join(map(_stream, chain))[start:end]


def _starting(scratch: Engine, space: str, item: Item) -> Iterator[tuple[Extent, bytes]]:
    """The pieces that start in a value."""
    stream, at = _stream(item), _first(item)
    while at < len(stream):
        start, end = _bounds([stream], at)
        if end > len(stream):
            yield from _crossing(scratch, space, item, at)
            return
        yield Extent((item[0],), start, end - start), stream[start:end]
        at = max(end, at + 1)


def _crossing(scratch: Engine, space: str, item: Item, at: int) -> Iterator[tuple[Extent, bytes]]:
    """The piece that starts there and goes on behind that value; several where the next ones are in doubt."""
    forks = _FORKS
    waiting: list[tuple[Item, ...]] = [(item,)]
    while waiting:
        chain = waiting.pop()
        start, end = _bounds([_stream(each) for each in chain[:2]], at)
        if end <= sum(len(value) - FIRST_FRAME_BYTES for _, value in chain):
            yield _joined(chain, start, end)
            continue
        following = _following(scratch, space, chain[-1])[:forks]
        forks -= max(0, len(following) - 1)
        waiting += [(*chain, each) for each in following]


def _bounds(streams: Sequence[bytes], at: int) -> tuple[int, int]:
    """From where to where the piece lies whose length stands there; beyond the streams where that is cut off."""
    head = b"".join(streams)  # a length has at most ten bytes: it ends in the second one
    try:
        length, start = read_number(head, at)
    except IndexError:
        return at, len(head) + 1
    except Damaged:  # these values do not belong together
        return at, at
    return start, start + min(length, _LONGEST)


def _before_first(scratch: Engine, space: str, item: Item) -> Iterator[tuple[Extent, bytes]]:
    """What lies before the first piece of a value whose predecessor is lost, if it is a piece.

    The length of one may have been the last thing in the value that is lost, or it ends in this one.
    """
    chain = [item]
    while _first(chain[-1]) > STREAM_BYTES and (following := _following(scratch, space, chain[-1])):
        chain.append(following[0])
    whole = sum(len(value) - FIRST_FRAME_BYTES for _, value in chain[:-1])
    end = whole + min(_first(chain[-1]), len(_stream(chain[-1])))
    rest = next((at for at, byte in enumerate(_stream(item)[:_LONGEST_LENGTH], 1) if byte < 0x80), end)
    for start in (0, rest):
        if start < end:
            yield _joined(chain, start, end)
