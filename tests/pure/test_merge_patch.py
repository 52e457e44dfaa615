"""Merge patches are exact where they exist at all, by our own reading of RFC 7396 and by the RFC's own program."""

from __future__ import annotations

import copy
import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.diff.merge_patch import apply_merge_patch, as_merge_patch
from pithstore.errors import UsageError
from pithstore.pointer import Json
from pithstore.testing.strategies import json_values
from tests.pure.laws import complaint, definition
from tests.pure.value_pairs import pairs


def by_the_rfc(target: Json, patch: Json) -> Json:
    """MergePatch of RFC 7396 section 2, line by line."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = by_the_rfc(merged.get(name), value)
    return merged


def check(old: Json, new: Json) -> bool:
    """Whether there is a merge patch; what holds when there is."""
    before = repr((old, new))
    try:
        patch = as_merge_patch(old, new)
    except UsageError:
        return False
    written = json.loads(json.dumps(patch))
    assert definition(by_the_rfc(old, written)) == definition(new)
    assert definition(apply_merge_patch(old, patch)) == definition(new)
    assert repr((old, new)) == before
    return True


@given(json_values(), json_values())
def test_a_merge_patch_is_exact(old: Json, new: Json) -> None:
    check(old, new)
    check({"a": old, "b": new}, {"a": new, "b": new})


def test_a_merge_patch_is_exact_on_edited_values() -> None:
    answers = [check(old, new) for old, new, _ in pairs(seed=7396, count=3000)]
    assert 300 < sum(answers) < 2990


@given(json_values(), json_values())
def test_any_merge_patch_is_applied_as_the_rfc_says(value: Json, patch: Json) -> None:
    before = repr((value, patch))
    assert definition(apply_merge_patch(value, patch)) == definition(by_the_rfc(value, patch))
    assert repr((value, patch)) == before


def small_values() -> list[Json]:
    """Scalars, lists, objects of up to two members, and objects in objects."""
    plain: list[Json] = [None, 0, 0.0, [], [None], [{"x": None}]]
    flat: list[Json] = [{}, *({name: value} for name in "xy" for value in plain)]
    flat += [{"x": one, "y": other} for one, other in product(plain[:3], plain[:3])]
    return [*plain, *flat, *({"x": value} for value in flat), *({"x": value, "y": 0} for value in flat)]


def test_it_is_refused_only_where_there_is_none() -> None:
    values = small_values()
    refused = 0
    for old in values:
        reached = {definition(by_the_rfc(old, patch)) for patch in values}
        for new in values:
            if not check(old, new):
                assert definition(new) not in reached
                refused += 1
    assert refused > len(values)


@given(json_values())
def test_a_value_that_stays_needs_no_member(value: Json) -> None:
    kept: Json = {} if isinstance(value, dict) else value
    assert definition(as_merge_patch(value, copy.deepcopy(value))) == definition(kept)


UNSETTABLE: list[tuple[Json, Json, str]] = [
    ({}, {"a": None}, "/a"),
    ({"a": 1}, {"a": None}, "/a"),
    ({"a": 0}, {"a": {"b/~": None}}, "/a/b~1~0"),
    ({"a": {"b": 1}}, {"a": {"b": None}}, "/a/b"),
    ({"a": []}, {"a": {"b": {"c": None}}}, "/a/b/c"),
    ([], {"a": None}, "/a"),
    ({"b": None}, {"a": {"b": None}, "b": None}, "/a/b"),
]


@pytest.mark.parametrize(("old", "new", "pointer"), UNSETTABLE)
def test_a_null_that_must_be_set_is_named(old: Json, new: Json, pointer: str) -> None:
    message = complaint(lambda: as_merge_patch(old, new))
    assert message is not None
    assert repr(pointer) in message
    assert "RFC 6902" in message


SETTABLE: list[tuple[Json, Json, Json]] = [
    ({"a": None, "b": 1}, {"a": None, "b": 2}, {"b": 2}),
    ({"o": {"a": None, "b": 1}}, {"o": {"a": None}}, {"o": {"b": None}}),
    ({"o": {"a": 1}}, {"o": {}}, {"o": {"a": None}}),
    ({"o": 1}, {"o": {}}, {"o": {}}),
    ({"o": {"a": None}}, {"o": [None]}, {"o": [None]}),
    ({"o": [1]}, {"o": {"a": [None]}}, {"o": {"a": [None]}}),
    ({"o": None}, {}, {"o": None}),
    ({"n": 0}, {"n": 0.0}, {"n": 0.0}),
    ({"a": 1}, None, None),
    (None, {}, {}),
    (None, None, None),
]


@pytest.mark.parametrize(("old", "new", "patch"), SETTABLE)
def test_what_merge_patches_look_like(old: Json, new: Json, patch: Json) -> None:
    assert definition(as_merge_patch(old, new)) == definition(patch)
    assert check(old, new)


# RFC 7396, appendix A
EXAMPLES: list[tuple[Json, Json, Json]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("value", "patch", "result"), EXAMPLES)
def test_the_examples_of_the_rfc(value: Json, patch: Json, result: Json) -> None:
    assert apply_merge_patch(value, patch) == result


@given(st.dictionaries(st.text(), json_values(), max_size=3))
def test_what_was_merged_shares_nothing_with_the_patch(patch: dict[str, Json]) -> None:
    before = repr(patch)
    merged = apply_merge_patch({}, patch)
    assert isinstance(merged, dict)
    for value in merged.values():
        if isinstance(value, list | dict):
            value.clear()
    assert repr(patch) == before
