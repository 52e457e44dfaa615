"""From a frame back to what its versions are named by: snapshot hashes and the digests of sections.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from pithstore.digest import Digest
from pithstore.errors import Damaged
from pithstore.model import Manifest, SectionEntry
from pithstore.packs.frame import Frame, Member, Shape, read_name

if TYPE_CHECKING:
    from _hashlib import HASH

_LONG = 4096
"""From so many bytes on it is quicker to go on from what two versions have in common than to hash it again."""


def join_members(members: Iterable[Member], foreign: Mapping[Digest, bytes]) -> bytes:
    """The canonical form of a record with these sections; `foreign` has the bodies that lie elsewhere."""
    return b"{" + b",".join([name + b":" + _body(part, foreign) for name, part in members]) + b"}"


def _body(part: bytes | Digest, foreign: Mapping[Digest, bytes]) -> bytes:
    if not isinstance(part, Digest):
        return part
    try:
        return foreign[part]
    except KeyError:
        raise Damaged(f"blob {part} is damaged or missing") from None


def foreign_digests(frame: Frame, rows: Iterable[int]) -> list[Digest]:
    """The digests of the sections of these versions that lie elsewhere, each once."""
    ordinals = dict.fromkeys(ordinal for row in rows for ordinal in frame.ordinals(row) if ordinal >= frame.bodies)
    return [frame.foreign(ordinal)[0] for ordinal in ordinals]


class Piece:
    """Some versions in a row, put together from bodies: the shape of each and the ordinals of its sections.

    None stands for a body that is not to be had.
    """

    __slots__ = ("_known", "_lacking", "bodies", "rows", "shapes", "sizes")

    def __init__(
        self, shapes: Sequence[Shape], rows: Sequence[Sequence[int]], bodies: Sequence[bytes | None]
    ) -> None:
        self.shapes, self.rows, self.bodies = shapes, rows, bodies
        self._known = [body or b"" for body in bodies]
        self._lacking: Collection[int] = ()
        if None in bodies:
            self._lacking = {ordinal for ordinal, body in enumerate(bodies) if body is None}
        self.sizes = list(map(len, self._known))

    @property
    def sections(self) -> int:
        """How many sections the versions have."""
        return sum(map(len, self.rows))

    @property
    def total(self) -> int:
        """How many bytes the records have."""
        sizes = self.sizes
        bodies = sum([sizes[ordinal] for row in self.rows for ordinal in row])
        return bodies + sum([shape.size for shape in self.shapes])

    def mentions(self, text: bytes) -> bool:
        """Whether a body has these bytes in it; a yes may be wrong."""
        return text in b"".join(self._known)

    def size(self, row: int) -> int:
        """How many bytes the record has."""
        sizes = self.sizes
        return self.shapes[row].size + sum([sizes[ordinal] for ordinal in self.rows[row]])

    def parts(self, row: int) -> list[bytes]:
        """The canonical form of the record in pieces; Damaged where a section is not to be had."""
        if any(self.bodies[ordinal] is None for ordinal in self.rows[row]):
            raise Damaged("a section is damaged or missing")
        return self._parts(row, 0)

    def _parts(self, row: int, start: int, stop: int | None = None) -> list[bytes]:
        """The same of one section up to another, or to the end of the record."""
        known, starts = self._known, self.shapes[row].starts[start:stop]
        parts = [b""] * (2 * len(starts))
        parts[::2] = starts
        parts[1::2] = [known[ordinal] for ordinal in self.rows[row][start:stop]]
        if stop is None:
            parts.append(b"}" if self.rows[row] else b"{}")
        return parts

    def snapshots(self) -> Iterator[bytes | None]:
        """The snapshot hash of each version, in order; None where a section is not to be had.

        What a version has in common with the one before, from its start on, is hashed once.
        """
        lacking = self._lacking
        kept: list[tuple[int, HASH]] = []  # after so many sections of the version before
        common, last = 0, len(self.rows) - 1
        for row, ordinals in enumerate(self.rows):
            while kept and kept[-1][0] > common:
                kept.pop()
            common = self._common(row) if row < last else 0
            if lacking and any(ordinal in lacking for ordinal in ordinals):
                yield None
            elif kept or common:
                yield self._hash(row, kept, common)
            else:
                yield self._hash_whole(row)

    def _hash_whole(self, row: int) -> bytes:
        known = self._known
        return sha256(self.shapes[row].join([known[ordinal] for ordinal in self.rows[row]])).digest()

    def _hash(self, row: int, kept: list[tuple[int, HASH]], common: int) -> bytes:
        start, state = kept[-1] if kept else (0, sha256())
        if common > start:
            state = state.copy()
            state.update(b"".join(self._parts(row, start, common)))
            kept.append((common, state))
            start = common
        rest = b"".join(self._parts(row, start))
        state = state.copy()
        state.update(rest)
        return state.digest()

    def _common(self, row: int) -> int:
        """How many sections a version has in common with the next, from the first on; 0 for too little."""
        mine, other = self.rows[row], self.rows[row + 1]
        if self.shapes[row] is not self.shapes[row + 1]:
            return 0
        count = 0
        for ordinal, next_ordinal in zip(mine, other, strict=False):
            if ordinal != next_ordinal:
                break
            count += 1
        sizes = self.sizes
        return count if sum([sizes[ordinal] for ordinal in mine[:count]]) >= _LONG else 0


def piece_of(frame: Frame, foreign: Mapping[Digest, bytes], here: Sequence[bytes]) -> Piece:
    """The versions of a frame, given all bodies that lie there; `foreign` has those that lie elsewhere."""
    bodies: list[bytes | None] = [*here]
    for digest, size in frame.elsewhere:
        body = foreign.get(digest)
        bodies.append(body if body is not None and len(body) == size else None)
    return Piece(frame.shapes, frame.rows, bodies)


def snapshots(frame: Frame, foreign: Mapping[Digest, bytes]) -> Iterator[Digest]:
    """The snapshot hash of each version of the frame, in order; Damaged where a section is not to be had."""
    for row, snapshot in enumerate(piece_of(frame, foreign, frame.all_bodies()).snapshots()):
        if snapshot is None:
            join_members(frame.members(row), foreign)  # says which one
            raise Damaged("a section that lies elsewhere has not the size that the frame says")
        yield Digest(snapshot)


def recipes(frame: Frame, rows: Iterable[int]) -> list[Manifest]:
    """The manifests of these versions; each body is hashed once."""
    entries: dict[tuple[bytes, int], SectionEntry] = {}
    found: list[Manifest] = []
    for row in rows:
        keys = list(zip(frame.names(row), frame.ordinals(row), strict=True))
        for name, ordinal in keys:
            if (name, ordinal) not in entries:
                entries[name, ordinal] = _entry(frame, name, ordinal)
        found.append(Manifest(tuple([entries[key] for key in keys])))
    return found


def _entry(frame: Frame, name: bytes, ordinal: int) -> SectionEntry:
    if ordinal >= frame.bodies:
        return SectionEntry(read_name(name), *frame.foreign(ordinal))
    return SectionEntry(read_name(name), frame.digest(ordinal), len(frame.body(ordinal)))
