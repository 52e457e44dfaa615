"""Record text → sections in canonical bytes at the speed of msgspec and orjson, or no answer.

An answer is what `parse` and `canonical` give, byte for byte.  Where these libraries are known to go another way
there is no answer, and the definition decides: accepted or refused, and why.  docs/design/009-fast-path.md says
why each door is shut.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TypeAlias

import attrs
import msgspec
import orjson

from pithstore.canonical import start_of
from pithstore.limits import DEFAULT_LIMITS, Limits
from pithstore.model import Line, Source
from pithstore.parse import double, overgrown
from pithstore.pointer import Json, read_pointer
from pithstore.profile import PITH, Profile
from pithstore.reading import Reading, Section, of_sections, read_record, read_section
from pithstore.section_memo import Known, Layout, SectionMemo, charge_of

SMALL = 4096
"""Bytes of a text from which on it is split into sections to be looked up: a smaller one is sooner parsed."""

LONE = 0.9
"""Share of a text from which on one section is the record: where it is another version, that section changed."""

_LEAST_MEMBER = len('"":0,')
"""Bytes that a lost member takes away at least."""

_WRITTEN_LEVELS = 255
"""Levels of a record that orjson writes at most: 254 in a section."""

_GUESS_BYTES = 100
_SPACE = b" \t\n\r"

_USUAL_BYTES = 4096
"""Bytes of a text outside its sections, names and spaces, up to which its names are remembered."""

_Names: TypeAlias = Callable[[bytes], list[str]]
"""Kind, id and builder_version in a text; ValueError where it does not say them."""


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
    source_id: str = PITH.source_id,
) -> Reading | None:
    """What the text says, as the definition reads and writes it; None where only the definition can tell.

    `wanted` are the names of the sections of which the values are needed.  A section that the memo knows is taken
    from there, and one that is read is kept in it; `source_id` is the rule of a profile.
    """
    try:
        data = text if isinstance(text, bytes) else text.encode()
        if len(data) > limits.record_bytes:
            return None
        if memo is None or len(data) < SMALL:
            return _read(data, limits, wanted)
        return _recall(data, limits, wanted, memo, source_id)
    except (ValueError, orjson.JSONEncodeError, RecursionError):  # msgspec.DecodeError is a ValueError
        return None  # not JSON, not UTF-8, a lone surrogate, not finite, an integer over 64 bits, over 254 levels


def line_of(text: bytes, profile: Profile = PITH, limits: Limits = DEFAULT_LIMITS) -> Line | None:
    """The line that `prepare` finds in a text, or None; of a text that `prepare` refuses the answer says nothing.

    Only the names of the line are read: a hint of where to look for the same text.  None too for a profile with a
    rule that leads into a list.
    """
    if len(text) > limits.record_bytes:
        return None
    try:
        kind, identity, builder = _names(profile.source_kind, profile.source_id, profile.builder_version)(text)
    except (AttributeError, ValueError, RecursionError):  # the first where a rule leads into another's text
        return None
    return Line(Source(kind, identity), builder)


@lru_cache(maxsize=64)  # asked for every record
def _names(*rules: str) -> _Names:
    """What reads kind, id and builder_version by these rules of a profile."""
    pointers = [read_pointer(rule) for rule in rules if rule.startswith("/")]
    fields = {token: f"field{i}" for i, token in enumerate({token for pointer in pointers for token in pointer})}
    decoder: msgspec.json.Decoder[msgspec.Struct | str] = msgspec.json.Decoder(_shape(pointers, fields))
    ways = [_way(rule, fields) for rule in rules]

    def read_names(text: bytes) -> list[str]:
        found = decoder.decode(text)
        return [way(found) for way in ways]

    return read_names


def _way(rule: str, fields: Mapping[str, str]) -> Callable[[msgspec.Struct | str], str]:
    """What a rule says of a text that was decoded."""
    if not rule.startswith("/"):
        return lambda _: rule
    return attrgetter(".".join(fields[token] for token in read_pointer(rule)))


def _shape(pointers: Collection[tuple[str, ...]], fields: Mapping[str, str]) -> type[msgspec.Struct | str]:
    """The type of what these pointers lead to, all else left out: text where one ends."""
    if () in pointers:
        return str
    inside = {token: [pointer[1:] for pointer in pointers if pointer[0] == token] for (token, *_) in pointers}
    members = [(fields[token], _shape(rest, fields)) for token, rest in inside.items()]
    return msgspec.defstruct("Names", members, rename={fields[token]: token for token in inside}, gc=False)


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
    if _overgrown(data, limits):
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


def _overgrown(data: bytes, limits: Limits) -> bool:
    """The same as `overgrown` of a text that can be written, at no cost where it is too short for that."""
    if len(data) <= 2 * limits.containers and limits.nesting >= _WRITTEN_LEVELS:
        return False
    return overgrown(data, limits)


def _recall(data: bytes, limits: Limits, wanted: Collection[str], memo: SectionMemo, source_id: str) -> Reading:
    """The text taken apart into sections, each known to the memo or parsed on its own."""
    if _overgrown(data, limits):
        raise _Unsure
    guess = guess_source(data, source_id)
    before = memo.find(guess)
    known = (_follow(data, before) if before is not None else None) or _split(data, limits, before)
    if known is None:
        return _read(data, limits, wanted)
    layout, found = known.layout, known.sections
    if len(found) > limits.sections:
        raise _Unsure
    if known is not before:
        memo.keep(guess, known)
    values: dict[str, Json] = {
        name: _PLAIN_DECODER.decode(section.body)
        for name, section in zip(layout.names, found, strict=True)
        if name in wanted
    }
    sections = [found[i] for i in layout.order]
    return of_sections(sections, _fill(layout.frame, [section.body for section in sections]), values)


def guess_source(text: bytes, source_id: str) -> bytes:
    """The bytes where, by that rule of a profile, the id of the source seems to stand: nothing depends on it.

    Texts about one source have the same.
    """
    at = 0
    for mark in _marks(source_id):
        at = text.find(mark, at)
    return text[at : text.find(b",", at)][:_GUESS_BYTES] if at > 0 else b""


@lru_cache(maxsize=64)
def _marks(source_id: str) -> list[bytes]:
    """The names that stand, one behind the other, in front of the id of the source."""
    return [b'"%b"' % name.encode() for name in read_pointer(source_id)] if source_id.startswith("/") else []


def _follow(data: bytes, before: Known) -> Known | None:
    """What the text says if its sections have the names, order and spaces of the last one; None if not.

    A section is known where its last text stands between its start and that of the next one; else all that stands
    there is parsed.  So starts and sections are well-formed, and together they are all of the text.
    """
    end = data.rfind(b"}")
    starts, texts = before.layout.starts, before.texts
    if not starts or data[end + 1 :].strip(_SPACE):
        return None
    changed: list[tuple[int, bytes]] = []
    at = 0
    for i, (start, text) in enumerate(zip(starts, texts, strict=True)):
        if not data.startswith(start, at):
            return None
        at += len(start)
        if data.startswith(text, at):
            at += len(text)
            continue
        stop = data.find(starts[i + 1], at, end) if i + 1 < len(starts) else end
        if stop < 0:
            return None
        changed.append((i, data[at:stop]))
        at = stop
    return _learn_changed(before, changed) if at == end else None


def _learn_changed(before: Known, changed: Sequence[tuple[int, bytes]]) -> Known | None:
    """What was known, with these texts in their places; None where only the definition can tell what one says."""
    if not changed:
        return before
    texts, sections, charge = list(before.texts), list(before.sections), before.charge
    try:
        for i, text in changed:
            section = _learn(before.layout.names[i], text)
            charge += charge_of(text, section) - charge_of(texts[i], sections[i])
            texts[i], sections[i] = text, section
    except (ValueError, orjson.JSONEncodeError, RecursionError):
        return None
    return Known(before.layout, tuple(texts), tuple(sections), charge)


def _split(data: bytes, limits: Limits, before: Known | None) -> Known | None:
    """What any text says, with what was known before; None for one that is sooner parsed as a whole."""
    texts = {name: bytes(raw) for name, raw in _SPLITTER.decode(data).items()}
    if len(texts) > limits.sections:
        raise _Unsure
    sizes = [len(text) for text in texts.values()]
    if max(sizes, default=0) > LONE * len(data):
        return None
    names, outside = tuple(texts), len(data) - sum(sizes)
    spaced = data.startswith(b"".join((b"{", *map(start_of, names[:1]), b" ")))
    layout = _usual_layout(names, spaced) if outside <= _USUAL_BYTES else _layout(names, spaced)
    if not 0 <= outside - sum(map(len, layout.frame)) < _LEAST_MEMBER:
        _check_members(data, _fill(layout.frame, [texts[names[i]] for i in layout.order]), odd=False)
    known = {} if before is None else dict(zip(before.layout.names, before.sections, strict=True))
    same = set() if before is None else set(zip(before.layout.names, before.texts, strict=True))
    sections = [known[name] if (name, text) in same else _learn(name, text) for name, text in texts.items()]
    return Known(layout, tuple(texts.values()), tuple(sections), sum(map(charge_of, texts.values(), sections)))


def _layout(names: tuple[str, ...], spaced: bool) -> Layout:
    """The layout of a text with these sections, as JSON is usually written: with or without spaces."""
    comma, space = (b", ", b" ") if spaced else (b",", b"")
    starts = tuple([(comma if i else b"{") + start_of(name) + space for i, name in enumerate(names)])
    order = tuple(sorted(range(len(names)), key=names.__getitem__))
    return Layout(names, starts, order, _frame([names[i] for i in order]))


_usual_layout = lru_cache(maxsize=256)(_layout)


def _frame(names: Sequence[str]) -> list[bytes]:
    """What `join` puts around the bytes of sections with these names, with a gap for each of them."""
    pieces = [piece for name in names for piece in (b"," + start_of(name), b"")] or [b","]
    return [b"{" + pieces[0][1:], *pieces[1:], b"}"]


def _fill(frame: list[bytes], bodies: list[bytes]) -> bytes:
    """The record with these bodies in the gaps."""
    pieces = [*frame]
    pieces[1:-1:2] = bodies
    return b"".join(pieces)


def _learn(name: str, text: bytes) -> Section:
    """The section parsed."""
    value: Json = _DECODER.decode(text)
    spell = _Spelling()
    body = spell.write(value)
    _check_members(text, body, spell.odd)
    return read_section(name, value, text if text == body else body, spell.write)


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
