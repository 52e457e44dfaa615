"""What is intact in a damaged store, into a new one.

The damaged store is read as a file and never written to.  The new one is made beside its place, verified, and then
moved there: it is there whole, or not at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

import attrs

from pithstore import meta
from pithstore.arrivals import Restored
from pithstore.blobs import Compared
from pithstore.bulk import batches
from pithstore.canonical import decode
from pithstore.codec import Head, decode_source, encode_head
from pithstore.configuration import Configuration
from pithstore.engine import Engine, Item, Update, View
from pithstore.engine.generations import sync_directory
from pithstore.engine.lmdb import LmdbEngine
from pithstore.engine.lmdb.pages import DataPages
from pithstore.engine.lmdb.remains import hold_remains
from pithstore.engine.memory import MemoryEngine
from pithstore.engine.system_errors import system_errors
from pithstore.errors import Damaged, InvalidRecord, UsageError
from pithstore.ingest import Stored, store
from pithstore.keys import CHECKS, META, SOURCES, VERSIONS, head_key, source_key
from pithstore.model import Source, Version
from pithstore.opening import open_engine
from pithstore.profile import find_line
from pithstore.report import Lost, Salvaged
from pithstore.reproduction.checks import add_many, read_check
from pithstore.restored import restored
from pithstore.salvaging.bodies import BODIES, FRAMES, ROWS, Bodies
from pithstore.salvaging.histories import History, histories, named_source
from pithstore.salvaging.records import read_record
from pithstore.salvaging.sift import SOUND, Sifted, sift, walk
from pithstore.seal import SEAL_BYTES, seal_many
from pithstore.section_memo import SectionMemo
from pithstore.sources import create_many
from pithstore.tail import TailEnd
from pithstore.verify import verify

_SCRATCH = (*SOUND, BODIES, FRAMES, ROWS)
_PATIENCE = 60.0  # seconds, that of a put
_NO_ENTRY = "its entry in the index, if it was not forgotten"
_NO_ENTRIES = "all its entries in the index"

Progress = Callable[[str, int, int], None]
"""Is told what is done (look, index, rebuild or verify), how far it has come, and of how far."""


def salvage(
    path: str | os.PathLike[str],
    into: str | os.PathLike[str],
    progress: Progress = lambda _what, _done, _all: None,
) -> Salvaged:
    """What was got out of the damaged store at `path` into a new one at `into`, which was verified.

    `path` is only read.  Damaged where nothing can be read, NoStore where nothing is, StoreBusy while somebody
    writes, UsageError where `into` is not free.
    """
    root, target = os.fspath(path), os.path.abspath(into)
    with hold_remains(root) as files:
        _refuse_taken(os.path.realpath(root), target)
        with system_errors(target), _work_beside(target) as work:
            scratch = LmdbEngine.create(os.path.join(work, "scratch"), _SCRATCH)
            new = os.path.join(work, "store")
            with closing(scratch):
                report = _salvage(scratch, files, new, progress)
            os.rename(new, target)
            sync_directory(os.path.dirname(target))
    return report


def _refuse_taken(root: str, target: str) -> None:
    if os.path.commonpath((root, os.path.realpath(target))) == root:
        raise UsageError(f"{target} lies in the damaged store, which is only read; name another directory")
    if os.path.lexists(target) and (not os.path.isdir(target) or os.listdir(target)):
        raise UsageError(f"{target} is not empty; give a directory that does not exist")


@contextmanager
def _work_beside(target: str) -> Iterator[str]:
    """A directory on the same file system, which is gone afterwards with all that is left in it."""
    parent, name = os.path.split(target)
    os.makedirs(parent, exist_ok=True)
    work = tempfile.mkdtemp(prefix=f".{name}.", dir=parent)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _salvage(scratch: Engine, files: Sequence[str], new: str, progress: Progress) -> Salvaged:
    sifted = _sift_all(files, scratch, partial(progress, "look"))
    known = _known_configuration(scratch)
    configuration = known or Configuration()
    with closing(open_engine(new, configuration, patience=_PATIENCE)) as engine:
        bodies = Bodies(scratch)
        bodies.index(partial(progress, "index"))
        salvaging = _Salvaging(scratch, engine, configuration, bodies, partial(progress, "rebuild"))
        salvaging.run(sifted)
        verified = verify(engine, configuration, partial(progress, "verify"))
    if not verified.ok:
        raise Damaged(f"what was written does not verify: {verified.problems[0].message}; look after this machine")
    return attrs.evolve(salvaging.report(), configured=known is not None)


def _sift_all(files: Sequence[str], scratch: Engine, progress: Callable[[int, int], None]) -> Sifted:
    """What is sound in the files; only of a single one it can be known that nothing of a space is damaged."""
    done = 0
    with ExitStack() as opened:
        pages = [DataPages(opened.enter_context(open(file, "rb", buffering=0))) for file in files]
        count = sum(each.count for each in pages)

        def advance(more: int) -> None:
            nonlocal done
            done += more
            progress(min(done, count), count)

        found = [sift(each, scratch, advance, trusted=len(files) == 1) for each in pages]
    progress(count, count)  # pages without entries were passed over
    entries = sum(each.entries for each in found)
    if not entries:
        raise Damaged(f"{', '.join(files)}: nothing in there is an entry of a store; restore it from a copy")
    return Sifted(entries, found[0].whole)


def _known_configuration(scratch: Engine) -> Configuration | None:
    """The configuration of the damaged store; None where that is lost, FormatUnknown where its format is."""
    found = MemoryEngine((META,))
    for page in walk(scratch, META):
        sealed = [(key[:-SEAL_BYTES], value + key[-SEAL_BYTES:]) for key, value in page]
        found.update(partial(_put_meta, items=sealed))
    with suppress(Damaged):
        found.view(meta.check_known)
    with suppress(Damaged):
        return found.view(meta.read_configuration)
    return None


def _put_meta(update: Update, items: Sequence[Item]) -> None:
    update.put_many(META, items)


class _Salvaging:
    """One salvage: what was saved and lost so far."""

    def __init__(
        self,
        scratch: Engine,
        target: Engine,
        configuration: Configuration,
        bodies: Bodies,
        progress: Callable[[int, int], None],
    ) -> None:
        self._scratch, self._target = scratch, target
        self._configuration = configuration
        self._progress = progress
        self._bodies = bodies
        self._memo = SectionMemo()
        self._compared = Compared()
        self._end: TailEnd | None = None
        self._heads: list[tuple[Source, Head]] = []
        self._lost: list[Lost] = []
        self._sources = self._versions = self._checks = 0

    def run(self, sifted: Sifted) -> None:
        """Write all that is whole to the new store."""
        for batch in batches(self._arrivals(sifted), lambda arrival: arrival.prepared.size):
            self._end = self._target.update(partial(self._store, arrivals=batch)).end
            self._versions += len(batch)
        self._target.update(partial(_keep_heads, heads=self._heads))
        self._carry_checks()

    def report(self) -> Salvaged:
        """What it came to."""
        return Salvaged(self._sources, self._versions, self._checks, configured=True, lost=tuple(self._lost))

    def _store(self, update: Update, arrivals: Sequence[Restored]) -> Stored:
        return store(update, arrivals, datetime.now(UTC), self._end, self._compared)

    def _arrivals(self, sifted: Sifted) -> Iterator[Restored]:
        """The versions that are whole, source by source, by rising number."""
        complete = VERSIONS in sifted.whole
        done, count = 0, sum(len(page) for page in walk(self._scratch, VERSIONS))
        for history in histories(self._scratch):
            yield from self._saved(history, complete)
            done += history.entries
            self._progress(done, count)
        if not complete:
            for page in walk(self._scratch, SOURCES):
                self._lost += self._scratch.view(partial(_without_entries, items=page))

    def _saved(self, history: History, complete: bool) -> Iterator[Restored]:
        source = self._named(history)
        last: Restored | None = None
        for number, version in sorted(history.versions.items()):
            try:
                last = self._arrival(version, source, last)
            except (Damaged, InvalidRecord) as error:
                self._lost.append(Lost(source, number, str(error)))
            else:
                yield last
        if not complete:
            self._lost += _gone(history, source)
        self._sources += last is not None
        if source is not None and history.last > (last.number if last else 0):
            self._heads.append((source, _head(history)))

    def _named(self, history: History) -> Source | None:
        """The source of a history; where nothing else says it any more, what its records say."""
        source = self._scratch.view(partial(named_source, key=history.key))
        versions = iter(history.versions.values())
        while source is None and (version := next(versions, None)) is not None:
            with suppress(Damaged, InvalidRecord):
                record = decode(self._record(version))
                if isinstance(record, dict):
                    named = find_line(record, self._configuration.profile).source
                    source = named if source_key(named) == history.key else None
        return source

    def _record(self, version: Version) -> bytes:
        return self._scratch.view(lambda view: read_record(view, self._bodies, version.snapshot))

    def _arrival(self, version: Version, source: Source | None, last: Restored | None) -> Restored:
        """The version as it will be stored; Damaged or InvalidRecord say why it cannot be."""
        record = self._record(version)
        if source is None:
            raise Damaged("the name of its source")
        if last is not None and version.recorded_at < last.recorded_at:
            raise Damaged("a time behind that of the version before it")
        return restored(attrs.evolve(version, source=source), record, self._configuration, self._memo)

    def _carry_checks(self) -> None:
        """Recorded checks of the sources that were saved, as they are."""
        for page in walk(self._scratch, CHECKS):
            sealed = [(key[:-SEAL_BYTES], value + key[-SEAL_BYTES:]) for key, value in page]
            self._checks += self._target.update(partial(_add_checks, items=sealed))


def _gone(history: History, source: Source | None) -> list[Lost]:
    """The versions of which nothing but the number is left; all of the source where no number is."""
    if not history.last:
        return [Lost(source, None, _NO_ENTRIES)]
    numbers = range(1, history.last + 1)
    return [Lost(source, number, _NO_ENTRY) for number in numbers if number not in history.versions]


def _head(history: History) -> Head:
    """The head of a source whose last number was not saved, or had been forgotten: it is not to be given again."""
    moments = [version.recorded_at for version in history.versions.values()]
    moments += [history.head.recorded_at] if history.head else []
    return Head(history.last, max(moments, default=datetime.now(UTC)))


def _keep_heads(update: Update, heads: Sequence[tuple[Source, Head]]) -> None:
    create_many(update, [source for source, _ in heads])
    entries = ((head_key(source), encode_head(head)) for source, head in heads)
    update.put_many(VERSIONS, seal_many(VERSIONS, entries))


def _add_checks(update: Update, items: Sequence[Item]) -> int:
    sources = [read_check(item).source for item in items]
    known = update.has_many(SOURCES, [source_key(source) for source in sources])
    return add_many(update, [item for item, has in zip(items, known, strict=True) if has])


def _without_entries(view: View, items: Sequence[Item]) -> list[Lost]:
    """The sources of which nothing but the name was found."""
    named = [(key[:-SEAL_BYTES], decode_source(value)) for key, value in items]
    return [
        Lost(source, None, _NO_ENTRIES) for key, source in named if not view.scan(VERSIONS, prefix=key, limit=1)
    ]
