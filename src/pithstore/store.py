"""The store: records in, records out, and what the history says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Self

from pithstore import meta
from pithstore.engine import Engine, T, Update, View
from pithstore.errors import InvalidRecord, UsageError
from pithstore.opening import open_engine
from pithstore.pointer import Json
from pithstore.reader import Reader, horizon_of
from pithstore.upkeep import Upkeep

if TYPE_CHECKING:  # what a put, a diff or a verify needs is imported when one is asked for
    from pithstore.arrivals import AnyArrival, Arrival
    from pithstore.blobs import Compared
    from pithstore.bulk import Taken
    from pithstore.configuration import Configuration
    from pithstore.counts import FileProgress
    from pithstore.engine.lmdb import LmdbEngine
    from pithstore.files import FileId
    from pithstore.isolated import Apart
    from pithstore.limits import Limits
    from pithstore.profile import Profile
    from pithstore.record import Prepared
    from pithstore.reproduction.recorded_check import RecordedCheck
    from pithstore.reproduction.verdict import Reproduction
    from pithstore.results import Outcome, PutResult, PutSummary
    from pithstore.section_memo import SectionMemo
    from pithstore.tail import TailEnd
    from pithstore.taking import ObservedAt, Taking


def open(  # noqa: A001 - read as pithstore.open
    path: str | os.PathLike[str],
    *,
    create: bool = False,
    readonly: bool = False,
    profile: Profile | None = None,
    limits: Limits | None = None,
    patience: float = 60.0,
    auto_compact: bool = False,
    isolate: bool = False,
) -> Store:
    """The store in that directory; with `create`, a new one where there is none.

    `profile` and `limits` are fixed when the store is created; giving others for a store that exists is an error.
    `patience` is how many seconds a put waits for other writers before it says StoreBusy.  With `auto_compact` the
    store is compacted when a `put_many` ends or it is closed, and that would pay.  With
    `isolate` a forked child is the first to open it, and one verifies or repairs it: where reading damaged data
    ends the process that does it, that is Damaged, and no more.  NoStore, Damaged, FormatUnknown or StorageFailed
    where the store cannot be opened.
    """
    if create and readonly:
        raise UsageError("a store cannot be created read-only; open it with one of create and readonly")
    if auto_compact and readonly:
        raise UsageError("a store that is open read-only cannot be compacted; leave out readonly or auto_compact")
    wanted = None if profile is None and limits is None else _configuration(profile, limits)
    new = (wanted or _configuration(None, None)) if create else None
    if isolate:
        from pithstore.isolated import try_opening

        try_opening(os.fspath(path), patience)
    engine = open_engine(path, new, readonly=readonly, patience=patience)
    apart = _apart(path, patience, engine) if isolate else None
    store = Store(engine, auto_compact=auto_compact, path=os.fspath(path), readonly=readonly, apart=apart)
    try:
        if wanted is not None and store.configuration != wanted:
            raise UsageError(
                f"{path} was created with another profile or other limits, which are fixed; give none"
            )
    except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
        engine.close()
        raise
    return store


def _apart(path: str | os.PathLike[str], patience: float, engine: LmdbEngine) -> Apart:
    from pithstore.isolated import Apart

    return Apart(os.fspath(path), patience, engine.paused)


def _configuration(profile: Profile | None, limits: Limits | None) -> Configuration:
    from pithstore.configuration import Configuration

    default = Configuration()
    return Configuration(profile or default.profile, limits or default.limits)


def _begin(
    taking: Taking, given: Sequence[bytes | Arrival]
) -> Callable[[], tuple[list[AnyArrival], InvalidRecord | None]]:
    return partial(_accepted, given, taking.begin([each for each in given if isinstance(each, bytes)]))


def _accepted(
    given: Sequence[bytes | Arrival], take: Callable[[], list[Taken]]
) -> tuple[list[AnyArrival], InvalidRecord | None]:
    """What can be put, up to the first text that is refused."""
    accepted: list[AnyArrival] = []
    taken = iter(take())
    for each in given:
        found = next(taken) if isinstance(each, bytes) else each
        if isinstance(found, InvalidRecord):
            return accepted, found
        accepted.append(found)
    return accepted, None


class Store(Upkeep):
    """An open store.  It can be used from several threads, and as a context manager that closes it.

    It reads as its `Reader` does, with no horizon.  What a put returns is durable.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        auto_compact: bool = False,
        path: str | None = None,
        readonly: bool = False,
        apart: Apart | None = None,
    ) -> None:
        """Take an engine that holds a store; FormatUnknown where this version cannot read it."""
        super().__init__(engine, auto_compact=auto_compact, path=path, readonly=readonly, apart=apart)
        self._writing = threading.Lock()
        self._end: TailEnd | None = None
        try:
            engine.view(meta.check_format)
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            engine.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._auto_compact = False
        self.close()

    def close(self) -> None:
        """Close the store; closing twice is allowed.  With `auto_compact` it may be compacted first."""
        try:
            self._compact_if_wanted()
        finally:
            self._auto_compact = False
            self._engine.close()

    @cached_property
    def _memo(self) -> SectionMemo:
        from pithstore.section_memo import SectionMemo

        return SectionMemo()

    @cached_property
    def _compared(self) -> Compared:
        from pithstore.blobs import Compared

        return Compared()

    def prepare(self, record: str | bytes | dict[str, Json]) -> Prepared:
        """The record in canonical form with its digests, by the profile and limits of the store."""
        from pithstore.record import prepare

        return prepare(record, self.configuration.profile, self.configuration.limits, self._memo)

    def put(self, record: str | bytes | dict[str, Json], *, observed_at: datetime | None = None) -> PutResult:
        """What became of the record; it is durable.  InvalidRecord where it is refused, and nothing is stored.

        `observed_at` is when the caller saw the record (an aware datetime); None is now.  Stored bytes of the
        record that are damaged are replaced.
        """
        return self.put_batch([self.arrival(record, observed_at)], mend=True)[0]

    def arrival(self, record: str | bytes | dict[str, Json], observed_at: datetime | None = None) -> Arrival:
        """The record, prepared to be put by `put_batch`."""
        from pithstore.arrivals import Arrival
        from pithstore.texts import text_hash

        prepared = self.prepare(record)
        return Arrival(prepared, observed_at, b"" if isinstance(record, dict) else text_hash(record))

    def put_many(
        self,
        records: Iterable[str | bytes | dict[str, Json]],
        *,
        observed_at: datetime | None = None,
        workers: int | None = None,
    ) -> PutSummary:
        """What became of the records, put in order in batches of bounded memory, one transaction each.

        Stops at the first record that is refused: InvalidRecord says which one; those before it are stored.  A
        text that is, byte for byte, what was put last for its source and builder is not looked at further.

        That many `workers`, processes of their own, prepare the texts where there are many; mappings are prepared
        here.  What becomes of the records is the same, but up to three batches are read before the first is put.
        """
        from pithstore.bulk import batches, size_of
        from pithstore.results import PutSummary
        from pithstore.taking import in_turn

        summary = PutSummary()
        with self.taking(None if observed_at is None else lambda _: observed_at, workers) as taking:
            given = batches(self._given(records, observed_at), size_of)
            for accepted, refused in in_turn(given, partial(_begin, taking), taking.ahead):
                summary = summary.plus(*self.put_all(accepted))
                if refused is not None:
                    raise refused.of(f"record {summary.records + 1}")
        self._compact_if_wanted()
        return summary

    def _given(
        self, records: Iterable[str | bytes | dict[str, Json]], observed_at: datetime | None
    ) -> Iterator[bytes | Arrival]:
        """Texts as they are, and the others prepared."""
        from pithstore.bulk import as_bytes

        for position, record in enumerate(records, 1):
            text = as_bytes(record)
            try:
                yield self.arrival(record, observed_at) if text is None else text
            except InvalidRecord as error:
                raise error.of(f"record {position}") from None

    def taking(self, observed_at: ObservedAt | None = None, workers: int | None = None) -> Taking:
        """Whoever finds out what texts are to the store; see `pithstore.taking`."""
        from pithstore.taking import Taking

        return Taking(self._engine, self.configuration, self._memo, observed_at, workers)

    def put_batch(
        self,
        arrivals: Sequence[AnyArrival],
        files: Sequence[tuple[FileId, FileProgress]] = (),
        *,
        mend: bool = False,
    ) -> list[PutResult]:
        """What became of each arrival, in one transaction that also notes how far these files have come.

        With `mend` the stored bytes of all that arrives are compared, and replaced where they are damaged;
        without, each blob is compared only once by this open store.
        """
        from pithstore.ingest import results

        return self._write(arrivals, files, mend, results)

    def put_all(
        self,
        arrivals: Sequence[AnyArrival],
        files: Sequence[tuple[FileId, FileProgress]] = (),
        *,
        mend: bool = False,
    ) -> list[Outcome]:
        """What `put_batch` does, without reading the versions that were there before."""
        return self._write(arrivals, files, mend, lambda _, outcomes: outcomes)

    def _write(
        self,
        arrivals: Sequence[AnyArrival],
        files: Sequence[tuple[FileId, FileProgress]],
        mend: bool,
        finish: Callable[[View, list[Outcome]], T],
    ) -> T:
        from pithstore.arrivals import HintPassed, Unchanged

        try:
            return self._transact(arrivals, files, mend, finish)
        except HintPassed:
            sure = [self.arrival(each.text) if isinstance(each, Unchanged) else each for each in arrivals]
            return self._transact(sure, files, mend, finish)

    def _transact(
        self,
        arrivals: Sequence[AnyArrival],
        files: Sequence[tuple[FileId, FileProgress]],
        mend: bool,
        finish: Callable[[View, list[Outcome]], T],
    ) -> T:
        from pithstore.arrivals import HintPassed
        from pithstore.files import write_progress
        from pithstore.ingest import store

        compared = None if mend else self._compared

        def write(update: Update) -> tuple[T, TailEnd | None]:
            now = datetime.now(UTC)  # not before nobody else can write: a backup relies on it
            stored = store(update, arrivals, now, end, compared)
            write_progress(update, files)
            return finish(update, stored.outcomes), stored.end

        with self._writing:
            end, self._end = self._end, None  # a writer that failed, who knows where, starts a tail of its own
            try:
                found, self._end = self._engine.update(write)
            except HintPassed:  # nothing was written
                self._end = end
                raise
        return found

    def file_progress(self, file: FileId) -> FileProgress | None:
        """How far a file has been put; None where nothing is known of it."""
        from pithstore.files import read_progress

        return self._engine.view(partial(read_progress, file=file))

    def within(
        self,
        *,
        at: datetime | str | None = None,
        as_recorded: datetime | str | None = None,
        builder: str | None = None,
    ) -> Reader:
        """The store as of a moment: observed by `at`, recorded by `as_recorded`; and what one builder made.

        Moments are aware datetimes or their text; it reads through this store and ends with it.
        """
        return Reader(self._engine, horizon_of(at, as_recorded, builder))

    def record_check(self, reproduction: Reproduction) -> RecordedCheck:
        """What was kept of a result of `reproduce`, digests and pointers and no values; it is durable."""
        from pithstore.reproduction.reproduce import record_check

        return record_check(self._engine, reproduction, datetime.now(UTC))

    def rebuild_ledger(self, progress: Callable[[int], None] = lambda _: None) -> None:
        """Count the declared digests of a store that was written without their ledger; see `Reader.declared`.

        `progress` is told how many versions more are done.
        """
        from pithstore.declared.report import rebuild_ledger

        rebuild_ledger(self._engine, self.configuration.profile, progress)
