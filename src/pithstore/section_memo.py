"""Sections that were read before: most sections of a new version are those of the version before, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple, TypeAlias

from pithstore.canonical import canonical, start_of
from pithstore.declared.declarations import Declaration, digest_and_declaration
from pithstore.model import SectionEntry
from pithstore.pointer import Json

MEMO_BYTES = 64 * 1024 * 1024
OVERHEAD = 800
"""What a section in a memo takes beside its text and canonical bytes, at most: objects, digest, place in the dict."""

Key: TypeAlias = tuple[str, bytes]
"""The name of a section and its text, as it stands in the text of the record."""


class Section(NamedTuple):
    """One section ready to be stored: its entry in the manifest, its canonical bytes, what it declares of itself.

    `start` is what stands before the bytes in the canonical form of the record (`"name":`).  `brackets` is how many
    opening brackets the text had that it was read from, in strings too: more arrays and objects it cannot hold.
    """

    entry: SectionEntry
    start: bytes
    body: bytes
    declaration: Declaration | None
    brackets: int = 0


def section(
    name: str, value: Json, body: bytes, write: Callable[[Json], bytes] = canonical, brackets: int = 0
) -> Section:
    """The section of that name and value; `body` are its canonical bytes, `write` gives those of values in it."""
    digest, declaration = digest_and_declaration(name, value, body, write)
    return Section(SectionEntry(name, digest, len(body)), start_of(name), body, declaration, brackets)


class SectionMemo:
    """What the texts of some sections say, so that none of them is parsed, written and hashed again.

    It holds at most `limit` bytes of memory, in two generations: when the younger has half of them the older is
    dropped.  A section that is found lives on in the younger.  What it holds is a function of name and text
    alone, so nothing in it can become wrong, whatever profile and limits a record is prepared with.  Threads may
    share it: one dict look-up is atomic, a section never changes, and between the two look-ups of `find` the worst
    that a change of generations does is that a section is read again; the count of bytes is kept under a lock.
    """

    def __init__(self, limit: int = MEMO_BYTES) -> None:
        self._half = limit // 2
        self._lock = Lock()
        self._young: dict[Key, Section] = {}
        self._old: dict[Key, Section] = {}
        self._young_bytes = self._old_bytes = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes of memory it counts for what it holds."""
        return self._young_bytes + self._old_bytes

    def find(self, key: Key) -> Section | None:
        """What was kept under exactly this name and text."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.keep(key, found)
        return found

    def keep(self, key: Key, known: Section) -> None:
        """Keep a section for a while; one that would push out too many others is not kept."""
        text, body = key[1], known.body
        charge = OVERHEAD + 4 * len(key[0]) + len(text) + (len(body) if body is not text else 0)
        if charge > self._half // 8:
            return
        with self._lock:
            if key in self._young:
                return
            if self._young_bytes + charge > self._half:
                self._old, self._old_bytes = self._young, self._young_bytes
                self._young, self._young_bytes = {}, 0
            self._young[key] = known
            self._young_bytes += charge
