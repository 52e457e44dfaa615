"""Which places change most often, told from the changes of many pairs.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from pithstore.builders.section_comparison import Done, OperationCount, PointerCount
from pithstore.canonical import canonical
from pithstore.diff.changes import Change
from pithstore.pointer import Json, list_position, read_pointer, write_pointer

ANY = "*"
_SHOWN = 80
_MOST_POINTERS = 10_000  # beyond it the rarest half is forgotten, and counted anew where it is met again

Place: TypeAlias = tuple[str, Done]
"""A pointer with `*` for positions, and what was done there."""


def places(changes: Iterable[Change], after: Json) -> dict[Place, Change]:
    """The places that the changes of one section touch, with the first change at each.

    `after` is the section as they leave it.
    """
    found: dict[Place, Change] = {}
    for change in changes:
        found.setdefault((generalised(change.path, after), change.op), change)
    return found


def generalised(path: str, after: Json) -> str:
    """The pointer of a change with `*` for each position of a list.

    `after` is what the section became: whatever contains the place is of the same type before and after.
    """
    name, *tokens = read_pointer(path)
    general, value = [name], after
    for token in tokens:
        general.append(ANY if isinstance(value, list) else token)
        value = _child(value, token)
    return write_pointer(general)


def _child(value: Json, token: str) -> Json:
    if isinstance(value, list):
        position = list_position(token, len(value))
        return None if position is None else value[position]
    return value.get(token) if isinstance(value, dict) else None


@attrs.define
class _Counted:
    """One pointer, as it is counted: in how many pairs it was touched, and in how many of them how."""

    pairs: int = 0
    ops: Counter[Done] = attrs.Factory(Counter)
    examples: dict[Done, tuple[str | None, str | None]] = attrs.Factory(dict)


class PointerTally:
    """In how many pairs each pointer was touched, as pair after pair is added."""

    def __init__(self) -> None:
        self._counted: dict[str, _Counted] = {}

    def add(self, touched: Mapping[Place, Change]) -> None:
        """Count one more pair."""
        for (pointer, op), change in touched.items():
            counted = self._counted.setdefault(pointer, _Counted())
            counted.ops[op] += 1
            if op not in counted.examples:
                counted.examples[op] = _example(change)
        for pointer in {pointer for pointer, _ in touched}:
            self._counted[pointer].pairs += 1
        if len(self._counted) > _MOST_POINTERS:
            self._counted = dict(self._ranked()[: _MOST_POINTERS // 2])

    def _ranked(self) -> list[tuple[str, _Counted]]:
        return sorted(self._counted.items(), key=lambda item: (-item[1].pairs, item[0]))

    def most_common(self, limit: int) -> tuple[PointerCount, ...]:
        """At most so many pointers, the most frequent first, of equal ones in order."""
        return tuple(_count(pointer, counted) for pointer, counted in self._ranked()[:limit])


def _example(change: Change) -> tuple[str | None, str | None]:
    """What stood and stands there, None where nothing does."""
    return (
        None if change.op == "add" else _shortened(change.old),
        None if change.op == "remove" else _shortened(change.value),
    )


def _shortened(value: Json) -> str:
    text = canonical(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _count(pointer: str, counted: _Counted) -> PointerCount:
    operations = [OperationCount(op, count, *counted.examples[op]) for op, count in counted.ops.items()]
    return PointerCount(pointer, counted.pairs, tuple(sorted(operations, key=lambda each: (-each.count, each.op))))
