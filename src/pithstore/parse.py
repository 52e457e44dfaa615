"""Text → record, strictly: what comes out is what the text says, or the text is refused by name and place.

The standard library does the parsing; the hooks close the doors that it leaves open (two equal keys, NaN,
numbers that become infinity or zero), and what it cannot be asked about (encoding, nesting) is looked at first.
When any of them says no, `fault.first_fault` reads the text again, slowly, to say where and why.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from itertools import accumulate
from typing import NoReturn

from pithstore.canonical import canonical
from pithstore.errors import InvalidRecord
from pithstore.fault import first_fault
from pithstore.limits import DEFAULT_LIMITS, MAX_INTEGER_DIGITS, Limits
from pithstore.pointer import Json
from pithstore.refusal import Reason, refuse_text

# Never fails and never goes back: an unterminated string runs to the end of the text.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_CHUNK = re.compile(rb'(?:[^"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)){1,4096}+', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NONZERO_MANTISSA = re.compile(r"[-0.]*+[1-9]")
_OPENING, _CLOSING = b"[{", b"]}"
_OTHERS = bytes(set(range(256)) - set(_OPENING + _CLOSING))
_STEPS = bytes(1 if byte in _OPENING else 0xFF for byte in range(256))  # as signed bytes: +1 and -1


class _Refused(ValueError):
    """One of the hooks said no; `first_fault` knows why."""


def parse(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, Json]:
    """The record that the text holds, whole and unchanged.

    Integers are exact; a number with a fraction or an exponent is its IEEE 754 double.  InvalidRecord says the
    rule, the line, the byte offset and the JSON Pointer of the first place that breaks a rule.
    """
    value = parse_value(text, limits)
    if not isinstance(value, dict):
        data = _utf_8(text)
        start = len(data) - len(data.lstrip())
        advice = "; put an array of records as JSON Lines, one record a line" if isinstance(value, list) else ""
        raise refuse_text(Reason.NOT_AN_OBJECT, f"a record is a JSON object{advice}", data, start, "")
    return value


def parse_value(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Json:
    """Any JSON value that the text holds, by the same rules."""
    data = _utf_8(text)
    try:
        return _decode(data, limits, _DECODER)
    except ValueError as error:
        message = str(error)
    except RecursionError:
        raise _no_room(data) from None
    raise _explained(data, limits, message)  # out here, where the error no longer holds what was parsed


def count_rounded(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> int:
    """How many numbers of a text that `parse` accepts are not what their double's shortest text says.

    Such a number (`0.1000000000000000055`) is kept as its double: the record is accepted, and a reader of the
    source may want to know that its digits said more.
    """
    rounded = 0

    def compare(written: str) -> float:
        nonlocal rounded
        number = float(written)
        if number and Decimal(written) != Decimal(repr(number)):
            rounded += 1
        return number

    _decode(_utf_8(text), limits, json.JSONDecoder(parse_float=compare))
    return rounded


def _utf_8(text: str | bytes) -> bytes:
    # A lone surrogate in a str becomes the bytes that no UTF-8 may hold; first_fault tells the two apart.
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _decode(data: bytes, limits: Limits, decoder: json.JSONDecoder) -> Json:
    if len(data) > limits.record_bytes or overgrown(data, limits):
        raise _Refused
    value: Json = decoder.decode(data.decode())
    if _SURROGATE.search(data):
        canonical(value)  # UnicodeEncodeError, a ValueError, where one of them stands alone
    return value


def overgrown(data: bytes, limits: Limits) -> bool:
    """Whether the text, up to its first error, has more arrays and objects than allowed, or deeper ones."""
    if data.count(b"[") + data.count(b"{") <= limits.nesting:  # and so within `containers`, always more
        return False
    depth = containers = 0
    for chunk in _CHUNK.finditer(data):  # in chunks: the pieces between strings would fill the memory
        brackets = _STRING.sub(b"", chunk[0]).translate(_STEPS, _OTHERS)
        steps = memoryview(brackets).cast("b")
        if depth + max(accumulate(steps), default=0) > limits.nesting:
            return True
        depth += sum(steps)
        containers += brackets.count(1)
    return containers > limits.containers


def _explained(data: bytes, limits: Limits, message: str) -> InvalidRecord:
    fault = first_fault(data, limits)
    if fault is None:  # the interpreter is set up to refuse more than the form does
        return refuse_text(Reason.SYNTAX, f"this Python refuses the text: {message}", data, 0, None)
    return refuse_text(fault.reason, fault.why, data, fault.offset, fault.pointer)


def _no_room(data: bytes) -> InvalidRecord:
    why = "no room left on the call stack to read the nesting; call from a shallower place"
    return refuse_text(Reason.TOO_DEEP, why, data, 0, None)


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused
    return members


def _integer(written: str) -> int:
    if len(written) > MAX_INTEGER_DIGITS and len(written.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise _Refused
    return int(written)


def double(written: str) -> float:
    """The double that a number with a fraction or an exponent means; ValueError where there is none for it."""
    number = float(written)
    if math.isinf(number) or (number == 0 and _NONZERO_MANTISSA.match(written)):
        raise _Refused
    return number


def _constant(name: str) -> NoReturn:
    raise _Refused(name)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=double, parse_int=_integer, parse_constant=_constant
)
