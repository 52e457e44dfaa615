"""What a record says of itself, against what its key says."""

from __future__ import annotations

from collections.abc import Sequence

from pithstore.canonical import canonical, decode
from pithstore.codec import write_scalar
from pithstore.errors import InvalidRecord
from pithstore.model import Source
from pithstore.packs.rebuild import Piece, Shape
from pithstore.pointer import Json
from pithstore.profile import Profile, identify
from pithstore.verifying.made import Made

_KEPT = 4096


class IdentityCheck:
    """Reads the sections that the profile names, as seldom as can be: most are those of the version before."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._names = {canonical(name): name for name in profile.sections()}
        self._positions: dict[Shape, list[tuple[int, str]]] = {}
        self._values: dict[bytes, Json] = {}
        self._right: set[tuple[object, ...]] = set()

    def begin(self, source: Source) -> None:
        """Take the versions of a source."""
        self._source = source
        self._right.clear()

    def difference(self, made: Made, piece: Piece, row: int) -> str | None:
        """What the record in that row of a piece says otherwise than its key; None where both say the same."""
        shape, ordinals, bodies = piece.shapes[row], piece.rows[row], piece.bodies
        positions = self._positions.get(shape) or self._learn(shape)
        named = [(name, bodies[ordinals[at]]) for at, name in positions]
        key = (made.payload, *named)
        if key in self._right:
            return None
        difference = self._compare(made, {name: self._value(body or b"") for name, body in named})
        if difference is None:
            self._right.add(key)
        return difference

    def _learn(self, shape: Shape) -> Sequence[tuple[int, str]]:
        if len(self._positions) >= _KEPT:
            self._positions.clear()
        found = [(at, self._names[name]) for at, name in enumerate(shape.names) if name in self._names]
        self._positions[shape] = found
        return found

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
