"""The whole archive, source by source: what every question over all sources walks.

Pages of short transactions; what one page gives of a source is one state of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import attrs

from pithstore import sources, versions
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.horizon import OPEN, Horizon
from pithstore.keys import SOURCES, VERSION, VERSIONS, source_key, split_key
from pithstore.model import Source, Version

_PAGE = 4096
_BEYOND = b"\xff"  # above every kind of entry

Entries = tuple[bytes, list[Item]]
"""The key of a source and all entries that it has in the index, of one state of the store."""


@attrs.frozen
class History:
    """A source and its versions within the horizon, by rising number; at least one."""

    source: Source
    versions: tuple[Version, ...]


def histories(engine: Engine, horizon: Horizon = OPEN, only: Source | None = None) -> Iterator[History]:
    """Every source with a version within the horizon, in order of kind, then id; or `only` that one."""
    for page in index_pages(engine, only):
        names = engine.view(partial(source_names, keys=[key for key, _ in page]))
        for (_, items), source in zip(page, names, strict=True):
            numbered = (versions.read_version(source, item) for item in version_items(items))
            if seen := tuple(filter(horizon.holds, numbered)):
                yield History(source, seen)


def index_pages(engine: Engine, only: Source | None = None) -> Iterator[list[Entries]]:
    """The index in pages of whole sources, in the order of their keys; or of `only` that one."""
    prefix, after = b"" if only is None else source_key(only), None
    while page := engine.view(partial(_page, prefix=prefix, after=after)):
        yield page
        after = _end_of(page[-1][1][-1][0])


def page_behind(view: View, key: bytes) -> list[Entries]:
    """The page of the index behind the source with that key; b"" for the first page, [] at the end."""
    return _page(view, b"", key + _BEYOND if key else None)


def source_names(view: View, keys: Sequence[bytes]) -> list[Source]:
    """The sources with these keys; Damaged where one is not there or not sound."""
    values = view.get_many(SOURCES, keys)
    for key, value in zip(keys, values, strict=True):
        if value is None:
            raise Damaged(f"the source of key {key[:80].hex()} is missing; run verify")
    return [sources.read_source((key, value or b"")) for key, value in zip(keys, values, strict=True)]


def version_items(items: Sequence[Item]) -> Iterator[Item]:
    """Those entries of one source that are versions, by rising number."""
    return items_of_kind(items, VERSION)


def items_of_kind(items: Sequence[Item], kind: bytes) -> Iterator[Item]:
    """Those entries of one source that are of that kind (`keys.VERSION` and its neighbours), in order."""
    source = _source_of(items[0][0]) if items else None
    if source is not None:
        cut = len(source)
        for item in items:
            if item[0][cut : cut + 1] == kind:
                yield item


def _page(view: View, prefix: bytes, after: bytes | None) -> list[Entries]:
    """Whole sources from beyond that key: as many as one page holds, at least one; [] at the end."""
    page: list[Entries] = []
    while True:
        items = view.scan(VERSIONS, prefix=prefix, after=after, limit=_PAGE)
        _add(page, items)
        if len(items) < _PAGE:
            return page
        if len(page) > 1:
            return page[:-1]  # the last one may go on behind the page
        after = items[-1][0]


def _add(page: list[Entries], items: Sequence[Item]) -> None:
    source = _source_of(page[-1][0]) if page else None
    for item in items:
        key = item[0]
        if source is None or not key.startswith(source):
            source = _source_of(key)
            page.append((source or key, []))
        page[-1][1].append(item)


def _end_of(key: bytes) -> bytes:
    """A key beyond all entries of the source of this one, those included that are written meanwhile."""
    source = _source_of(key)
    return key if source is None else source + _BEYOND


def _source_of(key: bytes) -> bytes | None:
    """The source key at the start of a key; None for a key that no source has: it stands for itself."""
    try:
        return split_key(key)[0]
    except ValueError:
        return None
