"""The sources: what the store has records about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pithstore.codec import decode_source, encode_source
from pithstore.engine import Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import SOURCES, source_key
from pithstore.model import Source
from pithstore.seal import seal_many, unseal


def has_many(view: View, sources: Sequence[Source]) -> list[bool]:
    """Whether the store knows each source."""
    return view.has_many(SOURCES, [source_key(source) for source in sources])


def page(view: View, *, after: Source | None = None, limit: int) -> list[Source]:
    """Sources in the order of their keys (kind, then id), from beyond `after`."""
    items = view.scan(SOURCES, after=None if after is None else source_key(after), limit=limit)
    return [read_source(item) for item in items]


def neighbours(view: View, source: Source, limit: int) -> Iterator[Source]:
    """At most `limit` sources on either side of where this one would stand."""
    key = source_key(source)
    for reverse in (True, False):
        for item in view.scan(SOURCES, after=key, limit=limit, reverse=reverse):
            yield read_source(item)


def read_source(item: Item) -> Source:
    """The source that an item holds; Damaged if it is not as it was written, or another's."""
    key, value = item
    source = decode_source(unseal(SOURCES, key, value))
    if source_key(source) != key:
        raise Damaged(f"{source} stands under the key of another source; run verify")
    return source


def create_many(update: Update, sources: Iterable[Source], *, rising: bool = False) -> int:
    """Write the sources that the store does not know; how many they were.

    `rising` says that they come behind all that it knows.
    """
    encoded = ((source_key(source), encode_source(source)) for source in sources)
    return update.create_many(SOURCES, seal_many(SOURCES, encoded), rising=rising)
