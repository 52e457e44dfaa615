"""What was counted, against the slots of the totals and of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from pithstore.counts import Totals
from pithstore.keys import SLOTS


@attrs.define
class Counts:
    """What the versions of some sources come to; the fingerprint is not reduced yet."""

    sources: int = 0
    versions: int = 0
    sections: int = 0
    canonical_bytes: int = 0
    fingerprint: int = 0


class SlotCounts:
    """What the slots should say of their sources.

    `unknown` has the slots that cannot be counted: a version in them cannot be read, and that was said.
    """

    def __init__(self) -> None:
        self._slots = [Counts() for _ in range(SLOTS)]
        self.unknown: set[int] = set()

    def add(self, slot: int, counts: Counts, *, known: bool) -> None:
        """Add what sources come to; `known` says that their entries were all sound."""
        total = self._slots[slot]
        total.sources += counts.sources
        total.versions += counts.versions
        total.sections += counts.sections
        total.canonical_bytes += counts.canonical_bytes
        total.fingerprint += counts.fingerprint
        if not known:
            self.unknown.add(slot)

    def wrong(self, before: Sequence[Totals], after: Sequence[Totals]) -> list[int]:
        """The slots that nobody wrote meanwhile and that do not say what was counted."""
        return [
            slot
            for slot in set(range(SLOTS)) - self.unknown
            if before[slot] == after[slot] and _by_source(after[slot]) != _totals(self._slots[slot])
        ]


def _by_source(totals: Totals) -> Totals:
    """The part of a slot's totals that belongs to its sources alone; blobs and snapshots are shared."""
    return attrs.evolve(totals, blobs=0, snapshots=0, unique_bytes=0)


def _totals(counts: Counts) -> Totals:
    return Totals(
        sources=counts.sources,
        versions=counts.versions,
        sections=counts.sections,
        canonical_bytes=counts.canonical_bytes,
        fingerprint=counts.fingerprint % 2**256,
    )
