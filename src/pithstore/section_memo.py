"""Sections that were read before: most of a new version are those of the version before, byte for byte."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import attrs

from pithstore.reading import Section

MEMO_BYTES = 64 * 1024 * 1024
OVERHEAD = 800
"""Bytes that a section in a memo takes beside its name, text and canonical bytes, at most."""

_LARGEST_SHARE = 16


@attrs.frozen
class Layout:
    """The sections of a text, by name in its order, and what stands before each of them there.

    `order` are their places in the canonical form, and `frame` what stands around them in that.
    """

    names: tuple[str, ...]
    starts: tuple[bytes, ...]
    order: tuple[int, ...]
    frame: list[bytes]


@attrs.frozen
class Known:
    """What is known of a source: the texts of the sections of its last text, in that order, and what they say.

    `charge` is how many bytes of memory they take, at most.
    """

    layout: Layout
    texts: tuple[bytes, ...]
    sections: tuple[Section, ...]
    charge: int


def charge_of(text: bytes, section: Section) -> int:
    """How many bytes of memory the text of a section takes with what it says, at most."""
    return OVERHEAD + 4 * len(section.entry.name) + len(text) + (0 if section.body is text else section.entry.size)


class SectionMemo:
    """What the texts of some sections say, so that none of them is parsed, written and hashed again.

    They are kept by a guess of the source that they are about, those that were used last, in at most `limit` bytes
    of memory.  What it holds is a function of name and text alone, so nothing in it can become wrong, whatever the
    guess, the profile and the limits.  Threads may share it: what is known never changes, and a lock is held where
    the order or the count of bytes does.
    """

    def __init__(self, limit: int = MEMO_BYTES) -> None:
        self._limit = limit
        self._lock = Lock()
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes of memory it counts for what it holds."""
        return self._bytes

    def find(self, guess: bytes) -> Known | None:
        """What was kept last under this guess."""
        with self._lock:
            found = self._known.get(guess)
            if found is not None:
                self._known.move_to_end(guess)
        return found

    def keep(self, guess: bytes, known: Known) -> None:
        """Keep what is known for a while; what would push out too much else is not kept."""
        with self._lock:
            before = self._known.pop(guess, None)
            self._bytes -= 0 if before is None else before.charge
            if known.charge > self._limit // _LARGEST_SHARE:
                return
            self._known[guess] = known
            self._bytes += known.charge
            while self._bytes > self._limit:
                self._bytes -= self._known.popitem(last=False)[1].charge
