"""Python values that want to be records: the same rules as for text, on exact types."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pithstore.errors import InvalidRecord
from pithstore.limits import DEFAULT_LIMITS, MAX_INTEGER_DIGITS, Limits
from pithstore.pointer import write_pointer
from pithstore.refusal import Reason, refuse_value

_FIRST_TOO_LONG = 10**MAX_INTEGER_DIGITS


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
