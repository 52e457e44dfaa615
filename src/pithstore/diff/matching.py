"""Which elements of one list are which of another.  Pure.

Elements are known by their content, or by a key where they have one.  Of those that are known, as many as can
stay where they are; the others moved.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs

from pithstore.diff.likeness import Pairing, Run, in_order

_CANDIDATES = 250_000  # pairs of equal elements that are weighed against each other; beyond it equal ones in order

Content: TypeAlias = bytes | str | int
"""What an element is known by: equal for equal elements only, as canonical bytes are.  No bool among them."""

Contents: TypeAlias = Sequence[Content]

Pairs: TypeAlias = dict[int, int]
"""Index in the list after → index in the list before."""


@attrs.frozen
class Matching:
    """What each element of the list after was in the list before.

    `origins` holds, for each element of the list after, its index in the list before, None where it came; no index
    twice.  `changed` holds the indices of the list after whose content is not that of their origin.
    """

    origins: tuple[int | None, ...]
    changed: frozenset[int] = frozenset()


def match(before: Contents, after: Contents, pairing: Pairing = in_order) -> Matching:
    """The matching of two lists whose elements have these contents.

    Elements of equal content are the same, and those left over between the same unmoved neighbours are taken for
    the same, changed, as the pairing says.
    """
    old, new = _middles(before, after)
    pairs, unmoved = _equal(before, after, old, new)
    changed = _between(old, new, pairs, unmoved, pairing)
    return _matching(old, new, len(after), pairs | changed, changed)


def match_keyed(
    before_keys: Sequence[Content | None],
    after_keys: Sequence[Content | None],
    before: Contents,
    after: Contents,
) -> Matching:
    """The matching of two lists whose elements have these keys (None: no key) and these contents.

    Elements of equal content are the same, and of the others those of equal key, in their order.  An element
    without a key is known by its content alone.
    """
    old, new = _middles(before, after)
    pairs, _ = _equal(before, after, old, new)
    used = set(pairs.values())
    left = [(i, key) for i in old if i not in used and (key := before_keys[i]) is not None]
    right = [(i, key) for i in new if i not in pairs and (key := after_keys[i]) is not None]
    changed = _in_order(left, right)
    return _matching(old, new, len(after), pairs | changed, changed)


def longest_rising(pairs: Iterable[tuple[int, int]]) -> Run:
    """The longest run of (new, old) in which both rise, of pairs that come with `new` rising.

    Several pairs may share a `new`: they come with `old` falling, so that at most one of them is in the run.
    """
    ends: list[int] = []
    links: list[_Link] = []
    for new, old in pairs:
        place = bisect_left(ends, old)
        link = (new, old, links[place - 1] if place else None)
        ends[place : place + 1] = [old]
        links[place : place + 1] = [link]
    run: Run = []
    last = links[-1] if links else None
    while last is not None:
        run.append(last[:2])
        last = last[2]
    return run[::-1]


_Link: TypeAlias = "tuple[int, int, _Link | None]"


def _middles(before: Contents, after: Contents) -> tuple[range, range]:
    """What is left of both between a common head and a common tail."""
    shorter = min(len(before), len(after))
    head = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    rest = shorter - head
    tail = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    return range(head, len(before) - tail), range(head, len(after) - tail)


def _equal(before: Contents, after: Contents, old: range, new: range) -> tuple[Pairs, Run]:
    """The elements of equal content, and which of these pairs need not move."""
    candidates = _candidates(before, after, old, new)
    if not candidates:
        return {}, []
    unmoved = _longest_common(before, after, old, new) if candidates <= _CANDIDATES else []
    pairs = dict(unmoved)
    used = set(pairs.values())
    left = [(i, before[i]) for i in old if i not in used]
    pairs |= _in_order(left, ((i, after[i]) for i in new if i not in pairs))
    return pairs, unmoved or longest_rising(sorted(pairs.items()))


def _candidates(before: Contents, after: Contents, old: range, new: range) -> int:
    there = Counter(before[i] for i in old)
    return sum(there[after[i]] for i in new)


def _longest_common(before: Contents, after: Contents, old: range, new: range) -> Run:
    """The longest common subsequence (Hunt and Szymanski)."""
    places: defaultdict[Content, list[int]] = defaultdict(list)
    for i in reversed(old):
        places[before[i]].append(i)
    return longest_rising((i, place) for i in new for place in places.get(after[i], ()))


def _in_order(before: Sequence[tuple[int, Content]], after: Iterable[tuple[int, Content]]) -> Pairs:
    """Of the elements of one kind the first with the first, the second with the second."""
    places: defaultdict[Content, list[int]] = defaultdict(list)
    for i, kind in reversed(before):
        places[kind].append(i)
    return {i: places[kind].pop() for i, kind in after if places.get(kind)}


def _between(old: range, new: range, pairs: Pairs, unmoved: Run, pairing: Pairing) -> Pairs:
    """The elements left over between the same unmoved neighbours that are taken for the same."""
    used = set(pairs.values())
    changed: Pairs = {}
    start_new, start_old = new.start, old.start
    for end_new, end_old in [*unmoved, (new.stop, old.stop)]:
        if end_new > start_new and end_old > start_old:
            left = [i for i in range(start_old, end_old) if i not in used]
            right = [i for i in range(start_new, end_new) if i not in pairs]
            changed.update(pairing(left, right))
        start_new, start_old = end_new + 1, end_old + 1
    return changed


def _matching(old: range, new: range, length: int, pairs: Pairs, changed: Pairs) -> Matching:
    """The matching of the whole lists from that of their middles."""
    middle = [pairs.get(i) for i in new]
    tail = range(old.stop, old.stop + length - new.stop)
    return Matching((*range(old.start), *middle, *tail), frozenset(changed))
