"""Versions put together again: those in frames, and those whose sections lie in the tail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from itertools import compress, islice

import attrs

from pithstore import manifests, records
from pithstore.canonical import canonical
from pithstore.codec import decode_manifest
from pithstore.digest import Digest
from pithstore.engine import Engine, View
from pithstore.errors import Damaged
from pithstore.keys import version_key
from pithstore.model import Manifest, Source
from pithstore.packs.frame import Frame, Shape, shape_of
from pithstore.packs.packed_frame import unpack
from pithstore.packs.rebuild import Piece, piece_of
from pithstore.verifying.entries import History, PackedFrame
from pithstore.verifying.said import Said

_VERSIONS_AT_ONCE, _BYTES_AT_ONCE = 512, 8 * 1024 * 1024

NOTHING = Manifest(())


@attrs.frozen(eq=False)
class LooseVersion:
    """A version whose recipe is a manifest, None where it has no sound one: a row of a piece.

    `snapshot` is the hash of that; None where a section is missing.
    """

    piece: Piece
    row: int
    snapshot: bytes | None
    manifest: Manifest | None


@attrs.frozen(eq=False)
class Expanded:
    """An expanded frame, its bodies, and of those whose home it is the digests and how many bytes they have."""

    frame: Frame
    bodies: Sequence[bytes]
    homes: Sequence[bytes]
    home_bytes: int


def expand(packed: PackedFrame, dictionaries: Mapping[bytes, bytes | Damaged]) -> Expanded:
    """What is in a frame; Damaged where it is none, or the store has no sound dictionary for it."""
    dictionary = dictionaries.get(packed[0].dictionary, b"")
    if isinstance(dictionary, Damaged):  # though this process may remember it
        raise dictionary
    frame = Frame(unpack(*packed, lambda _: dictionary))
    bodies, marks = frame.all_bodies(), frame.home_marks
    homes = bodies if all(marks) else list(compress(bodies, marks))
    return Expanded(frame, bodies, [sha256(body).digest() for body in homes], sum(map(len, homes)))


class Elsewhere:
    """Sections that lie elsewhere than in the frame that names them; kept for a while, as many name the same."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[Digest, bytes] = {}
        self._room = _BYTES_AT_ONCE

    def rebuild(self, expanded: Expanded) -> Piece:
        """The versions of a frame."""
        frame = expanded.frame
        foreign = self._read([digest for digest, _ in frame.elsewhere]) if frame.foreigners else {}
        return piece_of(frame, foreign, expanded.bodies)

    def _read(self, digests: Sequence[Digest]) -> dict[Digest, bytes]:
        """Those of these bodies that are as their digests say."""
        found = {digest: body for digest in digests if (body := self._kept.get(digest)) is not None}
        lacking = [digest for digest in digests if digest not in found]
        if lacking:
            bodies = self._engine.view(partial(records.read_bodies, digests=lacking))
            read = {
                digest: body for digest, body in zip(lacking, bodies, strict=True) if Digest.of(body) == digest
            }
            self._keep(read)
            found.update(read)
        return found

    def _keep(self, read: Mapping[Digest, bytes]) -> None:
        self._room -= sum(map(len, read.values()))
        if self._room < 0:
            self._kept.clear()
            self._room = _BYTES_AT_ONCE
        else:
            self._kept.update(read)


def rebuilt_loosely(engine: Engine, histories: Sequence[History]) -> Iterator[LooseVersion]:
    """The versions with an entry of their own, source by source: a few at once, as many as memory holds."""
    wanted = ((history.source, said) for history in histories for said in history.loose)
    waiting: list[tuple[Source, Said]] = []
    while waiting := waiting + list(islice(wanted, _VERSIONS_AT_ONCE - len(waiting))):
        found = rebuild_loosely(engine, waiting)
        yield from found
        waiting = waiting[len(found) :]


def rebuild_loosely(engine: Engine, wanted: Sequence[tuple[Source, Said]]) -> list[LooseVersion]:
    """The first of these versions, at least one, by their manifests; one that is in a frame has it there."""
    return _put_together(*engine.view(partial(_read, read=_manifests, wanted=wanted)))


def rebuild_without_frame(engine: Engine, source: Source, said: Said) -> LooseVersion:
    """A version by the manifest that it has beside its frame."""
    (found,) = _put_together(*engine.view(partial(_read, read=_manifests_beside, wanted=[(source, said)])))
    return found


def _put_together(recipes: Sequence[Manifest | None], piece: Piece) -> list[LooseVersion]:
    return [LooseVersion(piece, row, snapshot, recipes[row]) for row, snapshot in enumerate(piece.snapshots())]


_Wanted = Sequence[tuple[Source, Said]]
_Recipes = list[Manifest | None]


def _read(view: View, read: Callable[[View, _Wanted], _Recipes], wanted: _Wanted) -> tuple[_Recipes, Piece]:
    recipes = read(view, wanted)
    size = count = 0
    for recipe in recipes:
        count += 1
        size += sum([section.size for section in (recipe or NOTHING).sections])
        if size >= _BYTES_AT_ONCE:
            break
    del recipes[count:]
    return recipes, _piece(view, [recipe or NOTHING for recipe in recipes])


def _manifests_beside(view: View, wanted: _Wanted) -> _Recipes:
    return manifests.read_many(view, [Digest(said.snapshot) for _, said in wanted])


def _manifests(view: View, wanted: _Wanted) -> _Recipes:
    keys = [(version_key(source, said.number), said.snapshot) for source, said in wanted]
    return [None if payload is None else _decoded(payload) for payload in manifests.payloads_many(view, keys)]


def _decoded(payload: bytes) -> Manifest | None:
    try:
        return decode_manifest(payload)
    except Damaged:
        return None


@lru_cache(maxsize=1024)
def _shape_of(names: tuple[str, ...]) -> Shape:
    return shape_of(tuple(map(canonical, names)))


def _piece(view: View, recipes: Sequence[Manifest]) -> Piece:
    ordinals: dict[Digest, int] = {}
    rows: list[tuple[int, ...]] = []
    shapes: list[Shape] = []
    for recipe in recipes:
        rows.append(tuple([ordinals.setdefault(section.digest, len(ordinals)) for section in recipe.sections]))
        shapes.append(_shape_of(tuple([section.name for section in recipe.sections])))
    return Piece(shapes, rows, records.read_bodies(view, list(ordinals)))
