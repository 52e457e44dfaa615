"""What the sound entries of the index say of each source: its versions, and the numbers that it had."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby

import attrs

from pithstore.codec import Head, decode_head, decode_line_head, decode_source, decode_version
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import (
    HEAD,
    LINE,
    OUTCOMES,
    RUN,
    SOURCES,
    TIME,
    VERSION,
    VERSIONS,
    read_source_key,
    read_time_key,
    source_key,
    split_key,
)
from pithstore.model import Source, Version
from pithstore.packs.run import Run
from pithstore.salvaging.sift import values, walk
from pithstore.seal import SEAL_BYTES

_UNNAMED = Source("", "")


@attrs.define(eq=False)
class History:
    """What is said of the source with that key: its versions by number, of no source yet, and numbers that it had.

    Of two versions with one number the one that was recorded later counts: the other one is what was left of a put
    that was interrupted while it was written, and whose number was given again.
    """

    key: bytes
    versions: dict[int, Version] = attrs.field(factory=dict)
    mentioned: set[int] = attrs.field(factory=set)
    head: Head | None = None
    entries: int = 0

    @property
    def last(self) -> int:
        """The last number that the source is known to have had; 0 for none."""
        return max((*self.versions, *self.mentioned, self.head.number if self.head else 0), default=0)

    def add(self, version: Version) -> None:
        """Take in what an entry says of a version."""
        known = self.versions.get(version.number)
        if known is None or known.recorded_at < version.recorded_at:
            self.versions[version.number] = version

    def add_head(self, head: Head) -> None:
        """Take in a head; the last one counts."""
        if self.head is None or self.head.number < head.number:
            self.head = head


def histories(scratch: Engine) -> Iterator[History]:
    """What is said of each source, in the order of their keys."""
    items = chain.from_iterable(walk(scratch, VERSIONS))
    for key, found in groupby(items, _source_of):
        history = History(key)
        for item in found:
            history.entries += 1
            try:
                _read(history, item[0][len(key) : -SEAL_BYTES], item[1])
            except (Damaged, IndexError):  # it bears its seal, and says nothing: no pithstore wrote it
                continue
        if key:
            yield history


def _source_of(item: Item) -> bytes:
    try:
        return split_key(item[0][:-SEAL_BYTES])[0]
    except ValueError:
        return b""


def _read(history: History, rest: bytes, payload: bytes) -> None:
    """Take in an entry: what stands behind the source in its key, and its value."""
    kind, number = rest[:1], int.from_bytes(rest[-4:], "big")
    if kind == VERSION:
        history.add(decode_version(_UNNAMED, number, payload))
    elif kind == RUN:
        run = Run(payload)
        for row in range(run.count):
            history.add(run.version(_UNNAMED, row))
    elif kind == HEAD:
        history.add_head(decode_head(payload))
    elif kind == LINE:
        history.mentioned.add(decode_line_head(payload).number)
    elif kind == TIME:
        history.mentioned.add(read_time_key(rest)[1])
    elif kind == OUTCOMES:
        history.mentioned.add(number)


def named_source(view: View, key: bytes) -> Source | None:
    """The source with that key; None where its entry is lost and the key, being cut, does not say it."""
    for value in values(view, SOURCES, key):
        source = decode_source(value)
        if source_key(source) == key:
            return source
    return read_source_key(key)
