"""Which element was which, and the steps from list to list, held against definitions that try everything."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.diff.likeness import most_alike
from pithstore.diff.list_edits import Add, Move, Remove, Step, list_edits
from pithstore.diff.matching import Content, Matching, match, match_keyed
from pithstore.pointer import Json
from pithstore.testing.strategies import json_values

contents = st.lists(
    st.sampled_from([b"a", b"b", b"c", b'{"a":1,"b":2}', b'{"a":1,"b":3}', b'{"a":1}']), max_size=12
)
keys = st.sampled_from([None, b"1", b"2", b"3"])


@cache
def longest_common(before: Sequence[object], after: Sequence[object]) -> int:
    """The length of the longest common subsequence, by its definition."""
    if not before or not after:
        return 0
    if before[-1] == after[-1]:
        return 1 + longest_common(before[:-1], after[:-1])
    return max(longest_common(before[:-1], after), longest_common(before, after[:-1]))


def done(length: int, steps: list[Step]) -> list[tuple[str, int]]:
    """The list after the steps: ("old", index in the list before) and ("new", index in the list after)."""
    row = [("old", i) for i in range(length)]
    for step in steps:
        match step:
            case Remove(index, old):
                assert row.pop(index) == ("old", old)
            case Move(source, index, old):
                moved = row.pop(source)
                assert moved == ("old", old)
                assert source != index <= len(row)
                row.insert(index, moved)
            case Add(index, new):
                assert index <= len(row)
                row.insert(index, ("new", new))
    return row


def check_matching(before: Sequence[Content], after: Sequence[Content], matching: Matching) -> list[Step]:
    """What holds for every matching; the steps of this one."""
    origins = [old for old in matching.origins if old is not None]
    assert len(matching.origins) == len(after)
    assert len(set(origins)) == len(origins)
    assert {new for new, old in enumerate(matching.origins) if old is not None and before[old] != after[new]} == (
        matching.changed
    )
    steps = list(list_edits(len(before), matching))
    expected = [("new", new) if old is None else ("old", old) for new, old in enumerate(matching.origins)]
    assert done(len(before), steps) == expected
    unmoved = longest_common(tuple(sorted(origins)), tuple(origins))
    assert sum(isinstance(step, Move) for step in steps) == len(origins) - unmoved
    assert sum(isinstance(step, Remove) for step in steps) == len(before) - len(origins)
    return steps


def equal_pairs(before: Sequence[Content], after: Sequence[Content]) -> int:
    return sum(min(before.count(item), after.count(item)) for item in set(before))


@given(contents, contents)
def test_equal_elements_are_matched_and_as_many_as_can_stay(before: list[Content], after: list[Content]) -> None:
    matching = match(before, after)
    steps = check_matching(before, after, matching)
    equal = equal_pairs(before, after)
    assert sum(old is not None for old in matching.origins) - len(matching.changed) == equal
    moves = sum(isinstance(step, Move) for step in steps)
    assert moves == equal - longest_common(tuple(before), tuple(after))


def test_all_short_lists() -> None:
    lists = [tuple(row) for length in range(5) for row in product((b"a", b"b", b"c"), repeat=length)]
    for before, after in product(lists, lists):
        steps = check_matching(before, after, match(before, after))
        moves = sum(isinstance(step, Move) for step in steps)
        assert moves == equal_pairs(before, after) - longest_common(before, after)
        content_only = match_keyed([None] * len(before), [None] * len(after), before, after)
        check_matching(before, after, content_only)
        assert not content_only.changed


@st.composite
def keyed(draw: st.DrawFn) -> tuple[list[bytes | None], list[bytes]]:
    elements = draw(st.lists(st.tuples(keys, st.sampled_from([b"x", b"y"])), max_size=10))
    return [key for key, _ in elements], [(key or b"-") + content for key, content in elements]


@given(keyed(), keyed())
def test_equal_keys_are_the_same_element(
    old: tuple[list[bytes | None], list[bytes]], new: tuple[list[bytes | None], list[bytes]]
) -> None:
    (before_keys, before), (after_keys, after) = old, new
    matching = match_keyed(before_keys, after_keys, before, after)
    check_matching(before, after, matching)
    for at, origin in enumerate(matching.origins):
        if origin is not None:
            assert after_keys[at] == before_keys[origin]
            assert after_keys[at] is not None or at not in matching.changed
    for key in (b"1", b"2", b"3"):
        matched = sum(o is not None and k == key for o, k in zip(matching.origins, after_keys, strict=True))
        assert matched == min(before_keys.count(key), after_keys.count(key))
    without = [i for i, key in enumerate(after_keys) if key is None]
    matched = sum(matching.origins[i] is not None for i in without)
    assert matched == equal_pairs(
        [content for content, key in zip(before, before_keys, strict=True) if key is None],
        [after[i] for i in without],
    )


@given(contents, st.data())
def test_one_edit_is_one_step(row: list[Content], data: st.DataObject) -> None:
    at, to = data.draw(st.integers(0, len(row))), data.draw(st.integers(0, max(len(row) - 1, 0)))
    item = data.draw(st.sampled_from(row) if row else st.just(b"a")) if data.draw(st.booleans()) else b"new"
    inserted = [*row[:at], item, *row[at:]]
    (step,) = list_edits(len(row), match(row, inserted))
    assert isinstance(step, Add)
    (step,) = list_edits(len(inserted), match(inserted, row))
    assert isinstance(step, Remove)
    if at < len(row):
        moved = [*row[:at], *row[at + 1 :]]
        moved.insert(to, row[at])
        steps = list(list_edits(len(row), match(row, moved)))
        assert len(steps) == (moved != row)
        assert all(isinstance(step, Move) for step in steps)
        changed = [*row[:at], item, *row[at + 1 :]]
        matching = match(row, changed)
        assert list(list_edits(len(row), matching)) == []
        assert len(matching.changed) == (changed != row)


def thing(name: int, version: int, **more: Json) -> Json:
    return {"id": name, "title": f"title {name}", "version": version, **more}


ALIKE: list[tuple[list[Json], list[Json], tuple[int | None, ...]]] = [
    ([thing(1, 1), thing(2, 1)], [thing(0, 9), thing(1, 2), thing(2, 2)], (None, 0, 1)),
    ([thing(0, 9), thing(1, 2), thing(2, 2)], [thing(1, 1), thing(2, 1)], (1, 2)),
    ([{"of": thing(1, 1), "l": []}], [{"of": thing(2, 2), "l": [1]}, {"of": thing(1, 3)}], (None, 0)),
    (["a b c", "d e f"], ["x", "d e g"], (0, 1)),
    (["a b c"], ["x", "a b d", "y"], (None, 0, None)),
    (["a b", "c d"], ["c x", "a y"], (None, 0)),
    ([1, 2, 3], [4, 5], (0, 1)),
    ([1.5, "words here"], ["other words", 7, True], (1, None, None)),
    ([{}, []], [None, {"a": 1}, [1]], (0, 1, None)),
    ([f"{i} {i + 1}" for i in range(40)], [f"{i} {-i}" for i in range(39, -1, -1)], tuple(range(40))),
]


@pytest.mark.parametrize(("before", "after", "origins"), ALIKE)
def test_what_is_most_alike_is_the_same_changed(
    before: list[Json], after: list[Json], origins: tuple[int | None, ...]
) -> None:
    keys_before, keys_after = [repr(item) for item in before], [repr(item) for item in after]
    assert match(keys_before, keys_after, most_alike(before, after)).origins == origins
    in_order = [*range(len(before)), *[None] * len(after)][: len(after)]
    assert match(keys_before, keys_after).origins == tuple(in_order)


@given(st.lists(json_values(4), max_size=6), st.lists(json_values(4), max_size=6))
def test_elements_are_paired_without_a_crossing(before: list[Json], after: list[Json]) -> None:
    pairs = most_alike(before, after)(range(len(before)), range(len(after)))
    for (new, old), (next_new, next_old) in pairwise(pairs):
        assert new < next_new
        assert old < next_old
    if pairs:
        assert min(pairs[0]) == 0
        assert (pairs[-1][0] < len(after), pairs[-1][1] < len(before)) == (True, True)
    assert bool(pairs) == bool(before and after)


MANY = 100_000
BIG = [b"%d" % i for i in range(MANY)]
OTHERS = [b"x%d" % i for i in range(MANY)]
LARGE = {
    "rotated": (BIG, BIG[5000:] + BIG[:5000], 5000, 0),
    "reversed": (BIG, BIG[::-1], MANY - 1, 0),
    "shuffled": (BIG, Random(0).sample(BIG, MANY), None, 0),
    "other": (BIG, OTHERS, 0, MANY),
    "few contents": ([b"%d" % (i % 3) for i in range(2000)], [b"%d" % (i % 5) for i in range(2000)], None, None),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_lists_take_seconds(name: str) -> None:
    before, after, moves, changed = LARGE[name]
    start = time.process_time()
    matching = match(before, after)
    steps = list(list_edits(len(before), matching))
    assert time.process_time() - start < 20  # what is quadratic takes minutes
    assert moves is None or sum(isinstance(step, Move) for step in steps) == moves
    assert changed is None or len(matching.changed) == changed
    assert len(matching.origins) == len(after)
    origins = [old for old in matching.origins if old is not None]
    assert len(set(origins)) == len(origins)


def test_beyond_what_is_weighed_the_steps_are_still_exact() -> None:
    random = Random(1)
    before = [random.choice((b"a", b"b", b"c")) for _ in range(1000)]
    after = [random.choice((b"a", b"b", b"d")) for _ in range(1000)]
    matching = match(before, after)
    expected = [("new", new) if old is None else ("old", old) for new, old in enumerate(matching.origins)]
    assert done(1000, list(list_edits(1000, matching))) == expected
    assert all(
        before[old] == after[new]
        for new, old in enumerate(matching.origins)
        if old is not None and new not in matching.changed
    )
