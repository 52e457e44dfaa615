"""Where values were in the state before: the ways of `trace`, each by hand; its laws are those of blame."""

from __future__ import annotations

import pytest
from hypothesis import given

from pithstore.diff.list_keys import ListKey
from pithstore.diff.values import Path
from pithstore.history.trace import leaves, plant, trace
from pithstore.pointer import Json
from pithstore.testing.strategies import json_values
from tests.pure.laws import definition


def traced(old: Json, new: Json, *paths: Path, keys: tuple[ListKey, ...] = ()) -> dict[Path, Path | None]:
    """Where the values at these paths of the new state, or else all of them, were in the old one."""
    wanted = paths or tuple(path for path, _ in leaves(new))
    found = trace(old, new, plant((path, path) for path in wanted), ("s",), keys)
    return {name: path for path, name in found}


@given(json_values())
def test_every_leaf_of_the_same_value_stays_where_it_is(value: Json) -> None:
    assert traced(value, value) == {path: path for path, _ in leaves(value)}


@given(json_values(), json_values())
def test_a_value_that_was_there_is_the_same_in_canonical_bytes(old: Json, new: Json) -> None:
    before, after = dict(leaves(old)), dict(leaves(new))
    found = traced(old, new)
    assert found.keys() == after.keys()
    were = {path: was for path, was in found.items() if was is not None}
    assert len(set(were.values())) == len(were)
    for path, was in were.items():
        assert definition(before[was]) == definition(after[path])


@given(json_values())
def test_leaves_are_all_there_is_and_in_order(value: Json) -> None:
    found = list(leaves(value))
    assert len(dict(found)) == len(found)
    assert all(not item for _, item in found if isinstance(item, dict | list))
    assert [path for path, _ in leaves({"b": value, "a": value})] == [
        (name, *path) for name in ("a", "b") for path, _ in found
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 1, {(): ()}),
        (1, 1.0, {(): None}),
        ([], [], {(): ()}),
        ([], {}, {(): None}),
        ([1], [], {(): None}),
        (1, {"a": [2]}, {("a", 0): None}),
        ({"a": 1}, {"a": 1, "b": {"c": 1, "d": [2]}}, {("a",): ("a",), ("b", "c"): None, ("b", "d", 0): None}),
        ([1, 2, 3], [3, [4], 1], {(0,): (2,), (1, 0): None, (2,): (0,)}),
        ({"a": {"b": 1}}, {"a": [1]}, {("a", 0): None}),
        ([[1, 2], "x"], ["x", [1, 3]], {(0,): (1,), (1, 0): None, (1, 1): None}),
    ],
)
def test_the_ways_of_a_value(old: Json, new: Json, expected: dict[Path, Path | None]) -> None:
    assert traced(old, new) == expected


def test_only_what_is_wanted_is_told() -> None:
    assert traced({"a": [1, 2], "b": 3}, {"a": [2, 1], "b": 3}, ("a", 1)) == {("a", 1): ("a", 0)}


def test_list_keys_are_paths_into_the_record() -> None:
    old: Json = {"l": [{"id": 1, "t": "x", "u": 1}, {"id": 2, "t": "y", "u": 1}]}
    new: Json = {"l": [{"id": 2, "t": "z", "u": 2}, {"id": 1, "t": "x", "u": 1}]}
    keyed = traced(old, new, keys=(ListKey("/s/l", "id"),))
    assert keyed["l", 0, "id"] == ("l", 1, "id")
    assert keyed["l", 0, "t"] is None
    assert traced(old, new, keys=(ListKey("/l", "id"),)) == traced(old, new)
