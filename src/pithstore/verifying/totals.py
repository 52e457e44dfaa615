"""What was counted, against the slots of the totals and of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pithstore.counts import Totals
from pithstore.keys import SLOTS


@attrs.define
class Counts:
    """What the versions of a source come to."""

    versions: int = 0
    sections: int = 0
    canonical_bytes: int = 0
    fingerprint: int = 0


class SlotCounts:
    """What the slots should say of their sources.

    `unknown` has the slots that cannot be counted: a version in them cannot be read, and that was said.
    """

    def __init__(self) -> None:
        self._slots = [Totals()] * SLOTS
        self.unknown: set[int] = set()

    def add(self, slot: int, counts: Counts, *, known: bool) -> None:
        """Add a source; `known` says that its entries were all sound."""
        gain = Totals(
            sources=1,
            versions=counts.versions,
            sections=counts.sections,
            canonical_bytes=counts.canonical_bytes,
            fingerprint=counts.fingerprint,
        )
        self._slots[slot] = self._slots[slot].plus(gain)
        if not known:
            self.unknown.add(slot)

    def wrong(self, before: Sequence[Totals], after: Sequence[Totals]) -> list[int]:
        """The slots that nobody wrote meanwhile and that do not say what was counted."""
        return [
            slot
            for slot in set(range(SLOTS)) - self.unknown
            if before[slot] == after[slot] and _by_source(after[slot]) != self._slots[slot]
        ]


def _by_source(totals: Totals) -> Totals:
    """The part of a slot's totals that belongs to its sources alone; blobs and snapshots are shared."""
    return attrs.evolve(totals, blobs=0, snapshots=0, unique_bytes=0)
