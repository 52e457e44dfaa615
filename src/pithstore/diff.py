"""What changed between two values, as RFC 6902 operations that turn the first into the second exactly.

Exactly means in canonical bytes: `0`, `0.0` and `false` are three values.  Elements of lists are known by their
content, or by a key where one is given, so that one that came is one change, and one that moved is a move.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import TypeAlias

import attrs

from pithstore.canonical import canonical
from pithstore.changes import Change, Operation, as_patch, patch, read_patch
from pithstore.errors import InvalidRecord
from pithstore.list_edits import Add, Move, Remove, list_edits
from pithstore.list_keys import NO_KEYS, ListKeys
from pithstore.matching import Content, Matching, match, match_keyed
from pithstore.pointer import Json, write_pointer

__all__ = ["Change", "Operation", "Path", "as_patch", "diff", "patch", "read_patch"]

Path: TypeAlias = tuple[str | int, ...]

_LOOK_AHEAD = 32  # levels down to which values are compared whole before they are compared member by member
_LISTS_DEEP = 16  # lists in lists are matched so far down, each level reads all below; deeper ones by position


@attrs.frozen
class _Pair:
    """Two values at one place of the record, and how deep it is."""

    path: str
    before: Json
    after: Json
    levels: int
    lists: int


def diff(old: Json, new: Json, at: Path = (), keys: ListKeys = NO_KEYS) -> Iterator[Change]:
    """The changes that lead from one value to the other, members in the order of their names.

    `at` is where the two values stand in the record; the paths of the changes and of `keys` are read in the record.
    """
    fields = {key.path: key.field for key in keys}
    stack = [_Pair(write_pointer(at), old, new, 0, 0)]
    while stack:
        pair = stack.pop()
        before, after = pair.before, pair.after
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _members(pair.path, before, after)
            stack.extend(_common_members(pair, before, after))
        elif isinstance(before, list) and isinstance(after, list):
            matching = _matching(pair, before, after, fields)
            yield from _steps(pair.path, before, after, matching)
            stack.extend(_changed_elements(pair, before, after, matching))
        elif not _same(before, after):
            yield Change("replace", pair.path, before, after)
