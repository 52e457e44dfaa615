"""The store: records in, records out, and what the history says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self

from pithstore import meta
from pithstore.engine import Engine, Update
from pithstore.errors import InvalidRecord, UsageError
from pithstore.opening import open_engine
from pithstore.pointer import Json
from pithstore.reader import Reader, horizon_of

if TYPE_CHECKING:  # what a put, a diff or a verify needs is imported when one is asked for
    from pithstore.configuration import Configuration
    from pithstore.counts import FileProgress
    from pithstore.files import FileId
    from pithstore.ingest import Arrival
    from pithstore.limits import Limits
    from pithstore.profile import Profile
    from pithstore.record import Prepared
    from pithstore.report import VerifyReport
    from pithstore.reproduction.recorded_check import RecordedCheck
    from pithstore.reproduction.verdict import Reproduction
    from pithstore.results import PutResult, PutSummary
    from pithstore.tail import TailEnd


def open(  # noqa: A001 - read as pithstore.open
    path: str | os.PathLike[str],
    *,
    create: bool = False,
    readonly: bool = False,
    profile: Profile | None = None,
    limits: Limits | None = None,
    patience: float = 60.0,
) -> Store:
    """The store in that directory; with `create`, a new one where there is none.

    `profile` and `limits` are fixed when the store is created; giving others for a store that exists is an error.
    `patience` is how many seconds a put waits for other writers before it says StoreBusy.  NoStore, Damaged,
    FormatUnknown or StorageFailed where the store cannot be opened.
    """
    if create and readonly:
        raise UsageError("a store cannot be created read-only; open it with one of create and readonly")
    wanted = None if profile is None and limits is None else _configuration(profile, limits)
    new = (wanted or _configuration(None, None)) if create else None
    engine = open_engine(path, new, readonly=readonly, patience=patience)
    store = Store(engine)
    try:
        if wanted is not None and store.configuration != wanted:
            raise UsageError(
                f"{path} was created with another profile or other limits, which are fixed; give none"
            )
    except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
        store.close()
        raise
    return store


def _configuration(profile: Profile | None, limits: Limits | None) -> Configuration:
    from pithstore.configuration import Configuration

    default = Configuration()
    return Configuration(profile or default.profile, limits or default.limits)


class Store(Reader):
    """An open store.  It can be used from several threads, and as a context manager that closes it.

    It reads as its `Reader` does, with no horizon.  What a put returns is durable.
    """

    def __init__(self, engine: Engine) -> None:
        """Take an engine that holds a store; FormatUnknown where this version cannot read it."""
        super().__init__(engine)
        self._writing = threading.Lock()
        self._end: TailEnd | None = None
        self._compared = __import__('pithstore.blobs').blobs.Compared()
        try:
            engine.view(meta.check_format)
        except BaseException:  # whatever it is, Ctrl-C too: nothing may stay open behind it
            engine.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; closing twice is allowed."""
        self._engine.close()

    def prepare(self, record: str | bytes | dict[str, Json]) -> Prepared:
        """The record in canonical form with its digests, by the profile and limits of the store."""
        from pithstore.record import prepare

        return prepare(record, self.configuration.profile, self.configuration.limits)

    def put(self, record: str | bytes | dict[str, Json], *, observed_at: datetime | None = None) -> PutResult:
        """What became of the record; it is durable.  InvalidRecord where it is refused, and nothing is stored.

        `observed_at` is when the caller saw the record (an aware datetime); None is now.
        """
        from pithstore.ingest import Arrival

        return self.put_batch([Arrival(self.prepare(record), observed_at)])[0]

    def put_many(
        self, records: Iterable[str | bytes | dict[str, Json]], *, observed_at: datetime | None = None
    ) -> PutSummary:
        """What became of the records, put in order in batches of bounded memory, one transaction each.

        Stops at the first record that is refused: InvalidRecord says which one; those before it are stored.
        """
        from pithstore.bulk import batches
        from pithstore.results import PutSummary

        summary = PutSummary()
        for batch in batches(self._arrivals(records, observed_at)):
            for result in self.put_batch(batch.arrivals):
                summary = summary.plus(result)
        return summary

    def _arrivals(
        self, records: Iterable[str | bytes | dict[str, Json]], observed_at: datetime | None
    ) -> Iterator[Arrival]:
        from pithstore.ingest import Arrival

        for position, record in enumerate(records, 1):
            try:
                yield Arrival(self.prepare(record), observed_at)
            except InvalidRecord as error:
                raise error.of(f"record {position}") from None

    def put_batch(
        self, arrivals: Sequence[Arrival], files: Sequence[tuple[FileId, FileProgress]] = ()
    ) -> list[PutResult]:
        """What became of each arrival, in one transaction that also notes how far these files have come."""
        from pithstore.files import write_progress
        from pithstore.ingest import results, store

        now = datetime.now(UTC)

        def write(update: Update) -> tuple[list[PutResult], TailEnd | None]:
            stored = store(update, arrivals, now, end, self._compared)
            write_progress(update, files)
            return results(update, stored.outcomes), stored.end

        with self._writing:
            end, self._end = self._end, None  # a writer that failed, who knows where, starts a tail of its own
            found, self._end = self._engine.update(write)
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

    def verify(self, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
        """What reading everything again has shown; `progress` is told (entries done, entries in all)."""
        from pithstore.verify import verify

        return verify(self._engine, self.configuration, progress)

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
