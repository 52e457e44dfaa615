"""Record text → sections in canonical bytes at the speed of msgspec and orjson, or no answer.

An answer is what `parse` and `canonical` give, byte for byte.  Where these libraries are known to go another way
there is no answer, and the definition decides: accepted or refused, and why.  docs/design/009-fast-path.md says
why each door is shut.
"""

from __future__ import annotations

from collections.abc import Collection

import attrs
import msgspec
import orjson

from pithstore.canonical import join
from pithstore.errors import InvalidRecord
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.model import Line
from pithstore.parse import double, overgrown
from pithstore.pointer import Json
from pithstore.profile import PITH, Profile, find_line
from pithstore.reading import Reading, Section, of_sections, read_record, read_section
from pithstore.section_memo import SectionMemo

SMALL = 4096
"""Bytes of a text from which on it is split into sections to be looked up: a smaller one is sooner parsed."""

LONE = 0.9
"""Share of a text from which on one section is the record: where it is another version, that section changed."""

_LEAST_MEMBER = len('"":0,')
"""Bytes that a lost member takes away at least."""

_HINT_BYTES = 64 * 1024


class _Odd(float):
    """A double whose text is a matter of taste: orjson does not know the type and asks `default` for it."""

    __slots__ = ()


class _Unsure(ValueError):
    """A member may have been lost, or there is more of something than allowed: the definition can tell."""


def read(
    text: str | bytes,
    limits: Limits = DEFAULT_LIMITS,
    wanted: Collection[str] = (),
    memo: SectionMemo | None = None,
) -> Reading | None:
    """What the text says, as the definition reads and writes it; None where only the definition can tell.

    `wanted` are the names of the sections of which the values are needed.  A section that the memo knows is taken
    from there, and one that is read is kept in it.
    """
    try:
        data = text if isinstance(text, bytes) else text.encode()
        if len(data) > limits.record_bytes:
            return None
        if memo is None or len(data) < SMALL:
            return _read(data, limits, wanted)
        return _recall(data, limits, wanted, memo)
    except (ValueError, orjson.JSONEncodeError, RecursionError):  # msgspec.DecodeError is a ValueError
        return None  # not JSON, not UTF-8, a lone surrogate, not finite, an integer over 64 bits, over 254 levels


def line_of(text: bytes, profile: Profile = PITH, limits: Limits = DEFAULT_LIMITS) -> Line | None:
    """The line that `prepare` finds in a text, or None; of a text that `prepare` refuses the answer says nothing.

    Only the sections that identify are parsed: a hint of where to look for the same text.
    """
    if len(text) > limits.record_bytes:
        return None
    try:
        texts = _SPLITTER.decode(text)
        named = {name: bytes(texts[name]) for name in profile.sections() if name in texts}
        if sum(map(len, named.values())) > _HINT_BYTES:
            return None
        return find_line({name: _PLAIN_DECODER.decode(value) for name, value in named.items()}, profile)
    except (ValueError, RecursionError, InvalidRecord):
        return None


class _Spelling:
    """How odd numbers are written; knows whether there was one."""

    __slots__ = ("odd",)

    def __init__(self) -> None:
        self.odd = False

    def __call__(self, number: _Odd) -> orjson.Fragment:
        self.odd = True
        return orjson.Fragment(repr(number))

    def write(self, value: Json) -> bytes:
        """The canonical bytes of a value that `_DECODER` gave."""
        written = orjson.dumps(value, default=self, option=orjson.OPT_SORT_KEYS)
        return b"%b" % written  # a copy: what orjson gives holds its buffer, of up to 14 times as many bytes


def _read(data: bytes, limits: Limits, wanted: Collection[str]) -> Reading:
    """The text parsed as a whole."""
    if overgrown(data, limits):
        raise _Unsure
    value: Json = _DECODER.decode(data)
    if not isinstance(value, dict) or len(value) > limits.sections:
        raise _Unsure
    spell = _Spelling()
    bodies = [(name, spell.write(value[name])) for name in sorted(value)]
    reading = read_record(value, bodies, spell.write)
    _check_members(data, reading.whole, spell.odd)
    if spell.odd:
        values = {name: _PLAIN_DECODER.decode(body) for name, body in bodies if name in wanted}
        return attrs.evolve(reading, values=values)
    return reading


def _recall(data: bytes, limits: Limits, wanted: Collection[str], memo: SectionMemo) -> Reading:
    """The text split into sections, each found in the memo or parsed on its own."""
    texts = {name: bytes(raw) for name, raw in _SPLITTER.decode(data).items()}
    if len(texts) > limits.sections:
        raise _Unsure
    if max(map(len, texts.values()), default=0) > LONE * len(data):
        return _read(data, limits, wanted)
    _check_members(data, b"".join(join(texts.items())), odd=False)
    names = sorted(texts)
    sections = [memo.find((name, texts[name])) or _learn(name, texts[name], limits, memo) for name in names]
    brackets = [section.brackets for section in sections]
    many = sum(brackets) >= limits.containers or max(brackets, default=0) >= limits.nesting
    if many and overgrown(data, limits):
        raise _Unsure
    bodies = [(name, section.body) for name, section in zip(names, sections, strict=True)]
    values: dict[str, Json] = {name: _PLAIN_DECODER.decode(body) for name, body in bodies if name in wanted}
    return of_sections(sections, b"".join(join(bodies)), values)


def _learn(name: str, text: bytes, limits: Limits, memo: SectionMemo) -> Section:
    """The section parsed, and kept in the memo; a text that alone is too much is not parsed."""
    brackets = text.count(b"[") + text.count(b"{")
    if brackets >= limits.nesting and overgrown(text, limits):
        raise _Unsure
    value: Json = _DECODER.decode(text)
    spell = _Spelling()
    body = spell.write(value)
    _check_members(text, body, spell.odd)
    section = read_section(name, value, text if text == body else body, spell.write, brackets)
    memo.keep((name, text), section)
    return section


def _check_members(text: bytes, kept: bytes, odd: bool) -> None:
    r"""Return if no member of the text was lost, where the decoder keeps the last of two equal keys.

    `kept` is what was read.  A lost member takes five bytes or more (`"":0,`) and only an odd number is
    ever written at greater length than it was read, so where fewer are missing none was lost.

    Else colons tell: each member has one outside strings.  Those in strings stay, or are lost too; only the escape
    \u003a could make a new one that hides the loss.
    """
    if not odd and 0 <= len(text) - len(kept) < _LEAST_MEMBER:
        return
    if b"\\" in text and b"\\u003" in text and b"\\u003a" in text.lower():  # the cheapest question first
        raise _Unsure
    if text.count(b":") != kept.count(b":"):
        raise _Unsure


def _double(written: str) -> float:
    """The number; odd where orjson may spell it in another way than `repr`, or `repr` is longer than the text.

    That is where one of them has an exponent, or many zeros.
    """
    number = float(written)
    if (1e-4 <= number < 1e16 or -1e16 < number <= -1e-4) and "e" not in written and "E" not in written:
        return number
    return _Odd(number) if double(written) else number


_SPLITTER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DECODER = msgspec.json.Decoder(float_hook=_double)
_PLAIN_DECODER = msgspec.json.Decoder(float_hook=float)
