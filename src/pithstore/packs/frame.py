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
from itertools import accumulate, chain

from pithstore.canonical import canonical, decode
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.errors import Damaged
from pithstore.model import Manifest

_FOREIGN_BYTES = DIGEST_BYTES + 4
_SHORT = 100  # bytes of a name that is worth keeping

Member = tuple[bytes, "bytes | Digest"]
"""A name in canonical form, and the body of the section, or its digest where that lies elsewhere."""

_HEADER = struct.Struct("<IIIIB")
_WIDTHS = {1: "B", 2: "H", 4: "I"}
_MAX_BYTES = 2**32 - 1


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


class Frame:
    """An expanded frame, read version by version; Damaged where it cannot be one.

    It has `versions` versions, `bodies` bodies, and `foreigners` digests of sections that lie elsewhere.  What it
    gives is not hashed yet.
    """

    __slots__ = (
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
        self.versions, bodies, foreign, names, width = _HEADER.unpack_from(raw)
        at = _HEADER.size + names
        shapes = [shape.split(b"\n") if shape else [] for shape in raw[_HEADER.size : at].split(b"\0")]
        column = struct.unpack_from(f"<{self.versions}{_WIDTHS[width]}", raw, at)
        self._shapes = [shapes[shape] for shape in column]
        self._starts = [0, *accumulate(map(len, self._shapes))]
        at += self.versions * width
        self._ordinals = struct.unpack_from(f"<{self._starts[-1]}{_WIDTHS[width]}", raw, at)
        if max(self._ordinals, default=-1) >= bodies + foreign:
            raise Damaged("a frame names a section that it does not have")
        at += self._starts[-1] * width
        self._ends = (*struct.unpack_from(f"<{bodies}I", raw, at), 0)  # [-1] is where the first body starts
        self._home_at = at + 4 * bodies
        self._foreign_at = self._home_at + bodies
        self._start = self._foreign_at + _FOREIGN_BYTES * foreign
        self._raw = raw
        self._digests: dict[int, Digest] = {}
        self.bodies, self.foreigners = bodies, foreign
        if len(raw) != self._start + self._ends[bodies - 1]:
            raise Damaged("a frame has not the length that it says")

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
        raw, start = self._raw, self._start
        ends = self._ends[: self.bodies]
        return [raw[start + a : start + b] for a, b in zip((0, *ends), ends, strict=False)]

    def is_home(self, ordinal: int) -> bool:
        """Whether the body with that ordinal has its home here; else it is a copy."""
        return bool(self._raw[self._home_at + ordinal])

    @property
    def homes(self) -> list[int]:
        """The ordinals of the bodies whose home is here."""
        marks = self._raw[self._home_at : self._home_at + self.bodies]
        return [ordinal for ordinal, mark in enumerate(marks) if mark]

    def names(self, row: int) -> list[bytes]:
        """The names of the sections of a version, in canonical form and in the order of the form."""
        return self._shapes[row]

    def ordinals(self, row: int) -> tuple[int, ...]:
        """The ordinals of the sections of a version: under `bodies` they lie here, from there on elsewhere."""
        return self._ordinals[self._starts[row] : self._starts[row + 1]]

    def foreign(self, ordinal: int) -> tuple[Digest, int]:
        """Digest and size of a section that lies elsewhere."""
        at = self._foreign_at + _FOREIGN_BYTES * (ordinal - self.bodies)
        size_at = at + DIGEST_BYTES
        return Digest(self._raw[at:size_at]), int.from_bytes(self._raw[size_at : size_at + 4], "little")

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
            for name, ordinal in zip(self._shapes[row], self.ordinals(row), strict=True)
        ]


def read_name(name: bytes) -> str:
    """The name of a section whose canonical form that is."""
    return _read_short(name) if len(name) <= _SHORT else _read_name(name)


@lru_cache(maxsize=1024)  # records of one family have the same few names
def _read_short(name: bytes) -> str:
    return _read_name(name)


def _read_name(name: bytes) -> str:
    try:
        text = decode(name) if name.startswith(b'"') else None
    except ValueError:  # no JSON
        text = None
    if not isinstance(text, str):
        raise Damaged("a frame names a section by something that is no text")
    return text
