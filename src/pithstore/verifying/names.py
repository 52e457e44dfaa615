"""The names of sources, against the index: each has a version, or had one."""

from __future__ import annotations

from functools import partial

from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import HEAD, RUN, SOURCES, VERSIONS
from pithstore.model import Source
from pithstore.report import Problem
from pithstore.sources import read_source
from pithstore.verifying.found import Found

_SOURCES = 2048


def check_names(engine: Engine, found: Found) -> None:
    """Say which sources have nothing in the index."""
    after: bytes | None = None
    while (after := check_names_behind(engine, after, found)) is not None:
        pass


def check_names_behind(engine: Engine, after: bytes | None, found: Found) -> bytes | None:
    """Look at a page of names from beyond that key; its last key, None at the end."""
    page = engine.view(partial(_empty_sources, after=after))
    if page is None:
        return None
    for key, source in page[1]:
        what = f"the source of key {key[:80].hex()}" if source is None else str(source)
        found(Problem("source-empty", f"{what} has no head and no run", source))
    return page[0]


def _empty_sources(view: View, after: bytes | None) -> tuple[bytes, list[tuple[bytes, Source | None]]] | None:
    """The last key of a page of sources, and those that have no version; None at the end."""
    items = view.scan(SOURCES, after=after, limit=_SOURCES)
    if not items:
        return None
    known = view.has_many(VERSIONS, [key + HEAD for key, _ in items])
    headless = [item for item, has in zip(items, known, strict=True) if not has]
    empty = [item for item in headless if not view.scan(VERSIONS, prefix=item[0] + RUN, limit=1)]
    return items[-1][0], [(item[0], _sound_source(item)) for item in empty]


def _sound_source(item: Item) -> Source | None:
    try:
        return read_source(item)
    except Damaged:
        return None
