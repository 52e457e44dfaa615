"""One write transaction: prepared records in, versions out.

The order of writing is the order of naming: blobs, then manifests, then versions.  So every name points to
something that exists, at any instant, on any engine, after any crash.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import attrs

from pithstore import blobs, garbage, journal, manifests, meta, sources, tombstones, versions
from pithstore.arrivals import AnyArrival, Arrival, HintPassed, Restored, Unchanged
from pithstore.blobs import Blob, Compared
from pithstore.codec import Head, LineHead
from pithstore.counts import Totals
from pithstore.declared import entries as declared
from pithstore.declared.entries import Declaring
from pithstore.digest import Digest
from pithstore.engine import Update, View
from pithstore.errors import InvalidRecord, StorageFailed, StoreExists
from pithstore.fingerprint import fingerprint
from pithstore.keys import MAX_NUMBER, line_key, source_key, source_mark, source_slot, version_key
from pithstore.model import Line, Manifest, Source, Version
from pithstore.packs import runs
from pithstore.record import Prepared
from pithstore.results import Outcome, PutResult
from pithstore.tail import TailEnd
from pithstore.totals import add_totals


@attrs.frozen
class Stored:
    """What a transaction came to: an outcome for each arrival in order, and where the writer goes on."""

    outcomes: list[Outcome]
    end: TailEnd | None


def store(
    update: Update,
    arrivals: Sequence[AnyArrival],
    now: datetime,
    end: TailEnd | None,
    compared: Compared | None = None,
) -> Stored:
    """Put the arrivals in order; `end` is None for a writer that has written no blob yet.

    Stored bytes that are not what a prepared record brings again are replaced: putting it again mends it.  What
    was `compared` before is not read for that.  HintPassed where a text was taken for unchanged and is not so any
    more.
    """
    gone = refuse_erased(update, arrivals) if tombstones.any_erased(update) else frozenset[Digest]()
    index = _Index(update, arrivals, now)
    found = [index.arrive(arrival, position) for position, arrival in enumerate(arrivals)]
    prepared = [(position, each.prepared) for position, each in enumerate(arrivals) if isinstance(each, Arrival)]
    bodies = _Bodies(update, prepared, compared, gone)
    if bodies.unsound:
        end = blobs.write_many(update, end or TailEnd(meta.new_writer(update), 0), bodies.unsound, compared)
    candidates = _write_manifests(update, found, arrivals)
    index.write()
    journal.note(update, {record.line.source for _, record in prepared})
    garbage.note(update, [(new.version.source, new.record.manifest) for new in index.new])
    if gone:
        _mark_lacking(update, index.new, gone)
    if index.new:
        first_snapshots = _first_snapshots(update, candidates, index, bodies)
        add_totals(update, _additions(index, bodies, first_snapshots))
        if meta.keeps_ledger(update):
            declared.note(update, [new.declaring() for new in index.new])
    return Stored([each if isinstance(each, Outcome) else bodies.outcome(each) for each in found], end)


def results(view: View, outcomes: Sequence[Outcome]) -> list[PutResult]:
    """The outcomes with all their versions; those that were there before are read."""
    unread = dict.fromkeys((each.source, each.number) for each in outcomes if each.version is None)
    read = dict(zip(unread, versions.need_many(view, list(unread)), strict=True))
    return [
        PutResult(
            version=each.version or read[each.source, each.number],
            stored=each.stored,
            sections=each.sections,
            new_sections=each.new_sections,
        )
        for each in outcomes
    ]


def refused_ones(view: View, arrivals: Sequence[AnyArrival]) -> dict[int, InvalidRecord]:
    """Why those of the arrivals are refused, by their positions, that would bring back what was erased."""
    if not tombstones.any_erased(view):
        return {}
    brought = {
        i: each.prepared.manifest
        for i, each in enumerate(arrivals)
        if isinstance(each, Arrival) and not isinstance(each, Restored)
    }
    return tombstones.refused(view, brought)


def refuse_erased(view: View, arrivals: Sequence[AnyArrival]) -> AbstractSet[Digest]:
    """Which sections of restored versions were erased; InvalidRecord where another arrival has one that was."""
    for error in refused_ones(view, arrivals).values():
        raise error
    restored = [each for each in arrivals if isinstance(each, Restored)]
    digests = [section.digest for each in restored for section in each.prepared.manifest.sections]
    return tombstones.find(view, digests).keys()


def _mark_lacking(update: Update, new: Sequence[_New], gone: AbstractSet[Digest]) -> None:
    """Keep what proves what is left of versions that come without what was erased."""
    lacking = [each for each in new if any(section.digest in gone for section in each.record.manifest.sections)]
    tombstones.mark(update, [(each.version.source, each.version.number, each.record.manifest) for each in lacking])


@attrs.frozen
class _New:
    """A new version, its record, and which of the arrivals brought it."""

    version: Version
    record: Prepared
    position: int

    def declaring(self) -> Declaring:
        return Declaring(self.version, self.record.manifest, self.record.declarations)


class _Bodies:
    """The sections that arrive: which of them the store lacks, and which it holds but not as they are."""

    def __init__(
        self,
        update: Update,
        prepared: Sequence[tuple[int, Prepared]],
        compared: Compared | None,
        gone: AbstractSet[Digest],
    ) -> None:
        arriving: dict[Digest, bytes] = {}
        named: list[list[Digest]] = []
        for _, record in prepared:
            digests = [section.digest for section in record.manifest.sections]
            arriving.update(zip(digests, record.bodies, strict=True))
            named.append(digests)
        for digest in gone:
            arriving.pop(digest, None)
        lacking = blobs.lacking(update, arriving, compared)
        self.unsound: list[Blob] = []
        self.brought: dict[int, list[int]] = {}
        """The sizes of the sections that an arrival was the first to bring."""
        left = lacking.new | lacking.unsound.keys()
        for (position, record), digests in zip(prepared, named, strict=True):
            first = [] if left.isdisjoint(digests) else [digest for digest in digests if digest in left]
            mark = source_mark(record.line.source) if first else b""
            for digest in dict.fromkeys(first):
                self.unsound.append(Blob(digest, arriving[digest], lacking.unsound.get(digest) or mark))
            left.difference_update(first)
            if sizes := [len(arriving[digest]) for digest in dict.fromkeys(first) if digest in lacking.new]:
                self.brought[position] = sizes

    def outcome(self, new: _New) -> Outcome:
        """What became of an arrival that brought a new version."""
        return Outcome(
            source=new.version.source,
            number=new.version.number,
            version=new.version,
            stored=True,
            sections=len(new.record.manifest.sections),
            new_sections=len(self.brought.get(new.position, ())),
        )


def _write_manifests(update: Update, found: Sequence[Outcome | _New], arrivals: Sequence[AnyArrival]) -> set[int]:
    """Write the manifests that new versions need, and mend the others; where a snapshot may have come first."""
    new: dict[Digest, Manifest] = {}
    first: dict[bytes, int] = {}
    known: list[tuple[bytes, Digest, Manifest]] = []
    for position, (each, arrival) in enumerate(zip(found, arrivals, strict=True)):
        if isinstance(arrival, Unchanged):
            continue
        record = arrival.prepared
        if isinstance(each, Outcome):
            known.append((version_key(each.source, each.number), record.snapshot, record.manifest))
        elif record.snapshot not in new:
            new[record.snapshot], first[record.snapshot] = record.manifest, position
    missing = manifests.mend_many(update, new)
    manifests.mend_known(update, known)
    return {first[snapshot] for snapshot in missing}


def _first_snapshots(update: Update, candidates: set[int], index: _Index, bodies: _Bodies) -> set[int]:
    """Those arrivals that brought a snapshot which the store had not had, in a frame neither."""
    if not runs.any_packs(update):
        return candidates
    old = [new for new in index.new if new.position in candidates and new.position not in bodies.brought]
    packed = (new for new in old if runs.has_snapshot(update, new.version.source, new.version.snapshot))
    return candidates - {new.position for new in packed}


@attrs.define(eq=False)
class _Source:
    """A source that arrives: its head, as it is in the store and as it becomes, and its new versions.

    `is_new` says that it has no version: it never had one, or they were forgotten.
    """

    source: Source
    head: Head | None
    is_new: bool = False
    new: dict[int, Version] = attrs.field(factory=dict)


@attrs.define(eq=False)
class _Line:
    """A line that arrives: its head, as in the store and as it becomes, and the times of its new versions."""

    line: Line
    source: _Source
    head: LineHead | None
    changed: bool = False
    times: list[tuple[datetime, int]] = attrs.field(factory=list)


def _read_sources(update: Update, arrivals: Sequence[AnyArrival]) -> dict[bytes, _Source]:
    """The sources by their keys; the head of one is read if something may be added to it."""
    growing = {source_key(each.line.source): each.line.source for each in arrivals if isinstance(each, Arrival)}
    heads = zip(growing.items(), versions.heads(update, list(growing.values())), strict=True)
    found = {key: _Source(source, head, head is None) for (key, source), head in heads}
    for arrival in arrivals:
        key = source_key(arrival.line.source)
        if key not in found:
            found[key] = _Source(arrival.line.source, None)
    return found


def _read_lines(update: Update, lines: Sequence[Line], sources: dict[bytes, _Source]) -> list[_Line]:
    """Each of the lines as it is in the store; lines that are equal are one."""
    by_key = {line_key(line): line for line in lines}  # a key is compared more quickly than a value
    heads = zip(by_key.items(), versions.line_heads(update, list(by_key.values())), strict=True)
    read = {key: _Line(line, sources[source_key(line.source)], head) for (key, line), head in heads}
    for line in read.values():
        source = line.source
        if line.head is None and source.head is not None and not source.is_new:
            source.is_new = not versions.page(update, source.source, limit=1)
    return [read[line_key(line)] for line in lines]


class _Index:
    """The versions of the sources that arrive, as they are in the store and as they become."""

    def __init__(self, update: Update, arrivals: Sequence[AnyArrival], now: datetime) -> None:
        self._update = update
        self._now = now
        found = _read_sources(update, arrivals)
        self._lines = _read_lines(update, [arrival.line for arrival in arrivals], found)
        self.new_sources = [each.source for each in found.values() if each.is_new]
        self.new: list[_New] = []

    def arrive(self, arrival: AnyArrival, position: int) -> Outcome | _New:
        """The version that says what the arrival says: one that was there, or a new one."""
        line = self._lines[position]
        if isinstance(arrival, Unchanged):
            return self._hold(line, arrival)
        if isinstance(arrival, Restored):
            return self._restore(line, arrival, position)
        moment = arrival.observed_at
        said = self._newest(line, arrival) if moment is None else self._said_at(line, arrival, moment)
        if said is None:
            return self._append(line, arrival, position)
        return _unchanged(line, said, len(arrival.prepared.manifest.sections))

    def _hold(self, line: _Line, arrival: Unchanged) -> Outcome:
        head = line.head
        if head is None or not arrival.text_hash or head.text_hash != arrival.text_hash:
            raise HintPassed
        return _unchanged(line, head.number, head.sections)

    def _newest(self, line: _Line, arrival: Arrival) -> int | None:
        head = line.head
        if head is None or head.snapshot != arrival.prepared.snapshot:
            return None
        if arrival.text_hash and arrival.text_hash != head.text_hash:  # the same record, spelled in another way
            line.head, line.changed = attrs.evolve(head, text_hash=arrival.text_hash), True
        return head.number

    def _said_at(self, line: _Line, arrival: Arrival, moment: datetime) -> int | None:
        """The version of the line that holds the snapshot as of that moment, or at exactly that moment."""
        pending = line.times
        before = pending[: bisect_right(pending, (moment, MAX_NUMBER))][-1:]
        stored = versions.line_as_of(self._update, line.line, moment)
        as_of = max(before if stored is None else [*before, stored], default=None)
        exact = [number for time, number in pending if time == moment]
        numbers = [*exact, *versions.line_at(self._update, line.line, moment)] + ([as_of[1]] if as_of else [])
        found = self._get_many(line.source, numbers)
        return next((each.number for each in found if each.snapshot == arrival.prepared.snapshot), None)

    def _get_many(self, source: _Source, numbers: Sequence[int]) -> list[Version]:
        """The versions of a source with these numbers, new or stored."""
        stored = [(source.source, number) for number in dict.fromkeys(numbers) if number not in source.new]
        read = {version.number: version for version in versions.need_many(self._update, stored)}
        return [source.new.get(number) or read[number] for number in numbers]

    def _restore(self, line: _Line, arrival: Restored, position: int) -> _New:
        head, number, recorded_at = line.source.head, arrival.number, arrival.recorded_at
        if head is not None and (number <= head.number or recorded_at < head.recorded_at):
            what = f"version {number} of {line.source.source}"
            raise StoreExists(f"{what} cannot be restored behind version {head.number}")
        return self._add(line, arrival, position, Head(number, recorded_at))

    def _append(self, line: _Line, arrival: Arrival, position: int) -> _New:
        head = line.source.head or Head(0, self._now)
        if head.number == MAX_NUMBER:
            raise StorageFailed(f"{line.source.source} has {MAX_NUMBER} versions; no source can have more")
        return self._add(line, arrival, position, Head(head.number + 1, max(self._now, head.recorded_at)))

    def _add(self, line: _Line, arrival: Arrival, position: int, head: Head) -> _New:
        record, source = arrival.prepared, line.source
        version = Version(
            source=source.source,
            number=head.number,
            builder_version=line.line.builder_version,
            source_version=record.source_version,
            snapshot=record.snapshot,
            observed_at=arrival.observed_at or head.recorded_at,
            recorded_at=head.recorded_at,
        )
        source.head = head
        source.new[head.number] = version
        line.head = LineHead(
            builder_version=version.builder_version,
            number=head.number,
            snapshot=record.snapshot,
            sections=len(record.manifest.sections),
            text_hash=arrival.text_hash,
        )
        line.changed = True
        insort(line.times, (version.observed_at, head.number))
        new = _New(version, record, position)
        self.new.append(new)
        return new

    def write(self) -> None:
        """Write what became of the sources."""
        changed = {id(line): line for line in self._lines if line.changed}
        if changed:
            heads = [(line.line, line.head) for line in changed.values() if line.head is not None]
            sources.create_many(self._update, self.new_sources)
            versions.write_many(self._update, [new.version for new in self.new], heads)


def _unchanged(line: _Line, number: int, sections: int) -> Outcome:
    return Outcome(
        source=line.source.source,
        number=number,
        version=line.source.new.get(number),
        stored=False,
        sections=sections,
        new_sections=0,
    )


def _additions(index: _Index, bodies: _Bodies, first_snapshots: set[int]) -> dict[int, Totals]:
    """What each slot of the totals gains; a blob or snapshot counts for the arrival that brings it first."""
    rows: dict[int, list[int]] = {}
    for source in index.new_sources:
        rows.setdefault(source_slot(source), [0] * 8)[0] += 1
    for new in index.new:
        brought = bodies.brought.get(new.position, ())
        row = rows.setdefault(source_slot(new.version.source), [0] * 8)
        row[1] += 1
        row[2] += new.position in first_snapshots
        row[3] += len(brought)
        row[4] += len(new.record.manifest.sections)
        row[5] += new.record.size
        row[6] += sum(brought)
        row[7] += fingerprint(new.version)
    return {
        slot: attrs.evolve(Totals(*counts), fingerprint=fingerprint % 2**256)
        for slot, (*counts, fingerprint) in rows.items()
    }
