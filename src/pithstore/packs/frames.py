"""The frames, as they lie in the stream of packs: a position counts the bytes of the stream from its start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import DICTIONARIES, MAX_NUMBER, PACKS, tail_key
from pithstore.packs.frame import Frame
from pithstore.packs.packed_frame import LONGEST_HEADER, Header, forget_dictionaries, mark, read_header, unpack
from pithstore.seal import seal, unseal
from pithstore.tail import STREAM_BYTES, TailEnd, cut, write_tail

_WRITER = 0
"""One compaction at a time writes the stream of its generation."""


def read_frame(view: View, position: int) -> Frame:
    """The frame at that position; Damaged where there is none.  What is in it is not hashed yet."""
    return _recent.expand(view, *_read(partial(_value, view), position))


def read_sealed_frame(view: View, position: int) -> Frame:
    """The frame at that position; Damaged also where any value that it lies in is not as it was written.

    For whoever is told by it what there is, and has nothing to hold that against.
    """
    return _recent.expand(view, *_read(partial(_sound_value, view), position))


def read_packed(view: View, position: int) -> tuple[Header, bytes]:
    """The frame at that position as it lies there, with its header."""
    return _read(partial(_value, view), position)


class Stream:
    """The stream of packs in one state of the store, for whoever reads one frame behind the other.

    Several frames lie in one value: the last one that was read is kept.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._sequence, self._value = -1, b""

    def read_packed(self, position: int) -> tuple[Header, bytes]:
        """The frame at that position as it lies there, with its header."""
        return _read(self._value_of, position)

    def _value_of(self, sequence: int) -> bytes:
        if sequence != self._sequence:
            self._sequence, self._value = sequence, _value(self._view, sequence)
        return self._value


def _read(value_of: Callable[[int], bytes], position: int) -> tuple[Header, bytes]:
    """The frame at that position; `value_of` gives a value of the stream, b"" where there is none."""
    sequence, offset = divmod(position, STREAM_BYTES)
    data = cut(value_of(sequence), offset, STREAM_BYTES)
    if 0 < len(data) < LONGEST_HEADER:
        sequence += 1
        data += cut(value_of(sequence), 0, STREAM_BYTES)
    header = read_header(data)
    end = header.start + header.packed_bytes
    if len(data) < end:
        data = b"".join((data, *_more(value_of, sequence + 1, end - len(data))))
    if len(data) < end:
        raise Damaged(f"the stream of packs ends within the frame at {position}")
    return header, data[:end]


def _more(value_of: Callable[[int], bytes], sequence: int, count: int) -> Iterator[bytes]:
    """The stream from the start of that value on, so many bytes of it or what is there."""
    while count > 0 and (piece := cut(value_of(sequence), 0, count)):
        yield piece
        sequence, count = sequence + 1, count - len(piece)


def _value(view: View, sequence: int) -> bytes:
    if sequence > MAX_NUMBER:  # no value has such a key
        return b""
    return view.get_many(PACKS, (tail_key(_WRITER, sequence),))[0] or b""


def _sound_value(view: View, sequence: int) -> bytes:
    value = _value(view, sequence)
    if value:
        unseal(PACKS, tail_key(_WRITER, sequence), value)
    return value


class _Recent:
    """The frames that were asked for last: who reads a version reads its neighbours next, or its sections.

    A frame is known by the bytes that it was expanded from, which are read each time.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[bytes, Frame], ...] = ()

    def forget(self) -> None:
        """Know none."""
        self._known = ()

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


def forget_read() -> None:
    """Remember no frame and no dictionary: what this thread reads next lies in the store."""
    _recent.forget()
    forget_dictionaries()


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
