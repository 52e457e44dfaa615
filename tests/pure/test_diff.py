"""A diff leads from one value to the other exactly, by our own patch and by one that others wrote."""

from __future__ import annotations

import copy
import json
import os
from random import SystemRandom

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.diff.list_keys import NO_KEYS, ListKey, read_list_key, with_list_keys
from pithstore.diff.values import Change, as_patch, diff, origins, patch, read_patch
from pithstore.limits import MAX_NESTING
from pithstore.pointer import Json, follow, read_pointer
from pithstore.testing.strategies import json_values, scalars, texts
from tests.pure.laws import complaint, definition, with_room
from tests.pure.value_pairs import pairs as generated


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
        after = patch(value, [change])
        assert definition(patch(after, [inverse(change)])) == definition(value)
        value = after


def inverse(change: Change) -> Change:
    match change:
        case Change("move", path, old, value, str(source)):
            return Change("move", source, value, old, path)
        case Change("replace", path, old, value):
            return Change("replace", path, value, old)
        case Change(op, path, old, value):
            return Change("add" if op == "remove" else "remove", path, value, old)


def test_a_move_says_what_it_moves() -> None:
    moves = 0
    for value, new, keys in generated(1, 1000):
        for change in diff(value, new, keys=keys):
            if change.source is not None:
                moved = follow(value, read_pointer(change.source))
                assert definition(moved) == definition(change.old) == definition(change.value)
                moves += 1
            value = patch(value, [change])
    assert moves > 100


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


PEOPLE: list[Json] = [{"name": "A", "of": ["X"]}, {"name": "B", "of": ["Y"]}, {"name": "C", "of": ["Z"]}]
A, B, C = PEOPLE
D: Json = {"name": "D", "of": []}
LIST_EDITS: list[tuple[list[Json], list[str]]] = [
    ([D, A, B, C], ["add /0"]),
    ([A, D, B, C], ["add /1"]),
    ([A, B, C, D], ["add /3"]),
    ([A, A, B, C], ["add /1"]),
    ([B, C], ["remove /0"]),
    ([A, C], ["remove /1"]),
    ([], ["remove /2", "remove /1", "remove /0"]),
    ([C, A, B], ["move /2 to /0"]),
    ([B, C, A], ["move /0 to /2"]),
    ([B, A, C], ["move /1 to /0"]),
    ([C, B, A], ["move /2 to /0", "move /2 to /1"]),
    ([A, {"name": "B", "of": ["Y", "W"]}, C], ["add /1/of/1"]),
    ([D, A, {"name": "B", "of": ["W"]}, C], ["add /0", "replace /2/of/0"]),
    ([{"name": "B", "of": ["W"]}, C], ["remove /0", "replace /0/of/0"]),
    ([A, "B", C], ["replace /1"]),
    ([C, A, D], ["move /2 to /0", "replace /2/name", "remove /2/of/0"]),
    ([[A, B, C]], ["remove /2", "remove /1", "replace /0"]),
]


@pytest.mark.parametrize(("new", "changes"), LIST_EDITS)
def test_what_changes_of_lists_look_like(new: list[Json], changes: list[str]) -> None:
    assert [str(change) for change in diff(PEOPLE, new)] == changes
    assert patch(PEOPLE, diff(PEOPLE, new)) == new


def test_a_move_is_written_with_where_it_is_from() -> None:
    assert as_patch(diff({"a": [1, 2, 3]}, {"a": [3, 1, 2]})) == [{"op": "move", "from": "/a/2", "path": "/a/0"}]


def test_the_order_of_members_does_not_count() -> None:
    turned: list[Json] = [dict(reversed(person.items())) for person in PEOPLE if isinstance(person, dict)]
    assert list(diff({"l": PEOPLE}, {"l": turned})) == []
    assert [str(change) for change in diff(PEOPLE, [turned[2], *turned[:2]])] == ["move /2 to /0"]
    many: list[Json] = [*PEOPLE, *range(20)]
    assert [str(change) for change in diff(many, [*many[3:], *turned])][1:] == ["move /0 to /22", "move /0 to /22"]


KEYED: list[tuple[list[Json], list[Json], list[str]]] = [
    (
        [{"k": 1, "v": 1}, {"k": 2, "v": 2}],
        [{"k": 2, "v": 9}, {"k": 1, "v": 1}],
        ["move /l/1 to /l/0", "replace /l/0/v"],
    ),
    ([{"k": 1, "v": 1}], [{"k": 2, "v": 1}], ["remove /l/0", "add /l/0"]),
    ([{"k": 1, "v": 1}], [{"k": 1.0, "v": 1}], ["remove /l/0", "add /l/0"]),
    ([{"k": [1], "v": 1}], [{"k": [1], "v": 2}], ["replace /l/0/v"]),
    ([{"k": None, "v": 1}], [{"k": None, "v": 2}], ["replace /l/0/v"]),
    ([{"v": 1}], [{"v": 2}], ["remove /l/0", "add /l/0"]),
    ([{"v": 1}, {"k": 1}], [{"k": 1}, {"v": 1}], ["move /l/1 to /l/0"]),
    ([1, "k", ["k"]], [["k"], 2, "k"], ["remove /l/0", "move /l/1 to /l/0", "add /l/1"]),
    ([{"k": 1, "v": 1}, {"k": 1, "v": 2}], [{"k": 1, "v": 2}], ["remove /l/0"]),
    ([{"k": 1, "v": 1}, {"k": 1, "v": 2}], [{"k": 1, "v": 3}], ["remove /l/1", "replace /l/0/v"]),
]


