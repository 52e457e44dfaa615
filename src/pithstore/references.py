"""References: `SOURCE[@SELECTOR][#SECTION[/json/pointer]]`, the same text everywhere.

| selector | meaning |
| --- | --- |
| none | the newest version |
| `@3` · `@-1` | version 3 · the one before the newest |
| `@2026-06-01` (a time, at least YYYY-MM) | as of then, by `observed_at` |
| `@builder=NAME` | the newest by that builder |
| `@sha256:93cf21fd` | the newest whose snapshot hash starts so; 8 or more digits |
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeAlias

import attrs

from pithstore.errors import UsageError
from pithstore.model import Source
from pithstore.pointer import read_pointer, write_pointer
from pithstore.quoting import quote_name, unquote
from pithstore.times import looks_like_time, read_time, write_time

_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)
_SNAPSHOT = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


@attrs.frozen
class ByNumber:
    """The version with that number."""

    number: int

    def __str__(self) -> str:
        return str(self.number)


@attrs.frozen
class Before:
    """The version that many places before the newest."""

    steps: int

    def __str__(self) -> str:
        return f"-{self.steps}"


@attrs.frozen
class AsOf:
    """The version with the greatest (observed_at, number) that was observed by then."""

    moment: datetime

    def __str__(self) -> str:
        return write_time(self.moment)


@attrs.frozen
class ByBuilder:
    """The newest version that this builder made."""

    builder_version: str

    def __str__(self) -> str:
        return f"builder={quote_name(self.builder_version)}"


@attrs.frozen
class BySnapshot:
    """The newest version whose snapshot hash starts with these hexadecimal digits."""

    prefix: str

    def __str__(self) -> str:
        return f"sha256:{self.prefix}"


Selector: TypeAlias = ByNumber | Before | AsOf | ByBuilder | BySnapshot | None
"""Which version of a source; None is the newest."""


@attrs.frozen
class Ref:
    """A reference that was read.  `pointer` has the section first; its text reads back as the same reference."""

    source: Source
    selector: Selector = None
    pointer: tuple[str, ...] = ()

    def __str__(self) -> str:
        selector = "" if self.selector is None else f"@{self.selector}"
        return f"{self.source}{selector}{_write_place(self.pointer)}"


def _write_place(pointer: tuple[str, ...]) -> str:
    return "#" + write_pointer(pointer)[1:] if pointer else ""


def read_ref(text: str) -> Ref:
    """The reference that a text writes; UsageError says what is wrong and, where it can, how to write it."""
    before, has_place, place = text.partition("#")
    source_text, has_selector, selector_text = before.partition("@")
    source = _read_source(source_text, text)
    selector = _read_selector(selector_text, before) if has_selector else None
    return Ref(source, selector, read_pointer("/" + place) if has_place else ())


def _read_source(text: str, whole: str) -> Source:
    kind, colon, identity = text.partition(":")
    if colon and kind and not identity and whole.startswith(f"{text}@"):
        quoted = f"{kind}:{quote_name(whole.partition(':')[2])}"
        raise UsageError(f"{whole!r} has no source id before '@'; if '@' is part of the id, write {quoted!r}")
    if not colon or not kind or not identity:
        raise UsageError(f"{whole!r} is not a reference: write KIND:ID, as in 'arxiv:2606.09475'")
    return Source(unquote(kind), unquote(identity))


def _read_selector(text: str, before: str) -> Selector:
    if _NUMBER.fullmatch(text):
        return _read_number(text)
    if text.startswith("builder="):
        name = unquote(text.removeprefix("builder="))
        if not name:
            raise UsageError(f"{before!r} names no builder after 'builder='")
        return ByBuilder(name)
    if text.startswith("sha256:"):
        prefix = text.removeprefix("sha256:").lower()
        if not _SNAPSHOT.fullmatch(prefix):
            raise UsageError(f"'@{text}' needs 8 to 64 hexadecimal digits of the snapshot hash")
        return BySnapshot(prefix)
    if looks_like_time(text):
        return AsOf(read_time(text))
    raise UsageError(
        f"'@{text}' selects no version: write a number, a time, builder=NAME or sha256:PREFIX; "
        f"if '@' is part of the id, write {_quoted(before)!r}"
    )


def _quoted(before: str) -> str:
    kind, _, identity = before.partition(":")
    return f"{kind}:{quote_name(identity)}"


def _read_number(text: str) -> Selector:
    digits = text.lstrip("-").lstrip("0") or "0"
    if len(digits) > 18:
        raise UsageError(f"'@{text[:40]}' is no version number: numbers are below 10^18")
    if text.startswith("-"):
        return Before(int(digits))
    return ByNumber(int(digits))
