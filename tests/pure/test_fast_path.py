"""The fast path gives what the definition gives, or no answer: no text becomes another value, byte or error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from random import Random
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore import fast_path
from pithstore.canonical import canonical, canonical_sections
from pithstore.declared.declarations import declarations
from pithstore.digest import Digest
from pithstore.errors import InvalidRecord
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.parse import parse, parse_value
from pithstore.pointer import Json
from pithstore.reading import Reading
from pithstore.record import prepare, snapshot_hash
from pithstore.section_memo import SectionMemo
from pithstore.testing.strategies import objects, records
from tests.pure.archives import json_test_suite, naughty_strings, seed_text
from tests.pure.hostile import CASES, Case, record_text
from tests.pure.laws import definition, with_room
from tests.pure.spellings import (
    double,
    escaped,
    integer,
    leaf_text,
    number_text,
    object_text,
    text_value,
    twice,
    value_text,
)
from tests.pure.test_parse import FRAGMENTS, mutated

MEMO = SectionMemo(4 * 1024 * 1024)
"""It sees every text of these tests, and is full of sections of others when one comes."""

VALUES = int(os.environ.get("PITHSTORE_VALUES", "60000"))
"""How many values the fuzz looks at."""


def types(value: object) -> object:
    """The exact types in a value: a subclass of float would say the same and be another thing."""
    if isinstance(value, dict):
        return {key: (type(key), types(item)) for key, item in value.items()}
    return [types(item) for item in value] if isinstance(value, list) else type(value)


def outcome(text: str | bytes, limits: Limits, memo: SectionMemo | None = None) -> object:
    """All that a caller of `prepare` sees."""
    try:
        prepared = prepare(text, limits=limits, memo=memo)
    except InvalidRecord as error:
        return type(error), str(error), error.reason, error.why, error.line, error.offset, error.pointer
    assert snapshot_hash(text, limits) == prepared.snapshot
    return prepared, repr(prepared), types(prepared.source_version)


@contextmanager
def every_text_is_split() -> Iterator[None]:
    """A text of any size, and of one large section too, is looked up by section."""
    with mock.patch.multiple(fast_path, SMALL=0, LONE=1):
        yield


def readings(text: str | bytes, limits: Limits, wanted: Collection[str] = ()) -> list[Reading | None]:
    """The text as a whole, and by section with a memo that knows nothing, some and all of it."""
    cold = SectionMemo()
    with every_text_is_split():
        by_section = [fast_path.read(text, limits, wanted, memo) for memo in (cold, MEMO, cold)]
    return [fast_path.read(text, limits, wanted), *by_section]


_HUGE = 2**22


def agree(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Hold the text as read by every way against the definition; whether the fast path had an answer."""
    with mock.patch.object(fast_path, "read", return_value=None):
        slow = outcome(text, limits)
    assert outcome(text, limits) == slow
    with every_text_is_split():
        for memo in (cold := SectionMemo(), MEMO, cold) if len(text) < _HUGE else (MEMO,):
            assert outcome(text, limits, memo) == slow
    if len(text) >= _HUGE:
        return False  # one way of each kind is enough for a text that takes seconds
    whole, *by_section = readings(text, limits)
    if any((whole, *by_section)):
        value = parse(text, limits)
        for reading in filter(None, readings(text, limits, value)):
            hold(reading, value)
    assert all(by_section) or not any((whole, *by_section))
    return whole is not None


def hold(reading: Reading, value: dict[str, Json]) -> None:
    """Hold what was read against the value by the definition."""
    assert definition({name: reading.values[name] for name in value}) == definition(value)
    assert types({name: reading.values[name] for name in value}) == types(value)
    assert [(entry.name, body) for entry, body in zip(reading.entries, reading.bodies, strict=True)] == (
        canonical_sections(value)
    )
    assert all(
        Digest.of(body) == entry.digest for entry, body in zip(reading.entries, reading.bodies, strict=True)
    )
    assert all(len(body) == entry.size for entry, body in zip(reading.entries, reading.bodies, strict=True))
    assert reading.declarations == declarations(value, dict(canonical_sections(value)))
    assert reading.whole == definition(value)


def agree_inside(value: bytes, limits: Limits = DEFAULT_LIMITS) -> bool:
    """The same of a record that has this text as one of its sections, and of the text alone."""
    agree(value, limits)
    return agree(record_text("x", value), limits)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile_texts(case: Case) -> None:
    agree(case.text, case.limits)


def test_the_json_test_suite() -> None:
    for text in json_test_suite().values():
        agree_inside(text)
        agree(b'{"a":' + text + b"}")


