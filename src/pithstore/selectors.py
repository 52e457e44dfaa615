"""Which version of a source a reference means: what may stand behind its `@`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeAlias

import attrs

from pithstore.errors import UsageError
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


Selector: TypeAlias = ByNumber | Before | AsOf | ByBuilder | BySnapshot
"""Which version of a source."""


def read_selector(text: str, before: str) -> Selector:
    """The selector that a text writes behind `@`; `before` is the reference up to its end, for the error."""
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
        f"{'@' + text!r} selects no version: write a number, a time, builder=NAME or sha256:PREFIX; "
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
