"""A frame: bodies of some versions of one source, each once, and how records are put together from them.  Pure.

    version count, body count, foreign count, bytes of the shapes (4 bytes each), width of an ordinal (1 byte)
    shapes     the distinct lists of names: names in canonical form, a newline between two; a NUL between shapes
    ordinals   for each version its shape, then for each version one for each of its sections
    ends       where each body ends, from the start of the bodies (4 bytes each)
    home       one byte for each body: 1 where this frame is its home, 0 for a copy
    foreign    digests of the sections that lie elsewhere, each with its size (4 bytes)
    bodies

All numbers are little-endian.  An ordinal counts the bodies, then the foreign digests.  Bodies of one name stand
side by side, oldest first, so that what changed little is near to what it was.  No digest of a body is kept: it is
computed when somebody asks.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain, pairwise

from pithstore.canonical import canonical, decode
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.errors import Damaged
from pithstore.model import Manifest

_FOREIGN_BYTES = DIGEST_BYTES + 4
_SHORT = 100  # bytes of a name that is worth keeping
_SHORT_SHAPES = 2048  # and of all names of a frame

Member = tuple[bytes, "bytes | Digest"]
"""A name in canonical form, and the body of the section, or its digest where that lies elsewhere."""

_HEADER = struct.Struct("<IIIIB")
_WIDTHS = {1: "B", 2: "H", 4: "I"}
_BYTES = bytes(range(256))


def encode_frame(
    versions: Sequence[Manifest],
    bodies: Mapping[Digest, bytes],
    here: Collection[Digest],
    home: Collection[Digest],
) -> bytes:
    """The frame of these versions; sections whose digest is not `here` are foreign.

    `bodies` has all of those that are here, each of which is a section of one of the versions.
    """
    names_of = [tuple([section.name for section in version.sections]) for version in versions]
    shapes = {shape: ordinal for ordinal, shape in enumerate(dict.fromkeys(names_of))}
    lying, foreign = _order(versions, here)
    ordinals = {digest: ordinal for ordinal, digest in enumerate([*lying, *foreign])}
    column = [shapes[shape] for shape in names_of]
    column += [ordinals[section.digest] for version in versions for section in version.sections]
    width = next(width for width in _WIDTHS if max(column, default=0) < 1 << 8 * width)
    names = b"\0".join(b"\n".join(map(canonical, shape)) for shape in shapes)
    ordered = [bodies[digest] for digest in lying]
    ends = list(accumulate(map(len, ordered)))
    return b"".join(
        (
            _HEADER.pack(len(versions), len(lying), len(foreign), len(names), width),
            names,
            struct.pack(f"<{len(column)}{_WIDTHS[width]}", *column),
            struct.pack(f"<{len(ends)}I", *ends),
            bytes([digest in home for digest in lying]),
            *[digest + size.to_bytes(4, "little") for digest, size in foreign.items()],
            *ordered,
        )
    )


def _order(versions: Sequence[Manifest], here: Collection[Digest]) -> tuple[list[Digest], dict[Digest, int]]:
    """The digests that lie here, by name and then by age; those that lie elsewhere, with their sizes."""
    by_name: dict[str, dict[Digest, int]] = {}
    foreign: dict[Digest, int] = {}
    for version in versions:
        for section in version.sections:
            where = by_name.setdefault(section.name, {}) if section.digest in here else foreign
            where[section.digest] = section.size
    return list(dict.fromkeys(chain.from_iterable(by_name.values()))), foreign


class Shape:
    """The names of the sections of a version in canonical form, and what stands before each body in the record.

    `size` is how many bytes the record has beside its bodies.
    """

    __slots__ = ("_around", "names", "size", "starts")

    def __init__(self, names: tuple[bytes, ...]) -> None:
        self.names = names
        self.starts = [(b"," if i else b"{") + name + b":" for i, name in enumerate(names)]
        self._around = [*chain.from_iterable((start, b"") for start in self.starts), b"}" if names else b"{}"]
        self.size = sum(map(len, self._around))

    def join(self, bodies: Sequence[bytes]) -> bytes:
        """The canonical form of the record with these bodies, one for each name."""
        parts = self._around[:]
        parts[1::2] = bodies
        return b"".join(parts)


@lru_cache(maxsize=1024)  # records of one family have few
def shape_of(names: tuple[bytes, ...]) -> Shape:
    """The shape with these names; equal ones are mostly the same object."""
    return Shape(names)


def _read_shapes(names: bytes) -> tuple[Shape, ...]:
    return _read_known_shapes(names) if len(names) <= _SHORT_SHAPES else _cut_shapes(names)


@lru_cache(maxsize=256)
def _read_known_shapes(names: bytes) -> tuple[Shape, ...]:
    return _cut_shapes(names)


def _cut_shapes(names: bytes) -> tuple[Shape, ...]:
    return tuple([shape_of(tuple(shape.split(b"\n")) if shape else ()) for shape in names.split(b"\0")])


class Frame:
    """An expanded frame, read version by version; Damaged where it cannot be one.

    It has `versions` versions, `bodies` bodies, and `foreigners` digests of sections that lie elsewhere.  What it
    gives is not hashed yet.
    """

    __slots__ = (
        "_column",
        "_digests",
        "_ends",
        "_foreign_at",
        "_home_at",
        "_ordinals",
        "_raw",
        "_shapes",
        "_start",
        "_starts",
        "bodies",
        "foreigners",
        "versions",
    )

    def __init__(self, raw: bytes) -> None:
        try:
            self._parse(raw)
        except (struct.error, KeyError, IndexError):
            raise Damaged("a frame is cut short") from None

    def _parse(self, raw: bytes) -> None:
        versions, bodies, foreign, names, width = _HEADER.unpack_from(raw)
        self._raw, self.versions, self.bodies, self.foreigners = raw, versions, bodies, foreign
        at = _HEADER.size + names
        shapes = self._shapes = _read_shapes(raw[_HEADER.size : at])
        self._column = _read_ordinals(raw, at, versions, width)
        if not _all_below(len(shapes), self._column):
            raise Damaged("a frame names a shape that it does not have")
        at += versions * width
        if len(shapes) == 1:
            length = len(shapes[0].names)
            self._starts = [row * length for row in range(versions + 1)]
        else:
            lengths = [len(shape.names) for shape in shapes]
            self._starts = [0, *accumulate([lengths[shape] for shape in self._column])]
        self._ordinals = _read_ordinals(raw, at, self._starts[-1], width)
        if not _all_below(bodies + foreign, self._ordinals):
            raise Damaged("a frame names a section that it does not have")
        at += self._starts[-1] * width
        self._ends = (*struct.unpack_from(f"<{bodies}I", raw, at), 0)  # [-1] is where the first body starts
        self._home_at = at + 4 * bodies
        self._foreign_at = self._home_at + bodies
        self._start = self._foreign_at + _FOREIGN_BYTES * foreign
        self._digests: dict[int, Digest] = {}
        if len(raw) != self._start + self._ends[bodies - 1]:
            raise Damaged("a frame has not the length that it says")
        if sorted(self._ends[:bodies]) != list(self._ends[:bodies]):
            raise Damaged("a body of a frame ends before it starts")

    def body(self, ordinal: int) -> bytes:
        """The body with that ordinal."""
        ends = self._ends
        return self._raw[self._start + ends[ordinal - 1] : self._start + ends[ordinal]]

    def digest(self, ordinal: int) -> Digest:
        """The digest of the body with that ordinal; each is hashed once."""
        digest = self._digests.get(ordinal)
        if digest is None:
            digest = self._digests[ordinal] = Digest.of(self.body(ordinal))
        return digest

    def all_bodies(self) -> list[bytes]:
        """The bodies by their ordinals."""
        raw, at = self._raw, self._start
        found: list[bytes] = []
        for end in self._ends[: self.bodies]:
            end += self._start
            found.append(raw[at:end])
            at = end
        return found

    @property
    def home_marks(self) -> bytes:
        """A byte for each body, not 0 where its home is here; else it is a copy."""
        return self._raw[self._home_at : self._foreign_at]

    def is_home(self, ordinal: int) -> bool:
        """Whether the body with that ordinal has its home here; else it is a copy."""
        return bool(self._raw[self._home_at + ordinal])

    @property
    def homes(self) -> list[int]:
        """The ordinals of the bodies whose home is here."""
        return [ordinal for ordinal, mark in enumerate(self.home_marks) if mark]

    def shape(self, row: int) -> Shape:
        """The names of the sections of a version, in the order of the form."""
        return self._shapes[self._column[row]]

    def names(self, row: int) -> tuple[bytes, ...]:
        """The same, in canonical form."""
        return self.shape(row).names

    def ordinals(self, row: int) -> Sequence[int]:
        """The ordinals of the sections of a version: under `bodies` they lie here, from there on elsewhere."""
        return self._ordinals[self._starts[row] : self._starts[row + 1]]

    @property
    def shapes(self) -> list[Shape]:
        """The shape of each version."""
        return [self._shapes[shape] for shape in self._column]

    @property
    def rows(self) -> list[Sequence[int]]:
        """The ordinals of the sections of each version."""
        ordinals, starts = self._ordinals, self._starts
        return [ordinals[start:end] for start, end in pairwise(starts)]

    def foreign(self, ordinal: int) -> tuple[Digest, int]:
        """Digest and size of a section that lies elsewhere."""
        at = self._foreign_at + _FOREIGN_BYTES * (ordinal - self.bodies)
        size_at = at + DIGEST_BYTES
        return Digest(self._raw[at:size_at]), int.from_bytes(self._raw[size_at : size_at + 4], "little")

    @property
    def elsewhere(self) -> list[tuple[Digest, int]]:
        """Digest and size of each section that lies elsewhere, by ordinal."""
        return [self.foreign(ordinal) for ordinal in range(self.bodies, self.bodies + self.foreigners)]

    def members(self, row: int) -> list[Member]:
        """The sections of a version."""
        raw, start, ends, bodies = self._raw, self._start, self._ends, self.bodies
        return [
            (
                name,
                raw[start + ends[ordinal - 1] : start + ends[ordinal]]
                if ordinal < bodies
                else self.foreign(ordinal)[0],
            )
            for name, ordinal in zip(self.names(row), self.ordinals(row), strict=True)
        ]

    def record(self, row: int) -> bytes | None:
        """The canonical form of a version; None where one of its sections lies elsewhere."""
        shape, ordinals = self.shape(row), self.ordinals(row)
        if self.foreigners and max(ordinals, default=-1) >= self.bodies:
            return None
        raw, start, ends = self._raw, self._start, self._ends
        return shape.join([raw[start + ends[ordinal - 1] : start + ends[ordinal]] for ordinal in ordinals])


def _all_below(bound: int, ordinals: Sequence[int]) -> bool:
    if isinstance(ordinals, bytes):  # quicker, and most are
        return not ordinals.translate(None, _BYTES[:bound])
    return max(ordinals, default=-1) < bound


def _read_ordinals(raw: bytes, at: int, count: int, width: int) -> Sequence[int]:
    if width == 1:
        return raw[at : at + count]
    return struct.unpack_from(f"<{count}{_WIDTHS[width]}", raw, at)


def read_name(name: bytes) -> str:
    """The name of a section whose canonical form that is."""
    return _read_short(name) if len(name) <= _SHORT else _read_name(name)


@lru_cache(maxsize=1024)  # records of one family have the same few names
def _read_short(name: bytes) -> str:
    return _read_name(name)


def _read_name(name: bytes) -> str:
    try:
        text = decode(name) if name.startswith(b'"') else None
    except Damaged:
        text = None
    if not isinstance(text, str) or canonical(text) != name:
        raise Damaged("a frame names a section by something that is no text")
    return text
