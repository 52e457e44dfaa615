"""Blame: the version since which each value has been as it is, through moves in lists."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pithstore.arrivals import Arrival
from pithstore.errors import Damaged, NotFound, UsageError
from pithstore.keys import BLOBS, MANIFESTS, TAIL
from pithstore.model import Source
from pithstore.pointer import Json, write_pointer
from pithstore.reader import Reader
from pithstore.references import Ref
from pithstore.selectors import ByNumber
from pithstore.store import Store
from pithstore.testing.machine_store import definition
from pithstore.testing.strategies import json_values
from tests.store.any_history import FIRST, HISTORIES, HOUR, Put, fill
from tests.store.counting import Counting
from tests.store.plain import leaves, told
from tests.store.shelves import Record, delete_entry, new_engine, new_store, put_entry, record

K1 = Source("k", "1")
Blames: TypeAlias = dict[str, int]


def put_all(store: Store, *records: Record) -> None:
    """As versions 1, 2, …: each is another moment, so that a state that comes back is one more version."""
    store.put_batch([Arrival(store.prepare(one), FIRST + n * HOUR) for n, one in enumerate(records)])


def blames(reader: Reader, ref: Ref | str = "k:1") -> Blames:
    return {one.pointer: one.version.number for one in reader.blame(ref)}


def list_blames(store: Store, *states: Json, ref: str = "k:1#x") -> list[Blames]:
    """What blame says of the section x of each of the versions that have these states of it."""
    put_all(store, *(record(x=state, serial=n) for n, state in enumerate(states)))
    return [blames(store, ref.replace("#", f"@{n}#")) for n in range(1, len(states) + 1)]


# Against plain lists, where the elements of lists stay where they are.


@settings(max_examples=60)
@given(puts=HISTORIES)
def test_any_blame_is_what_plain_lists_say(tmp_path_factory: pytest.TempPathFactory, puts: list[Put]) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        plain = fill(store, puts)
        for source, history in plain.histories.items():
            for kept in history:
                ref = Ref(source, ByNumber(kept.number))
                found = store.blame(ref)
                assert {one.pointer: one.version.number for one in found} == plain.blame(source, ref.selector)
                values = {write_pointer(path): value for path, value in leaves(kept.record)}
                assert {one.pointer: definition(one.value) for one in found} == {
                    pointer: definition(value) for pointer, value in values.items()
                }
                assert [one.version for one in found] == [
                    store.version(Ref(source, ByNumber(one.version.number))) for one in found
                ]
                below = ("claims", "items")
                expected = told(partial(plain.blame, source, ref.selector, below))
                assert told(partial(blames, store, Ref(source, ref.selector, below))) == expected


OBJECTS: st.SearchStrategy[Json] = st.recursive(
    st.sampled_from((0, 0.0, False, None, "", "a", [], {})),
    lambda inner: st.dictionaries(st.sampled_from(("", "a", "b/~", "0")), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80)
@given(states=st.lists(OBJECTS, min_size=1, max_size=6))
def test_a_value_was_set_where_it_stands_and_before_stood_not(
    tmp_path_factory: pytest.TempPathFactory, states: list[Json]
) -> None:
    """Said of each leaf by reading both versions, with objects that nest and change their shape."""
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        put_all(store, *(record(x=state, serial=n) for n, state in enumerate(states)))
        for n in range(1, len(states) + 1):
            found = store.blame(f"k:1@{n}#x")
            assert [one.pointer for one in found] == [
                write_pointer(("x", *path)) for path, _ in leaves(states[n - 1])
            ]
            for one in found:
                reference, since = one.pointer[1:], one.version.number
                assert definition(store.get(f"k:1@{since}#{reference}")) == definition(one.value)
                before = told(partial(store.get_bytes, f"k:1@{since - 1}#{reference}"))
                assert before != definition(one.value)
                for between in range(since, n):
                    assert definition(store.get(f"k:1@{between}#{reference}")) == definition(one.value)


# Lists.

STEPS = st.lists(st.tuples(st.sampled_from(("insert", "remove", "move")), st.integers(0, 99), st.integers(0, 99)))


@pytest.mark.parametrize("shape", ["text", "object", "nested"])
@settings(max_examples=50)
@given(versions=st.lists(STEPS, min_size=1, max_size=6))
def test_an_element_keeps_its_version_wherever_it_moves(
    tmp_path_factory: pytest.TempPathFactory, shape: str, versions: list[list[tuple[str, int, int]]]
) -> None:
    """Elements that are all different: each was set by the version that it came with, the last time it came."""
    states, born = _lists(versions)
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        put_all(
            store,
            *(record(x=[_shaped(shape, n) for n in state], serial=i) for i, state in enumerate(states)),
        )
        for number, state in enumerate(states, 1):
            expected: Blames = {}
            for place, element in enumerate(state):
                for path, _ in leaves(_shaped(shape, element)):
                    expected[write_pointer(("x", place, *path))] = born[number - 1][element]
            assert blames(store, f"k:1@{number}#x") == (expected or {"/x": _empty_since(states, number)})


def _lists(versions: list[list[tuple[str, int, int]]]) -> tuple[list[list[int]], list[dict[int, int]]]:
    """The lists that the steps lead to, and the version that each element of each came with."""
    state: list[int] = []
    births: dict[int, int] = {}
    states, born, fresh = [], [], 0
    for number, steps in enumerate(versions, 1):
        for step, a, b in steps:
            if step == "insert":
                state.insert(a % (len(state) + 1), fresh)
                births[fresh] = number
                fresh += 1
            elif state and step == "remove":
                del state[a % len(state)]
            elif state:
                state.insert(b % len(state), state.pop(a % len(state)))
        states.append(list(state))
        born.append(dict(births))
    return states, born


def _shaped(shape: str, element: int) -> Json:
    if shape == "text":
        return f"e{element}"
    if shape == "object":
        return {"id": element, "text": f"of {element}"}
    return [[element], {"deep": {"er": [f"t{element}", -1 - element]}}]


def _empty_since(states: Sequence[list[int]], number: int) -> int:
    since = number
    while since > 1 and not states[since - 2]:
        since -= 1
    return since


@settings(max_examples=60)
@given(
    before=st.lists(st.sampled_from("ab"), max_size=7),
    after=st.lists(st.sampled_from("ab"), min_size=1, max_size=7),
)
def test_of_equal_elements_only_as_many_are_new_as_came(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str]
) -> None:
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        first, second = list_blames(store, [*before], [*after])
        assert set(first.values()) == {1}
        new = Counter(after[int(pointer.rpartition("/")[2])] for pointer, n in second.items() if n == 2)
        assert new == Counter(after) - Counter(before)


@settings(max_examples=80)
@given(states=st.lists(json_values(12), min_size=2, max_size=4))
def test_what_a_version_did_not_set_is_blamed_as_in_the_version_before(
    tmp_path_factory: pytest.TempPathFactory, states: list[Json]
) -> None:
    """Whatever the values: what is old in a version was there before, with the same blame, and as often."""
    with new_store("memory", tmp_path_factory.getbasetemp()) as store:
        put_all(store, *(record(x=state, serial=n) for n, state in enumerate(states)))
        told_of = [
            Counter((definition(one.value), one.version.number) for one in store.blame(f"k:1@{n}#x"))
            for n in range(1, len(states) + 1)
        ]
        for number, (before, after) in enumerate(pairwise(told_of), 2):
            old = Counter({key: count for key, count in after.items() if key[1] != number})
            assert old <= before
            if definition(states[number - 2]) == definition(states[number - 1]):
                assert before == after


def test_an_inserted_element_leaves_the_others_alone(store: Store) -> None:
    assert list_blames(store, ["a", "b", "c"], ["a", "x", "b", "c"], ["y", "a", "x", "b", "c", "z"]) == [
        {"/x/0": 1, "/x/1": 1, "/x/2": 1},
        {"/x/0": 1, "/x/1": 2, "/x/2": 1, "/x/3": 1},
        {"/x/0": 3, "/x/1": 1, "/x/2": 2, "/x/3": 1, "/x/4": 1, "/x/5": 3},
    ]


def test_a_member_that_changed_in_an_element_that_moved(store: Store) -> None:
    """An element without a key that is changed and stays is the same; its other members keep their version."""
    first: list[Json] = [{"id": 1, "t": "one", "u": 0}, {"id": 2, "t": "two", "u": 0}]
    second: list[Json] = [{"id": 1, "t": "one", "u": 0}, {"id": 2, "t": "two", "u": 1}]
    assert list_blames(store, first, second)[1] == {
        "/x/0/id": 1,
        "/x/0/t": 1,
        "/x/0/u": 1,
        "/x/1/id": 1,
        "/x/1/t": 1,
        "/x/1/u": 2,
    }


def test_the_list_keys_of_the_profile_say_what_is_the_same(store: Store) -> None:
    def one(doi: str, **members: Json) -> Json:
        return {"doi": doi, **members}

    put_all(
        store,
        record(references={"sample": [one("1", t="a"), one("2", t="b")]}),
        record(references={"sample": [one("2", t="z"), one("1", t="a"), one("3", t="b")]}),
        record(
            integrity={"findings": [one("1", t="a"), one("2", t="b")]}, other=[one("1", t="a"), one("2", t="b")]
        ),
        record(
            integrity={"findings": [one("1", t="a"), one("2", t="c")]}, other=[one("1", t="a"), one("2", t="c")]
        ),
    )
    assert blames(store, "k:1@2#references") == {
        "/references/sample/0/doi": 1,
        "/references/sample/0/t": 2,
        "/references/sample/1/doi": 1,
        "/references/sample/1/t": 1,
        "/references/sample/2/doi": 2,
        "/references/sample/2/t": 2,
    }
    assert blames(store, "k:1@4#integrity/findings/1") == {
        "/integrity/findings/1/doi": 4,
        "/integrity/findings/1/t": 4,
    }
    assert blames(store, "k:1@4#other/1") == {"/other/1/doi": 3, "/other/1/t": 4}


def test_a_list_of_many_elements_is_followed(store: Store) -> None:
    order = list(range(400))
    shuffled = order[:]
    random.Random(1).shuffle(shuffled)
    _, second, third = list_blames(store, [*order], [*shuffled], [*shuffled[:100], -1, *shuffled[100:]])
    assert set(second.values()) == {1}
    assert {pointer for pointer, number in third.items() if number != 1} == {"/x/100"}


# Sections and pointers.


def test_a_b_a_is_set_by_the_last(store: Store) -> None:
    put_all(store, record(x="a"), record(x="b"), record(x="a"), record(x="a", y=1))
    assert [blames(store, f"k:1@{n}#x")["/x"] for n in range(1, 5)] == [1, 2, 3, 3]


def test_a_section_that_went_is_set_anew_when_it_comes_back(store: Store) -> None:
    put_all(store, record(x={"a": 1}), record(), record(x={"a": 1}), record(x={"a": 1, "b": 2}))
    assert blames(store) == {
        "/builder_version": 1,
        "/source/id": 1,
        "/source/kind": 1,
        "/x/a": 3,
        "/x/b": 4,
    }


def test_exactly_the_same_is_the_same_in_canonical_bytes(store: Store) -> None:
    values: list[Json] = [0, 0.0, -0.0, False, None, "", "0", [], {}]
    assert [told_of["/x"] for told_of in list_blames(store, *values)] == list(range(1, len(values) + 1))


def test_what_is_asked_for_is_told_in_order(store: Store) -> None:
    put_all(store, record(x={"b": [1, {"~": 2, "": []}], "a/": {}}, y=0))
    assert [one.pointer for one in store.blame("k:1")] == [
        *("/builder_version", "/source/id", "/source/kind", "/x/a~1", "/x/b/0", "/x/b/1/", "/x/b/1/~0", "/y"),
    ]
    assert [one.pointer for one in store.blame("k:1#x/b/1")] == ["/x/b/1/", "/x/b/1/~0"]
    assert [one.pointer for one in store.blame("k:1#x/b/1/~0")] == ["/x/b/1/~0"]
    assert [one.pointer for one in store.blame("k:1#x/a~1")] == ["/x/a~1"]


@pytest.mark.parametrize("pointer", ["x/c", "x/b/2", "x/b/-1", "x/b/01", "x/b/0/x", "x/b/-"])
def test_a_pointer_that_leads_nowhere_is_not_found(store: Store, pointer: str) -> None:
    put_all(store, record(x={"b": [1, 2]}))
    with pytest.raises(NotFound, match=f"there is no value at /{pointer}; 'pithstore get REF#x' shows"):
        store.blame(f"k:1#{pointer}")


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no source k:1"):
        store.blame("k:1")
    put_all(store, record())
    with pytest.raises(NotFound, match="k:1 version 1 has no section 'x'"):
        store.blame("k:1#x")
    with pytest.raises(UsageError):
        store.blame("k:1#x/~2")


def test_a_version_is_blamed_as_of_then(store: Store) -> None:
    put_all(store, *(record(x=n // 2, serial=n) for n in range(6)))
    assert [blames(store, f"k:1@{n}#x")["/x"] for n in range(1, 7)] == [1, 1, 3, 3, 5, 5]
    assert [blames(version)["/x"] for version in [store.within(at=FIRST + n * HOUR) for n in range(6)]] == [
        *(1, 1, 3, 3, 5, 5),
    ]


# Reading, and damage.


def ages(count: int) -> Iterable[Record]:
    return (record(x={"young": n, "old": 0}, y=0) for n in range(count))


def break_section(store: Store, ref: str, name: str) -> None:
    section = store.manifest(ref).section(name)
    assert section is not None
    delete_entry(store._engine, BLOBS, section.digest)


def test_no_more_is_read_than_is_asked_for(store: Store) -> None:
    """Not what lies behind the version that set the value, nor other sections."""
    put_all(store, *ages(600))
    break_section(store, "k:1@300", "x")
    put_entry(store._engine, MANIFESTS, (store.version("k:1@200").snapshot, b"broken, and short"))
    assert blames(store, "k:1@600#x/young") == {"/x/young": 600}
    with pytest.raises(Damaged, match="k:1 version 300: section 'x'"):
        store.blame("k:1#x/old")
    with pytest.raises(Damaged, match="k:1 version 200: the manifest of snapshot"):
        store.blame("k:1#y")
    assert blames(store, "k:1@199") == {
        "/builder_version": 1,
        "/source/id": 1,
        "/source/kind": 1,
        "/x/old": 1,
        "/x/young": 199,
        "/y": 1,
    }


def test_a_section_is_read_where_its_digest_is_another(tmp_path: Path) -> None:
    engine = Counting(new_engine("memory", tmp_path))
    with Store(engine) as store:
        put_all(store, *(record(x={"young": n // 100, "old": 0}, y=0, serial=n) for n in range(600)))
        for ref, read in [("k:1#y", 1), ("k:1#x", 6), ("k:1#x/young", 2), ("k:1@100#x", 1), ("k:1#serial", 2)]:
            engine.reset()
            blames(store, ref)
            assert engine.keys[BLOBS] == engine.keys[TAIL] == read, ref


def test_a_damaged_section_of_the_version_itself_is_said(store: Store) -> None:
    put_all(store, *ages(2))
    break_section(store, "k:1@2", "x")
    with pytest.raises(Damaged, match="k:1 version 2: section 'x'"):
        store.blame("k:1")
    assert blames(store, "k:1#y") == {"/y": 1}


def test_a_nesting_as_deep_as_a_record_may_be(store: Store) -> None:
    deep: Json = 1
    for n in range(500):
        deep = [deep] if n % 2 else {"d": deep}
    other: Json = 2
    for n in range(500):
        other = [other] if n % 2 else {"d": other}
    first, second, third = list_blames(store, deep, other, [deep])
    assert list(first.values()) == [1]
    assert list(second.values()) == [2]
    assert list(third.values()) == [3]
