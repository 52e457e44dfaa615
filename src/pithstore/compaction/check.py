"""The successor read again before anything depends on it; and where the home of each blob in it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import attrs

from pithstore import records
from pithstore.digest import Digest
from pithstore.engine import Item, Successor, Update, View
from pithstore.errors import Damaged
from pithstore.keys import PLACES, RUN, VERSIONS, split_key
from pithstore.model import Source
from pithstore.packs.frame import Frame
from pithstore.packs.frames import read_frame
from pithstore.packs.places import ROW_BYTES, blocks, home_rows
from pithstore.packs.rebuild import foreign_digests, piece_of, snapshots
from pithstore.packs.run import Run
from pithstore.packs.runs import read_run_once
from pithstore.sorted_rows import SortedRows
from pithstore.survey import Entries, index_pages, items_of_kind, source_names

_BLOCKS_AT_ONCE = 2000
_BYTES_AT_ONCE = 16 * 1024 * 1024


def check(successor: Successor, checked: Callable[[int], None], bring: Callable[[Sequence[Digest]], None]) -> None:
    """Hash every body, rebuild every version, and write the places; Damaged where a version is not what it was.

    `checked` is told how many versions more have been looked at.  `bring` carries large sections over that have no
    home in the successor: what brought them first was put when its source was packed already.
    """
    successor.update(_forget_places)
    leaning: list[_Leaning] = []
    with SortedRows(ROW_BYTES) as rows:
        for page in index_pages(successor):
            seen = successor.view(partial(_check_page, page=page))
            rows.extend(seen.rows)
            leaning.extend(seen.leaning)
            checked(seen.versions)
        _write_places(successor, rows.merged())
    for batch in _batches(leaning):
        if lacking := successor.view(partial(_check_leaning, batch=batch, brought=False)):
            bring(lacking)
            successor.view(partial(_check_leaning, batch=batch, brought=True))


class _Leaning(NamedTuple):
    """The key of a run some of whose sections lie elsewhere, and how many bytes its frame and these have."""

    key: bytes
    bytes: int


@attrs.frozen
class _Seen:
    """What a page has shown: the rows of its homes, the runs whose frames lean on others, how many versions."""

    rows: list[bytes] = attrs.field(factory=list)
    leaning: list[_Leaning] = attrs.field(factory=list)
    versions: int = 0


def _check_page(view: View, page: Sequence[Entries]) -> _Seen:
    seen = _Seen()
    versions = 0
    names = source_names(view, [key for key, _ in page])
    for source, (_, items) in zip(names, page, strict=True):
        for item in items_of_kind(items, RUN):
            run = read_run_once(source, item)
            try:
                _check_run(view, item[0], run, seen)
            except Damaged as error:
                raise _unpackable(source, run, error) from None
            versions += run.count
    return attrs.evolve(seen, versions=versions)


def _check_run(view: View, key: bytes, run: Run, seen: _Seen) -> None:
    frame = read_frame(view, run.position)
    bodies = frame.all_bodies()
    homed = [body for body, mark in zip(bodies, frame.home_marks, strict=True) if mark]
    seen.rows.extend(home_rows(homed, run.position))
    if frame.foreigners:
        elsewhere = range(frame.bodies, frame.bodies + frame.foreigners)
        reach = sum(map(len, bodies)) + sum(frame.foreign(ordinal)[1] for ordinal in elsewhere)
        seen.leaning.append(_Leaning(key, reach))
    else:
        _compare(run, frame, {}, bodies)


def _batches(leaning: Iterable[_Leaning]) -> Iterator[list[bytes]]:
    """Keys of runs, as many as memory is given to: what they lean on is often the same, and read once for all."""
    batch: list[bytes] = []
    size = 0
    for key, some in leaning:
        if batch and size + some > _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += some
    if batch:
        yield batch


def _check_leaning(view: View, batch: Sequence[bytes], *, brought: bool) -> list[Digest]:
    """Compare the versions of frames some of whose sections lie elsewhere.

    Where sections lie nowhere nothing is compared but these are returned, unless they have been `brought`.
    """
    names = source_names(view, [split_key(key)[0] for key in batch])
    values = zip(names, batch, view.get_many(VERSIONS, batch), strict=True)
    runs = [(source, read_run_once(source, (key, value or b""))) for source, key, value in values]
    frames = [read_frame(view, run.position) for _, run in runs]
    digests = list({digest: None for frame in frames for digest in foreign_digests(frame, range(frame.versions))})
    bodies = zip(digests, records.read_bodies(view, digests), strict=True)
    foreign = {digest: body for digest, body in bodies if Digest.of(body) == digest}
    if len(foreign) < len(digests) and not brought:
        return [digest for digest in digests if digest not in foreign]
    for (source, run), frame in zip(runs, frames, strict=True):
        try:
            _compare(run, frame, foreign, frame.all_bodies())
        except Damaged as error:
            raise _unpackable(source, run, error) from None
    return []


def _unpackable(source: Source, run: Run, error: Damaged) -> Damaged:
    """Which versions cannot be packed, and why."""
    numbers = [run.number(row) for row in (0, run.count - 1)]
    which = f"version {numbers[0]}" if run.count == 1 else "versions {} to {}".format(*numbers)
    return Damaged(
        f"{source} {which} cannot be packed: {error}; the store is as it was: run verify, and put the record "
        "again with --again"
    )


def _compare(run: Run, frame: Frame, foreign: Mapping[Digest, bytes], bodies: Sequence[bytes]) -> None:
    if frame.versions != run.count:
        raise Damaged(f"their frame has {frame.versions}")
    if list(piece_of(frame, foreign, bodies).snapshots()) == list(run.snapshots):
        return
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
