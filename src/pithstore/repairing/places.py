"""Where bodies in frames are, found again in the frames and written block by block."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

from pithstore.engine import Engine, Item, Update, View
from pithstore.errors import Damaged
from pithstore.keys import PLACES, RUN
from pithstore.packs.frames import read_frame
from pithstore.packs.places import PREFIX_BYTES, blocks, cut_rows, home_rows, read_block
from pithstore.packs.runs import decode_run
from pithstore.survey import Entries, index_pages, items_of_kind

_BLOCKS_AT_ONCE = 1000


def mend_places(engine: Engine, *, orphans: bool) -> None:
    """Write the places anew: the rows of every frame that can be expanded.

    With `orphans` those stay that lead to frames of no run: bodies may lie nowhere else.  Each transaction puts
    new blocks in the place of those from its first row up to that of the next, so what is found by way of the
    others is found all the time.
    """
    rows: set[bytes] = set()  # 12 bytes for each section that is stored once
    for page in index_pages(engine):
        rows.update(engine.view(partial(_rows, page=page)))
    if orphans:
        rows.update(_orphans(engine, {row[PREFIX_BYTES:] for row in rows}))
    found = blocks(sorted(rows))
    batch = list(islice(found, _BLOCKS_AT_ONCE))
    after: bytes | None = None
    while True:
        following = list(islice(found, _BLOCKS_AT_ONCE))
        end = following[0][0] if following else None
        engine.update(partial(_replace, batch=batch, after=after, end=end))
        if not following:
            return
        after, batch = batch[-1][0], following


def _orphans(engine: Engine, known: Collection[bytes]) -> Iterator[bytes]:
    """The rows there are that lead elsewhere than to these places."""
    after: bytes | None = None
    while items := engine.view(partial(_scan, after=after)):
        for item in items:
            with suppress(Damaged):
                yield from (row for row in cut_rows(read_block(*item)) if row[PREFIX_BYTES:] not in known)
        after = items[-1][0]


def _scan(view: View, after: bytes | None) -> list[Item]:
    return view.scan(PLACES, after=after, limit=_BLOCKS_AT_ONCE)


def _rows(view: View, page: Sequence[Entries]) -> list[bytes]:
    found: list[bytes] = []
    for item in _runs(page):
        with suppress(Damaged):
            position = decode_run(*item).position
            frame = read_frame(view, position)
            homed = [frame.body(ordinal) for ordinal in frame.homes]
            found += home_rows(homed, position)
    return found


def _runs(page: Iterable[Entries]) -> Iterator[Item]:
    for _, items in page:
        yield from items_of_kind(items, RUN)


def _replace(update: Update, batch: Sequence[Item], after: bytes | None, end: bytes | None) -> None:
    """Let these be the only blocks beyond the one key and before the other."""
    known = dict(batch)
    while items := update.scan(PLACES, after=after, limit=_BLOCKS_AT_ONCE):
        here = [key for key, _ in items if end is None or key < end]
        update.delete_many(PLACES, [key for key in here if key not in known])
        if len(here) < len(items):
            break
        after = items[-1][0]
    update.put_many(PLACES, batch)
