"""Where a text stops being a record, and why: the slow reader that explains a refusal.

It shares no code with the parser of the standard library, so it is also its second opinion: the tests hold that
both accept the same texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import attrs

from pithstore.limits import MAX_INTEGER_DIGITS, Limits
from pithstore.pointer import write_pointer
from pithstore.refusal import Reason

_NULS = re.compile(
    rb"\x00[^\x00]|[^\x00]\x00(?:[^\x00]\x00|\x00\x00|\Z)|\x00\x00\x00[^\x00]"
)  # RFC 4627 section 3
_SPACE = re.compile(r"[ \t\n\r]*+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][-+]?[0-9]++)?")
_LITERAL = re.compile(r"true|false|null")
_NOT_FINITE = re.compile(r"-?(?:NaN|Infinity)")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*+')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_HIGH = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")
_LOW = re.compile(r"\\u[dD][c-fC-F][0-9a-fA-F]{2}")


@attrs.frozen
class Fault:
    """One rule broken at one place: `offset` in bytes from 0, `pointer` None where the encoding is at fault."""

    reason: Reason
    why: str
    offset: int
    pointer: str | None


class _Stop(Exception):
    def __init__(self, reason: Reason, why: str, position: int, pointer: str | None = None) -> None:
        super().__init__(why)
        self.reason, self.why, self.position, self.pointer = reason, why, position, pointer


def first_fault(data: bytes, limits: Limits) -> Fault | None:
    """The first place of a text that keeps it from being a JSON value by our rules; None for one that is."""
    fault = _encoding_fault(data, limits)
    if fault is not None:
        return fault
    text = data.decode()
    reader = _Reader(text, limits)
    try:
        reader.read()
    except _Stop as stop:
        offset = len(text[: stop.position].encode())
        pointer = reader.pointer() if stop.pointer is None else stop.pointer
        return Fault(stop.reason, stop.why, offset, pointer)
    return None


def _encoding_fault(data: bytes, limits: Limits) -> Fault | None:
    if len(data) > limits.record_bytes:
        why = f"the text is over the limit of {limits.record_bytes} bytes"
        return Fault(Reason.TOO_LARGE, why, limits.record_bytes, None)
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")) or _NULS.match(data):
        return Fault(Reason.OTHER_ENCODING, "not UTF-8 but UTF-16 or UTF-32; convert it to UTF-8", 0, None)
    if data.startswith(b"\xef\xbb\xbf"):
        return Fault(Reason.BYTE_ORDER_MARK, "a byte-order mark; take the first three bytes away", 0, None)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return _utf_8_fault(data, error.start)
    return None


def _utf_8_fault(data: bytes, start: int) -> Fault:
    if data[start] == 0xED and b"\xa0" <= data[start + 1 : start + 2] <= b"\xbf":  # RFC 3629 section 3: surrogates
        return Fault(Reason.LONE_SURROGATE, "a lone surrogate, which no UTF-8 can hold", start, None)
    return Fault(Reason.INVALID_UTF_8, f"byte 0x{data[start]:02X} is not UTF-8 here", start, None)


class _Container:
    """An object (with the keys seen so far) or a list that is open where the reader stands."""

    __slots__ = ("keys", "token")

    def __init__(self, *, is_object: bool) -> None:
        self.keys: set[str] | None = set() if is_object else None
        self.token: str | int | None = None


class _Reader:
    """Reads one text from the left to its first fault, with a stack of its own instead of the interpreter's."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.text = text
        self.limits = limits
        self.at = 0
        self.containers = 0
        self.open: list[_Container] = []

    def pointer(self) -> str:
        tokens: Iterator[str | int | None] = (container.token for container in self.open)
        return write_pointer(token for token in tokens if token is not None)

    def read(self) -> None:
        self.skip_space()
        if self.at == len(self.text):
            raise _Stop(Reason.EMPTY, "no JSON value", self.at)
        self.value()
        while self.open:
            self.member()
        self.skip_space()
        if self.at < len(self.text):
            raise self.syntax("more text after the value")

    def skip_space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def syntax(self, why: str) -> _Stop:
        found = repr(self.text[self.at]) if self.at < len(self.text) else "the end of the text"
        return _Stop(Reason.SYNTAX, f"{why}, found {found}", self.at)

    def value(self) -> None:
        self.skip_space()
        character = self.text[self.at : self.at + 1]
        if character in ("{", "["):
            self.enter(is_object=character == "{")
        elif character == '"':
            self.string()
        elif match := _LITERAL.match(self.text, self.at):
            self.at = match.end()
        else:
            self.number()

    def enter(self, *, is_object: bool) -> None:
        if len(self.open) == self.limits.nesting:
            raise _Stop(Reason.TOO_DEEP, f"nested deeper than {self.limits.nesting} levels", self.at)
        self.containers += 1
        if self.containers > self.limits.containers:
            why = f"more than {self.limits.containers} arrays and objects"
            raise _Stop(Reason.TOO_LARGE, why, self.at)
        self.open.append(_Container(is_object=is_object))
        self.at += 1

    def member(self) -> None:
        """Read on in the innermost open container: its next member, or its end."""
        container = self.open[-1]
        closing = "]" if container.keys is None else "}"
        self.skip_space()
        if self.text[self.at : self.at + 1] == closing:
            self.at += 1
            self.open.pop()
            return
        if container.token is not None:
            self.expect(",", f"',' or {closing!r} expected")
        self.enter_member(container)
        self.value()

    def enter_member(self, container: _Container) -> None:
        if container.keys is None:
            container.token = 0 if not isinstance(container.token, int) else container.token + 1
            return
        self.skip_space()
        start = self.at
        if self.text[start : start + 1] != '"':
            raise self.syntax("a key in double quotes expected")
        container.token = self.string()
        if container.token in container.keys:
            raise _Stop(Reason.DUPLICATE_KEY, f"the key {container.token[:80]!r} comes twice", start)
        container.keys.add(container.token)
        self.skip_space()
        self.expect(":", "':' expected")

    def expect(self, character: str, why: str) -> None:
        if self.text[self.at : self.at + 1] != character:
            raise self.syntax(why)
        self.at += 1

    def number(self) -> None:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            if _NOT_FINITE.match(self.text, self.at):
                raise _Stop(Reason.NOT_FINITE, "NaN and infinities are not JSON numbers", self.at)
            raise self.syntax("a JSON value expected")
        written = match[0]
        if match[1] is None and match[2] is None:
            if len(written.lstrip("-")) > MAX_INTEGER_DIGITS:
                why = f"an integer of more than {MAX_INTEGER_DIGITS} digits"
                raise _Stop(Reason.INTEGER_TOO_LONG, why, self.at)
        elif math.isinf(float(written)):
            raise _Stop(Reason.NUMBER_OVERFLOW, f"{written[:40]} is too large for a double", self.at)
        elif float(written) == 0 and any(digit in written.lower().partition("e")[0] for digit in "123456789"):
            raise _Stop(Reason.NUMBER_UNDERFLOW, f"{written[:40]} is too small for a double", self.at)
        self.at = match.end()

    def string(self) -> str:
        start = self.at
        self.at += 1
        pieces: list[str] = []
        while True:
            match = _PLAIN.match(self.text, self.at)
            end = match.end() if match else self.at
            pieces.append(self.text[self.at : end])
            self.at = end
            if end == len(self.text):
                self.at = start
                raise _Stop(Reason.SYNTAX, "a string that never ends", start)
            if self.text[end] == '"':
                self.at = end + 1
                return "".join(pieces)
            pieces.append(self.escape())

    def escape(self) -> str:
        """The character that the escape sequence at this place stands for."""
        match = _ESCAPE.match(self.text, self.at)
        if match is None:
            if self.text[self.at] == "\\":
                raise _Stop(Reason.SYNTAX, "an escape sequence that JSON does not have", self.at)
            raise _Stop(Reason.SYNTAX, "a control character in a string; write it as \\u00XX", self.at)
        start, self.at = self.at, match.end()
        if match[0][1] != "u":
            return {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}.get(match[0][1], match[0][1])
        return self.code_unit(start, match[0])

    def code_unit(self, start: int, written: str) -> str:
        if _HIGH.match(written) and (low := _LOW.match(self.text, self.at)):
            self.at = low.end()
            return chr(0x10000 + ((int(written[2:], 16) & 0x3FF) << 10) + (int(low[0][2:], 16) & 0x3FF))
        if _HIGH.match(written) or _LOW.match(written):
            raise _Stop(Reason.LONE_SURROGATE, f"a lone surrogate {written}, which no UTF-8 can hold", start)
        return chr(int(written[2:], 16))
