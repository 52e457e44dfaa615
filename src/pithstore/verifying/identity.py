"""What a record says of itself, against what its key says."""

from __future__ import annotations

from pithstore.canonical import canonical, decode, start_of
from pithstore.codec import write_scalar
from pithstore.errors import InvalidRecord
from pithstore.fingerprint import text_form
from pithstore.model import Source
from pithstore.packs.frame import Shape
from pithstore.packs.rebuild import Piece
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
        self._names = {canonical(name): name for name in sorted(profile.sections())}
        self._builder = _own_section(profile)
        self._plain = _plain_sections(profile)
        self._positions: dict[Shape, _Positions] = {}
        self._values: dict[bytes, Json] = {}
        self._right: set[tuple[object, ...]] = set()

    def begin(self, source: Source) -> None:
        """Take the versions of a source."""
        self._source = source
        self._piece: Piece | None = None
        self._rest: tuple[object, ...] = ()
        self._expected: dict[Made, list[bytes] | None] = {}

    def difference(self, made: Made, piece: Piece, row: int) -> str | None:
        """What the record in that row of a piece says otherwise than its key; None where both say the same."""
        ordinals, bodies = piece.rows[row], piece.bodies
        shape = piece.shapes[row]
        names, positions = self._positions.get(shape) or self._learn(shape)
        found = [bodies[ordinals[at]] for at in positions]
        expected = self._expected[made] if made in self._expected else self._expect(made)
        if found == expected:
            return None
        if piece is not self._piece:
            self._piece = piece
            self._right.clear()
        key = (made, shape, *[ordinals[at] for at in positions])
        if key in self._right:
            return None
        difference = self._look(made, {name: body or b"" for name, body in zip(names, found, strict=True)})
        if difference is None:
            self._right.add(key)
        return difference

    def _expect(self, made: Made) -> list[bytes] | None:
        """The sections, by name, of a record that says in them what the key says and nothing else."""
        source = self._source
        expected: list[bytes] | None = None
        if len(self._expected) >= _KEPT:
            self._expected.clear()
        # No source version may be said as null or not at all, and an empty name is refused: these are looked at.
        named = source.kind and source.id and made.builder_version and made.source_version not in (b"", b"null")
        if self._plain and named:
            said = text_form(source.kind), text_form(source.id), made.source_version, made.builder
            expected = [pattern % tuple([said[i] for i in which]) for pattern, which in self._plain]
        self._expected[made] = expected
        return expected

    def _look(self, made: Made, named: dict[str, bytes]) -> str | None:
        """The difference, told by the values of the sections."""
        rest = self._all_but_builder(made, named)
        if rest is None or rest != self._rest or named[self._builder or ""] != made.builder:
            difference = self._compare(made, {name: self._value(body) for name, body in named.items()})
            if difference is not None:
                return difference
        self._rest = rest or ()
        return None

    def _all_but_builder(self, made: Made, named: dict[str, bytes]) -> tuple[object, ...] | None:
        """All that says who the record is but for its builder; None where that has no section of its own."""
        if self._builder not in named or not made.builder_version:
            return None
        return made.source_version, *[each for each in named.items() if each[0] != self._builder]

    def _learn(self, shape: Shape) -> _Positions:
        if len(self._positions) >= _KEPT:
            self._positions.clear()
        standing = {name: at for at, name in enumerate(shape.names)}
        found = {name: standing[form] for form, name in self._names.items() if form in standing}
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


_Plain = list[tuple[bytes, list[int]]]
"""A pattern for each section, by name, and which of kind, id, source version and builder stand in it, in order."""


def _plain_sections(profile: Profile) -> _Plain:
    """The sections of a record that says who it is and nothing else in them; none where there are no such."""
    rules = (profile.source_kind, profile.source_id, profile.source_version, profile.builder_version)
    tokens: list[tuple[str, ...]] = [read_pointer(rule) if rule.startswith("/") else () for rule in rules]
    if not all(1 <= len(each) <= 2 for each in tokens) or len(set(tokens)) < len(tokens):
        return []
    plain: _Plain = []
    for name in sorted(profile.sections()):
        inside = sorted([(each[1:], i) for i, each in enumerate(tokens) if each[0] == name])
        if inside[0][0] == () and len(inside) > 1:
            return []
        members = b",".join([b"".join([*map(_member, path), b"%b"]) for path, _ in inside])
        plain.append((b"{%b}" % members if inside[0][0] else members, [i for _, i in inside]))
    return plain


def _member(name: str) -> bytes:
    return start_of(name).replace(b"%", b"%%")
