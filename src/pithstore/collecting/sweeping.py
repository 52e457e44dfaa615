"""The blobs that nobody names, and the values of tail and packs in which nothing lies that is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import attrs

from pithstore import blobs, garbage
from pithstore.blobs import NOBODY
from pithstore.codec import Place, encode_place
from pithstore.collecting.marking import LOOSE, MARK_BYTES, PREFIX_BYTES
from pithstore.counts import Totals
from pithstore.digest import Digest
from pithstore.engine import Item, Update, View
from pithstore.keys import BLOBS, mark_slot
from pithstore.packs import homes, runs
from pithstore.seal import seal_many
from pithstore.totals import add_totals, take_totals


class Names:
    """Who names which digest; asked for rising digests, given sorted rows of `marking`."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self._groups = groupby(rows, lambda row: row[:PREFIX_BYTES])
        self._prefix = b""
        self._named_by: list[bytes] = []

    def home_of(self, digest: Digest, home: bytes) -> bytes | None:
        """The home that the blob should have which has this one; None where nobody names it.

        That is a source that will pack it: one with a version that is in no frame yet.
        """
        named_by = self._of(digest[:PREFIX_BYTES])
        if not named_by:
            return None
        packing = [row[:MARK_BYTES] for row in named_by if row.endswith(LOOSE)]
        return home if home in packing else min(packing, default=NOBODY)

    def _of(self, prefix: bytes) -> list[bytes]:
        while self._prefix < prefix:
            self._prefix, rows = next(self._groups, (_BEYOND, iter(())))
            self._named_by = [row[PREFIX_BYTES:] for row in rows]
        return self._named_by if self._prefix == prefix else []


_BEYOND = b"\xff" * (PREFIX_BYTES + 1)


@attrs.frozen
class Stray:
    """A blob whose entry is not as it should be: nobody names it, or its home is another; None for the former."""

    item: Item
    place: Place
    home: bytes | None


@attrs.frozen
class Swept:
    """What became of strays: those that are gone, and where the others lie."""

    gone: list[Place]
    left: list[Place]


def judge(view: View, strays: Sequence[Stray]) -> Swept:
    """What `sweep` would come to now."""
    gone, moved, kept = _judge(view, strays)
    return _swept(gone, [*moved, *kept])


def sweep(update: Update, strays: Sequence[Stray], mark: int) -> Swept:
    """What became of the strays: removed, or given the home that they should have; with their totals.

    One that was named meanwhile gets its home where that is; one that was written anew is left alone, and one that
    a frame holds.
    """
    garbage.check_mark(update, mark)
    gone, moved, kept = _judge(update, strays)
    update.delete_many(BLOBS, [stray.item[0] for stray in gone])
    places = {stray.item[0]: attrs.evolve(stray.place, home=stray.home or NOBODY) for stray in moved}
    update.put_many(BLOBS, seal_many(BLOBS, ((key, encode_place(place)) for key, place in places.items())))
    take_totals(update, _counted([stray.place for stray in (*gone, *moved)]))
    add_totals(update, _counted(places.values()))
    return _swept(gone, [*moved, *kept])


def _swept(gone: Iterable[Stray], left: Iterable[Stray]) -> Swept:
    return Swept([stray.place for stray in gone], [stray.place for stray in left])


def _judge(view: View, strays: Sequence[Stray]) -> tuple[list[Stray], list[Stray], list[Stray]]:
    """Which of the strays nobody names, which get another home, and which are left alone."""
    digests = [Digest(stray.item[0]) for stray in strays]
    now = zip(strays, view.get_many(BLOBS, digests), strict=True)
    alone = {Digest(stray.item[0]) for stray, value in now if value != stray.item[1]}
    if runs.any_packs(view):
        sound, doubtful = homes.hold(view, [digest for digest in digests if digest not in alone])
        alone |= sound | doubtful
    found: tuple[list[Stray], list[Stray], list[Stray]] = [], [], []
    for digest, stray, noted in zip(digests, strays, garbage.noted(view, digests), strict=True):
        if noted is not None and stray.home in (None, NOBODY):
            stray = attrs.evolve(stray, home=noted)  # that has a version in no frame, as it was put just now
        found[2 if digest in alone else 0 if stray.home is None else 1].append(stray)
    return found


def _counted(places: Iterable[Place]) -> dict[int, Totals]:
    counted: dict[int, Totals] = {}
    for place in places:
        slot = mark_slot(place.home)
        counted[slot] = counted.get(slot, Totals()).plus(Totals(blobs=1, unique_bytes=place.length))
    return counted


def read_strays(items: Sequence[Item], names: Names) -> tuple[list[Place], list[Stray]]:
    """Of entries of the index of blobs, by rising digest: where those lie that are as they should be; the others.

    Damaged where an entry is not sound: nobody knows then where its blob lies.
    """
    sound: list[Place] = []
    strays: list[Stray] = []
    for key, value in items:
        place = blobs.read_place(key, value)
        home = names.home_of(Digest(key), place.home)
        if home == place.home:
            sound.append(place)
        else:
            strays.append(Stray((key, value), place, home))
    return sound, strays
