"""A dictionary for the frames: what many of them have in common, kept once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

import zstandard

from pithstore import blobs
from pithstore.digest import Digest
from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.keys import BLOBS, PLACES, TAIL, tail_key
from pithstore.packs.frames import read_frame
from pithstore.packs.places import PREFIX_BYTES, cut_rows, read_block
from pithstore.tail import STREAM_BYTES, cut
from pithstore.totals import read_slots

_LARGEST = 61_000
"""Bytes of a dictionary: with its seal it fits a value of 15 pages."""
_LEAST = 4096
_SHARE = 64
"""A dictionary is at most this part of what it is for."""
_PIECES, _PIECE_BYTES = 500, 2048
_BLOCKS, _FRAMES, _BODIES = 2, 50, 10
_SEGMENT_BYTES, _COMPARED_BYTES = 1000, 8
"""Of how many bytes the parts of a dictionary are, and how many of them are compared.

That Zstandard tries others takes five times as long, and gives no better ones for what was measured.
"""


def train(view: View) -> bytes:
    """A dictionary for what lies in the tail; b"" where that is too little for one to pay."""
    tails = blobs.tails(view)
    values = sum(map(len, tails.values()))
    size = min(_LARGEST, values * STREAM_BYTES // _SHARE)
    if size < _LEAST:
        return b""
    try:
        pieces = _pieces(view, tails, values)
        return zstandard.train_dictionary(size, pieces, k=_SEGMENT_BYTES, d=_COMPARED_BYTES).as_bytes()
    except zstandard.ZstdError:  # nothing in common
        return b""


def train_anew(view: View) -> bytes:
    """The same for the blobs that there are, in the tail and in frames: what was erased lies there too."""
    size = min(_LARGEST, sum(slot.unique_bytes for slot in read_slots(view)) // _SHARE)
    if size < _LEAST:
        return b""
    try:
        pieces: list[bytes | bytearray | memoryview] = [body[:_PIECE_BYTES] for body in _sample(view) if body]
        return zstandard.train_dictionary(size, pieces, k=_SEGMENT_BYTES, d=_COMPARED_BYTES).as_bytes()
    except zstandard.ZstdError:
        return b""


def _sample(view: View) -> Iterator[bytes]:
    """Bodies of blobs: digests are evenly spread, so the first ones are chosen by chance."""
    entries = view.scan(BLOBS, limit=_PIECES)
    yield from blobs.read_many(view, blobs.locate_many(view, [Digest(key) for key, _ in entries]))
    for item in view.scan(PLACES, limit=_BLOCKS):
        with suppress(Damaged):  # whoever packs what lies there says so, if nothing else has it
            rows = list(cut_rows(read_block(*item)))[:_FRAMES]
            for position in sorted({int.from_bytes(row[PREFIX_BYTES:], "big") for row in rows}):
                yield from read_frame(view, position).all_bodies()[:_BODIES]


def tail_values(view: View) -> int:
    """How many values the tails have."""
    return sum(map(len, blobs.tails(view).values()))


def _pieces(view: View, tails: Mapping[int, range], values: int) -> list[bytes | bytearray | memoryview]:
    """Pieces from all over the tails, at most so many, none twice."""
    step = max(1, values // _PIECES)
    chosen: list[bytes] = []
    before = 0
    for writer, sequences in tails.items():  # one key can make such a range 2^32 long
        chosen += [tail_key(writer, sequence) for sequence in sequences[-before % step :: step]]
        before += len(sequences)
    found = zip(chosen, view.get_many(TAIL, chosen), strict=True)
    width = STREAM_BYTES // _PIECE_BYTES
    starts = ((key[-1] % width * _PIECE_BYTES, value) for key, value in found if value is not None)
    return [piece for start, value in starts if (piece := cut(value, start, start + _PIECE_BYTES))]
