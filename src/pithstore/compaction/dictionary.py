"""A dictionary for the frames: what many of them have in common, kept once."""

from __future__ import annotations

from collections.abc import Sequence

import zstandard

from pithstore.engine import View
from pithstore.keys import TAIL, tail_key
from pithstore.tail import STREAM_BYTES, cut

_LARGEST = 61_000
"""Bytes of a dictionary: with its seal it fits a value of 15 pages."""
_LEAST = 4096
_SHARE = 64
"""A dictionary is at most this part of what it is for."""
_PIECES, _PIECE_BYTES = 500, 2048
_LONGEST_KEY = b"\xff" * 8


def train(view: View) -> bytes:
    """A dictionary for what lies in the tail; b"" where that is too little for one to pay."""
    tails = list(_tails(view))
    values = sum(count for _, count in tails)
    size = min(_LARGEST, values * STREAM_BYTES // _SHARE)
    if size < _LEAST:
        return b""
    try:
        return zstandard.train_dictionary(size, _pieces(view, tails, values)).as_bytes()
    except zstandard.ZstdError:  # nothing in common
        return b""


def tail_values(view: View) -> int:
    """How many values the tails have."""
    return sum(count for _, count in _tails(view))


def _tails(view: View) -> list[tuple[int, int]]:
    """Each writer that has written, the last one first, and how many values its tail has."""
    found: list[tuple[int, int]] = []
    after = _LONGEST_KEY
    while last := view.scan(TAIL, after=after, limit=1, reverse=True):
        writer, sequence = int.from_bytes(last[0][0][:4], "big"), int.from_bytes(last[0][0][4:], "big")
        found.append((writer, sequence + 1))
        after = tail_key(writer, 0)
    return found


def _pieces(view: View, tails: Sequence[tuple[int, int]], values: int) -> list[bytes | bytearray | memoryview]:
    """Pieces from all over the tails, at most so many, none twice."""
    step = max(1, values // _PIECES)
    numbered = ((writer, sequence) for writer, count in tails for sequence in range(count))
    chosen = [tail_key(*value) for i, value in enumerate(numbered) if i % step == 0]
    found = zip(chosen, view.get_many(TAIL, chosen), strict=True)
    width = STREAM_BYTES // _PIECE_BYTES
    starts = ((key[-1] % width * _PIECE_BYTES, value) for key, value in found if value is not None)
    return [piece for start, value in starts if (piece := cut(value, start, start + _PIECE_BYTES))]
