"""What is copied: all that a store had recorded by a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs

from pithstore.counts import Totals
from pithstore.engine import View
from pithstore.errors import Damaged
from pithstore.keys import SLOTS
from pithstore.totals import read_slots


@attrs.frozen
class Cut:
    """A moment, and the totals of the 64 slots as they were then; None where they are damaged."""

    until: datetime
    slots: Sequence[Totals] | None

    def unequal(self, slots: Sequence[Totals]) -> frozenset[int]:
        """The slots whose sources may have other versions in a store that has these totals."""
        if self.slots is None:
            return frozenset(range(SLOTS))
        pairs = enumerate(zip(self.slots, slots, strict=True))
        return frozenset(
            slot for slot, (ours, other) in pairs if ours.versions != other.versions or _differ(ours, other)
        )

    @property
    def versions(self) -> int:
        """How many versions the store had, as far as known."""
        return sum(slot.versions for slot in self.slots or ())


def _differ(ours: Totals, other: Totals) -> bool:
    return ours.fingerprint != other.fingerprint


def cut_now(view: View) -> Cut:
    """The cut of this moment.

    Of an update it is exact: whoever puts reads the clock while nobody else can write, so no version that comes
    later was recorded by then, and a transaction is in it whole or not at all.  Of a view of a store into which
    others put, a transaction that ends at that very moment may be in the copy in part, until the next one.
    """
    until = datetime.now(UTC)
    try:
        return Cut(until, read_slots(view))
    except Damaged:
        return Cut(until, None)
