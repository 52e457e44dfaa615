"""Where a blob is used: every version that holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeAlias

import attrs

from pithstore import records, versions
from pithstore.codec import decode_section_digests
from pithstore.digest import DIGEST_BYTES, Digest
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.horizon import Horizon
from pithstore.keys import MANIFESTS, VERSIONS
from pithstore.model import Version
from pithstore.seal import unseal
from pithstore.survey import index_pages, source_names, version_items


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
        items = [(key, item) for key, entries in page for item in version_items(entries)]
        if hits := engine.view(partial(_hits, items=items, digest=digest)):
            holders = engine.view(partial(_holders, hits=hits))
            yield from (holder for holder in holders if horizon.holds(holder.version))


_Hit: TypeAlias = tuple[bytes, Item, tuple[str, ...]]
"""The key of a source, one of its versions, and the sections that have the digest."""


def _hits(view: View, items: Sequence[tuple[bytes, Item]], digest: Digest) -> list[_Hit]:
    snapshots = [_snapshot(view, key, item) for key, item in items]
    hits: list[_Hit] = []
    for (key, item), snapshot, value in zip(items, snapshots, view.get_many(MANIFESTS, snapshots), strict=True):
        try:
            payload = unseal(MANIFESTS, snapshot, value or b"")
        except Damaged:
            records.read_manifest(view, _version(view, key, item))  # says what is damaged
            raise
        if payload.find(digest) >= 0:
            held = decode_section_digests(payload)
            if names := tuple(name for name, found in held.items() if found == digest):
                hits.append((key, item, names))
    return hits


def _snapshot(view: View, key: bytes, item: Item) -> bytes:
    try:
        return unseal(VERSIONS, *item)[:DIGEST_BYTES]
    except Damaged:
        _version(view, key, item)  # says what is damaged
        raise


def _version(view: View, key: bytes, item: Item) -> Version:
    (source,) = source_names(view, [key])
    return versions.read_version(source, item)


def _holders(view: View, hits: Sequence[_Hit]) -> list[Holder]:
    sources = source_names(view, [key for key, _, _ in hits])
    return [
        Holder(versions.read_version(source, item), names)
        for source, (_, item, names) in zip(sources, hits, strict=True)
    ]
