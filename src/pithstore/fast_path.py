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

from pithstore.errors import InvalidRecord
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.model import Line
from pithstore.parse import double, overgrown
from pithstore.pointer import Json
from pithstore.profile import PITH, Profile, find_line
from pithstore.section_memo import Section, SectionMemo, section

_HINT_BYTES = 64 * 1024
_LEAST_MEMBER = len('"":0,')
"""Bytes that a lost member takes away.  Nothing that is kept gets longer, but for numbers that are odd."""


@attrs.frozen
class Reading:
    """A record that was read: its sections by name in order, and the values of those that were asked for."""

    sections: list[Section]
    values: dict[str, Json]


class _Odd(float):
    """A double whose text is a matter of taste: orjson does not know the type and asks `default` for it."""

    __slots__ = ()


class _Unsure(ValueError):
    """A member may have been lost, or there are more of something than allowed: only the definition can tell."""


def read(
    text: str | bytes,
    limits: Limits = DEFAULT_LIMITS,
    memo: SectionMemo | None = None,
    wanted: Collection[str] = (),
) -> Reading | None:
    """What the text says, as the definition reads and writes it; None where only the definition can tell.

    A section that the memo knows is taken from there; any other is read, and kept in it.  `wanted` are the names of
    the sections of which the values are needed.
    """
    try:
        data = text if isinstance(text, bytes) else text.encode()
        sections = _read(data, limits, memo)
        return Reading(
            [sections[name] for name in sorted(sections)],
            {name: _PLAIN_DECODER.decode(sections[name].body) for name in wanted if name in sections},
        )
    except (ValueError, orjson.JSONEncodeError, RecursionError):  # msgspec.DecodeError is a ValueError
        return None  # not JSON, not UTF-8, a lone surrogate, not finite, an integer over 64 bits, over 254 levels


def line_of(text: bytes, profile: Profile = PITH, limits: Limits = DEFAULT_LIMITS) -> Line | None:
    """The line that `prepare` finds in a text that it accepts, or None; of another text it says nothing."""
    try:
        texts = _split(text, limits)
        named = {name: bytes(texts[name]) for name in profile.sections() if name in texts}
        if sum(map(len, named.values())) > _HINT_BYTES:
            return None
        return find_line({name: _PLAIN_DECODER.decode(value) for name, value in named.items()}, profile)
    except (ValueError, RecursionError, InvalidRecord):
        return None


def _split(data: bytes, limits: Limits) -> dict[str, msgspec.Raw]:
    """Names and texts of the sections, of two equal names the last; the texts may still be wrong inside."""
    if len(data) > limits.record_bytes:
        raise _Unsure
    return _SPLITTER.decode(data)


def _read(data: bytes, limits: Limits, memo: SectionMemo | None) -> dict[str, Section]:
    texts = {name: bytes(raw) for name, raw in _split(data, limits).items()}
    if len(texts) > limits.sections:
        raise _Unsure
    sections: dict[str, Section] = {}
    spare, measured = limits.containers - 1, False
    for key in texts.items():
        found = memo.find(key) if memo else None
        brackets = found.brackets if found else key[1].count(b"[") + key[1].count(b"{")
        spare -= brackets
        if (spare < 0 or brackets >= limits.nesting) and not measured:
            if overgrown(data, limits):
                raise _Unsure
            measured = True
        if not found:
            found = _read_section(*key, brackets)
            if memo:
                memo.keep(key, found)
        sections[key[0]] = found
    if not _all_members(data, texts, sections):
        raise _Unsure
    return sections


def _read_section(name: str, text: bytes, brackets: int) -> Section:
    odd: list[float] = []

    def spell(number: _Odd) -> orjson.Fragment:
        odd.append(number)
        return orjson.Fragment(repr(number))

    def write(value: Json) -> bytes:
        return orjson.dumps(value, default=spell, option=orjson.OPT_SORT_KEYS)

    value = _DECODER.decode(text)
    body = write(value)
    spare = len(text) - len(body)
    if (odd or not 0 <= spare < _LEAST_MEMBER) and not _same_colons(text, text.count(b":"), body.count(b":")):
        raise _Unsure
    return section(name, value, text if text == body else body, write, brackets)


def _all_members(data: bytes, texts: dict[str, bytes], sections: dict[str, Section]) -> bool:
    """Whether these are all members of the text: the decoder keeps the last of two equal keys."""
    used = sum(map(len, texts.values())) + sum([len(known.start) for known in sections.values()]) + len(texts) + 1
    if len(data) - used < _LEAST_MEMBER:
        return True
    colons = sum([text.count(b":") for text in texts.values()])
    colons += sum([known.start.count(b":") for known in sections.values()])
    return _same_colons(data, data.count(b":"), colons)


def _same_colons(data: bytes, written: int, kept: int) -> bool:
    r"""Whether no member of the text was lost, given its colons and those of what was read.

    Each member has one colon outside strings, so a lost one leaves fewer colons.  The colons in strings stay, or
    are lost too; only the escape \u003a could make a new one that hides the loss.
    """
    if b"\\" in data and b"\\u003" in data and b"\\u003a" in data.lower():  # the cheapest question first
        return False
    return written == kept


def _double(written: str) -> float:
    """The number, odd where orjson may spell it in another way than `repr`, or `repr` at greater length than the text.

    That is where one of them has an exponent, or many zeros.
    """
    number = float(written)
    if (1e-4 <= number < 1e16 or -1e16 < number <= -1e-4) and "e" not in written and "E" not in written:
        return number
    return _Odd(double(written))


_SPLITTER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_DECODER = msgspec.json.Decoder(float_hook=_double)
_PLAIN_DECODER = msgspec.json.Decoder(float_hook=float)
