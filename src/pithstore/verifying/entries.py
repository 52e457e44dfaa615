"""All that the index says of a source, read in one state of the store, with the frames of its runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import attrs

from pithstore import meta
from pithstore.codec import Head, LineHead, decode_head
from pithstore.engine import Item, View
from pithstore.errors import Damaged
from pithstore.keys import DICTIONARIES, HEAD, LINE, OUTCOMES, RUN, SOURCES, STANDING, TIME, VERSION, VERSIONS
from pithstore.model import Source
from pithstore.packs.frames import Stream, read_dictionary
from pithstore.packs.packed_frame import NO_DICTIONARY, Header
from pithstore.packs.run import Columns, Run
from pithstore.packs.runs import read_run_once
from pithstore.report import Problem
from pithstore.seal import unseal
from pithstore.sources import read_source
from pithstore.survey import Entries, end_of, page_from
from pithstore.verifying.found import refs
from pithstore.verifying.said import Made, Said, made_of, read_said, time_text
from pithstore.versions import read_line_head

ROOM = 1024 * 1024
"""Packed frames are read in one transaction until they have so many bytes."""

PackedFrame = tuple[Header, bytes]


@attrs.frozen(eq=False)
class Stretch:
    """A run: what it says of its versions, by column, and its frame as it lies there.

    Damaged instead where it does not lie there, None where it is still to be read: the source has too many.
    """

    run: Run
    columns: Columns
    made: Sequence[Made]
    frame: PackedFrame | Damaged | None

    @property
    def last(self) -> int:
        """The number of its last version."""
        return self.columns.numbers[-1]

    @property
    def numbers(self) -> str:
        """Which versions it has, in words."""
        first, last = self.columns.numbers[0], self.last
        return f"version {last}" if first == last else f"versions {first} to {last}"

    @property
    def said(self) -> list[Said]:
        """Its versions, one by one."""
        columns = self.columns
        rows = zip(
            columns.numbers, columns.snapshots, self.made, columns.observed_at, columns.recorded_at, strict=True
        )
        return [Said(*row) for row in rows]


@attrs.define(eq=False)
class History:
    """The sound entries of one source, and what is said of the others; it is filled as they are read.

    `complete` says that no version is in an entry that is not sound; `whole_ledger` that the ledger of declared
    digests was whole when they were read.  `outcomes` are those of versions with an entry of their own; None, and
    None for `standing`, is one that is not sound.
    """

    source: Source
    whole_ledger: bool
    head: Head | None = None
    stretches: list[Stretch] = attrs.field(factory=list)
    loose: list[Said] = attrs.field(factory=list)
    lines: dict[bytes, LineHead] = attrs.field(factory=dict)
    times: set[bytes] = attrs.field(factory=set)
    outcomes: dict[int, bytes | None] = attrs.field(factory=dict)
    standing: bytes | None = b""
    complete: bool = True
    problems: list[Problem] = attrs.field(factory=list)

    @property
    def versions(self) -> int:
        """How many versions it has."""
        return len(self.loose) + sum([stretch.run.count for stretch in self.stretches])

    @property
    def snapshots(self) -> set[bytes]:
        """The distinct snapshot hashes of its versions."""
        found = {said.snapshot for said in self.loose}
        return found.union(*[stretch.columns.snapshots for stretch in self.stretches])

    @property
    def stray_outcomes(self) -> list[int]:
        """The numbers of outcomes that belong to no version with an entry of its own."""
        return sorted(self.outcomes.keys() - {said.number for said in self.loose})


@attrs.frozen
class Page:
    """Whole sources of one state of the store; `after` is where the next page begins.

    `problems` are of sources that cannot be told; `dictionaries` are those that the frames need and were not known
    yet, by their marks, and `missing` the marks of those that the store lacks.
    """

    after: bytes
    histories: Sequence[History]
    problems: Sequence[Problem]
    dictionaries: Mapping[bytes, bytes | Damaged]
    missing: Sequence[bytes]


def read_page(
    view: View,
    after: bytes | None,
    known: Collection[bytes] = (),
    *,
    frames: bool = True,
    wanted: Callable[[bytes], bool] = lambda _: True,
) -> Page | None:
    """The sources from beyond that key, at least one; None at the end.  `known` are marks of dictionaries.

    Without `frames` none is read, nor a dictionary; only sources are read whose keys are `wanted`.
    """
    entries = page_from(view, after)
    if not entries:
        return None
    last = entries[-1]
    entries = [each for each in entries if wanted(each[0])]
    whole_ledger = meta.keeps_whole_ledger(view)
    names = view.get_many(SOURCES, [key for key, _ in entries])
    histories: list[History] = []
    problems: list[Problem] = []
    reading = _Reading(view, frames=frames)
    for each, name in zip(entries, names, strict=True):
        try:
            source = _source(each, name)
        except Damaged as error:
            problems.append(Problem("source-damaged", str(error)))
        else:
            histories.append(reading.read(source, each, whole_ledger))
        if reading.room <= 0:
            last = each
            break
    after = end_of(last)
    marks = {mark for history in histories for mark in _dictionaries(history)} - set(known) - {NO_DICTIONARY}
    dictionaries = {mark: _dictionary(view, mark) for mark in sorted(marks)}
    missing = [mark for mark in dictionaries if not view.has_many(DICTIONARIES, [mark])[0]]
    return Page(after, histories, problems, dictionaries, missing)


def _source(entries: Entries, name: bytes | None) -> Source:
    key, items = entries
    if name is None:
        raise Damaged(f"the source of key {key[:80].hex()} is missing, and {len(items)} entries name it")
    return read_source((key, name))


def _dictionaries(history: History) -> Iterator[bytes]:
    for stretch in history.stretches:
        if isinstance(stretch.frame, tuple):
            yield stretch.frame[0].dictionary


def _dictionary(view: View, mark: bytes) -> bytes | Damaged:
    try:
        return read_dictionary(view, mark)
    except Damaged as error:
        return error


def read_frame_of(stream: Stream, run: Run) -> PackedFrame | Damaged:
    """The frame of a run; another one, or none, if a compaction has ended since that was read."""
    try:
        return stream.read_packed(run.position)
    except Damaged as error:
        return error


class _Reading:
    """Reads the entries of one source after the other; packed frames as long as there is room for them."""

    def __init__(self, view: View, *, frames: bool) -> None:
        self._stream = Stream(view)
        self._frames = frames
        self.room = ROOM

    def read(self, source: Source, entries: Entries, whole_ledger: bool) -> History:
        """What the entries of a source say."""
        history = History(source, whole_ledger)
        cut = len(entries[0])
        for item in entries[1]:
            kind = item[0][cut : cut + 1]
            try:
                if kind == RUN:
                    history.stretches.append(self._read_run(source, item))
                else:
                    _read_item(history, kind, item)
            except Damaged as error:
                _report(history, kind, item[0], error)
        return history

    def _read_run(self, source: Source, item: Item) -> Stretch:
        run = read_run_once(source, item)
        try:
            columns = run.columns()
            for moment in {*columns.observed_at, *columns.recorded_at}:
                time_text(moment)  # there is such a moment
            made = list(map(made_of, columns.made))
        except Damaged as error:
            last = run.number(run.count - 1)
            raise Damaged(f"{source}: the run up to version {last} is damaged ({error})") from None
        frame = read_frame_of(self._stream, run) if self._frames and self.room > 0 else None
        if isinstance(frame, tuple):
            self.room -= len(frame[1])
        return Stretch(run, columns, made, frame)


def _read_item(history: History, kind: bytes, item: Item) -> None:
    key, value = item
    payload = unseal(VERSIONS, key, value)
    if kind == VERSION:
        history.loose.append(read_said(int.from_bytes(key[-4:], "big"), payload))
    elif kind == TIME:
        history.times.add(key)
    elif kind == LINE:
        history.lines[key] = read_line_head(history.source, item)
    elif kind == HEAD:
        history.head = decode_head(payload)
    elif kind == OUTCOMES:
        history.outcomes[int.from_bytes(key[-4:], "big")] = payload
    elif kind == STANDING:
        history.standing = payload
    else:
        raise Damaged(f"{history.source} has an entry of no kind (key {key[:80].hex()})")


def _report(history: History, kind: bytes, key: bytes, error: Damaged) -> None:
    source = history.source
    history.complete = history.complete and kind not in (VERSION, RUN)
    number = int.from_bytes(key[-4:], "big") if kind in _NUMBERED else None
    message = str(error)
    if kind == OUTCOMES:
        history.outcomes[int.from_bytes(key[-4:], "big")] = None
    elif kind == STANDING:
        history.standing = None
    if kind in (OUTCOMES, STANDING):
        what = f"{source}" if number is None else f"{source} version {number}"
        message = f"{what}: an entry in the ledger of declared digests is damaged ({error})"
    elif kind != RUN and not message.startswith(f"{source}"):
        message = f"{source}: {message}"
    affected = refs(source, [number]) if kind == VERSION and number is not None else ()
    code = _CODES.get(kind, "entry-damaged")
    history.problems.append(Problem(code, message, source, number, affected=affected))


_CODES = {
    HEAD: "head-damaged",
    VERSION: "version-damaged",
    LINE: "line-damaged",
    TIME: "time-damaged",
    OUTCOMES: "declared-damaged",
    STANDING: "declared-damaged",
    RUN: "run-damaged",
}
_NUMBERED = (VERSION, TIME, OUTCOMES, RUN)
