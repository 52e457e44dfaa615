"""A frame as it lies in the stream of packs: compressed, perhaps against a dictionary.  Pure.

the mark of the dictionary, 8 bytes; zeros for none
bytes of the frame, bytes of the compressed frame        numbers
the compressed frame                                      Zstandard
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
from blake3 import blake3

from pithstore.codec import read_number, write_number
from pithstore.errors import Damaged
from pithstore.limits import LARGEST_RECORD_BYTES

if TYPE_CHECKING:  # imported where the first frame is met: most commands meet none
    import zstandard

MARK_BYTES = 8
NO_DICTIONARY = bytes(MARK_BYTES)
LONGEST_HEADER = MARK_BYTES + 10
"""A frame has less than 2^35 bytes."""
_LEVEL = 6
_LONGEST = 2 * LARGEST_RECORD_BYTES
_AT_ONCE = 1024 * 1024
_LARGEST_RATIO_BITS = 15
"""A block of Zstandard has at least 4 bytes and becomes at most 128 KiB."""


@attrs.frozen
class Header:
    """What stands before a compressed frame: where that starts, and how long it is, packed and expanded."""

    dictionary: bytes
    start: int
    packed_bytes: int
    frame_bytes: int


class Packer:
    """Compresses frames, all against one dictionary; b"" is none."""

    def __init__(self, dictionary: bytes = b"") -> None:
        import zstandard

        self.mark = mark(dictionary)
        self._zstd = zstandard.ZstdCompressor(
            level=_LEVEL,
            dict_data=zstandard.ZstdCompressionDict(dictionary) if dictionary else None,
            write_content_size=False,
            write_dict_id=False,
        )

    def pack(self, frame: bytes) -> bytes:
        """The frame with its header, as it lies in the stream."""
        return self.pack_many([frame])[0]

    def pack_many(self, frames: Sequence[bytes]) -> list[bytes]:
        """Each frame with its header.  Other threads go on meanwhile: one call compresses all of them."""
        if not frames:
            return []
        packed = self._zstd.multi_compress_to_buffer(list(frames), threads=1)
        return [
            b"".join((self.mark, write_number(len(frame)), write_number(len(packed[i])), packed[i].tobytes()))
            for i, frame in enumerate(frames)
        ]


def mark(dictionary: bytes) -> bytes:
    """What a frame calls its dictionary by: the first 8 bytes of its BLAKE3; zeros for no dictionary.

    Whoever expanded a frame hashes what it gives, so two dictionaries under one mark could not deceive.
    """
    return blake3(dictionary).digest(length=MARK_BYTES) if dictionary else NO_DICTIONARY


def read_header(data: bytes) -> Header:
    """The header at the start of these bytes, which may be more or less than the frame."""
    try:
        frame_bytes, at = read_number(data, MARK_BYTES)
        packed_bytes, at = read_number(data, at)
    except IndexError:
        raise Damaged("a frame is cut short") from None
    if frame_bytes > _LONGEST:
        raise Damaged(f"a frame says that it has {frame_bytes} bytes")
    return Header(data[:MARK_BYTES], at, packed_bytes, frame_bytes)


def unpack(header: Header, data: bytes, read_dictionary: Callable[[bytes], bytes]) -> bytes:
    """The frame behind that header; Damaged where it is none.

    `read_dictionary` gives the dictionary with a mark: it is asked once by each thread, as what expands frames is
    kept.  No more memory is taken than the header says.
    """
    import zstandard

    packed = data[header.start : header.start + header.packed_bytes]
    if header.frame_bytes > len(packed) << _LARGEST_RATIO_BITS:
        raise Damaged(f"a frame of {len(packed)} bytes says that it becomes {header.frame_bytes}")
    zstd = _unpackers.known.get(header.dictionary)
    if zstd is None:
        zstd = _unpackers.learn(header.dictionary, read_dictionary)
    try:
        if zstandard.get_frame_parameters(packed).content_size != zstandard.CONTENTSIZE_UNKNOWN:
            raise Damaged("a frame says its length twice")  # zstandard would believe that one
        frame = _expand(zstd, packed, header.frame_bytes)
    except zstandard.ZstdError as error:
        raise Damaged(f"a frame cannot be expanded ({error})") from None
    if len(frame) != header.frame_bytes:
        raise Damaged("a frame has not the length that it says")
    return frame


def _expand(zstd: zstandard.ZstdDecompressor, packed: bytes, size: int) -> bytes:
    """The frame, at most one byte more than that; a long one piece by piece, as what it says takes memory."""
    if size <= _AT_ONCE:
        return zstd.decompress(packed, max_output_size=size)
    pieces: list[bytes] = []
    with zstd.stream_reader(packed) as reader:
        while size >= 0 and (piece := reader.read(min(size + 1, _AT_ONCE))):
            pieces.append(piece)
            size -= len(piece)
    return b"".join(pieces)


class _Unpackers(threading.local):
    """What expands frames, by the mark of the dictionary; none of them may be used by two threads at once."""

    def __init__(self) -> None:
        self.known: dict[bytes, zstandard.ZstdDecompressor] = {}

    def learn(self, dictionary: bytes, read_dictionary: Callable[[bytes], bytes]) -> zstandard.ZstdDecompressor:
        import zstandard

        content = b"" if dictionary == NO_DICTIONARY else read_dictionary(dictionary)
        if mark(content) != dictionary:
            raise Damaged(f"dictionary {dictionary.hex()} is not what its name says")
        if len(self.known) >= _KEPT:
            self.known.clear()
        known = zstandard.ZstdCompressionDict(content) if content else None
        self.known[dictionary] = zstandard.ZstdDecompressor(dict_data=known)
        return self.known[dictionary]


_KEPT = 64
_unpackers = _Unpackers()


def forget_dictionaries() -> None:
    """Let the next frame that this thread expands ask for its dictionary."""
    _unpackers.known.clear()