def test_naughty_strings() -> None:
    for string in naughty_strings():
        record = {"source": {"kind": "k", "id": string}, "builder_version": string, string: {string: [string]}}
        for ensure_ascii in (True, False):
            assert agree(json.dumps(record, ensure_ascii=ensure_ascii)) == (b"\\u003a" not in canonical(string))


def test_a_real_record_in_its_usual_spellings_takes_the_fast_path() -> None:
    record = json.loads(seed_text())
    for indent in (None, 0, 2):
        for ensure_ascii in (True, False):
            for separators in (None, (",", ":")):
                text = json.dumps(record, indent=indent, ensure_ascii=ensure_ascii, separators=separators)
                assert agree(text)
    assert agree(definition(record))


@given(records(), st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_records(record: dict[str, Json], indent: int | None, ensure_ascii: bool, sort_keys: bool) -> None:
    agree(json.dumps(record, indent=indent, ensure_ascii=ensure_ascii, sort_keys=sort_keys))
    agree(definition(record))


@given(objects())
def test_objects(value: dict[str, Json]) -> None:
    agree_inside(definition(value))


@given(mutated())
def test_texts_after_accidents(data: bytes) -> None:
    agree_inside(data)


@given(st.lists(st.sampled_from(FRAGMENTS[:-3]), max_size=12).map(b"".join))
def test_any_tokens(data: bytes) -> None:
    agree_inside(data)
    agree(b'{"a":' + data + b"}")


@given(st.one_of(st.binary(max_size=40), st.text(max_size=20)))
@example("\ud800")
@example('{"a":"\udc00"}')
def test_any_bytes_and_any_text(text: bytes | str) -> None:
    agree(text)
    agree(b'{"a":"' + text + b'"}' if isinstance(text, bytes) else f'{{"a":"{text}"}}')


FLOATS = (
    *("0.396", "1.0", "1.50", "1e-7", "1e-07", "2.5e-05", "0.000025", "0.0001", "0.00009999999999999999", "1E-4"),
    *("9.999999999999999e-5", "1e-9", "1.0e-9", "9.99e-10", "1e-10", "1e15", "1e16", "9999999999999998.0", "1e17"),
    *(
        "123456789012345680.0",
        "1e21",
        "1e22",
        "1e23",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072014e-308",
    ),
    *(
        "0.0",
        "-0.0",
        "0e0",
        "0.000",
        "-0e-999",
        "-1e-5",
        "-0.0001",
        "-1e16",
        "1e0000000000000000000000000000000001",
    ),
    *("0." + "0" * 300 + "1", "0." + "0" * 400, "1" + "0" * 300 + ".5", "0.1000000000000000055511151231257827"),
    *("9007199254740993.0", "5.684341886080802e-14", "9.5367431640625e-07", "2.2250738585072011e-308"),
)
BIG = tuple(str(sign * (2**power + near)) for sign in (1, -1) for power in (64, 65, 128, 1024) for near in (0, 1))
NEAR = tuple(2**power + near for power in (31, 32, 52, 53, 54, 62, 63) for near in (-1, 0, 1))
SMALL = tuple(str(sign * number) for sign in (1, -1) for number in (0, 1, *NEAR) if sign * number >= -(2**63))


@pytest.mark.parametrize("number", [*FLOATS, *SMALL, "-0", str(2**64 - 1)])
def test_numbers_that_the_fast_path_takes(number: str) -> None:
    assert agree_inside(number.encode())
    assert agree_inside(f'[{{"b":{number},"a":[{number},1.5]}}]'.encode())


@pytest.mark.parametrize("number", [*BIG, str(-(2**63) - 1), "1e400", "1e-400", "-1e-400", "2e-324", "NaN", "01"])
def test_numbers_that_it_leaves_to_the_definition(number: str) -> None:
    assert not agree_inside(number.encode())


def test_every_power_of_two_and_ten_and_its_neighbours() -> None:
    powers = [2.0**power for power in range(-1074, 1024)] + [float(f"1e{power}") for power in range(-323, 309)]
    spelled = [repr(near) for power in powers for near in (power, power * (1 - 2**-53), power * (1 + 2**-52))]
    assert agree(record_text("powers", f"[{','.join(text for text in spelled if text != 'inf')}]".encode()))


def test_the_version_of_a_source_may_be_a_float_of_odd_spelling() -> None:
    assert agree('{"source":{"kind":"k","id":"i","version":1e-7},"builder_version":"b"}')


@pytest.mark.parametrize(
    "text",
    [
        r'{"a":1,"a":"\u003a"}',  # the escape makes the colon that the loss of a member takes away
        r'{"a":1,"a":"\u003A"}',
        r'{"\u003a":1,":":2}',
        r'{"x":[{"a":{"b":1},"\u0061":":"}]}',
        '{"a":":","a":"::"}',
        '{"a":1,"a":1e6}',  # the canonical form is as long as the text
        '{"a":1,"b":2,"a":100000000.0}',
        '{"a":1,"a":1}',
        '{"source":{"kind":"k","kind":"k","id":"i"},"builder_version":"b"}',
    ],
)
def test_a_key_that_comes_twice_is_never_lost(text: str) -> None:
    assert not agree_inside(text.encode())
    assert not agree_inside(b"[" + text.encode() + b"]")


@pytest.mark.parametrize("escape", [r"\u003c", r"\u003e", r"\u0026", r"\u00e9", r"\/", r"\ud83d\ude00", r"\\u003"])
def test_common_escapes_take_the_fast_path(escape: str) -> None:
    assert agree_inside(f'{{"a{escape}":"{escape}","b":":{escape}:"}}'.encode())


@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("nesting", [2, 100, 254, 255, 256, 257, 511, 512])
def test_depth_near_the_limits(pair: tuple[str, str], nesting: int) -> None:
    limits, step = Limits(nesting=nesting), len(pair[1])
    for depth in {1, *range(252, 259), *range(nesting - 3, nesting + 3), *range(510, 515)}:
        levels = max(0, depth - 1) // step
        inmost = "[1]" if depth % 2 else "1"
        text = record_text("deep", (pair[0] * levels + inmost + pair[1] * levels).encode())
        agree(text, limits)
        agree(text, Limits(record_bytes=len(text), nesting=nesting))


def test_depth_is_taken_as_far_as_orjson_writes() -> None:
    assert agree_inside(b"[" * 254 + b"]" * 254)
    assert not agree_inside(b"[" * 255 + b"]" * 255)


def test_no_room_on_the_stack_is_no_answer() -> None:
    text = record_text("deep", b"[" * 200 + b"]" * 200)
    assert with_room(60, lambda: fast_path.read(text)) is None
    assert fast_path.read(text) is not None


def test_size_is_held_to_the_limits() -> None:
    text = record_text("size", b"[1e15,1e15]")
    for size in range(len(text) - 2, len(text) + 40):
        agree(text, Limits(record_bytes=size))


def numbers(random: Random, count: int) -> str:
    return f"[{','.join(number_text(double(random), random) for _ in range(count))}]"


def integers(random: Random, count: int) -> str:
    return f"[{', '.join(str(integer(random)) for _ in range(count))}]"


def strings(random: Random, count: int) -> str:
    return f"[{','.join(escaped(text_value(random), random) for _ in range(count))}]"


def trees(random: Random, count: int) -> str:
    return f"[{','.join(value_text(random, 3, leaf_text) for _ in range(count // 8))}]"


BATCHES: tuple[Callable[[Random, int], str], ...] = (numbers, numbers, integers, strings, trees)


def agree_in_bulk(text: str) -> bool:
    """What `agree` says of the section, without the rest of a record: cheap enough for millions of values."""
    expected = canonical(parse_value(text))
    found = [reading for reading in readings(f'{{"a":{text}}}', DEFAULT_LIMITS, "a") if reading]
    for reading in found:
        assert reading.bodies == (expected,)
        assert reading.whole == b'{"a":%b}' % expected
        assert canonical(reading.values["a"]) == expected
    return len(found) == 4


def batches(random: Random, size: int) -> Iterator[tuple[str, int]]:
    left = VALUES
    while left > 0:
        for make in BATCHES:
            yield make(random, size), size
        left -= size * len(BATCHES)


def test_millions_of_values() -> None:
    taken = seen = 0
    for text, size in batches(Random(20260611), 500):  # the same on every run: what it once found, it finds again
        seen += size
        taken += size * agree_in_bulk(text)
    assert seen >= VALUES
    assert taken == seen


def test_many_objects_with_a_key_that_comes_twice() -> None:
    random = Random(20260612)
    for _ in range(max(500, VALUES // 200)):
        members = [(text_value(random), value_text(random, 1, leaf_text)) for _ in range(random.randint(1, 4))]
        text = twice(random, members)
        for _ in range(random.randrange(3)):
            text = object_text(random, [("a", text), ("b", leaf_text(random))])
        assert not any(readings(text, DEFAULT_LIMITS))
        assert not any(readings(f'{{"a":[{text}]}}', DEFAULT_LIMITS))
        assert not any(readings(f'{{"b":0,"a":[{text}]}}', DEFAULT_LIMITS))