@pytest.mark.parametrize(("before", "after", "changes"), KEYED)
def test_elements_with_a_key_are_known_by_it(before: list[Json], after: list[Json], changes: list[str]) -> None:
    found = list(diff({"l": before}, {"l": after}, keys=(ListKey("/l", "k"),)))
    assert [str(change) for change in found] == changes
    assert patch({"l": before}, found) == {"l": after}


def test_elements_known_by_their_whole_content_are_never_changed() -> None:
    before: Json = [{"": 1, "v": 1}, {"": 2}]
    after: Json = [{"": 2}, {"": 1, "v": 2}]
    found = list(diff(before, after, ("x", "y/z"), (ListKey("/x/y~1z", ""), ListKey("/x", "v"))))
    assert [str(change) for change in found] == ["remove /x/y~1z/0", "add /x/y~1z/1"]


def test_a_key_holds_for_the_list_at_its_path_alone() -> None:
    before: Json = {"l": [{"k": 1, "l": [{"k": 1}]}]}
    after: Json = {"l": [{"k": 1, "l": [{"k": 2}]}]}
    assert [str(change) for change in diff(before, after, keys=(ListKey("/l", "k"),))] == ["replace /l/0/l/0/k"]
    inner = (ListKey("/l/0/l", "k"),)
    assert [str(change) for change in diff(before, after, keys=inner)] == ["remove /l/0/l/0", "add /l/0/l/0"]


def test_list_keys_are_read_and_written() -> None:
    for text, key in {
        "/references/sample=doi": ListKey("/references/sample", "doi"),
        "/a~1b/0=": ListKey("/a~1b/0", ""),
        "/a=b=c/d": ListKey("/a=b", "c/d"),
        "/=é": ListKey("/", "é"),
    }.items():
        assert read_list_key(text) == key
        assert str(key) == text


@pytest.mark.parametrize("text", ["", "=", "=doi", "a=b", "/a", "/a~=b", "/a~2=b", "/a=\ud800", "/\ud800=b"])
def test_what_is_no_list_key_is_refused(text: str) -> None:
    message = complaint(lambda: read_list_key(text))
    assert message is not None
    assert message.isprintable()


def test_of_two_keys_for_one_list_the_later_holds() -> None:
    a, b, c = ListKey("/a", "x"), ListKey("/b", "y"), ListKey("/a", "z")
    assert with_list_keys((a, b), (c,)) == (c, b)
    assert with_list_keys(NO_KEYS, NO_KEYS) == NO_KEYS
    found = diff({"a": [{"x": 1}]}, {"a": [{"x": 2}]}, keys=(ListKey("/a", ""), a))
    assert [change.op for change in found] == ["remove", "add"]


COUNT = int(os.environ.get("PITHSTORE_PAIRS", "20000"))
SEED = 6902 if COUNT <= 20_000 else SystemRandom().getrandbits(32)


def test_the_law_on_very_many_pairs() -> None:
    for old, new, keys in generated(SEED, COUNT):
        changes = list(diff(old, new, keys=keys))
        expected = definition(new)
        said = (SEED, keys, old, new)
        assert definition(patch(old, changes)) == expected, said
        assert bool(changes) == (definition(old) != expected), said
        assert definition(jsonpatch.JsonPatch.from_string(json.dumps(as_patch(changes))).apply(old)) == expected, (
            said
        )


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


def test_where_there_is_no_room_lists_are_compared_by_position() -> None:
    old: Json = {"a": [nest(1, 400), nest(2, 400), 0], "b": [nest(3, 400)], "same": nest(4, 400)}
    new: Json = {"a": [nest(2, 400), nest(1, 400), 1, 0], "b": [nest(3, 400)], "same": nest(4, 400)}
    with_more_room = [change.op for change in diff(old, new)]
    changes = with_room(40, lambda: list(diff(old, new)))
    assert with_more_room == ["move", "add"]
    assert [change.op for change in changes] == ["add", "replace", "replace"]
    assert definition(patch(old, changes)) == definition(new)


def test_far_down_lists_are_compared_by_position() -> None:
    for levels, ops in ((20, ["add"]), (60, ["add", "replace", "replace"])):
        old, new = nest([1, 2], levels), nest([0, 1, 2], levels)
        changes = list(diff(old, new))
        assert [change.op for change in changes] == ops
        assert definition(patch(old, changes)) == definition(new)
        assert list(diff(old, nest([1, 2], levels))) == []


def elements_in(value: Json) -> list[Json]:
    """One list with the elements of all lists that are members."""
    members = value.values() if isinstance(value, dict) else []
    return [item for member in members if isinstance(member, list) for item in member]


@pytest.mark.parametrize("field", [None, "", "k"])
def test_the_origins_of_elements(field: str | None) -> None:
    for old, new, _ in generated(2, 500):
        before, after = elements_in(old), elements_in(new)
        found = origins(before, after, field)
        known = [old for old in found if old is not None]
        assert (len(found), len(set(known))) == (len(after), len(known))
        equal = [
            definition(before[old]) == definition(after[new]) for new, old in enumerate(found) if old is not None
        ]
        contents = [[definition(item) for item in row] for row in (before, after)]
        assert sum(equal) == sum(min(row.count(item) for row in contents) for item in set(contents[0]))


def test_what_is_written_is_read() -> None:
    for old, new, _ in generated(3, 500):
        operations = read_patch(json.loads(json.dumps(as_patch(diff(old, new)))))
        assert [str(operation) for operation in operations] == [str(change) for change in diff(old, new)]
        assert definition(patch(old, operations)) == definition(new)
