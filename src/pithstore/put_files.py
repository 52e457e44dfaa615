"""Files of records into a store: each file once, in durable batches that know how far they have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TypeAlias

import attrs

from pithstore.arrivals import AnyArrival
from pithstore.bulk import Taken, batches
from pithstore.counts import FileProgress
from pithstore.errors import InvalidRecord, NotFound, StorageFailed, UsageError
from pithstore.files import FileId
from pithstore.record import Prepared, value_at
from pithstore.record_files import RecordFile, RecordText
from pithstore.refusal import Reason, refuse_value
from pithstore.results import PutSummary
from pithstore.store import Store
from pithstore.taking import Taking, in_turn
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
    """A file that is read, and how far it has come."""

    name: str
    file_id: FileId | None
    done: FileProgress


_Turn: TypeAlias = tuple[_Reading, RecordText] | Callable[[], None]
"""A record, or what else is to be done when those before it were put."""


class FilePut:
    """Puts files one after the other.

    `again` replays files that were put already; `stop` ends at the first record that is refused, and what came
    before it stays.  `workers` are as in `Store.put_many`.
    """

    def __init__(
        self,
        store: Store,
        observed_at: ObservedAt,
        listener: Listener,
        *,
        again: bool,
        stop: bool,
        workers: int | None = None,
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
        self._workers = workers
        self._reading: dict[FileId, _Reading] = {}
        self._moved: dict[FileId, FileProgress] = {}

    def put(self, names: Iterable[str]) -> None:
        """Put files, `-` for the standard input, each from where the last put of it ended; durable on return.

        What came before an error is put.
        """
        as_they_come = self._observed_at == ObservedAt() and not self._again
        with self._store.taking(None if as_they_come else self._observed_at.of, self._workers) as taking:
            turns = batches(self._turns(names), _size)
            for batch, taken in in_turn(turns, partial(_begin, taking), taking.ahead):
                self._put(batch, taken)
                if self.stopped:
                    return

    def _turns(self, names: Iterable[str]) -> Iterator[_Turn]:
        for name in names:
            with RecordFile(name) as file:
                if file.size is None:  # a pipe: it can neither be named by its bytes nor be read again
                    yield from self._records(file, _Reading(file.name, None, FileProgress()))
                else:
                    yield from self._turns_of(file, FileId(file.digest(), self._observed_at.rule))

    def _turns_of(self, file: RecordFile, file_id: FileId) -> Iterator[_Turn]:
        before = None if self._again else self._reading.get(file_id)
        if before is not None:  # it is named twice, and was read to its end
            yield partial(self._skip, file.name, file.size or 0, before)
            return
        done = None if self._again else self._store.file_progress(file_id)
        reading = _Reading(file.name, file_id, done or FileProgress())
        if reading.done.complete:
            yield partial(self._skip, file.name, file.size or 0, reading)
            return
        self._reading[file_id] = reading
        if reading.done.lines:
            yield partial(self._go_on, reading)
        yield from self._records(file, reading)
        if file_id.digest != file.digest():
            raise StorageFailed(f"{file.name} changed while it was read; put it once more")
        yield partial(self._complete, file_id, reading)

    def _records(self, file: RecordFile, reading: _Reading) -> Iterator[_Turn]:
        read = file.position()
        for text in file.texts(self._limit, reading.done if reading.done.lines else None):
            yield reading, text
            self._listener.advanced(file.position() - read)
            read = file.position()

    def _skip(self, name: str, size: int, reading: _Reading) -> None:
        done = reading.done
        refused = f", {done.refused} of its records refused" if done.refused else ""
        self._listener.said(f"{name}: was put completely before{refused}; skipped (--again puts it again)")
        self._listener.advanced(size)
        self._count_refused(done.refused)
        self.accepted_before += done.records - done.refused

    def _go_on(self, reading: _Reading) -> None:
        done = reading.done
        self._listener.said(f"{reading.name}: was put up to line {done.lines}; going on behind it")
        self.accepted_before += done.records - done.refused

    def _complete(self, file_id: FileId, reading: _Reading) -> None:
        self._moved[file_id] = attrs.evolve(reading.done, complete=True)

    def _count_refused(self, count: int) -> None:
        self.summary = attrs.evolve(self.summary, refused=self.summary.refused + count)

    def _put(self, turns: Sequence[_Turn], taken: Sequence[Taken]) -> None:
        """Put one batch, up to where a refused record ends the work."""
        accepted: list[AnyArrival] = []
        found = iter(taken)
        for turn in turns:
            if isinstance(turn, tuple):
                reading, text = turn
                self._take(reading, text, next(found), accepted)
            else:
                turn()
            if self.stopped:
                break
        self._write(accepted)

    def _take(self, reading: _Reading, text: RecordText, found: Taken, accepted: list[AnyArrival]) -> None:
        refused = isinstance(found, InvalidRecord)
        if isinstance(found, InvalidRecord):
            self._listener.refused(reading.name, text.line + (found.line or 1) - 1, found)
            self._count_refused(1)
            self.stopped = self._stop
            if self.stopped:
                return
        else:
            accepted.append(found)
        reading.done = FileProgress(
            reading.done.records + 1, reading.done.refused + refused, text.lines, text.text_bytes
        )
        if reading.file_id is not None:
            self._moved[reading.file_id] = reading.done

    def _write(self, accepted: Sequence[AnyArrival]) -> None:
        moved, self._moved = self._moved, {}
        if accepted or moved:
            outcomes = self._store.put_all(accepted, list(moved.items()), mend=self._again)
            self.summary = self.summary.plus(*outcomes)
        for file_id, done in moved.items():
            if done.complete:  # the store knows it from now on
                self._reading.pop(file_id, None)


def _size(turn: _Turn) -> int:
    return len(turn[1].text) if isinstance(turn, tuple) else 0


def _begin(taking: Taking, turns: Sequence[_Turn]) -> Callable[[], tuple[Sequence[_Turn], list[Taken]]]:
    take = taking.begin([turn[1].text for turn in turns if isinstance(turn, tuple)])
    return lambda: (turns, take())
