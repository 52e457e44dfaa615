"""The totals of the store, kept in 64 slots by source so that no key is written by every put."""

from __future__ import annotations

from collections.abc import Mapping

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
