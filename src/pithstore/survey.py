"""The whole archive, source by source: what every question over all sources walks.

Pages of short transactions; what one page gives of a source is one state of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import attrs

from pithstore import sources, versions
from pithstore.digest import DIGEST_BYTES
from pithstore.engine import Item, T, View
from pithstore.errors import Damaged
from pithstore.horizon import OPEN, Horizon
from pithstore.keys import OUTCOMES, RUN, SOURCES, VERSION, VERSIONS, source_key, split_key
from pithstore.model import Source, Version
from pithstore.packs.runs import decode_run, read_run
from pithstore.seal import unseal

_PAGE, _PAGE_BYTES = 512, 256 * 1024
"""A page grows by so many entries until it has so many bytes: a run has more of them than a version of its own."""
_BEYOND = b"\xff"  # above every kind of entry

Entries = tuple[bytes, list[Item]]
"""The key of a source and all entries that it has in the index, of one state of the store."""


class Walked(Protocol):
    """What can be walked: a store, or its successor."""

    def view(self, fn: Callable[[View], T]) -> T:
        """What `fn` returns for one consistent state of it."""
        ...


@attrs.frozen
class History:
    """A source and its versions within the horizon, by rising number; at least one."""

    source: Source
    versions: tuple[Version, ...]


def histories(engine: Walked, horizon: Horizon = OPEN, only: Source | None = None) -> Iterator[History]:
    """Every source with a version within the horizon, in order of kind, then id; or `only` that one."""
    for page in index_pages(engine, only):
        names = engine.view(partial(source_names, keys=[key for key, _ in page]))
        for (_, items), source in zip(page, names, strict=True):
            if seen := tuple(filter(horizon.holds, versions_of(source, items))):
                yield History(source, seen)


def index_pages(engine: Walked, only: Source | None = None) -> Iterator[list[Entries]]:
    """The index in pages of whole sources, in the order of their keys; or of `only` that one."""
    prefix, after = b"" if only is None else source_key(only), None
    while page := engine.view(partial(_page, prefix=prefix, after=after)):
        yield page
        after = _end_of(page[-1][1][-1][0])


def page_behind(view: View, key: bytes) -> list[Entries]:
    """The page of the index behind the source with that key; b"" for the first page, [] at the end."""
    return _page(view, b"", key + _BEYOND if key else None)


def page_from(view: View, after: bytes | None) -> list[Entries]:
    """The page of the index from beyond that key; None for the first page, [] at the end."""
    return _page(view, b"", after)


def end_of(entries: Entries) -> bytes:
    """A key beyond all entries of a source, those included that are written meanwhile."""
    return _end_of(entries[1][-1][0])


def source_names(view: View, keys: Sequence[bytes]) -> list[Source]:
    """The sources with these keys; Damaged where one is not there or not sound."""
    values = view.get_many(SOURCES, keys)
    for key, value in zip(keys, values, strict=True):
        if value is None:
            raise Damaged(f"the source of key {key[:80].hex()} is missing; run verify")
    return [sources.read_source((key, value or b"")) for key, value in zip(keys, values, strict=True)]


def versions_of(source: Source, items: Sequence[Item]) -> Iterator[Version]:
    """The versions in these entries of a source, by rising number; Damaged names the one that is not sound."""
    for item in items_of_kind(items, RUN):
        run = read_run(source, item)
        yield from (run.version(source, row) for row in range(run.count))
    for item in items_of_kind(items, VERSION):
        yield versions.read_version(source, item)


def version_items(items: Sequence[Item]) -> Iterator[Item]:
    """Key and payload, unsealed, of each version that these entries of one source hold, by rising number.

    Damaged where an entry is not sound: `versions_of` says which.
    """
    for key, value in items_of_kind(items, RUN):
        run, start = decode_run(key, value), key[:-5] + VERSION
        yield from ((start + run.number(row).to_bytes(4, "big"), run.payload(row)) for row in range(run.count))
    for key, value in items_of_kind(items, VERSION):
        payload = unseal(VERSIONS, key, value)
        if len(payload) < DIGEST_BYTES:  # whoever takes it cuts it up
            raise Damaged("an encoded version is cut short")
        yield key, payload


def outcome_items(items: Sequence[Item]) -> Iterator[Item]:
    """Key and payload, unsealed, of what became of the declared digests of each version that declares any.

    By rising number; Damaged where an entry is not sound.
    """
    for key, value in items_of_kind(items, RUN):
        run, start = decode_run(key, value), key[:-5] + OUTCOMES
        told = ((row, run.outcomes(row)) for row in range(run.count))
        yield from ((start + run.number(row).to_bytes(4, "big"), payload) for row, payload in told if payload)
    for key, value in items_of_kind(items, OUTCOMES):
        yield key, unseal(VERSIONS, key, value)


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
    size = 0
    while True:
        items = view.scan(VERSIONS, prefix=prefix, after=after, limit=_PAGE)
        _add(page, items)
        if len(items) < _PAGE:
            return page
        size += sum(len(key) + len(value) for key, value in items)
        if size >= _PAGE_BYTES and len(page) > 1:
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
