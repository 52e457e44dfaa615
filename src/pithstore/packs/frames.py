"""The frames, as they lie in the stream of packs: a position counts the bytes of the stream from its start."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import DICTIONARIES, PACKS, tail_key
from pithstore.packs.frame import Frame
from pithstore.packs.packed_frame import LONGEST_HEADER, Header, mark, read_header, unpack
from pithstore.seal import seal, unseal
from pithstore.tail import STREAM_BYTES, TailEnd, cut, write_tail

_WRITER = 0
"""One compaction at a time writes the stream of its generation."""


def read_frame(view: View, position: int) -> Frame:
    """The frame at that position; Damaged where there is none.  What is in it is not hashed yet."""
    return _recent.expand(view, *_read(view, position, sealed=False))


def read_sealed_frame(view: View, position: int) -> Frame:
    """The frame at that position; Damaged also where any value that it lies in is not as it was written.

    For whoever is told by it what there is, and has nothing to hold that against.
    """
    return _recent.expand(view, *_read(view, position, sealed=True))


def read_packed(view: View, position: int) -> tuple[Header, bytes]:
    """The frame at that position as it lies there, with its header."""
    return _read(view, position, sealed=False)


def _read(view: View, position: int, *, sealed: bool) -> tuple[Header, bytes]:
    sequence, offset = divmod(position, STREAM_BYTES)
    data = _stream(view, sequence, 1, sealed)[offset:]
    if 0 < len(data) < LONGEST_HEADER:
        data += _stream(view, sequence + 1, 1, sealed)
    header = read_header(data)
    end = header.start + header.packed_bytes
    if len(data) < end:
        reached = (offset + len(data)) // STREAM_BYTES
        data += _stream(view, sequence + reached, -(-(end - len(data)) // STREAM_BYTES), sealed)
    if len(data) < end:
        raise Damaged(f"the stream of packs ends within the frame at {position}")
    return header, data[:end]


def _stream(view: View, sequence: int, count: int, sealed: bool) -> bytes:
    """The stream from the start of that value to the end of the last of so many values that are there."""
    keys = [tail_key(_WRITER, sequence + i) for i in range(count)]
    pieces: list[bytes] = []
    for key, value in zip(keys, view.get_many(PACKS, keys), strict=True):
        if value is None:
            break
        if sealed:
            unseal(PACKS, key, value)
        pieces.append(cut(value, 0, STREAM_BYTES))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Recent:
    """The frames that were asked for last: who reads a version reads its neighbours next, or its sections.

    A frame is known by the bytes that it was expanded from, which are read each time.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[bytes, Frame], ...] = ()

    def expand(self, view: View, header: Header, data: bytes) -> Frame:
        """The frame that these bytes are."""
        known = self._known
        for packed, frame in known:
            if packed == data:
                return frame
        frame = Frame(unpack(header, data, partial(read_dictionary, view)))
        if header.frame_bytes <= _KEPT_BYTES:  # threads may forget each other's frames: no harm
            self._known = ((data, frame), *known[: _KEPT - 1])
        return frame


_KEPT, _KEPT_BYTES = 8, 256 * 1024
_recent = _Recent()


def write_frames(update: Update, sequence: int, packed: Iterable[bytes]) -> tuple[list[int], int]:
    """Where each frame lies now, and the sequence number that the next values of the stream get."""
    places, values, end = write_tail(TailEnd(_WRITER, sequence), packed, PACKS)
    if update.create_many(PACKS, values, rising=True) != len(values):
        raise Damaged("a value of the stream of packs stands where none was written yet")
    return [place.sequence * STREAM_BYTES + place.offset for place in places], end.sequence


def next_sequence(view: View) -> int:
    """The sequence number that the next value of the stream gets."""
    last = view.scan(PACKS, limit=1, reverse=True)
    return int.from_bytes(last[0][0][4:], "big") + 1 if last else 0


def read_dictionary(view: View, name: bytes) -> bytes:
    """The dictionary with that mark; Damaged where the store has none that is sound."""
    (value,) = view.get_many(DICTIONARIES, [name])
    if value is None:
        raise Damaged(f"dictionary {name.hex()} is missing")
    return unseal(DICTIONARIES, name, value)


def write_dictionary(update: Update, dictionary: bytes) -> None:
    """Keep a dictionary, for the frames that are compressed against it; b"" is none."""
    if not dictionary:
        return
    key = mark(dictionary)
    update.put_many(DICTIONARIES, [(key, seal(DICTIONARIES, key, dictionary))])
