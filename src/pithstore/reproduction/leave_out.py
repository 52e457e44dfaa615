"""Two values without what stands at some places in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from pithstore.canonical import canonical
from pithstore.errors import NotFound
from pithstore.pointer import Json, follow, list_position

Pointer: TypeAlias = tuple[str, ...]
"""The tokens of a JSON Pointer into a record; the first is the section."""

_NOTHING: Json = None  # stands for an element that both lists have, so that those behind it keep their places


def leave_out(old: Json, new: Json, pointers: Iterable[Pointer]) -> set[Pointer]:
    """Take what stands at the pointers out of both values; the pointers at which they differed.

    A place that only one of the values has counts as one where they differ.
    """
    # From the last place to the first: what goes from a list moves only what was looked at already.
    ordered = sorted(pointers, key=lambda pointer: [(len(token), token) for token in pointer], reverse=True)
    differing = {pointer for pointer in ordered if _held(old, pointer) != _held(new, pointer)}
    for pointer in ordered:
        _take_out(_parent(old, pointer), _parent(new, pointer), pointer[-1])
    return differing


def _held(value: Json, pointer: Pointer) -> bytes:
    """The canonical bytes of what stands there; b"" where nothing does."""
    try:
        return canonical(follow(value, pointer))
    except NotFound:
        return b""


def _parent(value: Json, pointer: Pointer) -> Json:
    try:
        return follow(value, pointer[:-1])
    except NotFound:
        return None


def _take_out(old: Json, new: Json, token: str) -> None:
    both = _position(old, token) is not None and _position(new, token) is not None
    for parent in (old, new):
        position = _position(parent, token)
        if isinstance(parent, list) and position is not None:
            parent[position : position + 1] = [_NOTHING] if both else []
        elif isinstance(parent, dict):
            parent.pop(token, None)


def _position(parent: Json, token: str) -> int | None:
    return list_position(token, len(parent)) if isinstance(parent, list) else None
