"""The blobs: the canonical bytes of sections, found by their digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import attrs

from pithstore.codec import HOME_BYTES, Place, decode_place, write_place
from pithstore.digest import Digest
from pithstore.engine import Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import BLOBS, TAIL
from pithstore.packs import homes, runs
from pithstore.seal import seal_many, unseal
from pithstore.tail import TailEnd, cut, holds, lay_out, slices

_VALUES_AT_ONCE = 64
_COMPARED = 50_000
_LONGEST_KEY = b"\xff" * 8
NOBODY = bytes(HOME_BYTES)
"""The home of a blob that only versions in frames name, none of which is its home: it stays in the index."""


def locate_many(view: View, digests: Sequence[Digest]) -> list[Place | None]:
    """Where each blob lies; None where the index has no sound entry for it."""
    values = view.get_many(BLOBS, digests)
    return [None if value is None else _place(key, value) for key, value in zip(digests, values, strict=True)]


def _place(key: bytes, value: bytes) -> Place | None:
    try:
        return read_place(key, value)
    except Damaged:
        return None


def read_place(key: bytes, value: bytes) -> Place:
    """The place that an entry of the index holds; Damaged if it is not as it was written."""
    return decode_place(unseal(BLOBS, key, value))


def read_many(view: View, places: Sequence[Place | None]) -> list[bytes]:
    """The bytes at each place, as they lie there: whoever takes them hashes them.  b"" where there is no place.

    Bytes that are missing are left out: the hash tells.
    """
    pieces: list[list[bytes]] = [[] for _ in places]
    wanted: dict[bytes, list[tuple[int, int, int]]] = {}
    for i, place in enumerate(places):
        for part in slices(place) if place is not None else ():
            wanted.setdefault(part.key, []).append((i, part.start, part.stop))
    keys = sorted(wanted)  # a blob's parts come in the order of their values
    for page in (keys[i : i + _VALUES_AT_ONCE] for i in range(0, len(keys), _VALUES_AT_ONCE)):
        for key, value in zip(page, view.get_many(TAIL, page), strict=True):
            for i, start, stop in wanted[key]:
                pieces[i].append(cut(value or b"", start, stop))
    return [b"".join(parts) for parts in pieces]


@attrs.frozen
class Lacking:
    """Which of some blobs the index does not know, and which it knows, but the store holds them not as they are.

    The latter with the home that the index says; b"" where its entry is not sound.
    """

    new: set[Digest]
    unsound: dict[Digest, bytes]


class Compared:
    """The latest entries of the index whose blobs were written or compared by one writer.

    While the index still has that very entry, the blob is not compared again: its bytes are never written over.
    So a run of a transaction that was thrown away may leave its entries here.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def unknown(self, entries: Mapping[Digest, bytes]) -> dict[Digest, bytes]:
        """Those of the blobs that were not compared when the index had these entries for them."""
        young, old = self._young, self._old
        left = {digest: entry for digest, entry in entries.items() if young.get(digest) != entry}
        found = {digest: entry for digest, entry in left.items() if old.get(digest) == entry}
        young.update(found.items())
        return {digest: entry for digest, entry in left.items() if digest not in found} if found else left

    def add(self, entries: Iterable[Item]) -> None:
        """Keep the entries for a while."""
        if len(self._young) > _COMPARED:
            self._old, self._young = self._young, {}
        self._young.update(entries)


def lacking(view: View, bodies: Mapping[Digest, bytes], compared: Compared | None) -> Lacking:
    """What the store lacks of these blobs; those that were compared before are taken as sound.

    A blob in a value whose checksum is wrong is not sound, whatever its own bytes are.
    """
    entries = zip(bodies, view.get_many(BLOBS, list(bodies)), strict=True)
    known = {digest: entry for digest, entry in entries if entry is not None}
    unseen = known if compared is None else compared.unknown(known)
    unsound = _compare(view, bodies, unseen)
    if compared is not None:
        compared.add((digest, entry) for digest, entry in unseen.items() if digest not in unsound)
    new = bodies.keys() - known.keys()
    if new and runs.any_packs(view):
        packed, doubtful = homes.hold(view, list(new))
        new -= packed | doubtful
        unsound.update(dict.fromkeys(doubtful, b""))
    return Lacking(new, unsound)


def _compare(view: View, bodies: Mapping[Digest, bytes], entries: Mapping[Digest, bytes]) -> dict[Digest, bytes]:
    """Those that do not lie where their entries say, with the home that they say."""
    unsound: dict[Digest, bytes] = {}
    wanted: dict[bytes, list[tuple[Digest, bytes, int, bytes]]] = {}
    for digest, entry in entries.items():
        place, body = _place(digest, entry), bodies[digest]
        if place is None or place.length != len(body):
            unsound[digest] = b"" if place is None else place.home
            continue
        at = 0
        for part in slices(place):
            stop = at + part.stop - part.start
            wanted.setdefault(part.key, []).append((digest, place.home, part.start, body[at:stop]))
            at = stop
    for key, value in _tail_values(view, wanted):
        parts = wanted[key]
        unsound.update((digest, home) for digest, home, start, piece in parts if not holds(value, start, piece))
    return unsound


def _tail_values(view: View, wanted: Iterable[bytes]) -> Iterator[Item]:
    """The values of the tail with these keys, a page at a time; b"" for one that is not there or not sound."""
    keys = sorted(wanted)
    for page in (keys[i : i + _VALUES_AT_ONCE] for i in range(0, len(keys), _VALUES_AT_ONCE)):
        for key, value in zip(page, view.get_many(TAIL, page), strict=True):
            yield key, value if value is not None and _is_sound(key, value) else b""


def _is_sound(key: bytes, value: bytes) -> bool:
    try:
        unseal(TAIL, key, value)
    except Damaged:
        return False
    return True


def has_many(view: View, digests: Sequence[Digest]) -> list[bool]:
    """Whether the index has an entry for each blob, sound or not."""
    return view.has_many(BLOBS, digests)


class Blob(NamedTuple):
    """Bytes with their digest and the mark of their home."""

    digest: Digest
    body: bytes
    home: bytes


def write_many(update: Update, end: TailEnd, blobs: Sequence[Blob], compared: Compared | None) -> TailEnd:
    """Append the blobs to the writer's tail and point their digests to them; where the writer goes on."""
    writer = end.writer
    extents, values, end = lay_out(end, [body for _, body, _ in blobs])
    if update.create_many(TAIL, values, rising=True) != len(values):
        raise Damaged("a value of the tail stands where none was written yet; run verify")
    entries = seal_many(
        BLOBS,
        [
            (digest, write_place(writer, *extent, home))
            for (digest, _, home), extent in zip(blobs, extents, strict=True)
        ],
    )
    update.put_many(BLOBS, entries)
    if compared is not None:
        compared.add(entries)
    return end


def tails(view: View) -> dict[int, range]:
    """Each writer whose tail has values, the last one first, and their sequence numbers; some may be missing.

    They need not begin at 0: a writer that stays open while the store is compacted goes on where it was.
    """
    found: dict[int, range] = {}
    after = _LONGEST_KEY
    while last := view.scan(TAIL, after=after, limit=1, reverse=True):
        key = last[0][0]
        first = view.scan(TAIL, prefix=key[:4], limit=1)[0][0]
        found[int.from_bytes(key[:4], "big")] = range(_sequence(first), _sequence(key) + 1)
        after = first
    return found


def _sequence(key: bytes) -> int:
    return int.from_bytes(key[4:8], "big")
