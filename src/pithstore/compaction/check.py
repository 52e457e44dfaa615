"""The successor read again before anything depends on it; and where the home of each blob in it is."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import IO

from pithstore.digest import Digest
from pithstore.engine import Item, Successor, Update, View
from pithstore.errors import Damaged
from pithstore.keys import PLACES, RUN
from pithstore.model import Source
from pithstore.packs import homes
from pithstore.packs.frame import Frame
from pithstore.packs.frames import read_frame
from pithstore.packs.places import ROW_BYTES, blocks, row
from pithstore.packs.rebuild import foreign_digests, snapshots
from pithstore.packs.run import Run
from pithstore.packs.runs import read_run
from pithstore.survey import index_pages, items_of_kind, source_names

_ROWS_AT_ONCE = 1_000_000
_BLOCKS_AT_ONCE = 2000


def check(successor: Successor, checked: Callable[[int], None]) -> None:
    """Hash every body, rebuild every version, and write the places; Damaged where a version is not what it was.

    `checked` is told how many versions more have been looked at.
    """
    successor.update(_forget_places)
    leaning: list[tuple[Source, Item]] = []
    rows = _Sorted()
    for source, item in _runs(successor):
        run = read_run(source, item)
        frame = successor.view(partial(read_frame, position=run.position))
        rows.extend(
            row(Digest.of(frame.body(ordinal)), run.position)
            for ordinal in range(frame.bodies)
            if frame.is_home(ordinal)
        )
        if foreign_digests(frame, range(frame.versions)):
            leaning.append((source, item))
        else:
            _compare(source, run, frame, {})
        checked(run.count)
    _write_places(successor, rows.merged())
    for source, item in leaning:
        successor.view(partial(_check_leaning, source=source, item=item))


def _runs(successor: Successor) -> Iterator[tuple[Source, Item]]:
    for page in index_pages(successor):
        names = successor.view(partial(source_names, keys=[key for key, _ in page]))
        for source, (_, items) in zip(names, page, strict=True):
            for item in items_of_kind(items, RUN):
                yield source, item


def _check_leaning(view: View, source: Source, item: Item) -> None:
    """Compare the versions of a frame some of whose sections lie in other frames."""
    run = read_run(source, item)
    frame = read_frame(view, run.position)
    digests = foreign_digests(frame, range(frame.versions))
    found = zip(digests, homes.read_many(view, digests), strict=True)
    _compare(source, run, frame, {digest: body for digest, body in found if body is not None})


def _compare(source: Source, run: Run, frame: Frame, foreign: dict[Digest, bytes]) -> None:
    if frame.versions != run.count:
        raise Damaged(f"{source}: a frame has {frame.versions} versions, and its run {run.count}")
    for i, snapshot in enumerate(snapshots(frame, foreign)):
        if snapshot != run.snapshot(i):
            raise Damaged(
                f"{source} version {run.number(i)} cannot be packed: its sections do not add up to snapshot "
                f"{run.snapshot(i)}; the store is as it was: run verify"
            )


def _forget_places(update: Update) -> None:
    while items := update.scan(PLACES, limit=_BLOCKS_AT_ONCE):
        update.delete_many(PLACES, [key for key, _ in items])


def _write_places(successor: Successor, rows: Iterable[bytes]) -> None:
    items = blocks(rows)
    while batch := list(islice(items, _BLOCKS_AT_ONCE)):
        successor.update(partial(_create, batch=batch))


def _create(update: Update, batch: list[Item]) -> None:
    update.create_many(PLACES, batch, rising=True)


class _Sorted:
    """Rows in order, in bounded memory: what is over goes into temporary files, each sorted."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._files: list[IO[bytes]] = []

    def extend(self, rows: Iterable[bytes]) -> None:
        """Take some rows."""
        self._rows.extend(rows)
        if len(self._rows) >= _ROWS_AT_ONCE:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - read again by `merged`
            file.writelines(sorted(self._rows))
            self._files.append(file)
            self._rows = []

    def merged(self) -> Iterator[bytes]:
        """All of them, rising."""
        return heapq.merge(sorted(self._rows), *map(_read_rows, self._files))


def _read_rows(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(ROW_BYTES):
            yield piece
