"""A diff leads from one value to the other exactly, by our own patch and by one that others wrote."""

from __future__ import annotations

import copy
import json

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.diff import Change, as_patch, diff, patch
from pithstore.errors import NotFound
from pithstore.limits import MAX_NESTING
from pithstore.pointer import Json
from pithstore.testing.strategies import json_values, scalars, texts
from tests.pure.laws import definition, with_room


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json]:
    """Two values that share much: the second is the first after some edits."""
    value = draw(json_values())
    return value, draw(st.just(value) | json_values()) if draw(st.booleans()) else edited(draw, value)


def edited(draw: st.DrawFn, value: Json) -> Json:
    if isinstance(value, dict) and value:
        kept = {key: edited(draw, item) for key, item in value.items() if draw(st.integers(0, 5))}
        return {**kept, **draw(st.dictionaries(texts(), scalars(), max_size=2))}
    if isinstance(value, list) and value:
        kept_items = [edited(draw, item) for item in value if draw(st.integers(0, 5))]
        return kept_items + draw(st.lists(scalars(), max_size=2))
    return value if draw(st.integers(0, 3)) else draw(scalars())


def by_jsonpatch(value: Json, operations: list[Json]) -> Json:
    """What python-json-patch makes of the value, after a round trip of the patch through text."""
    changed: Json = jsonpatch.JsonPatch(json.loads(json.dumps(operations))).apply(copy.deepcopy(value))
    return changed


@given(pairs())
def test_the_changes_lead_from_the_first_to_the_second(pair: tuple[Json, Json]) -> None:
    old, new = pair
    before = repr(pair)
    changes = list(diff(old, new))
    assert definition(patch(old, changes)) == definition(new)
    assert repr(pair) == before
    assert bool(changes) == (definition(old) != definition(new))


@given(pairs())
def test_any_implementation_of_rfc_6902_applies_them(pair: tuple[Json, Json]) -> None:
    old, new = pair
    operations = as_patch(diff(old, new))
    assert definition(by_jsonpatch(old, operations)) == definition(new)


@given(pairs())
def test_the_way_back_is_a_diff_too(pair: tuple[Json, Json]) -> None:
    old, new = pair
    assert definition(patch(patch(old, diff(old, new)), diff(new, old))) == definition(old)


@given(json_values())
def test_equal_values_do_not_differ(value: Json) -> None:
    assert list(diff(value, copy.deepcopy(value))) == []
    assert list(diff(value, json.loads(definition(value)))) == []
    assert definition(patch(value, [])) == definition(value)


@given(pairs())
def test_each_change_says_what_it_takes_away(pair: tuple[Json, Json]) -> None:
    old, new = pair
    value = old
    for change in diff(old, new):
        inverse = {"add": "remove", "remove": "add", "replace": "replace"}[change.op]
        after = patch(value, [change])
        back = patch(after, [Change(inverse, change.path, old=change.value, value=change.old)])  # type: ignore[arg-type]
        assert definition(back) == definition(value)
        value = after


@given(pairs())
def test_a_patched_value_shares_nothing_with_what_it_came_from(pair: tuple[Json, Json]) -> None:
    old, new = pair
    changes = list(diff(old, new))
    before = repr((old, new, changes))
    spoil(patch(old, changes))
    assert repr((old, new, changes)) == before


def spoil(value: Json) -> None:
    if isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value["spoilt"] = None
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.append("spoilt")


CLOSE: list[Json] = [0, 0.0, -0.0, False, None, "", "0", [], {}, 1, 1.0, True, [0], [False], {"a": 0}, {"a": -0.0}]


@pytest.mark.parametrize("new", CLOSE, ids=map(repr, CLOSE))
@pytest.mark.parametrize("old", CLOSE, ids=map(repr, CLOSE))
def test_close_values_are_told_apart(old: Json, new: Json) -> None:
    changes = list(diff({"x": [old]}, {"x": [new]}))
    assert bool(changes) == (definition(old) != definition(new))
    assert definition(patch({"x": [old]}, changes)) == definition({"x": [new]})


