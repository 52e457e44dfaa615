"""Law 2: a text is taken as it stands or refused; the fast parser and the slow reader agree on every text."""

from __future__ import annotations

import json
import math
import random
import sys
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pithstore import parse as parse_module
from pithstore.errors import InvalidRecord
from pithstore.fault import first_fault
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.parse import count_rounded, parse, parse_value
from pithstore.pointer import Json
from pithstore.refusal import Reason
from pithstore.testing.strategies import json_values, objects
from tests.pure.laws import exactly, refused_for

FRAGMENTS = tuple(
    piece if isinstance(piece, bytes) else piece.encode()
    for piece in (
        *"{}[]:,\"\\ \n\t\r0123456789-+.eE/'#\0\x01\x1f\x7f",
        *("true", "false", "null", "NaN", "-Infinity", "Infinity", "1e400", "-1e-400", "0.0", "-0", "01", "1e5"),
        *('"a":1', '"a"', '{"a":', "[[", "]]", ",,", "//", "{}", "[]", '""', '"source"', "\\u", "\\u00"),
        *(r"\u0061", r"\ud800", r"\udc00", r"\ud83d\ude00", r"\n", r"\"", r"\\", "é", "😀", "\ufeff", "\xa0"),
        *(b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"\xed\xff", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"),
        *(b"[" * 600, b"9" * 4301, b'{"a":' * 513),
    )
)


def assert_readers_agree(data: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
    fault = first_fault(data, limits)
    reason = refused_for(data, limits)
    assert reason == (None if fault is None else fault.reason)
    if fault is None:
        assert exactly(parse_value(data, limits), json.loads(data))
        return
    assert 0 <= fault.offset <= len(data)
    if reason in (Reason.SYNTAX, Reason.EMPTY):
        with pytest.raises(ValueError):
            json.loads(data.decode())
    if reason == Reason.INVALID_UTF_8:
        with pytest.raises(UnicodeDecodeError) as caught:
            data.decode()
        assert caught.value.start == fault.offset


@given(objects(), st.sampled_from([None, 1]), st.booleans())
def test_what_is_accepted_is_what_the_text_says(
    value: dict[str, Json], indent: int | None, ensure_ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    assert exactly(parse(text), value)
    assert_readers_agree(text.encode())


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The text of an object after a few accidents: bytes flipped, cut out, put in, doubled, or cut off."""
    data = bytearray(json.dumps(draw(objects(max_leaves=8)), ensure_ascii=draw(st.booleans())).encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 6))
        accident = draw(st.sampled_from(("flip", "cut", "insert", "insert", "insert", "double", "truncate")))
        if accident == "flip":
            data[at : at + 1] = bytes(byte ^ (1 << length) for byte in data[at : at + 1])
        elif accident == "cut":
            del data[at : at + length]
        elif accident == "insert":
            data[at:at] = draw(st.sampled_from(FRAGMENTS))
        elif accident == "double":
            data[at:at] = data[at : at + 4 * length]
        else:
            del data[at:]
    return bytes(data)


@given(mutated())
def test_both_readers_agree_after_accidents(data: bytes) -> None:
    assert_readers_agree(data)


@given(st.lists(st.sampled_from(FRAGMENTS[:-3]), max_size=12).map(b"".join))
@example(b'{"\xed\xff":1}')
def test_both_readers_agree_on_any_tokens(data: bytes) -> None:
    assert_readers_agree(data)
    assert_readers_agree(b'{"a":' + data + b"}")


@given(st.binary(max_size=40))
def test_both_readers_agree_on_any_bytes(data: bytes) -> None:
    assert_readers_agree(data)
    assert_readers_agree(b'{"' + data + b'":1}')


@given(st.text(alphabet='[]{}"\\,:a1 \n', max_size=40), st.integers(1, 4))
def test_both_readers_agree_near_the_limit_of_nesting(text: str, nesting: int) -> None:
    assert_readers_agree(text.encode(), Limits(nesting=nesting))


def test_many_random_token_sequences_agree() -> None:
    order = random.Random(20260609)  # the same texts on every run: what they once found, they find again
    for _ in range(5000):
        pieces = order.choices(FRAGMENTS[:-3], k=order.randrange(1, 8))
        assert_readers_agree(b'{"a":' + b"".join(pieces) + b"}")


@given(objects(), st.integers(1, 6))
def test_nesting_is_counted_as_it_is(value: dict[str, Json], nesting: int) -> None:
    expected = Reason.TOO_DEEP if depth(value) > nesting else None
    assert refused_for(json.dumps(value), Limits(nesting=nesting)) == expected


def depth(value: Json) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(st.decimals(allow_nan=False, allow_infinity=False), st.booleans())
def test_a_number_is_its_double_and_is_counted_where_it_was_rounded(number: Decimal, as_array: bool) -> None:
    written = f"{number:e}" if number else "0.0"
    text = f'{{"a":[{written},1.5]}}' if as_array else f'{{"a":{written}}}'
    expected = float(written)
    if math.isinf(expected) or (expected == 0 and number):
        assert refused_for(text) in (Reason.NUMBER_OVERFLOW, Reason.NUMBER_UNDERFLOW)
        return
    assert exactly(parse(text)["a"], [expected, 1.5] if as_array else expected)
    assert count_rounded(text) == (Decimal(written) != Decimal(repr(expected)))


@pytest.mark.parametrize(
    ("numbers", "rounded"),
    [
        ("1, 2, 9007199254740993", 0),
        ("0.1, 1e5, 1E+5, 100000.0, 1.50, -0.0, 0e9", 0),
        ("0.1000000000000000055", 1),
        ("1e23, 9007199254740993.0, 0.30000000000000004, 0.3", 1),
        ("5e-324, 4.9e-324, 3e-324", 2),
    ],
)
def test_rounded_numbers_are_counted(numbers: str, rounded: int) -> None:
    text = f'{{"a":[{numbers}]}}'
    assert count_rounded(text) == count_rounded(text.encode()) == rounded
    parse(text)


@given(json_values(), st.sampled_from([None, 1]))
def test_any_value_is_read_and_only_an_object_is_a_record(value: Json, indent: int | None) -> None:
    text = " \n" + json.dumps(value, indent=indent)
    assert exactly(parse_value(text), value)
    if isinstance(value, dict):
        assert exactly(parse(text), value)
        return
    with pytest.raises(InvalidRecord, match="a record is a JSON object") as caught:
        parse(text)
    assert (caught.value.reason, caught.value.line, caught.value.offset) == (Reason.NOT_AN_OBJECT, 2, 2)


def test_an_interpreter_that_reads_shorter_integers_refuses_with_its_own_words() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(InvalidRecord, match=r"this Python refuses the text: .*640") as caught:
            parse('{"a":' + "1" * 641 + "}")
    finally:
        sys.set_int_max_str_digits(before)
    assert caught.value.reason == Reason.SYNTAX


def test_an_interpreter_that_reads_longer_integers_refuses_all_the_same() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        for digits in ("1" * 4301, "-" + "1" * 4301):
            assert refused_for(f'{{"a":{digits}}}') == Reason.INTEGER_TOO_LONG
        assert parse('{"a":' + "9" * 4300 + "}") == {"a": 10**4300 - 1}
    finally:
        sys.set_int_max_str_digits(before)


def test_no_room_on_the_call_stack_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shallow(json.JSONDecoder):
        def decode(self, s: str, _w: object = None) -> object:
            raise RecursionError

    monkeypatch.setattr(parse_module, "_DECODER", Shallow())
    with pytest.raises(InvalidRecord, match="call from a shallower place") as caught:
        parse("{}")
    assert caught.value.reason == Reason.TOO_DEEP
