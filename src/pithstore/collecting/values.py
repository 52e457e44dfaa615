"""The values of tail and packs, and in which of them something lies that is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from pithstore import blobs
from pithstore.codec import Place
from pithstore.engine import Engine, View
from pithstore.keys import PACKS, TAIL, tail_key
from pithstore.packs.frames import next_sequence
from pithstore.tail import slices

_STRETCH = 4096


class Values:
    """The values that a space has at one moment, by writer and sequence; each takes a byte of memory at most.

    Those that are written later are none of them.
    """

    def __init__(self, space: str, written: Mapping[int, range]) -> None:
        self.space = space
        self._written = written
        self._needed: dict[tuple[int, int], bytearray] = {}  # by writer and stretch

    def has(self, place: Place) -> bool:
        """Whether the blob at that place was there at that moment."""
        return place.sequence in self._written.get(place.writer, ())

    def need_all_of(self, place: Place) -> None:
        """Say that a blob lies there that is reached."""
        self.need(place.writer, (int.from_bytes(part.key[4:], "big") for part in slices(place)))

    def need(self, writer: int, sequences: Iterable[int]) -> None:
        """Say that something lies in these values that is reached."""
        for sequence in sequences:
            stretch, at = divmod(sequence, _STRETCH)
            self._needed.setdefault((writer, stretch), bytearray(_STRETCH))[at] = 1

    def needless(self, engine: Engine) -> Iterator[list[bytes]]:
        """The keys of the others that are still there, some at a time.  None of the values is read but to jump."""
        for writer, sequences in self._written.items():
            start = sequences.start
            while start < sequences.stop:
                stretch = start // _STRETCH
                stop = min((stretch + 1) * _STRETCH, sequences.stop)
                needed = self._needed.get((writer, stretch))
                keys = [
                    tail_key(writer, sequence)
                    for sequence in range(start, stop)
                    if needed is None or not needed[sequence % _STRETCH]
                ]
                there = engine.view(partial(_there, space=self.space, keys=keys))
                yield there
                start = stop
                if needed is None and not there:  # one wrong key can make such a range 2^32 long
                    start = engine.view(partial(_next, space=self.space, writer=writer, sequence=stop - 1))


def _there(view: View, space: str, keys: list[bytes]) -> list[bytes]:
    return [key for key, has in zip(keys, view.has_many(space, keys), strict=True) if has]


def _next(view: View, space: str, writer: int, sequence: int) -> int:
    """The sequence number of the next value behind that one; one beyond all where there is none."""
    key = tail_key(writer, sequence)
    found = view.scan(space, prefix=key[:4], after=key, limit=1)
    return int.from_bytes(found[0][0][4:8], "big") if found else 2**32


def tail_values(view: View) -> Values:
    """The values of the tail as they are now."""
    return Values(TAIL, blobs.tails(view))


def pack_values(view: View) -> Values:
    """The values of packs as they are now."""
    return Values(PACKS, {0: range(next_sequence(view))})
