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

from typing import TYPE_CHECKING

import attrs

from pithstore.errors import UsageError
from pithstore.model import Source
from pithstore.pointer import read_pointer, write_pointer
from pithstore.quoting import quote_name, unquote

if TYPE_CHECKING:
    from pithstore.selectors import Selector


@attrs.frozen
class Ref:
    """A reference that was read; its text reads back as the same one.

    No selector means the newest version; `pointer` has the section first.
    """

    source: Source
    selector: Selector | None = None
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
    return Ref(
        source,
        _read_selector(selector_text, before) if has_selector else None,
        read_pointer("/" + place) if has_place else (),
    )


def _read_selector(text: str, before: str) -> Selector:
    from pithstore.selectors import read_selector  # most references have none

    return read_selector(text, before)


def _read_source(text: str, whole: str) -> Source:
    kind, colon, identity = text.partition(":")
    if colon and kind and not identity and whole.startswith(f"{text}@"):
        quoted = f"{kind}:{quote_name(whole.partition(':')[2])}"
        raise UsageError(f"{whole!r} has no source id before '@'; if '@' is part of the id, write {quoted!r}")
    if not colon or not kind or not identity:
        raise UsageError(f"{whole!r} is not a reference: write KIND:ID, as in 'arxiv:2606.09475'")
    return Source(unquote(kind), unquote(identity))