def test_what_the_changes_look_like() -> None:
    old: Json = {"a": 1, "b": {"c": [1, 2, 3], "d": 0}, "gone": None, "same": [{}]}
    new: Json = {"a": 1.0, "b": {"c": [1, 9], "d": False}, "same": [{}], "z/~": {"new": True}}
    changes = list(diff(old, new))
    assert as_patch(changes) == [
        {"op": "remove", "path": "/gone"},
        {"op": "add", "path": "/z~1~0", "value": {"new": True}},
        {"op": "replace", "path": "/a", "value": 1.0},
        {"op": "remove", "path": "/b/c/2"},
        {"op": "replace", "path": "/b/c/1", "value": 9},
        {"op": "replace", "path": "/b/d", "value": False},
    ]
    assert [str(change) for change in changes][:3] == ["remove /gone", "add /z~1~0", "replace /a"]
    assert [change.old for change in changes] == [None, None, 1, 3, 2, 0]


def test_lists_are_compared_by_position() -> None:
    assert as_patch(diff([1, 2], [1, 2, 3, 4])) == [
        {"op": "add", "path": "/2", "value": 3},
        {"op": "add", "path": "/3", "value": 4},
    ]
    assert [str(change) for change in diff([1, 2, 3], [])] == ["remove /2", "remove /1", "remove /0"]


def test_a_value_of_another_sort_is_replaced_whole() -> None:
    pairs_of_sorts: list[tuple[Json, Json]] = [({}, []), ([], {}), ({"a": 1}, 1), (None, [])]
    for old, new in pairs_of_sorts:
        assert list(diff(old, new)) == [Change("replace", "", old, new)]
        assert patch(old, diff(old, new)) == new


def test_paths_start_where_the_values_stand() -> None:
    (change,) = diff({"a/b": 1}, {"a/b": 2}, at=("section", 0))
    assert change.path == "/section/0/a~1b"
    record: Json = {"section": [{"a/b": 1}], "other": 0}
    assert patch(record, [change]) == {"section": [{"a/b": 2}], "other": 0}


@pytest.mark.parametrize("levels", [MAX_NESTING, 4 * MAX_NESTING])
def test_a_diff_needs_no_room_on_the_call_stack(levels: int) -> None:
    old, new = nest(1, levels), nest(2, levels)
    changes = with_room(20, lambda: list(diff(old, new)))
    assert [(change.op, change.old, change.value) for change in changes] == [("replace", 1, 2)]
    assert changes[0].path.count("/") == levels


def nest(value: Json, levels: int) -> Json:
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


MISFITS = [
    Change("remove", "/x"),
    Change("replace", "/x", value=1),
    Change("add", "/x/y", value=1),
    Change("remove", "/list/2"),
    Change("replace", "/list/2", value=1),
    Change("add", "/list/3", value=1),
    Change("add", "/list/01", value=1),
    Change("add", "/list/x", value=1),
    Change("add", "/word/0", value=1),
    Change("remove", "/word/x"),
    Change("remove", ""),
]


@pytest.mark.parametrize("change", MISFITS, ids=map(str, MISFITS))
def test_a_change_that_does_not_fit_is_refused(change: Change) -> None:
    value: Json = {"list": [1, 2], "word": "text"}
    with pytest.raises(NotFound):
        patch(value, [change])
    assert value == {"list": [1, 2], "word": "text"}


def test_a_change_fits_at_the_end_of_a_list() -> None:
    assert patch([1, 2], [Change("add", "/2", value=3)]) == [1, 2, 3]
    assert patch([1, 2], [Change("add", "/0", value=3)]) == [3, 1, 2]
    assert patch([1, 2], [Change("replace", "", value="whole")]) == "whole"
