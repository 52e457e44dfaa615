"""An archive into a store: every version with the number and the times that it had.

The store says from the first batch to the last that it holds only a part of an archive, and cannot be opened for
anything else meanwhile.  Each batch notes how far the archive has come, so that a restore that was interrupted
goes on; at the end, what the store holds is compared with what the archive says of itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial, reduce

import attrs

from pithstore import meta
from pithstore.arrivals import Arrival
from pithstore.blobs import Compared
from pithstore.bulk import batches
from pithstore.counts import FileProgress, Totals
from pithstore.engine import Engine, Update
from pithstore.errors import Damaged, StoreBusy, StoreExists, UsageError
from pithstore.export.archive_file import ArchiveFile, Contents
from pithstore.files import FileId, read_progress, write_progress
from pithstore.ingest import Stored, store
from pithstore.keys import SOURCES, VERSIONS
from pithstore.opening import open_engine
from pithstore.results import PutSummary
from pithstore.tail import TailEnd
from pithstore.totals import read_slots

_RULE = "archive"
"""What the journal of files says of an archive in place of a rule for observed_at."""

Said = Callable[[str], None]
"""Takes one sentence for people."""


def restore_archive(
    path: str | os.PathLike[str], archive: ArchiveFile, said: Said, *, patience: float = 60.0
) -> PutSummary:
    """What was restored into the store at that path, or into a new one with the configuration of the archive.

    The archive is read whole before anything is written.  StoreExists where the store holds something else,
    UsageError where it has another configuration.
    """
    contents = archive.check()
    with closing(open_engine(path, contents.configuration, patience=patience)) as engine:
        try:
            return restore(engine, archive, contents, said)
        except (StoreExists, UsageError) as error:
            raise type(error)(f"{os.fspath(path)}: {error}") from None


def restore(engine: Engine, archive: ArchiveFile, contents: Contents, said: Said) -> PutSummary:
    """What was restored into an empty store, or into one into which this archive was restored in part."""
    file = FileId(contents.trailer.sha256, _RULE)
    done = engine.update(partial(_begin, file=file, contents=contents))
    if done.complete:
        said(f"{archive.name}: was restored completely before; skipped")
        return PutSummary()
    if done.records:
        said(f"{archive.name}: was restored up to version {done.records:,}; going on behind it")
    summary = PutSummary()
    end: TailEnd | None = None
    compared = Compared()
    for batch in batches(archive.arrivals(contents, done.records), _size):
        stored = engine.update(partial(_write, file=file, done=done, batch=batch, end=end, compared=compared))
        done, end = attrs.evolve(done, records=done.records + len(batch)), stored.end
        summary = summary.plus(*stored.outcomes)
    engine.update(partial(_finish, file=file, done=done, contents=contents))
    return summary


def _size(arrival: Arrival) -> int:
    return arrival.prepared.size


def _begin(update: Update, file: FileId, contents: Contents) -> FileProgress:
    """How far this archive has come; the store now says that it holds only a part of it, unless it has all."""
    meta.check_known(update)
    restoring, known = meta.is_restoring(update), read_progress(update, file)
    if known is not None and (restoring or known.complete):
        return known
    if restoring:
        raise StoreExists(
            "another archive is being restored into this store; go on with that one, or name a new store"
        )
    if update.scan(SOURCES, limit=1) or update.scan(VERSIONS, limit=1):
        raise StoreExists(
            "the store holds versions; an archive is restored into an empty store, or into a new one"
        )
    if meta.read_configuration(update) != contents.configuration:
        raise UsageError(
            "the store was created with another profile or other limits than the archive; name a store that does "
            "not exist yet: it gets those of the archive"
        )
    meta.write_restoring(update, True)
    write_progress(update, [(file, FileProgress())])
    return FileProgress()


def _write(
    update: Update,
    file: FileId,
    done: FileProgress,
    batch: Sequence[Arrival],
    end: TailEnd | None,
    compared: Compared,
) -> Stored:
    if read_progress(update, file) != done:
        raise StoreBusy(
            "somebody else is restoring this archive into this store; wait until that has come to its end"
        )
    stored = store(update, batch, datetime.now(UTC), end, compared)
    write_progress(update, [(file, attrs.evolve(done, records=done.records + len(batch)))])
    return stored


def _finish(update: Update, file: FileId, done: FileProgress, contents: Contents) -> None:
    """Say that the store holds all of the archive, if it does."""
    totals = reduce(Totals.plus, read_slots(update))
    trailer = contents.trailer
    if (totals.versions, totals.fingerprint) != (trailer.versions, trailer.fingerprint):
        raise Damaged(
            "the store holds other versions than the archive: somebody wrote to it; restore into a new one"
        )
    write_progress(update, [(file, attrs.evolve(done, complete=True))])
    meta.write_restoring(update, False)
