"""What a record says of itself, against what its key says."""

from __future__ import annotations

from pithstore.canonical import canonical, decode
from pithstore.codec import write_scalar
from pithstore.errors import InvalidRecord
from pithstore.model import Source
from pithstore.packs.rebuild import Piece, Shape
from pithstore.pointer import Json, read_pointer
from pithstore.profile import Profile, identify
from pithstore.verifying.said import Made

_KEPT = 4096

_Positions = tuple[tuple[str, ...], list[int]]
"""The names of those sections of a shape that say who the record is, and where they stand in it."""


class IdentityCheck:
    """Reads the sections that the profile names, as seldom as can be: most are those of the version before."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._names = {canonical(name): name for name in profile.sections()}
        self._builder = _own_section(profile)
        self._positions: dict[Shape, _Positions] = {}
        self._values: dict[bytes, Json] = {}
        self._right: set[tuple[object, ...]] = set()

    def begin(self, source: Source) -> None:
        """Take the versions of a source."""
        self._source = source
        self._piece: Piece | None = None
        self._rest: tuple[object, ...] = ()

    def difference(self, made: Made, piece: Piece, row: int) -> str | None:
        """What the record in that row of a piece says otherwise than its key; None where both say the same."""
        if piece is not self._piece:
            self._piece = piece
            self._right.clear()
        ordinals, bodies = piece.rows[row], piece.bodies
        shape = piece.shapes[row]
        names, positions = self._positions.get(shape) or self._learn(shape)
        key = (made.payload, shape, *[ordinals[at] for at in positions])
        if key in self._right:
            return None
        named = {name: bodies[ordinals[at]] or b"" for name, at in zip(names, positions, strict=True)}
        rest = self._all_but_builder(made, named)
        if rest is None or rest != self._rest or named[self._builder or ""] != made.builder:
            difference = self._compare(made, {name: self._value(body) for name, body in named.items()})
            if difference is not None:
                return difference
        self._rest = rest or ()
        self._right.add(key)
        return None

    def _all_but_builder(self, made: Made, named: dict[str, bytes]) -> tuple[object, ...] | None:
        """All that says who the record is but for its builder; None where that has no section of its own."""
        if self._builder not in named or not made.builder_version:
            return None
        return made.source_version, *[each for each in named.items() if each[0] != self._builder]

    def _learn(self, shape: Shape) -> _Positions:
        if len(self._positions) >= _KEPT:
            self._positions.clear()
        found = {self._names[name]: at for at, name in enumerate(shape.names) if name in self._names}
        self._positions[shape] = tuple(found), list(found.values())
        return self._positions[shape]

    def _value(self, body: bytes) -> Json:
        if body not in self._values:
            if len(self._values) >= _KEPT:
                self._values.clear()
            self._values[body] = decode(body)
        return self._values[body]

    def _compare(self, made: Made, needed: dict[str, Json]) -> str | None:
        try:
            said = identify(needed, self._profile)
        except InvalidRecord as error:
            return str(error)
        line = said.line
        found = line.source, line.builder_version, write_scalar(said.source_version)
        if found == (self._source, made.builder_version, made.source_version):
            return None
        return (
            f"the record says {line.source}, source version {said.source_version!r}, builder "
            f"{line.builder_version!r}, and its key something else"
        )


def _own_section(profile: Profile) -> str | None:
    """The section that is the builder and nothing else, as it is by the profile `pith`; None where there is none.

    Of two versions that differ only in it, if one is what its key says so is the other that has its builder there.
    """
    tokens = read_pointer(profile.builder_version) if profile.builder_version.startswith("/") else ()
    others = (profile.source_kind, profile.source_id, profile.source_version)
    if len(tokens) != 1 or any(rule.startswith("/") and read_pointer(rule)[0] == tokens[0] for rule in others):
        return None
    return tokens[0]
