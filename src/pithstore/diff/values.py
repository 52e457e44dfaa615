"""What changed between two values, as RFC 6902 operations that turn the first into the second exactly.

Exactly means in canonical bytes: `0`, `0.0` and `false` are three values.  Elements of lists are known by their
content, or by a key where one is given, so that one that came is one change, and one that moved is a move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import TypeAlias

from pithstore.canonical import canonical
from pithstore.diff.changes import Change, Operation, as_patch, patch, read_patch
from pithstore.diff.likeness import most_alike
from pithstore.diff.list_edits import Add, Remove, list_edits
from pithstore.diff.list_keys import NO_KEYS, ListKeys
from pithstore.diff.matching import Content, Matching, match, match_keyed
from pithstore.diff.sameness import same, same_scalar
from pithstore.errors import InvalidRecord
from pithstore.pointer import Json, write_pointer

__all__ = ["Change", "Operation", "Path", "as_patch", "diff", "patch", "read_patch"]

Path: TypeAlias = tuple[str | int, ...]

_Pair: TypeAlias = tuple[str, Json, Json, int]
"""The pointer of a place, the values before and after there, not one scalar, and how many levels down it is."""

# Levels down to which values are compared whole first, and lists matched: each such look reads all that is below.
_DEEP = 32


def diff(old: Json, new: Json, at: Path = (), keys: ListKeys = NO_KEYS) -> Iterator[Change]:
    """The changes that lead from one value to the other, members in the order of their names.

    `at` is where the two values stand in the record; the changes and `keys` have their paths in the record.
    """
    fields = {key.path: key.field for key in keys}
    stack: list[_Pair] = [] if same_scalar(old, new) else [(write_pointer(at), old, new, 0)]
    while stack:
        path, before, after, level = stack.pop()
        if isinstance(before, dict) and isinstance(after, dict):
            if before.keys() != after.keys():
                yield from _members(path, before, after)
            stack += _common_members(path, before, after, level)
        elif isinstance(before, list) and isinstance(after, list):
            head, matching = _match_lists(before, after, level, fields.get(path))
            yield from _list_changes(path, before, after, head, matching)
            stack += _changed_elements(path, before, after, head, matching, level)
        else:
            yield Change("replace", path, before, after)


def _members(path: str, before: dict[str, Json], after: dict[str, Json]) -> Iterator[Change]:
    for name in sorted([name for name in before if name not in after]):
        yield Change("remove", _member(path, name), old=before[name])
    for name in sorted([name for name in after if name not in before]):
        yield Change("add", _member(path, name), value=after[name])


def _member(path: str, name: str) -> str:
    # write_pointer for one name; most have nothing to escape
    return path + (write_pointer((name,)) if "~" in name or "/" in name else "/" + name)


def _common_members(path: str, before: dict[str, Json], after: dict[str, Json], level: int) -> list[_Pair]:
    """The members of both that may differ, the last first."""
    known, find = same if level < _DEEP else same_scalar, after.get
    names = [
        name
        for name, item in before.items()
        if (type(item) is not str or item != find(name)) and name in after and not known(item, after[name])
    ]
    names.sort(reverse=True)
    return [(_member(path, name), before[name], after[name], level + 1) for name in names]


def _list_changes(
    path: str, before: list[Json], after: list[Json], head: int, matching: Matching
) -> Iterator[Change]:
    """What comes, goes and moves between a common head and a common tail."""
    length = len(before) - len(after) + len(matching.origins)
    for step in list_edits(length, matching):
        match step:
            case Remove(index, old):
                yield Change("remove", f"{path}/{head + index}", old=before[head + old])
            case Add(index, new):
                yield Change("add", f"{path}/{head + index}", value=after[head + new])
            case _:  # Move
                moved = before[head + step.old]
                yield Change("move", f"{path}/{head + step.index}", moved, moved, f"{path}/{head + step.source}")


def _changed_elements(
    path: str, before: list[Json], after: list[Json], head: int, matching: Matching, level: int
) -> list[_Pair]:
    """The elements that are the same and may differ, where they stand at last, the last first."""
    changed = sorted(matching.changed, reverse=True)
    return [
        (f"{path}/{head + new}", before[head + old], after[head + new], level + 1)
        for new in changed
        if (old := matching.origins[new]) is not None and not same_scalar(before[head + old], after[head + new])
    ]


def _match_lists(before: list[Json], after: list[Json], level: int, field: str | None) -> tuple[int, Matching]:
    """How many elements at the head are the same, and the matching of those up to where the rest is the same."""
    if level >= _DEEP:
        return 0, _by_position(len(before), len(after))
    head, tail = _common_ends(before, after)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not old or not new:
        return head, Matching((None,) * len(new))
    if len(old) == len(new) == 1 and field is None:
        return head, _by_position(1, 1)
    try:
        return head, _match_middles(old, new, field)
    except (InvalidRecord, RecursionError):  # no room on the call stack to look into the elements
        return head, _by_position(len(old), len(new))


def origins(before: list[Json], after: list[Json], field: str | None) -> tuple[int | None, ...]:
    """What each element of the list after was in the list before, None where it came; `field` is its list key."""
    head, matching = _match_lists(before, after, 0, field)
    middle = [None if old is None else head + old for old in matching.origins]
    tail = range(head + len(middle), len(after))
    shift = len(before) - len(after)
    return (*range(head), *middle, *(i + shift for i in tail))


def _by_position(old: int, new: int) -> Matching:
    both = min(old, new)
    return Matching((*range(both), *[None] * (new - both)), frozenset(range(both)))


def _match_middles(old: list[Json], new: list[Json], field: str | None) -> Matching:
    before, after = [_content(item) for item in old], [_content(item) for item in new]
    if field is None:
        return match(before, after, most_alike(old, new))
    return match_keyed([_key(item, field) for item in old], [_key(item, field) for item in new], before, after)


def _content(value: Json) -> Content:
    """What an element is known by: equal for exactly equal values alone."""
    # bytes, str and int are never equal to each other, so the two cheap sorts need not be written
    if type(value) is str or type(value) is int:
        return value
    try:
        return _writer()(value)
    except TypeError:  # an integer over 64 bits, or nested too deep for it
        return canonical(value)


@cache
def _writer() -> Callable[[Json], bytes]:
    """A quick way to bytes that differ where values do; no canonical form, which spells some doubles otherwise."""
    from orjson import OPT_SORT_KEYS, dumps  # it takes 5 ms to import, and most of what is read is no diff

    return partial(dumps, option=OPT_SORT_KEYS)


def _key(element: Json, field: str) -> Content | None:
    return _content(element[field]) if field and isinstance(element, dict) and field in element else None


def _common_ends(before: list[Json], after: list[Json]) -> tuple[int, int]:
    """How many elements are the same from the front, and of the rest how many from the end."""
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and same(before[head], after[head]):
        head += 1
    rest = shorter - head
    tail = 0
    while tail < rest and same(before[-1 - tail], after[-1 - tail]):
        tail += 1
    return head, tail
