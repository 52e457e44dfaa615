"""The definitions that the tests hold pithstore to, written with the standard library alone."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from pithstore.errors import InvalidRecord, UsageError
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.parse import parse_value
from pithstore.refusal import Reason

T = TypeVar("T")


def definition(value: object) -> bytes:
    """The canonical form `pith-json-1`, as the design defines it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def hash_of(value: object) -> str:
    """The SHA-256 of a value's canonical form."""
    return sha256(definition(value)).hexdigest()


def exactly(left: object, right: object) -> bool:
    """Whether two JSON values are the same in type, value and order: `0`, `0.0`, `-0.0` and False are four."""
    return repr(left) == repr(right)


def refused_for(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Reason | None:
    """The reason for which a text is refused as a JSON value; None where it is accepted."""
    try:
        parse_value(text, limits)
    except InvalidRecord as error:
        return Reason(error.reason)
    return None


def with_room(frames: int, call: Callable[[], T]) -> T:
    """What the call returns where only so many more frames fit on the call stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + frames)
    try:
        return call()
    finally:
        sys.setrecursionlimit(before)


def complaint(call: Callable[[], object]) -> str | None:
    """The text of the UsageError that the call raises; None where it raises none."""
    try:
        call()
    except UsageError as error:
        return str(error)
    return None
