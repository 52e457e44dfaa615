"""The totals, counted again and written where nobody wrote meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import attrs

from pithstore import blobs, records
from pithstore.counts import Totals, decode_totals, encode_totals
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import Damaged, StoreBusy
from pithstore.fingerprint import fingerprint
from pithstore.forgetting.withdrawal import record_bytes
from pithstore.keys import BLOBS, RUN, SLOTS, TOTALS, mark_slot, slot_key, source_slot
from pithstore.packs import homes
from pithstore.packs.frames import read_frame
from pithstore.packs.runs import decode_run
from pithstore.repairing.content import sound_versions
from pithstore.seal import seal_many, unseal
from pithstore.survey import Entries, index_pages, items_of_kind

_ENTRIES_AT_ONCE = 1024
_ATTEMPTS = 5


def mend_totals(engine: Engine) -> None:
    """Let the slots say what there is; Damaged where it cannot be read, StoreBusy where others always write."""
    for _ in range(_ATTEMPTS):
        before = engine.view(_slots)
        counted = _Count(engine).run()
        if engine.update(partial(_write, before=before, counted=counted)):
            return
    raise StoreBusy("somebody writes all the time, so nothing can be counted; run repair again later")


def _slots(view: View) -> list[bytes | None]:
    return view.get_many(TOTALS, [slot_key(slot) for slot in range(SLOTS)])


def _write(update: Update, before: Sequence[bytes | None], counted: Sequence[Totals]) -> bool:
    if _slots(update) != before:
        return False
    right = seal_many(TOTALS, [(slot_key(slot), encode_totals(totals)) for slot, totals in enumerate(counted)])
    found = zip(right, counted, before, strict=True)
    update.put_many(TOTALS, [item for item, totals, was in found if _is_to_write(item, totals, was)])
    return True


def _is_to_write(right: Item, counted: Totals, was: bytes | None) -> bool:
    """Whether a slot says less than there is, or nothing: one that says more is all that tells what was lost."""
    if was is None or was == right[1]:
        return was is None and counted != Totals()
    try:
        said = decode_totals(unseal(TOTALS, right[0], was))
    except Damaged:
        return True
    return said.fingerprint == counted.fingerprint or said.versions < counted.versions


class _Count:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._slots = [Totals()] * SLOTS

    def run(self) -> list[Totals]:
        for page in index_pages(self._engine):
            self._engine.view(partial(self._count_page, page=page))
        after: bytes | None = None
        while items := self._engine.view(partial(_scan, after=after)):
            after = items[-1][0]
            for slot, size in self._engine.view(partial(_loose, items=items)):
                self._add(slot, Totals(blobs=1, unique_bytes=size))
        return [attrs.evolve(slot, fingerprint=slot.fingerprint % 2**256) for slot in self._slots]

    def _add(self, slot: int, more: Totals) -> None:
        self._slots[slot] = self._slots[slot].plus(more)

    def _count_page(self, view: View, page: Sequence[Entries]) -> None:
        for key, items in page:
            versions = sound_versions(view, [(key, items)])
            if not versions:
                continue
            slot = source_slot(versions[0].source)
            recipes = records.read_manifests(view, versions)
            self._add(
                slot,
                Totals(
                    sources=1,
                    versions=len(versions),
                    snapshots=len({version.snapshot for version in versions}),
                    sections=sum(len(recipe.sections) for recipe in recipes),
                    canonical_bytes=sum(map(record_bytes, recipes)),
                    fingerprint=sum(map(fingerprint, versions)) % 2**256,
                ),
            )
            for item in items_of_kind(items, RUN):
                with suppress(Damaged):
                    frame = read_frame(view, decode_run(*item).position)
                    sizes = [len(frame.body(ordinal)) for ordinal in frame.homes]
                    self._add(slot, Totals(blobs=len(sizes), unique_bytes=sum(sizes)))


def _scan(view: View, after: bytes | None) -> list[Item]:
    return view.scan(BLOBS, after=after, limit=_ENTRIES_AT_ONCE)


def _loose(view: View, items: Sequence[Item]) -> list[tuple[int, int]]:
    """Slot and size of each blob that is in no frame."""
    placed = zip(map(_digest, items), blobs.locate_many(view, list(map(_digest, items))), strict=True)
    sound = {digest: place for digest, place in placed if place is not None}
    homed = {digest for digest, _ in homes.find(view, list(sound))}
    return [(mark_slot(place.home), place.length) for digest, place in sound.items() if digest not in homed]


def _digest(item: Item) -> Digest:
    return Digest(item[0])
