"""The canonical form `pith-json-1`: one JSON value, one byte string.

The definition is the standard library: `json.dumps(value, sort_keys=True, separators=(",", ":"),
ensure_ascii=False, allow_nan=False)` in UTF-8.  It is not RFC 8785: `1.0`, `1e-7`, integers over 2^53 and the
order of keys outside the Basic Multilingual Plane differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator

import attrs

from pithstore.errors import InvalidRecord, UsageError
from pithstore.pointer import Json, write_pointer
from pithstore.refusal import Reason, refuse_value

CANONICAL_FORM = "pith-json-1"
MAX_RECORD_BYTES = 16 * 1024 * 1024
MAX_NESTING = 512
MAX_INTEGER_DIGITS = 4300
_FIRST_TOO_LONG = 10**MAX_INTEGER_DIGITS

# Values come from `parse` or passed `check_value`, so none holds itself: the circle check would only cost time.
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode


def _positive(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 1:
        raise UsageError(f"the limit {attribute.name} is at least 1, not {value}")


def _only_downwards(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value > MAX_NESTING:
        raise UsageError(f"the limit {attribute.name} is at most {MAX_NESTING}, not {value}: parsers die beyond")


@attrs.frozen
class Limits:
    """How large (bytes, of the text and of the canonical form) and how deep a record may be.

    An array or object takes two bytes of text and up to 232 of memory, so their number is limited too, to one for
    each 8 bytes of `record_bytes`: what a hostile text makes us hold stays below 40 times the limit.
    """

    record_bytes: int = attrs.field(default=MAX_RECORD_BYTES, validator=_positive)
    nesting: int = attrs.field(default=MAX_NESTING, validator=[_positive, _only_downwards])

    @property
    def containers(self) -> int:
        """How many arrays and objects a record may hold."""
        return max(1000, self.record_bytes // 8)


DEFAULT_LIMITS = Limits()


def canonical(value: Json) -> bytes:
    """The canonical bytes of a value that `parse` gave or `check_value` passed."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        raise  # a lone surrogate: `parse` asks for this, `check_value` has looked before
    except RecursionError:  # the encoder takes a frame of the interpreter for each level of nesting
        why = "no room left on the call stack to write the nesting; call from a shallower place"
        raise refuse_value(Reason.TOO_DEEP, why, "") from None
    except ValueError as error:  # sys.set_int_max_str_digits below the 4,300 that the form allows
        raise refuse_value(Reason.INTEGER_TOO_LONG, f"this Python does not write it: {error}", "") from None


def canonical_sections(record: dict[str, Json]) -> list[tuple[str, bytes]]:
    """Name and canonical bytes of each section, in the order of the names (by code point, as the form sorts)."""
    return [(name, canonical(record[name])) for name in sorted(record)]


def join(sections: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The canonical bytes of the record that has these sections, in pieces; names in the order of the form.

    The join law: a record's canonical form is that of its sections put together, so it never needs to be parsed.
    """
    before = b"{"
    for name, body in sections:
        yield before + canonical(name) + b":"
        yield body
        before = b","
    yield b"}" if before == b"," else b"{}"


def check_value(value: object, limits: Limits = DEFAULT_LIMITS) -> None:
    """Return if a Python value may stand in a record; InvalidRecord with its JSON Pointer if not.

    The types are exact: a subclass may write itself in another way.  Every value and every character counts for
    at least one byte, so a value that holds itself, or one list in many places, ends at the limits.
    """
    bytes_left = limits.record_bytes - _least_bytes(value, [])
    containers_left = limits.containers - 1
    path: list[str | int] = []
    stack = [_members(value, path)]
    while stack:
        for token, item in stack[-1]:
            path.append(token)
            bytes_left -= _least_bytes(item, path) + (len(token) if isinstance(token, str) else 0)
            containers_left -= isinstance(item, dict | list)
            if bytes_left < 0 or containers_left < 0:
                raise _over(limits, bytes_left)
            if isinstance(item, dict | list):
                if len(stack) >= limits.nesting:
                    raise _refuse(Reason.TOO_DEEP, f"nested deeper than {limits.nesting} levels", path)
                stack.append(_members(item, path))
                break
            path.pop()
        else:
            stack.pop()
            if path:
                path.pop()


def _over(limits: Limits, bytes_left: int) -> InvalidRecord:
    what = f"{limits.record_bytes} bytes" if bytes_left < 0 else f"{limits.containers} arrays and objects"
    return refuse_value(Reason.TOO_LARGE, f"the record is over the limit of {what}", "")


def _refuse(reason: Reason, why: str, path: list[str | int]) -> InvalidRecord:
    return refuse_value(reason, why, write_pointer(path))


def _members(item: object, path: list[str | int]) -> Iterator[tuple[str | int, object]]:
    if isinstance(item, list):
        yield from enumerate(item)
    elif isinstance(item, dict):
        for key, member in item.items():
            if type(key) is not str:
                raise _refuse(Reason.TYPE, f"a key is of type {type(key).__name__}, not str", path)
            _check_text(key, path)
            yield key, member


def _least_bytes(item: object, path: list[str | int]) -> int:
    if type(item) is str:
        return 2 + _check_text(item, path)
    if type(item) is float:
        if not math.isfinite(item):
            raise _refuse(Reason.NOT_FINITE, f"{item} is not a JSON number", path)
        return 3
    if type(item) is int:
        if abs(item) >= _FIRST_TOO_LONG:
            why = f"an integer of more than {MAX_INTEGER_DIGITS} digits"
            raise _refuse(Reason.INTEGER_TOO_LONG, why, path)
        return 1
    if type(item) is dict or type(item) is list or type(item) is bool or item is None:
        return 2
    why = f"a value of type {type(item).__name__}; a record holds dict, list, str, int, float, bool and None"
    raise _refuse(Reason.TYPE, why, path)


def _check_text(text: str, path: list[str | int]) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        why = f"a lone surrogate U+{ord(text[error.start]):04X}, which no UTF-8 can hold"
        raise _refuse(Reason.LONE_SURROGATE, why, path) from None
