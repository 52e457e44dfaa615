"""The totals of the store, kept in 64 slots by source so that no key is written by every put."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from pithstore.counts import Totals, decode_totals, encode_totals
from pithstore.engine import Update, View
from pithstore.errors import Damaged
from pithstore.keys import SLOTS, TOTALS, slot_key
from pithstore.seal import seal_many, unseal


def read_slots(view: View) -> list[Totals]:
    """The totals of each of the 64 slots; Damaged names the slot."""
    keys = [slot_key(slot) for slot in range(SLOTS)]
    values = view.get_many(TOTALS, keys)
    return [_read(slot, key, value) for slot, (key, value) in enumerate(zip(keys, values, strict=True))]


def _read(slot: int, key: bytes, value: bytes | None) -> Totals:
    try:
        return Totals() if value is None else decode_totals(unseal(TOTALS, key, value))
    except Damaged as error:
        raise Damaged(f"slot {slot} of the totals is damaged ({error}); run verify") from None


def add_totals(update: Update, additions: Mapping[int, Totals]) -> None:
    """Add to the slots what a transaction brought."""
    slots = sorted(additions)
    keys = [slot_key(slot) for slot in slots]
    values = update.get_many(TOTALS, keys)
    sums = [
        (key, encode_totals(_read(slot, key, value).plus(additions[slot])))
        for slot, key, value in zip(slots, keys, values, strict=True)
    ]
    update.put_many(TOTALS, seal_many(TOTALS, sums))


def take_totals(update: Update, losses: Mapping[int, Totals]) -> None:
    """Take from the slots what a transaction removes; Damaged where that is more than they say.

    Where the entry of a blob was lost and it was put again, another slot than its own may say that it is there: so
    what one lacks of blobs and their bytes is taken from others.
    """
    gains = {slot: Totals().minus(loss) for slot, loss in losses.items()}
    keys = [slot_key(slot) for slot in gains]
    found = zip(gains.items(), keys, update.get_many(TOTALS, keys), strict=True)
    left = {slot: _read(slot, key, value).plus(gain) for (slot, gain), key, value in found}
    if any(slot.blobs < 0 or slot.unique_bytes < 0 for slot in left.values()):
        left = dict(enumerate(_lent([left.get(i, slot) for i, slot in enumerate(read_slots(update))])))
    if any(count < 0 for slot in left.values() for count in attrs.astuple(slot)):
        raise Damaged("the totals say less than there is to be taken from them; run verify")
    entries = [(slot_key(slot), encode_totals(totals)) for slot, totals in left.items()]
    update.put_many(TOTALS, seal_many(TOTALS, entries))


def _lent(slots: list[Totals]) -> list[Totals]:
    """The slots with the same sums, none of which says that there are fewer blobs or bytes of them than none."""
    blobs = _none_below_zero([slot.blobs for slot in slots])
    unique_bytes = _none_below_zero([slot.unique_bytes for slot in slots])
    counts = zip(slots, blobs, unique_bytes, strict=True)
    return [attrs.evolve(slot, blobs=count, unique_bytes=size) for slot, count, size in counts]


def _none_below_zero(counts: list[int]) -> list[int]:
    """The counts with the same sum, none of them negative if that is not."""
    owed = -sum(count for count in counts if count < 0)
    left: list[int] = []
    for count in counts:
        paid = min(owed, max(count, 0))
        owed -= paid
        left.append(max(count, 0) - paid)
    left[0] -= owed
    return left
