"""The values of tail and packs, and in which of them something lies that is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pithstore import blobs
from pithstore.codec import Place
from pithstore.engine import View
from pithstore.keys import PACKS, TAIL, tail_key
from pithstore.packs.frames import next_sequence
from pithstore.tail import slices


class Values:
    """The values that a space has at one moment, by writer and sequence; each takes one byte of memory.

    Those that are written later are none of them.
    """

    def __init__(self, space: str, written: Mapping[int, range]) -> None:
        self.space = space
        self._written = written
        self._needed = {writer: bytearray(len(sequences)) for writer, sequences in written.items()}

    def has(self, place: Place) -> bool:
        """Whether the blob at that place was there at that moment."""
        return place.sequence in self._written.get(place.writer, ())

    def need_all_of(self, place: Place) -> None:
        """Say that a blob lies there that is reached."""
        self.need(place.writer, (int.from_bytes(part.key[4:], "big") for part in slices(place)))

    def need(self, writer: int, sequences: Iterable[int]) -> None:
        """Say that something lies in these values that is reached."""
        written = self._written.get(writer, range(0))
        for sequence in sequences:
            if sequence in written:
                self._needed[writer][sequence - written.start] = 1

    def needless(self) -> Iterator[bytes]:
        """The keys of the others; some may be gone already."""
        for writer, needed in self._needed.items():
            at = needed.find(0)
            while at >= 0:
                yield tail_key(writer, self._written[writer].start + at)
                at = needed.find(0, at + 1)


def tail_values(view: View) -> Values:
    """The values of the tail as they are now."""
    return Values(TAIL, blobs.tails(view))


def pack_values(view: View) -> Values:
    """The values of packs as they are now."""
    return Values(PACKS, {0: range(next_sequence(view))})
