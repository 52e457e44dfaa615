"""Sections taken out of the store: tombstones first, so that no put brings them again; then their blobs.

Each transaction leaves the store sound, and may be done again.  Nobody compacts, collects or forgets meanwhile.
Bytes are left in the data until the store is made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import attrs

from pithstore import blobs, garbage, journal, tombstones
from pithstore.codec import encode_line_head
from pithstore.counts import Totals
from pithstore.digest import Digest
from pithstore.engine import Engine, Update
from pithstore.erasing.holders import Holder, holders
from pithstore.keys import BLOBS, VERSIONS, lines_prefix, mark_slot
from pithstore.loosening import loosen
from pithstore.model import Source
from pithstore.seal import seal_many
from pithstore.tombstones import Tombstone
from pithstore.totals import take_totals
from pithstore.versions import read_line_head

_AT_ONCE = 1000


@attrs.frozen
class Withheld:
    """How many sections were taken out now, and their bytes; how many versions of how many sources lack one."""

    sections: int
    bytes: int
    versions: int
    sources: int


def withhold(engine: Engine, graves: Mapping[Digest, Tombstone]) -> Withheld:
    """What taking these sections out came to.  Damaged where a frame that has one cannot be read."""
    for some in _parts(list(graves)):
        engine.update(partial(tombstones.add, graves={digest: graves[digest] for digest in some}))
    versions = sources = 0
    for found in holders(engine, graves):
        _mark(engine, found[0].version.source, found)
        versions, sources = versions + len(found), sources + 1
    sections = size = 0
    for some in _parts(list(graves)):
        taken = engine.update(partial(_take_blobs, digests=some))
        sections, size = sections + len(taken), size + sum(taken)
    return Withheld(sections, size, versions, sources)


def _parts(digests: Sequence[Digest]) -> Iterator[Sequence[Digest]]:
    return (digests[start : start + _AT_ONCE] for start in range(0, len(digests), _AT_ONCE))


def _mark(engine: Engine, source: Source, found: Sequence[Holder]) -> None:
    """Turn the source into loose entries, and keep what proves what is left of these versions."""
    loosen(engine, source, 0)
    for start in range(0, len(found), _AT_ONCE):
        engine.update(partial(_mark_some, found=found[start : start + _AT_ONCE]))
    engine.update(partial(_forget_texts, source=source))


def _mark_some(update: Update, found: Sequence[Holder]) -> None:
    tombstones.mark(update, [(each.version.source, each.version.number, each.manifest) for each in found])


def _forget_texts(update: Update, source: Source) -> None:
    """Let no text of the source be taken for known: each is to be looked at for what was erased."""
    after: bytes | None = None
    while items := update.scan(VERSIONS, prefix=lines_prefix(source), after=after, limit=_AT_ONCE):
        heads = [(key, read_line_head(source, (key, value))) for key, value in items]
        entries = [(key, encode_line_head(attrs.evolve(head, text_hash=b""))) for key, head in heads]
        update.put_many(VERSIONS, seal_many(VERSIONS, entries))
        after = items[-1][0]
    journal.note(update, [source])


def _take_blobs(update: Update, digests: Sequence[Digest]) -> list[int]:
    """The sizes of those of the blobs that the store had; it has none of them any more."""
    located = zip(digests, blobs.locate_many(update, digests), strict=True)
    places = {digest: place for digest, place in located if place is not None}
    if places:
        losses: dict[int, Totals] = {}
        for place in places.values():
            slot = mark_slot(place.home)
            losses[slot] = losses.get(slot, Totals()).plus(Totals(blobs=1, unique_bytes=place.length))
        take_totals(update, losses)
        update.delete_many(BLOBS, places)
        garbage.leave(update)
        tombstones.unsettle(update)  # a compaction may have settled before the blobs went
    return [place.length for place in places.values()]
