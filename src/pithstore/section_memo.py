"""Sections that were read before: most of a new version are those of the version before, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TypeAlias

from pithstore.reading import Section

MEMO_BYTES = 64 * 1024 * 1024
OVERHEAD = 800
"""Bytes that a section in a memo takes beside its name, text and canonical bytes, at most."""

Key: TypeAlias = tuple[str, bytes]
"""The name of a section, and its text as it stands in the text of the record."""


class SectionMemo:
    """What the texts of some sections say, so that none of them is parsed, written and hashed again.

    It holds at most `limit` bytes of memory, in two generations: when the younger has half of them the older is
    dropped.  A section that is found lives on in the younger.  What it holds is a function of name and text
    alone, so nothing in it can become wrong, whatever profile and limits a record is prepared with.  Threads may
    share it: one dict look-up is atomic, a section never changes, and the worst that a change of generations
    between the two look-ups of a find does is that a section is read again; bytes are counted under a lock.
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

    def find_many(self, keys: Sequence[Key]) -> list[Section | None]:
        """For each of these names and texts the section that was kept under exactly this one."""
        found = list(map(self._young.get, keys))
        if all(found):
            return found
        old = self._old
        again = {
            i: section for i, key in enumerate(keys) if not found[i] and (section := old.get(key)) is not None
        }
        for i, section in again.items():
            found[i] = section
        self._keep([(keys[i], section) for i, section in again.items()])
        return found

    def find(self, key: Key) -> Section | None:
        """The same of one."""
        return self.find_many([key])[0]

    def keep(self, key: Key, section: Section) -> None:
        """Keep a section for a while; one that would push out too many others is not kept."""
        self._keep([(key, section)])

    def _keep(self, sections: Sequence[tuple[Key, Section]]) -> None:
        half = self._half
        with self._lock:
            for key, section in sections:
                name, text = key
                charge = OVERHEAD + 4 * len(name) + len(text) + (0 if section.body is text else section.entry.size)
                if charge > half // 8 or key in self._young:
                    continue
                if self._young_bytes + charge > half:
                    self._old, self._old_bytes = self._young, self._young_bytes
                    self._young, self._young_bytes = {}, 0
                self._young[key] = section
                self._young_bytes += charge
