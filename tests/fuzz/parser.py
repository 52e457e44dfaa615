"""Target: the parsers.  A text is accepted where the standard library can be made to, and means the same."""

from __future__ import annotations

import json
import math
from typing import NoReturn

from pithstore import fast_path
from pithstore.canonical import canonical
from pithstore.errors import InvalidRecord
from pithstore.fault import first_fault
from pithstore.limits import MAX_INTEGER_DIGITS, Limits
from pithstore.parse import count_rounded, parse_value
from pithstore.pointer import Json
from pithstore.record import prepare
from pithstore.section_memo import SectionMemo
from tests.pure.laws import definition, exactly

LIMITS = Limits(record_bytes=64 * 1024, nesting=60)
_TOO_DEEP = 200  # levels; the standard library has room for more


def run(data: bytes) -> None:
    """Hold every reader of texts to the definition."""
    try:
        value = parse_value(data, LIMITS)
    except InvalidRecord as error:
        offset = error.offset
    else:
        assert _accepts(data)
        _check_value(data, value)
        return
    assert not _accepts(data)
    assert offset is not None
    assert 0 <= offset <= len(data)
    assert first_fault(data, LIMITS) is not None
    assert fast_path.read(data, LIMITS) is None


def _check_value(data: bytes, value: Json) -> None:
    """Hold what was parsed, and all that is made of it, to the definition."""
    loaded = json.loads(data.decode())
    assert exactly(value, loaded)
    assert canonical(value) == definition(loaded)
    assert first_fault(data, LIMITS) is None
    count_rounded(data, LIMITS)
    _check_readings(data, value)


def _check_readings(data: bytes, value: object) -> None:
    """What the fast path answers, with and without a memo, and what is made of a record."""
    memo = SectionMemo()
    for reading in (fast_path.read(data, LIMITS), *(fast_path.read(data, LIMITS, (), memo) for _ in range(2))):
        assert reading is None or (isinstance(value, dict) and reading.whole == definition(value))
    try:
        prepared = prepare(data, limits=LIMITS)
    except InvalidRecord:
        return
    assert prepared.size == len(definition(value))


def _accepts(data: bytes) -> bool:
    """Whether the rules of the design accept the text, by the standard library alone."""
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_no, parse_float=_double, parse_int=_integer
        )
        definition(value)  # no lone surrogate
    except (ValueError, RecursionError):
        return False
    depth, containers = _measure(value)
    return depth <= LIMITS.nesting and containers <= LIMITS.containers and len(data) <= LIMITS.record_bytes


def _measure(value: object) -> tuple[int, int]:
    """How deep the arrays and objects of a value are, and how many."""
    deepest = count = 0
    level = [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        deepest, count = deepest + 1, count + len(level)
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return deepest, count


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _no(text: str) -> NoReturn:
    raise ValueError(text)


def _double(text: str) -> float:
    number = float(text)
    if math.isinf(number) or (number == 0 and text.lower().partition("e")[0].strip("-0.")):
        raise ValueError(text)
    return number


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise ValueError(text)
    return int(text)
