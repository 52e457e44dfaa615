"""The steps that turn one list into another, from the matching of the two.  Pure.

The steps come in the order in which they can be done, each index good at its turn: first what goes, the last
first, then from the front what came and what moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TypeAlias

import attrs

from pithstore.diff.matching import Matching, longest_rising


@attrs.frozen
class Remove:
    """Take the element at `index` away; it was `old` in the list before."""

    index: int
    old: int


@attrs.frozen
class Move:
    """Take the element at `source`, which was `old` in the list before, away and put it in again at `index`."""

    source: int
    index: int
    old: int


@attrs.frozen
class Add:
    """Put element `new` of the list after in at `index`."""

    index: int
    new: int


Step: TypeAlias = Remove | Move | Add


def list_edits(length: int, matching: Matching) -> Iterator[Step]:
    """The steps from a list of that length to the other: one for each element that goes, comes or moves.

    No fewer moves lead there.  The content of `matching.changed` is left as it was.
    """
    kept = [old for old in matching.origins if old is not None]
    if len(kept) < length:
        staying = set(kept)
        yield from (Remove(old, old) for old in range(length - 1, -1, -1) if old not in staying)
    if kept != sorted(kept):
        pairs = [(new, old) for new, old in enumerate(matching.origins) if old is not None]
        yield from _placed(length, matching.origins, longest_rising(pairs))
    elif len(kept) < len(matching.origins):
        yield from (Add(new, new) for new, old in enumerate(matching.origins) if old is None)


def _placed(length: int, origins: tuple[int | None, ...], unmoved: list[tuple[int, int]]) -> Iterator[Step]:
    """Adds and moves, from the front of the list after.

    At each turn the elements placed so far stand in their order, each run of them behind its unmoved element, and
    the elements that still wait to be moved stand between as they did.
    """
    passed = 0  # unmoved elements so far
    waiting = _Waiting(length, origins, unmoved)
    for new, old in enumerate(origins):
        if old is None:
            yield Add(new + waiting.behind(passed), new)
        elif passed < len(unmoved) and unmoved[passed][0] == new:
            passed += 1
        else:
            source = waiting.place(old, new, passed)
            waiting.leaves(old)
            yield Move(source, new + waiting.behind(passed), old)


class _Waiting:
    """Where the elements stand that are still to be moved."""

    def __init__(self, length: int, origins: tuple[int | None, ...], unmoved: list[tuple[int, int]]) -> None:
        still = {old for _, old in unmoved}
        moved = [0] * length
        for old in origins:
            if old is not None and old not in still:
                moved[old] = 1
        self._unmoved = unmoved
        self._counts = _Counts(moved)
        fixed = [0] * (length + 1)
        for _, old in unmoved:
            fixed[old + 1] = 1
        self._unmoved_before = list(accumulate(fixed))

    def behind(self, passed: int) -> int:
        """How many wait before the last of that many unmoved elements."""
        return self._counts.before(self._unmoved[passed - 1][1]) if passed else 0

    def place(self, old: int, placed: int, passed: int) -> int:
        """Where a waiting element stands, when so many are placed."""
        fixed = self._unmoved_before[old]
        ahead = self._unmoved[fixed][0] if fixed < passed else placed + fixed - passed
        return self._counts.before(old) + ahead

    def leaves(self, old: int) -> None:
        """The element waits no longer."""
        self._counts.take(old)


class _Counts:
    """Sums over the front of a row of numbers that change (a Fenwick tree)."""

    def __init__(self, row: list[int]) -> None:
        self._tree = [0, *row]
        for i in range(1, len(self._tree)):
            above = i + (i & -i)
            if above < len(self._tree):
                self._tree[above] += self._tree[i]

    def before(self, index: int) -> int:
        """The sum of all before that index."""
        total = 0
        while index:
            total += self._tree[index]
            index &= index - 1
        return total

    def take(self, index: int) -> None:
        """Lower the number at that index by one."""
        index += 1
        while index < len(self._tree):
            self._tree[index] -= 1
            index += index & -index
