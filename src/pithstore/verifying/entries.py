"""All that the index says of a source, read in one state of the store, with the frames of its runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs

from pithstore import meta
from pithstore.codec import Head, LineHead, decode_head
from pithstore.engine import Item, View
from pithstore.errors import Damaged
from pithstore.keys import DICTIONARIES, HEAD, LINE, OUTCOMES, RUN, SOURCES, STANDING, TIME, VERSION, VERSIONS
from pithstore.model import Source
from pithstore.packs.frames import read_dictionary, read_packed
from pithstore.packs.packed_frame import NO_DICTIONARY, Header
from pithstore.packs.run import Run
from pithstore.packs.runs import read_run
from pithstore.report import Problem
from pithstore.seal import unseal
from pithstore.sources import read_source
from pithstore.survey import Entries, end_of, page_from
from pithstore.verifying.said import Said, made_of, read_said, time_text
from pithstore.versions import read_line_head

ROOM = 8 * 1024 * 1024
"""Packed frames are read in one transaction until they have so many bytes."""

PackedFrame = tuple[Header, bytes]


@attrs.frozen(eq=False)
class Stretch:
    """A run, and its frame as it lies there.

    Damaged instead where it does not lie there, None where it is still to be read: the source has too many.
    """

    item: Item
    run: Run
    said: Sequence[Said]
    outcomes: Sequence[bytes]
    frame: PackedFrame | Damaged | None

    @property
    def numbers(self) -> str:
        """Which versions it has, in words."""
        first, last = self.said[0].number, self.said[-1].number
        return f"version {last}" if first == last else f"versions {first} to {last}"


@attrs.frozen(eq=False)
class History:
    """The sound entries of one source, and what is said of the others.

    `complete` says that no version is in an entry that is not sound; `whole_ledger` that the ledger of declared
    digests was whole when they were read.  `outcomes` are those of versions with an entry of their own; None, and
    None for `standing`, is one that is not sound.
    """

    source: Source
    head: Head | None
    stretches: Sequence[Stretch]
    loose: Sequence[Said]
    lines: Mapping[bytes, LineHead]
    times: Collection[bytes]
    outcomes: Mapping[int, bytes | None]
    standing: bytes | None
    complete: bool
    whole_ledger: bool
    problems: Sequence[Problem]

    @property
    def versions(self) -> int:
        """How many versions it has."""
        return len(self.loose) + sum(len(stretch.said) for stretch in self.stretches)

    @property
    def snapshots(self) -> set[bytes]:
        """The distinct snapshot hashes of its versions."""
        packed = {said.snapshot for stretch in self.stretches for said in stretch.said}
        return packed | {said.snapshot for said in self.loose}

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


def read_page(view: View, after: bytes | None, known: Collection[bytes]) -> Page | None:
    """The sources from beyond that key, at least one; None at the end.  `known` are marks of dictionaries."""
    entries = page_from(view, after)
    if not entries:
        return None
    whole_ledger = meta.keeps_whole_ledger(view)
    names = view.get_many(SOURCES, [key for key, _ in entries])
    histories: list[History] = []
    problems: list[Problem] = []
    room = ROOM
    for each, name in zip(entries, names, strict=True):
        try:
            source = _source(each, name)
        except Damaged as error:
            problems.append(Problem("source-damaged", str(error)))
        else:
            histories.append(_Reading(view, source, len(each[0]), room).read(each[1], whole_ledger))
            room -= sum(_packed_bytes(stretch) for stretch in histories[-1].stretches)
        after = end_of(each)
        if room <= 0:
            break
    marks = {mark for history in histories for mark in _dictionaries(history)} - set(known) - {NO_DICTIONARY}
    dictionaries = {mark: _dictionary(view, mark) for mark in sorted(marks)}
    missing = [mark for mark in dictionaries if not view.has_many(DICTIONARIES, [mark])[0]]
    return Page(after or b"", histories, problems, dictionaries, missing)


def _source(entries: Entries, name: bytes | None) -> Source:
    key, items = entries
    if name is None:
        raise Damaged(f"the source of key {key[:80].hex()} is missing, and {len(items)} entries name it")
    return read_source((key, name))


def _packed_bytes(stretch: Stretch) -> int:
    return len(stretch.frame[1]) if isinstance(stretch.frame, tuple) else 0


def _dictionaries(history: History) -> Iterator[bytes]:
    for stretch in history.stretches:
        if isinstance(stretch.frame, tuple):
            yield stretch.frame[0].dictionary


def _dictionary(view: View, mark: bytes) -> bytes | Damaged:
    try:
        return read_dictionary(view, mark)
    except Damaged as error:
        return error


def read_frame_of(view: View, run: Run) -> PackedFrame | Damaged:
    """The frame of a run; another one, or none, if a compaction has ended since that was read."""
    try:
        return read_packed(view, run.position)
    except Damaged as error:
        return error


class _Reading:
    """The entries of one source, being read."""

    def __init__(self, view: View, source: Source, source_bytes: int, room: int) -> None:
        self._view = view
        self._source = source
        self._cut = source_bytes
        self._room = room
        self._head: Head | None = None
        self._stretches: list[Stretch] = []
        self._loose: list[Said] = []
        self._lines: dict[bytes, LineHead] = {}
        self._times: set[bytes] = set()
        self._outcomes: dict[int, bytes | None] = {}
        self._standing: bytes | None = b""
        self._complete = True
        self._problems: list[Problem] = []

    def read(self, items: Sequence[Item], whole_ledger: bool) -> History:
        for item in items:
            kind = item[0][self._cut : self._cut + 1]
            try:
                self._read_item(kind, item)
            except Damaged as error:
                self._report(kind, item[0], error)
        return History(
            source=self._source,
            head=self._head,
            stretches=self._stretches,
            loose=self._loose,
            lines=self._lines,
            times=self._times,
            outcomes=self._outcomes,
            standing=self._standing,
            complete=self._complete,
            whole_ledger=whole_ledger,
            problems=self._problems,
        )

    def _read_item(self, kind: bytes, item: Item) -> None:
        key, value = item
        if kind == RUN:
            self._read_run(item)
            return
        payload = unseal(VERSIONS, key, value)
        if kind == VERSION:
            self._loose.append(read_said(int.from_bytes(key[-4:], "big"), payload))
        elif kind == TIME:
            self._times.add(key)
        elif kind == LINE:
            self._lines[key] = read_line_head(self._source, item)
        elif kind == HEAD:
            self._head = decode_head(payload)
        elif kind == OUTCOMES:
            self._outcomes[int.from_bytes(key[-4:], "big")] = payload
        elif kind == STANDING:
            self._standing = payload
        else:
            raise Damaged(f"{self._source} has an entry of no kind (key {key[:80].hex()})")

    def _read_run(self, item: Item) -> None:
        run = read_run(self._source, item)
        try:
            fields = run.fields()
            for moment in {each.observed_at for each in fields} | {each.recorded_at for each in fields}:
                time_text(moment)  # there is such a moment
            said = [
                Said(number, snapshot, made_of(made), observed_at, recorded_at)
                for number, snapshot, observed_at, recorded_at, made, _ in fields
            ]
        except Damaged as error:
            last = run.number(run.count - 1)
            raise Damaged(f"{self._source}: the run up to version {last} is damaged ({error})") from None
        frame = read_frame_of(self._view, run) if self._room > 0 else None
        if isinstance(frame, tuple):
            self._room -= len(frame[1])
        self._stretches.append(Stretch(item, run, said, [each.outcomes for each in fields], frame))

    def _report(self, kind: bytes, key: bytes, error: Damaged) -> None:
        self._complete = self._complete and kind not in (VERSION, RUN)
        number = int.from_bytes(key[-4:], "big") if kind in _NUMBERED else None
        message = str(error)
        if kind == OUTCOMES:
            self._outcomes[int.from_bytes(key[-4:], "big")] = None
        elif kind == STANDING:
            self._standing = None
        if kind in (OUTCOMES, STANDING):
            what = f"{self._source}" if number is None else f"{self._source} version {number}"
            message = f"{what}: an entry in the ledger of declared digests is damaged ({error})"
        elif kind != RUN and not message.startswith(f"{self._source}"):
            message = f"{self._source}: {message}"
        self._problems.append(Problem(_CODES.get(kind, "entry-damaged"), message, self._source, number))


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
