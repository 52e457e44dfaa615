"""What changed between two values, as RFC 6902 operations that turn the first into the second exactly.

Exactly means in canonical bytes: `0`, `0.0` and `false` are three values.  Lists are compared by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import attrs

from pithstore.canonical import canonical, decode
from pithstore.errors import NotFound
from pithstore.pointer import Json, follow, list_position, read_pointer, write_pointer

Path: TypeAlias = tuple[str | int, ...]


@attrs.frozen
class Change:
    """One RFC 6902 operation; `old` is what it takes away (add: None), `value` what it puts (remove: None)."""

    op: Literal["add", "remove", "replace"]
    path: str
    old: Json = None
    value: Json = None

    def __str__(self) -> str:
        return f"{self.op} {self.path}"


def diff(old: Json, new: Json, at: Path = ()) -> Iterator[Change]:
    """The changes that lead from one value to the other, members in the order of their names.

    `at` is where the two values stand in the record that the paths are to be read in.
    """
    stack: list[tuple[Path, Json, Json]] = [(at, old, new)]
    while stack:
        path, before, after = stack.pop()
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _object_members(path, before, after)
            common = sorted(before.keys() & after.keys(), reverse=True)
            stack.extend(((*path, key), before[key], after[key]) for key in common)
        elif isinstance(before, list) and isinstance(after, list):
            yield from _list_tail(path, before, after)
            common_length = min(len(before), len(after))
            stack.extend(((*path, i), before[i], after[i]) for i in reversed(range(common_length)))
        elif not _same_scalar(before, after):
            yield Change("replace", write_pointer(path), before, after)


def _object_members(path: Path, before: dict[str, Json], after: dict[str, Json]) -> Iterator[Change]:
    for key in sorted(before.keys() - after.keys()):
        yield Change("remove", write_pointer((*path, key)), old=before[key])
    for key in sorted(after.keys() - before.keys()):
        yield Change("add", write_pointer((*path, key)), value=after[key])


def _list_tail(path: Path, before: list[Json], after: list[Json]) -> Iterator[Change]:
    for i in reversed(range(len(after), len(before))):  # the last first: each path is good when it is applied
        yield Change("remove", write_pointer((*path, i)), old=before[i])
    for i in range(len(before), len(after)):
        yield Change("add", write_pointer((*path, i)), value=after[i])


def _same_scalar(before: Json, after: Json) -> bool:
    # repr tells 0.0 from -0.0 and 1 from True, as the canonical form does; no two doubles share one.
    return type(before) is type(after) and not isinstance(before, dict | list) and repr(before) == repr(after)


def as_patch(changes: Iterable[Change]) -> list[Json]:
    """The changes as one RFC 6902 document, which any implementation can apply."""
    return [
        {"op": change.op, "path": change.path}
        if change.op == "remove"
        else {"op": change.op, "path": change.path, "value": change.value}
        for change in changes
    ]


def patch(value: Json, changes: Iterable[Change]) -> Json:
    """The value after the changes; NotFound where a change does not fit.  The value given is left as it is."""
    root: dict[str, Json] = {"": _copy(value)}
    for change in changes:
        if change.op == "remove" and not change.path:
            raise NotFound("remove at '' would leave no value")
        _apply(root, ("", *read_pointer(change.path)), change)
    return root[""]


def _apply(root: Json, tokens: tuple[str, ...], change: Change) -> None:
    parent, last = follow(root, tokens[:-1]), tokens[-1]
    if isinstance(parent, dict) and (change.op == "add" or last in parent):
        if change.op == "remove":
            del parent[last]
        else:
            parent[last] = _copy(change.value)
        return
    if isinstance(parent, list):
        position = list_position(last, len(parent) + (change.op == "add"))
        if position is not None:
            taken = 0 if change.op == "add" else 1
            parent[position : position + taken] = [] if change.op == "remove" else [_copy(change.value)]
            return
    raise NotFound(f"{change.op} at {change.path!r} does not fit the value")


def _copy(value: Json) -> Json:
    return decode(canonical(value))
