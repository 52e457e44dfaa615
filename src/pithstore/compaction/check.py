"""The successor read again before anything depends on it; and where the home of each blob in it is."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import IO, Self

import attrs

from pithstore import records
from pithstore.compaction.carry import lacking_blobs
from pithstore.digest import Digest
from pithstore.engine import Item, Successor, Update, View
from pithstore.engine.system_errors import system_errors
from pithstore.errors import Damaged
from pithstore.keys import PLACES, RUN, VERSIONS
from pithstore.model import Source
from pithstore.packs.frame import Frame
from pithstore.packs.frames import read_frame
from pithstore.packs.places import ROW_BYTES, blocks, row
from pithstore.packs.rebuild import foreign_digests, snapshots
from pithstore.packs.run import Run
from pithstore.packs.runs import read_run
from pithstore.survey import Entries, index_pages, items_of_kind, source_names

_ROWS_AT_ONCE = 1_000_000
_BLOCKS_AT_ONCE = 2000


def check(successor: Successor, checked: Callable[[int], None], bring: Callable[[Sequence[Digest]], None]) -> None:
    """Hash every body, rebuild every version, and write the places; Damaged where a version is not what it was.

    `checked` is told how many versions more have been looked at.  `bring` carries large sections over that have no
    home in the successor: what brought them first was put when its source was packed already.
    """
    successor.update(_forget_places)
    leaning: list[tuple[Source, bytes]] = []
    with _Sorted() as rows:
        for page in index_pages(successor):
            seen = successor.view(partial(_check_page, page=page))
            rows.extend(seen.rows)
            leaning.extend(seen.leaning)
            checked(seen.versions)
        _write_places(successor, rows.merged())
    for source, key in leaning:
        lacking = successor.view(partial(_lacking, source=source, key=key))
        if lacking:
            bring(lacking)
        successor.view(partial(_check_leaning, source=source, key=key))


@attrs.frozen
class _Seen:
    """What a page has shown: the rows of its homes, the runs whose frames lean on others, how many versions."""

    rows: list[bytes] = attrs.field(factory=list)
    leaning: list[tuple[Source, bytes]] = attrs.field(factory=list)
    versions: int = 0


def _check_page(view: View, page: Sequence[Entries]) -> _Seen:
    seen = _Seen()
    versions = 0
    names = source_names(view, [key for key, _ in page])
    for source, (_, items) in zip(names, page, strict=True):
        for item in items_of_kind(items, RUN):
            run = read_run(source, item)
            with _naming(source, run):
                frame = read_frame(view, run.position)
                seen.rows.extend([row(frame.digest(ordinal), run.position) for ordinal in frame.homes])
                if frame.foreigners:
                    seen.leaning.append((source, item[0]))
                else:
                    _compare(run, frame, {})
            versions += run.count
    return attrs.evolve(seen, versions=versions)


def _leaning(view: View, source: Source, key: bytes) -> tuple[Run, Frame, list[Digest]]:
    (value,) = view.get_many(VERSIONS, [key])
    run = read_run(source, (key, value or b""))
    frame = read_frame(view, run.position)
    return run, frame, foreign_digests(frame, range(frame.versions))


def _lacking(view: View, source: Source, key: bytes) -> list[Digest]:
    """The sections that a frame says lie elsewhere, and that lie nowhere."""
    return lacking_blobs(view, _leaning(view, source, key)[2])


def _check_leaning(view: View, source: Source, key: bytes) -> None:
    """Compare the versions of a frame some of whose sections lie elsewhere."""
    run, frame, digests = _leaning(view, source, key)
    bodies = zip(digests, records.read_bodies(view, digests), strict=True)
    with _naming(source, run):
        _compare(run, frame, {digest: body for digest, body in bodies if Digest.of(body) == digest})


@contextmanager
def _naming(source: Source, run: Run) -> Iterator[None]:
    """Say of damage inside which versions cannot be packed."""
    try:
        yield
    except Damaged as error:
        numbers = [run.number(row) for row in (0, run.count - 1)]
        which = f"version {numbers[0]}" if run.count == 1 else "versions {} to {}".format(*numbers)
        raise Damaged(
            f"{source} {which} cannot be packed: {error}; the store is as it was: run verify, and put the record "
            "again with --again"
        ) from None


def _compare(run: Run, frame: Frame, foreign: dict[Digest, bytes]) -> None:
    if frame.versions != run.count:
        raise Damaged(f"their frame has {frame.versions}")
    for i, snapshot in enumerate(snapshots(frame, foreign)):
        if snapshot != run.snapshot(i):
            raise Damaged(f"the sections of version {run.number(i)} do not add up to snapshot {run.snapshot(i)}")


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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def extend(self, rows: Iterable[bytes]) -> None:
        """Take some rows."""
        self._rows.extend(rows)
        if len(self._rows) >= _ROWS_AT_ONCE:
            with system_errors(tempfile.gettempdir()):
                file = tempfile.TemporaryFile()  # noqa: SIM115 - read again by `merged`
                self._files.append(file)
                file.writelines(sorted(self._rows))
            self._rows = []

    def merged(self) -> Iterator[bytes]:
        """All of them, rising."""
        return heapq.merge(sorted(self._rows), *map(_read_rows, self._files))


def _read_rows(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(ROW_BYTES):
        yield piece
