"""A record given as a Python mapping: exact types only, and whatever its shape, the check ends."""

from __future__ import annotations

import collections
import enum
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pithstore.canonical import canonical
from pithstore.check_value import check_value
from pithstore.errors import InvalidRecord
from pithstore.limits import Limits
from pithstore.pointer import Json
from pithstore.record import load, prepare
from pithstore.refusal import Reason
from pithstore.testing.strategies import json_values, objects, records
from tests.pure.laws import definition, with_room


class Colour(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    RED = "red"


class Float64(float):
    """As numpy's: a float that writes itself in another way."""

    def __repr__(self) -> str:
        return f"np.float64({float(self)})"


class Pair(NamedTuple):
    a: int
    b: int


class Text(str):
    __slots__ = ()


class Record(dict[str, Any]):
    pass


class Items(list[Any]):
    pass


def refusal(record: object, limits: Limits | None = None) -> InvalidRecord:
    with pytest.raises(InvalidRecord) as caught:
        check_value(record, limits or Limits())
    assert str(caught.value).isprintable()
    assert (caught.value.line, caught.value.offset) == (None, None)
    return caught.value


WRONG: dict[str, tuple[object, Reason]] = {
    "OrderedDict": (collections.OrderedDict(a=1), Reason.TYPE),
    "defaultdict": (collections.defaultdict(int), Reason.TYPE),
    "mapping proxy": (MappingProxyType({}), Reason.TYPE),
    "dict subclass": (Record(a=1), Reason.TYPE),
    "list subclass": (Items([1]), Reason.TYPE),
    "named tuple": (Pair(1, 2), Reason.TYPE),
    "tuple": ((1, 2), Reason.TYPE),
    "set": ({1}, Reason.TYPE),
    "iterator": (iter([1]), Reason.TYPE),
    "IntEnum": (Colour.RED, Reason.TYPE),
    "StrEnum": (Word.RED, Reason.TYPE),
    "float subclass": (Float64(1.5), Reason.TYPE),
    "str subclass": (Text("a"), Reason.TYPE),
    "bytes": (b"a", Reason.TYPE),
    "bytearray": (bytearray(b"a"), Reason.TYPE),
    "complex": (1j, Reason.TYPE),
    "Decimal": (Decimal(1), Reason.TYPE),
    "Ellipsis": (..., Reason.TYPE),
    "a type": (int, Reason.TYPE),
    "NaN": (float("nan"), Reason.NOT_FINITE),
    "infinity": (float("inf"), Reason.NOT_FINITE),
    "minus infinity": (float("-inf"), Reason.NOT_FINITE),
    "10^4300": (10**4300, Reason.INTEGER_TOO_LONG),
    "-10^4300": (-(10**4300), Reason.INTEGER_TOO_LONG),
    "10^100000": (10**100_000, Reason.INTEGER_TOO_LONG),
    "lone high surrogate": ("a\ud800", Reason.LONE_SURROGATE),
    "lone low surrogate": ("\udfff", Reason.LONE_SURROGATE),
    "a pair as two characters": ("\ud83d\ude00", Reason.LONE_SURROGATE),
}
WRONG_KEYS: dict[str, tuple[object, Reason]] = {
    "int": (1, Reason.TYPE),
    "bool": (True, Reason.TYPE),
    "None": (None, Reason.TYPE),
    "float": (1.5, Reason.TYPE),
    "tuple": ((1,), Reason.TYPE),
    "bytes": (b"a", Reason.TYPE),
    "str subclass": (Text("a"), Reason.TYPE),
    "StrEnum": (Word.RED, Reason.TYPE),
    "lone surrogate": ("\ud800", Reason.LONE_SURROGATE),
}


@pytest.mark.parametrize(("wrong", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_is_refused_wherever_it_stands(wrong: object, reason: Reason) -> None:
    places: dict[str, object] = {
        "": wrong,
        "/x": {"x": wrong},
        "/a/1/b~1c": {"a": [0, {"b/c": wrong}]},
        "/2": [1, [2], wrong],
    }
    for pointer, value in places.items():
        error = refusal(value)
        assert (error.reason, error.pointer) == (reason, pointer)


@pytest.mark.parametrize(("wrong", "reason"), WRONG_KEYS.values(), ids=WRONG_KEYS.keys())
def test_a_wrong_key_is_refused_wherever_it_stands(wrong: object, reason: Reason) -> None:
    for pointer, value in {"": {wrong: 1}, "/a/0": {"a": [{"sound": 1, wrong: 1}]}}.items():
        error = refusal(value)
        assert (error.reason, error.pointer) == (reason, pointer)


def test_the_pointer_of_a_fault_after_closed_containers_is_right() -> None:
    assert refusal({"a": [[], {}, [[1]], {"b": {}}], "c": [{"d": 1}, b""]}).pointer == "/c/1"


def test_integers_of_4300_digits_pass() -> None:
    check_value([10**4300 - 1, 1 - 10**4300])


def test_a_value_that_holds_itself_is_refused() -> None:
    items: list[object] = []
    items.append(items)
    members: dict[str, object] = {}
    members["a"] = [members]
    both: list[object] = [{"a": 1}, items]
    for value in (items, members, both):
        assert refusal(value).reason == Reason.TOO_DEEP


def test_a_shared_list_that_explodes_is_refused() -> None:
    value: list[object] = ["x" * 100]
    for _ in range(60):
        value = [value, value]
    assert refusal(value, Limits(record_bytes=100_000)).reason == Reason.TOO_LARGE


def test_a_list_in_two_places_is_no_circle() -> None:
    shared: list[Json] = [1, {"a": []}]
    value: Json = {"a": shared, "b": [shared, shared]}
    check_value(value)
    assert canonical(value) == definition(value)


def test_keys_and_strings_count() -> None:
    limits = Limits(record_bytes=1000)
    check_value({"k" * 900: 1}, limits)
    assert refusal({"k" * 1001: 1}, limits).reason == Reason.TOO_LARGE
    assert refusal({"a": "é" * 501}, limits).reason == Reason.TOO_LARGE
    assert refusal([0] * 1001, limits).reason == Reason.TOO_LARGE


def test_arrays_and_objects_are_counted() -> None:
    limits = Limits(record_bytes=16_000)
    assert limits.containers == 2000
    assert Limits(record_bytes=10).containers == 1000
    empties: list[object] = [[], {}]
    for empty in empties:
        value: list[object] = [empty] * 1999
        check_value(value, limits)
        error = refusal([*value, empty], limits)
        assert error.reason == Reason.TOO_LARGE
        assert "2000 arrays and objects" in str(error)


def deep(wrap: Callable[[Json], Json], levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = wrap(value)
    return value


WRAPS: list[Callable[[Json], Json]] = [
    lambda inner: [inner],
    lambda inner: {"a": inner},
    lambda inner: [0, inner, 0],
]


@pytest.mark.parametrize("wrap", WRAPS, ids=["list", "dict", "in the middle"])
def test_512_levels_pass_and_513_do_not(wrap: Callable[[Json], Json]) -> None:
    check_value(deep(wrap, 512))
    assert refusal(deep(wrap, 513)).reason == Reason.TOO_DEEP
    check_value(deep(wrap, 3), Limits(nesting=3))
    assert refusal(deep(wrap, 4), Limits(nesting=3)).reason == Reason.TOO_DEEP
    assert refusal(deep(wrap, 100_000)).reason == Reason.TOO_DEEP


@pytest.mark.parametrize("record", [None, [], (), 1, bytearray(b"{}"), collections.OrderedDict(), Record()])
def test_what_is_neither_text_nor_a_dict_is_no_record(record: Any) -> None:
    with pytest.raises(InvalidRecord, match=type(record).__name__) as caught:
        load(record)
    assert caught.value.reason == Reason.NOT_AN_OBJECT


@given(json_values(), st.sampled_from(sorted(WRONG)), st.data())
def test_one_wrong_value_anywhere_is_found(value: Json, name: str, data: st.DataObject) -> None:
    wrong, reason = WRONG[name]
    spoiled, pointer = plant(value, wrong, data)
    error = refusal(spoiled)
    assert (error.reason, error.pointer) == (reason, pointer)


def plant(value: Json, wrong: object, data: st.DataObject) -> tuple[object, str]:
    """The value with a wrong one in it, and the pointer to that."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        inner, pointer = plant(value[key], wrong, data)
        return {**value, key: inner}, "/" + key.replace("~", "~0").replace("/", "~1") + pointer
    if isinstance(value, list) and value and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(value) - 1))
        inner, pointer = plant(value[at], wrong, data)
        return [*value[:at], inner, *value[at + 1 :]], f"/{at}{pointer}"
    return wrong, ""


@given(objects(), st.integers(1, 200))
def test_a_mapping_and_its_text_stop_at_the_same_nesting(value: dict[str, Json], nesting: int) -> None:
    limits = Limits(nesting=min(nesting, 4))
    outcomes = []
    for form in (value, json.dumps(value)):
        try:
            outcomes.append(repr(load(form, limits)))
        except InvalidRecord as error:
            outcomes.append(error.reason)
    assert outcomes[0] == outcomes[1]


@given(records())
def test_the_size_limit_is_that_of_the_canonical_form(record: dict[str, Json]) -> None:
    size = len(definition(record))
    assert prepare(record, limits=Limits(record_bytes=size)).size == size
    with pytest.raises(InvalidRecord) as caught:
        prepare(record, limits=Limits(record_bytes=size - 1))
    assert caught.value.reason == Reason.TOO_LARGE


def test_no_room_on_the_call_stack_is_a_refusal_by_name() -> None:
    record: dict[str, Json] = {"source": {"kind": "k", "id": "i"}, "builder_version": "b"}
    record["x"] = deep(lambda inner: [inner], 511)
    expected = str(prepare(record).snapshot)
    forms: list[str | dict[str, Json]] = [record, json.dumps(record)]
    for form in forms:
        for room in range(60, 700, 20):
            assert with_room(room, lambda form=form: prepared_or_refused(form)) in (expected, Reason.TOO_DEEP)  # type: ignore[misc]


def prepared_or_refused(record: str | dict[str, Json]) -> str:
    try:
        return str(prepare(record).snapshot)
    except InvalidRecord as error:
        return error.reason


def test_an_interpreter_that_writes_shorter_integers_refuses_by_name() -> None:
    record: dict[str, Json] = {"source": {"kind": "k", "id": "i"}, "builder_version": "b", "x": 10**1000}
    forms: list[str | dict[str, Json]] = [record, json.dumps(record)]
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        for form in forms:
            with pytest.raises(InvalidRecord, match="640 digits"):
                prepare(form)
    finally:
        sys.set_int_max_str_digits(before)
