"""Versions of one source as the tests of packs make them: few names and bodies, so that versions share some."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import attrs
from hypothesis import strategies as st

from pithstore.canonical import canonical
from pithstore.digest import Digest
from pithstore.model import Manifest, SectionEntry
from pithstore.packs.frame import Frame, encode_frame
from pithstore.testing.strategies import texts

Record = dict[str, bytes]
"""Name → body.  A frame does not ask whether a body is JSON."""


@attrs.frozen
class Shelf:
    """Records, the digests of those bodies that lie in the frame, and of those whose home it is."""

    records: Sequence[Record]
    here: frozenset[Digest]
    home: frozenset[Digest]

    @property
    def bodies(self) -> dict[Digest, bytes]:
        return {Digest.of(body): body for record in self.records for body in record.values()}

    @property
    def foreign(self) -> dict[Digest, bytes]:
        return {digest: body for digest, body in self.bodies.items() if digest not in self.here}

    def frame(self) -> Frame:
        return Frame(self.encoded())

    def encoded(self) -> bytes:
        return encode_frame(list(map(manifest, self.records)), self.bodies, self.here, self.home)


def manifest(record: Record) -> Manifest:
    """The recipe of a record."""
    return Manifest(
        tuple(SectionEntry(name, Digest.of(record[name]), len(record[name])) for name in sorted(record))
    )


def joined(record: Record) -> bytes:
    """The record as the join law has it."""
    return b"{" + b",".join(canonical(name) + b":" + record[name] for name in sorted(record)) + b"}"


def snapshot(record: Record) -> Digest:
    """The SHA-256 of the record."""
    return Digest(sha256(joined(record)).digest())


BODIES = st.binary(max_size=20) | st.builds(
    lambda piece, times: piece * times, st.binary(min_size=1, max_size=9), st.integers(1, 1500)
)


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    """Any records over few names and bodies, any of them here, any of these at home."""
    names = draw(st.lists(texts(), min_size=1, max_size=6, unique=True))
    bodies = draw(st.lists(BODIES, min_size=1, max_size=8))
    records = draw(
        st.lists(st.dictionaries(st.sampled_from(names), st.sampled_from(bodies), max_size=6), max_size=8)
    )
    used = sorted({Digest.of(body) for record in records for body in record.values()})
    here = frozenset(draw(st.sets(st.sampled_from(used)))) if used else frozenset()
    home = frozenset(draw(st.sets(st.sampled_from(sorted(here))))) if here else frozenset()
    return Shelf(records, here, home)
