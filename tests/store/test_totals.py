"""What is taken from the totals again."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.counts import Totals
from pithstore.engine.memory import MemoryEngine
from pithstore.errors import Damaged
from pithstore.keys import SLOTS, SPACES
from pithstore.totals import add_totals, read_slots, take_totals

_COUNTS = st.builds(Totals, *[st.integers(0, 9)] * 7, st.integers(0, 2**256 - 1))
_SLOTS = st.dictionaries(st.integers(0, SLOTS - 1), _COUNTS, max_size=5)


@given(_SLOTS, _SLOTS)
def test_what_was_added_is_taken_again(first: dict[int, Totals], more: dict[int, Totals]) -> None:
    engine = MemoryEngine(SPACES)
    engine.update(lambda update: add_totals(update, first))
    before = engine.view(read_slots)
    engine.update(lambda update: add_totals(update, more))
    engine.update(lambda update: take_totals(update, more))
    assert engine.view(read_slots) == before


@given(_SLOTS, st.lists(st.integers(0, SLOTS - 1), min_size=1, max_size=3))
def test_blobs_may_be_taken_from_another_slot(slots: dict[int, Totals], others: list[int]) -> None:
    """The sum is what counts; no slot goes below zero."""
    engine = MemoryEngine(SPACES)
    engine.update(lambda update: add_totals(update, slots))
    total = reduce(Totals.plus, slots.values(), Totals())
    share = Totals(blobs=total.blobs // len(others), unique_bytes=total.unique_bytes // len(others))
    losses = dict.fromkeys(others, share)
    engine.update(lambda update: take_totals(update, losses))
    left = engine.view(read_slots)
    assert reduce(Totals.plus, left) == reduce(Totals.minus, losses.values(), total)
    assert all(slot.blobs >= 0 and slot.unique_bytes >= 0 for slot in left)


def test_more_than_there_is_cannot_be_taken() -> None:
    engine = MemoryEngine(SPACES)
    engine.update(lambda update: add_totals(update, {1: Totals(versions=1, blobs=1), 2: Totals(versions=1)}))
    for loss in (Totals(versions=2), Totals(blobs=2)):
        with pytest.raises(Damaged, match="say less than there is"):
            engine.update(lambda update, loss=loss: take_totals(update, {1: loss}))  # type: ignore[misc]
