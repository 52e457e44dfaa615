"""Which of some elements of a list became which others, told from what they have in common.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from pithstore.pointer import Json

Run: TypeAlias = list[tuple[int, int]]
"""Pairs (index after, index before) in which both rise."""

Pairing: TypeAlias = Callable[[Sequence[int], Sequence[int]], Run]
"""Which of these elements of the list before became which of these of the list after, without a crossing."""

_PAIRS = 1024  # pairs of elements that are compared for what they have in common; beyond it they go in order


def in_order(before: Sequence[int], after: Sequence[int]) -> Run:
    """The first with the first, the second with the second."""
    return list(zip(after, before, strict=False))


def most_alike(old: Sequence[Json], new: Sequence[Json]) -> Pairing:
    """The pairing of elements of these two lists that have most in common; between those, in order."""

    def pair(before: Sequence[int], after: Sequence[int]) -> Run:
        if not 1 < len(before) * len(after) <= _PAIRS:
            return in_order(before, after)
        alike = _all_alike([_features(old[i]) for i in before], [_features(new[j]) for j in after])
        if not any(map(any, alike)):
            return in_order(before, after)
        run = _filled(_most_in_common(alike), len(before), len(after))
        return [(after[j], before[i]) for j, i in run]

    return pair


def _features(value: Json) -> set[object]:
    """What can be in common: the words of a text, the members of an object and of those in it, but for lists."""
    if isinstance(value, str):
        return set(value.split())
    if not isinstance(value, dict):
        return set()
    features: set[object] = set()
    for item in value.items():
        if isinstance(item[1], dict):
            features.update(inner for inner in item[1].items() if not isinstance(inner[1], dict | list))
        elif not isinstance(item[1], list):
            features.add(item)
    return features


def _all_alike(before: list[set[object]], after: list[set[object]]) -> list[list[float]]:
    """How much of each row, one after, is in common with each column, one before: from 0 to 1."""
    return [
        [0.0 if new.isdisjoint(old) else len(new & old) / max(len(new), len(old)) for old in before]
        for new in after
    ]


def _most_in_common(alike: list[list[float]]) -> Run:
    """The run of (row, column) whose likeness is the most in sum; none of them at 0."""
    rows, columns = range(len(alike)), range(len(alike[0]))
    best = [[0.0] * (len(columns) + 1) for _ in range(len(rows) + 1)]  # from this pair of indices to the ends
    for j in reversed(rows):
        for i in reversed(columns):
            best[j][i] = max(alike[j][i] + best[j + 1][i + 1], best[j + 1][i], best[j][i + 1])
    return list(_traced(alike, best))


def _traced(alike: list[list[float]], best: list[list[float]]) -> Iterator[tuple[int, int]]:
    j = i = 0
    while j < len(alike) and i < len(alike[j]):
        if alike[j][i] and best[j][i] == alike[j][i] + best[j + 1][i + 1]:
            yield j, i
            j, i = j + 1, i + 1
        elif best[j][i] == best[j + 1][i]:
            j += 1
        else:
            i += 1


def _filled(run: Run, before: int, after: int) -> Iterator[tuple[int, int]]:
    """The run, and between its pairs the first left over with the first, up to these lengths."""
    start_new = start_old = 0
    for end_new, end_old in [*run, (after, before)]:
        yield from zip(range(start_new, end_new), range(start_old, end_old), strict=False)
        if end_new < after:
            yield end_new, end_old
        start_new, start_old = end_new + 1, end_old + 1
