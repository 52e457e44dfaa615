"""The blobs: the canonical bytes of sections, found by their digest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pithstore.codec import Place, decode_place, encode_place
from pithstore.digest import Digest
from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import BLOBS, TAIL
from pithstore.seal import seal, unseal
from pithstore.tail import TailEnd, cut, slices, write_tail

_VALUES_AT_ONCE = 64


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


def read_many(view: View, places: Sequence[Place | None], *, sealed: bool = False) -> list[bytes]:
    """The bytes at each place, as they lie there: whoever takes them hashes them.  b"" where there is no place.

    Bytes that are missing are left out: the hash tells.  `sealed` leaves out values whose checksum is wrong too.
    """
    pieces: list[list[bytes]] = [[] for _ in places]
    wanted: dict[bytes, list[tuple[int, int, int]]] = {}
    for i, place in enumerate(places):
        for part in slices(place) if place is not None else ():
            wanted.setdefault(part.key, []).append((i, part.start, part.stop))
    keys = sorted(wanted)  # a blob's parts come in the order of their values
    for page in (keys[i : i + _VALUES_AT_ONCE] for i in range(0, len(keys), _VALUES_AT_ONCE)):
        for key, value in zip(page, view.get_many(TAIL, page), strict=True):
            sound = _sound(key, value or b"") if sealed else value or b""
            for i, start, stop in wanted[key]:
                pieces[i].append(cut(sound, start, stop))
    return [b"".join(parts) for parts in pieces]


def _sound(key: bytes, value: bytes) -> bytes:
    """The value, or nothing where its checksum is wrong."""
    try:
        unseal(TAIL, key, value)
    except Damaged:
        return b""
    return value


def has_many(view: View, digests: Sequence[Digest]) -> list[bool]:
    """Whether the index has an entry for each blob, sound or not."""
    return view.has_many(BLOBS, digests)


def write_many(update: Update, end: TailEnd, blobs: Iterable[tuple[Digest, bytes]]) -> TailEnd:
    """Append the blobs to the writer's tail and point their digests to them; where the writer goes on."""
    listed = list(blobs)
    places, values, end = write_tail(end, (body for _, body in listed))
    if update.create_many(TAIL, values, rising=True) != len(values):
        raise Damaged("a value of the tail stands where none was written yet; run verify")
    entries = [(digest, encode_place(place)) for (digest, _), place in zip(listed, places, strict=True)]
    update.put_many(BLOBS, sorted((key, seal(BLOBS, key, payload)) for key, payload in entries))
    return end
