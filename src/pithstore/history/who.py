"""Where a blob is used: every version that holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeAlias

import attrs

from pithstore import manifests, records, versions
from pithstore.codec import decode_section_digests
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.horizon import Horizon
from pithstore.model import Version
from pithstore.survey import Entries, index_pages, source_names, version_items, versions_of


@attrs.frozen
class Holder:
    """A version that holds a blob, and the sections of it that are that blob."""

    version: Version
    sections: tuple[str, ...]


def who(engine: Engine, digest: Digest, horizon: Horizon) -> Iterator[Holder]:
    """Every version within the horizon with a section of that digest, by source and number.

    The manifest of every version is looked through; no blob is read.
    """
    for page in index_pages(engine):
        items = engine.view(partial(_items, page=page))
        if hits := engine.view(partial(_hits, items=items, digest=digest)):
            holders = engine.view(partial(_holders, hits=hits))
            yield from (holder for holder in holders if horizon.holds(holder.version))


_Found: TypeAlias = tuple[bytes, Item]
"""The key of a source, and key and payload of one of its versions."""

_Hit: TypeAlias = tuple[bytes, Item, tuple[str, ...]]
"""The same, and the sections that have the digest."""


def _items(view: View, page: Sequence[Entries]) -> list[_Found]:
    found: list[_Found] = []
    for source, items in page:
        try:
            found += [(source, item) for item in version_items(items)]
        except Damaged:
            (named,) = source_names(view, [source])
            list(versions_of(named, items))  # raises the same, and says of which version
            raise
    return found


def _hits(view: View, items: Sequence[_Found], digest: Digest) -> list[_Hit]:
    wanted = [(key, payload[:DIGEST_BYTES]) for _, (key, payload) in items]
    hits: list[_Hit] = []
    for (source, item), payload in zip(items, manifests.payloads_many(view, wanted), strict=True):
        if payload is None:
            (named,) = source_names(view, [source])
            records.read_manifest(view, versions.decode_item(named, item))  # says what is damaged
        elif payload.find(digest) >= 0:
            held = decode_section_digests(payload)
            if names := tuple(name for name, found in held.items() if found == digest):
                hits.append((source, item, names))
    return hits


def _holders(view: View, hits: Sequence[_Hit]) -> list[Holder]:
    sources = source_names(view, [source for source, _, _ in hits])
    return [
        Holder(versions.decode_item(source, item), names)
        for source, (_, item, names) in zip(sources, hits, strict=True)
    ]
