"""Two texts compared by words.  Pure.

The work is bounded: texts that share little are told apart whole, however long they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Literal, TypeAlias

import attrs

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]{{1,32}}|\s+|[^\w\s]")  # of endless words, pieces

_LONGEST = 1_000_000  # characters of a text that is read word by word
_EDITS = 400  # words taken away and put in; texts that need more are told apart whole
_WORK = 16_000_000  # edits times words: in longer texts fewer edits are looked for
_CHANCE = 3  # characters: what is the same between two changes and is no longer is chance


@attrs.frozen
class Piece:
    """A stretch of text that both have, or that was removed from the old or added in the new."""

    kind: Literal["same", "removed", "added"]
    text: str


_Stretch: TypeAlias = tuple[int, int, int]
"""Where equal words start in the one list and in the other, and how many they are."""


def word_diff(old: str, new: str) -> list[Piece]:
    """The texts in pieces: all but the added ones joined are the old, all but the removed ones the new.

    No piece is empty, no two of one kind stand together, and what was removed stands before what was added.
    """
    before, after = _words(old), _words(new)
    head = sum(1 for _ in takewhile(_equal, zip(before, after, strict=False)))
    rest = zip(reversed(before[head:]), reversed(after[head:]), strict=False)
    tail = sum(1 for _ in takewhile(_equal, rest))
    ends = len(before) - tail, len(after) - tail
    middle = _stretches(before[head : ends[0]], after[head : ends[1]])
    stretches = [(0, 0, head), *((head + i, head + j, n) for i, j, n in middle), (*ends, tail)]
    return list(_pieces(before, after, stretches))


def _words(text: str) -> list[str]:
    return _WORD.findall(text) if len(text) <= _LONGEST else [text]


def _equal(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]


def _pieces(before: Sequence[str], after: Sequence[str], stretches: Sequence[_Stretch]) -> Iterator[Piece]:
    at_old = at_new = 0
    last = len(stretches) - 1
    for position, (old, new, length) in enumerate(stretches):
        same = "".join(before[old : old + length])
        if 0 < position < last and _is_chance(same):
            continue
        removed, added = "".join(before[at_old:old]), "".join(after[at_new:new])
        kinds: tuple[Literal["removed", "added", "same"], ...] = ("removed", "added", "same")
        texts = zip(kinds, (removed, added, same), strict=True)
        yield from (Piece(kind, text) for kind, text in texts if text)
        at_old, at_new = old + length, new + length


def _is_chance(text: str) -> bool:
    return len(text) <= _CHANCE or not any(map(str.isalnum, text))


def _stretches(before: Sequence[str], after: Sequence[str]) -> list[_Stretch]:
    """The stretches of equal words along a shortest way from the one to the other; none where it is too long."""
    found = _furthest(before, after)
    return [] if found is None else _back(found, len(before), len(after))


def _furthest(before: Sequence[str], after: Sequence[str]) -> list[dict[int, int]] | None:
    """How far one comes along each diagonal (old minus new) with 0, 1, 2… edits, up to the end (Myers 1986)."""
    old, new = len(before), len(after)
    reached = {1: 0}
    rounds: list[dict[int, int]] = []
    for edits in range(min(_EDITS, old + new, _WORK // max(1, old + new)) + 1):
        rounds.append(dict(reached))
        first, last = -edits + 2 * max(0, edits - new), edits - 2 * max(0, edits - old)
        for diagonal in range(first, last + 1, 2):
            at = _entry(reached, diagonal)
            while at < old and at - diagonal < new and before[at] == after[at - diagonal]:
                at += 1
            reached[diagonal] = at
            if at >= old and at - diagonal >= new:
                return rounds
    return None


def _entry(reached: dict[int, int], diagonal: int) -> int:
    """Where a diagonal is entered: by one word of the new from that above, or one of the old from that below."""
    return max(reached.get(diagonal + 1, -1), reached.get(diagonal - 1, -2) + 1)


def _back(rounds: list[dict[int, int]], old: int, new: int) -> list[_Stretch]:
    stretches: list[_Stretch] = []
    for reached in reversed(rounds):
        diagonal = old - new
        start = _entry(reached, diagonal)
        if old > start:
            stretches.append((start, start - diagonal, old - start))
        came_down = reached.get(diagonal + 1, -1) == start
        old, new = (start, start - diagonal - 1) if came_down else (start - 1, start - diagonal)
    return stretches[::-1]
