"""Why a record is refused: the stable words, and the error that carries one with its place."""

from __future__ import annotations

from enum import StrEnum

from pithstore.errors import InvalidRecord


class Reason(StrEnum):
    """The stable word for each rule that a record can break."""

    EMPTY = "empty"
    SYNTAX = "syntax"
    INVALID_UTF_8 = "invalid-utf-8"
    BYTE_ORDER_MARK = "byte-order-mark"
    OTHER_ENCODING = "other-encoding"
    LONE_SURROGATE = "lone-surrogate"
    DUPLICATE_KEY = "duplicate-key"
    NOT_FINITE = "not-finite"
    NUMBER_OVERFLOW = "number-overflow"
    NUMBER_UNDERFLOW = "number-underflow"
    INTEGER_TOO_LONG = "integer-too-long"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"
    NOT_AN_OBJECT = "not-an-object"
    TYPE = "type"
    IDENTITY = "identity"
    OBSERVED_AT = "observed-at"
    ERASED = "erased"


def refuse_value(reason: Reason, why: str, pointer: str) -> InvalidRecord:
    """The error for a record that is a Python value; its place is a JSON Pointer."""
    where = f"at {_shown(pointer)}" if pointer else "at the record itself"
    return InvalidRecord(f"{why} ({where})", reason=reason, why=why, pointer=pointer)


def refuse_text(reason: Reason, why: str, data: bytes, offset: int, pointer: str | None) -> InvalidRecord:
    """The error for a record that is text; its place is a line (from 1) and a byte offset (from 0)."""
    line = data.count(b"\n", 0, offset) + 1
    inside = f", in {_shown(pointer)}" if pointer else ""
    message = f"{why} (line {line}, byte {offset}{inside})"
    return InvalidRecord(message, reason=reason, why=why, line=line, offset=offset, pointer=pointer)


def _shown(pointer: str) -> str:
    return repr(pointer if len(pointer) <= 100 else pointer[:60] + "…" + pointer[-30:])
