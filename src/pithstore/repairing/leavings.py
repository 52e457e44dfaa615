"""Entries that are wrong and that nothing needs any more: what they were for is there otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import attrs

from pithstore import blobs, meta
from pithstore.blobs import Blob
from pithstore.codec import Place
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, Update, View
from pithstore.keys import BLOBS, CHECKS, DICTIONARIES, FILES, MANIFESTS, TAIL
from pithstore.packs import homes
from pithstore.repairing.about import is_sound
from pithstore.repairing.another import Another
from pithstore.reproduction import checks
from pithstore.tail import TailEnd, slices

_ENTRIES_AT_ONCE = 256


def mend_leavings(engine: Engine, other: Another, *, readable: bool) -> None:
    """Take away what is wrong and not needed, and write anew what lies in values that are.

    `readable` says that every version is: then nothing that is wrong is needed for one.
    """
    end: TailEnd | None = None
    for items in _pages(engine, BLOBS):
        end = engine.update(partial(_mend_blobs, keys=[key for key, _ in items], end=end, readable=readable))
    for space in (FILES, *((MANIFESTS, DICTIONARIES) if readable else ())):
        for items in _pages(engine, space):
            engine.update(partial(_drop_unsound, space=space, keys=[key for key, _ in items]))
    for items in _pages(engine, CHECKS):
        found = [(key, other.value(CHECKS, key)) for key, value in items if not is_sound(CHECKS, key, value)]
        sound = [(key, value) for key, value in found if value is not None and is_sound(CHECKS, key, value)]
        if sound:
            engine.update(partial(_put, space=CHECKS, items=sound))


def bring_checks(engine: Engine, other: Another) -> None:
    """Add the recorded checks that the other copy has and the store lacks: they only ever grow."""
    after: bytes | None = None
    while items := other.checks(after):
        after = items[-1][0]
        sound = [(key, value) for key, value in items if is_sound(CHECKS, key, value)]
        if lacking := engine.view(partial(checks.lacking, items=sound)):
            engine.update(partial(checks.add_many, items=lacking))


def _pages(engine: Engine, space: str) -> Iterator[list[Item]]:
    after: bytes | None = None
    while items := engine.view(partial(_scan, space=space, after=after)):
        yield items
        after = items[-1][0]


def _scan(view: View, space: str, after: bytes | None) -> list[Item]:
    return view.scan(space, after=after, limit=_ENTRIES_AT_ONCE)


def _put(update: Update, space: str, items: Sequence[Item]) -> None:
    update.put_many(space, items)


def _drop_unsound(update: Update, space: str, keys: Sequence[bytes]) -> None:
    found = zip(keys, update.get_many(space, keys), strict=True)
    unsound = [key for key, value in found if value is not None and not is_sound(space, key, value)]
    if unsound:
        update.delete_many(space, unsound)


@attrs.frozen
class _Lying:
    """A blob, where it should lie (None where its entry is not sound), and what lies there."""

    digest: Digest
    place: Place | None
    body: bytes

    @property
    def is_right(self) -> bool:
        return self.place is not None and Digest.of(self.body) == self.digest


def _mend_blobs(update: Update, keys: Sequence[bytes], end: TailEnd | None, *, readable: bool) -> TailEnd | None:
    digests = [Digest(key) for key, has in zip(keys, update.has_many(BLOBS, keys), strict=True) if has]
    places = blobs.locate_many(update, digests)
    bodies = blobs.read_many(update, places)
    lying = [_Lying(*each) for each in zip(digests, places, bodies, strict=True)]
    wrong = [each.digest for each in lying if not each.is_right]
    homed = {digest for digest, _ in homes.find(update, wrong)} if wrong else set()
    gone = [digest for digest in wrong if readable or digest in homed]
    if gone:
        update.delete_many(BLOBS, gone)
    moving = [
        Blob(each.digest, each.body, each.place.home)
        for each in lying
        if each.is_right and each.place is not None and _lies_in_damage(update, each.place)
    ]
    if moving:
        end = blobs.write_many(update, end or TailEnd(meta.new_writer(update), 0), moving, None)
    return end


def _lies_in_damage(view: View, place: Place) -> bool:
    keys = [part.key for part in slices(place)]
    found = zip(keys, view.get_many(TAIL, keys), strict=True)
    return any(value is None or not is_sound(TAIL, key, value) for key, value in found)
