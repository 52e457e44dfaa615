"""A repair with what a store or an archive elsewhere has."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import attrs

from pithstore.engine import Engine
from pithstore.errors import UsageError
from pithstore.export.archive_file import ArchiveFile
from pithstore.export.restore import restore_archive
from pithstore.opening import open_engine
from pithstore.repairing.repair import Progress, repair
from pithstore.repairing.setback import bring_newer, open_anyway
from pithstore.report import RepairReport

_PATIENCE = 60.0  # seconds, that of a put


def repair_from(
    engine: Engine, path: str | None, source: str | os.PathLike[str] | None, progress: Progress
) -> RepairReport:
    """What repairing the store came to, with the store or the archive at `source`, if one is named.

    `path` is where the store lies, if it is known.
    """
    if source is None:
        return repair(engine, None, progress)
    with _opened(_another(path, source)) as other:
        return repair(engine, other, progress)


def repair_at(path: str, source: str | os.PathLike[str] | None, progress: Progress) -> RepairReport:
    """The same of the store at that path, which perhaps cannot be opened.

    Where it is not the state that its receipt knows of, what is there counts from here on, and what the source has
    behind it is brought.
    """
    # Not as a Store: what it says of itself may be what is damaged.
    engine, setback = open_anyway(path, _PATIENCE)
    with closing(engine):
        if setback is None:
            return repair_from(engine, path, source, progress)
        told = partial(attrs.evolve, setback=setback.words, missing_commits=setback.missing)
        if source is None:
            return told(repair(engine, None, progress))
        with _opened(_another(path, source)) as other:
            return told(bring_newer(engine, other, repair(engine, other, progress)))


def _another(path: str | None, source: str | os.PathLike[str]) -> str:
    if path is not None and os.path.exists(source) and os.path.samefile(path, source):
        raise UsageError(f"{os.fspath(source)} is the store itself; name another copy of it")
    return os.fspath(source)


@contextmanager
def _opened(source: str) -> Iterator[Engine]:
    """The engine of the other store; an archive is restored first, into one that is gone afterwards."""
    if os.path.isdir(source) or not os.path.exists(source):
        with closing(open_engine(source, None, readonly=True, patience=_PATIENCE)) as other:
            yield other
        return
    with tempfile.TemporaryDirectory(prefix="pithstore-") as directory:
        restored = os.path.join(directory, "store")
        restore_archive(restored, ArchiveFile(source), lambda _: None)
        with closing(open_engine(restored, None, readonly=True, patience=_PATIENCE)) as other:
            yield other
