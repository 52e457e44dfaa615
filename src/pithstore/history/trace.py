"""Where the values of one state of a section were in the state before, if they were the same there.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from pithstore.canonical import canonical
from pithstore.diff.list_keys import NO_KEYS, ListKeys
from pithstore.diff.values import Path, origins
from pithstore.pointer import Json, write_pointer

Wanted: TypeAlias = "dict[str | int, Wanted] | Path"
"""The values that are asked for, as a tree along their paths; a leaf is the name the value goes by."""


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every scalar and every empty array or object in a value, in order, with its path."""
    stack: list[tuple[Path, Json]] = [(path, value)]
    while stack:
        here, item = stack.pop()
        if isinstance(item, dict) and item:
            stack.extend(((*here, name), item[name]) for name in sorted(item, reverse=True))
        elif isinstance(item, list) and item:
            stack.extend(((*here, i), item[i]) for i in reversed(range(len(item))))
        else:
            yield here, item


def plant(places: Iterator[tuple[Path, Path]]) -> Wanted:
    """The tree of the values at these paths, each with the name it goes by."""
    root: dict[str | int, Wanted] = {}
    for path, name in places:
        if not path:
            return name
        branch: dict[str | int, Wanted] = root
        for token in path[:-1]:
            branch = branch.setdefault(token, {})  # type: ignore[assignment]  # a leaf has nothing below it
        branch[path[-1]] = name
    return root


def trace(
    old: Json, new: Json, wanted: Wanted, at: Path = (), keys: ListKeys = NO_KEYS
) -> Iterator[tuple[Path | None, Path]]:
    """For each wanted value of the new state: its path in the old one, None where it was not the same; its name.

    Elements of lists are followed where they moved, as `diff` matches them.  `at` is where the section stands in
    the record; the paths of wanted values are below it.
    """
    fields = {key.path: key.field for key in keys}
    stack: list[tuple[Json, Json, Wanted, Path, Path]] = [(old, new, wanted, (), at)]
    while stack:
        before, after, branch, path, place = stack.pop()
        if isinstance(branch, tuple):
            yield (path if canonical(before) == canonical(after) else None), branch
        elif isinstance(before, dict) and isinstance(after, dict):
            for token, below in branch.items():
                if token in before:
                    stack.append((before[token], after[token], below, (*path, token), (*place, token)))
                else:
                    yield from _lost(below)
        elif isinstance(before, list) and isinstance(after, list):
            were = origins(before, after, fields.get(write_pointer(place)))
            for token, below in branch.items():
                was = were[token] if isinstance(token, int) else None
                if isinstance(token, int) and was is not None:
                    stack.append((before[was], after[token], below, (*path, was), (*place, token)))
                else:
                    yield from _lost(below)
        else:
            yield from _lost(branch)


def _lost(branch: Wanted) -> Iterator[tuple[None, Path]]:
    stack = [branch]
    while stack:
        below = stack.pop()
        if isinstance(below, tuple):
            yield None, below
        else:
            stack.extend(below.values())
