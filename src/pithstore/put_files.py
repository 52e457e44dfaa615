"""Files of records into a store: each file once, in durable batches that know how far they have come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import attrs

from pithstore.bulk import Batch, Taken
from pithstore.counts import FileProgress
from pithstore.errors import InvalidRecord, NotFound, StorageFailed, UsageError
from pithstore.files import FileId
from pithstore.ingest import AnyArrival, Arrival
from pithstore.record import Prepared, value_at
from pithstore.record_files import RecordFile, RecordText
from pithstore.refusal import Reason, refuse_value
from pithstore.results import PutSummary
from pithstore.store import Store
from pithstore.times import read_time, write_time


@attrs.frozen
class ObservedAt:
    """Where the records of a file get their observed_at: one moment, a JSON Pointer into each, or now."""

    moment: datetime | None = None
    pointer: str | None = None

    @property
    def rule(self) -> str:
        """The rule as text; a file put by another rule is put anew."""
        if self.pointer is not None:
            return f"at {self.pointer}"
        return "now" if self.moment is None else write_time(self.moment)

    def of(self, prepared: Prepared) -> datetime | None:
        """The observed_at of a record; InvalidRecord where the pointer leads to no time."""
        if self.pointer is None:
            return self.moment
        try:
            value = value_at(prepared, self.pointer)
        except NotFound:
            raise refuse_value(Reason.OBSERVED_AT, "the time of the record is missing", self.pointer) from None
        try:
            return read_time(value if isinstance(value, str) else repr(value))
        except UsageError as error:
            raise refuse_value(Reason.OBSERVED_AT, str(error), self.pointer) from None


@attrs.frozen
class Listener:
    """Whoever wants to hear how the work goes on.

    `refused` is told the file, the line and why; `said` one sentence for people; `advanced` how many bytes of the
    files have been read.
    """

    refused: Callable[[str, int, InvalidRecord], None]
    said: Callable[[str], None]
    advanced: Callable[[int], None]


@attrs.define
class _Reading:
    """A file that is read, and how far it has come with what is in the batch."""

    name: str
    file_id: FileId | None
    done: FileProgress


class FilePut:
    """Puts files one after the other.  Call `flush` at the end: what it has not put yet is not durable.

    `again` replays files that were put already; `stop` ends at the first record that is refused, and what came
    before it stays.
    """

    def __init__(
        self, store: Store, observed_at: ObservedAt, listener: Listener, *, again: bool, stop: bool
    ) -> None:
        self.summary = PutSummary()
        self.accepted_before = 0
        self.stopped = False
        self._store = store
        self._limit = store.configuration.limits.record_bytes
        self._observed_at = observed_at
        self._listener = listener
        self._again = again
        self._stop = stop
        self._waiting = Batch[tuple[_Reading, RecordText]]()
        self._batch = Batch[AnyArrival]()
        self._files: dict[FileId, FileProgress] = {}

    def put(self, name: str) -> None:
        """Put one file, or `-` for the standard input, from where the last put of it ended."""
        with RecordFile(name) as file:
            if file.size is None:  # a pipe: it can neither be named by its bytes nor be read again
                self._put_from(file, None, FileProgress())
                return
            file_id = FileId(file.digest(), self._observed_at.rule)
            done = None if self._again else self._progress(file_id)
            if done is not None and done.complete:
                self._skip(file, done)
                return
            if done is not None and done.lines:
                self._listener.said(f"{file.name}: was put up to line {done.lines}; going on behind it")
                self.accepted_before += done.records - done.refused
            reached = self._put_from(file, file_id, done or FileProgress())
            if self.stopped:
                return
            if file_id.digest != file.digest():
                raise StorageFailed(f"{file.name} changed while it was read; put it once more")
            self._files[file_id] = attrs.evolve(reached, complete=True)

    def _progress(self, file_id: FileId) -> FileProgress | None:
        """How far the file has come, with what is waiting to be put: a file may be named twice."""
        return self._files.get(file_id) or self._store.file_progress(file_id)

    def _skip(self, file: RecordFile, done: FileProgress) -> None:
        refused = f", {done.refused} of its records refused" if done.refused else ""
        self._listener.said(f"{file.name}: was put completely before{refused}; skipped (--again puts it again)")
        self._listener.advanced(file.size or 0)
        self._count_refused(done.refused)
        self.accepted_before += done.records - done.refused

    def _count_refused(self, count: int) -> None:
        self.summary = attrs.evolve(self.summary, refused=self.summary.refused + count)

    def _put_from(self, file: RecordFile, file_id: FileId | None, done: FileProgress) -> FileProgress:
        reading = _Reading(file.name, file_id, done)
        read = file.position()
        for text in file.texts(self._limit, done if done.lines else None):
            self._waiting.add((reading, text), len(text.text))
            if self._waiting.full:
                self._take()
                self._write()
            if self.stopped:
                break
            self._listener.advanced(file.position() - read)
            read = file.position()
        self._take()
        if self._batch.full:
            self._write()
        return reading.done

    def _take(self) -> None:
        """Add what is waiting to the batch, in order, but what is refused."""
        waiting, self._waiting = self._waiting.items, Batch()
        for (reading, text), found in zip(waiting, self._taken([text.text for _, text in waiting]), strict=True):
            if isinstance(found, InvalidRecord):
                self._refuse(reading, text, found)
                if self.stopped:
                    return
            else:
                self._batch.add(found, len(text.text))
            refused = reading.done.refused + isinstance(found, InvalidRecord)
            reading.done = FileProgress(reading.done.records + 1, refused, text.lines, text.text_bytes)
            if reading.file_id is not None:
                self._files[reading.file_id] = reading.done

    def _taken(self, texts: Sequence[bytes]) -> list[Taken]:
        """What each text is; one that is put again or with a time of its own is looked at from its first byte."""
        if self._observed_at == ObservedAt() and not self._again:
            return self._store.take_texts(texts)
        return [self._arrival(text) for text in texts]

    def _arrival(self, text: bytes) -> Arrival | InvalidRecord:
        try:
            arrival = self._store.arrival(text)
            return attrs.evolve(arrival, observed_at=self._observed_at.of(arrival.prepared))
        except InvalidRecord as error:
            return error

    def _refuse(self, reading: _Reading, text: RecordText, error: InvalidRecord) -> None:
        self._listener.refused(reading.name, text.line + (error.line or 1) - 1, error)
        self._count_refused(1)
        self.stopped = self._stop

    def flush(self) -> None:
        """Put what is waiting; it is durable on return."""
        if not self.stopped:
            self._take()
        self._write()

    def _write(self) -> None:
        batch, self._batch = self._batch.items, Batch()
        files, self._files = self._files, {}
        if batch or files:
            outcomes = self._store.put_all(batch, list(files.items()), mend=self._again)
            self.summary = self.summary.plus(*outcomes)
