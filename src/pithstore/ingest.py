"""One write transaction: prepared records in, versions out.

The order of writing is the order of naming: blobs, then manifests, then versions.  So every name points to
something that exists, at any instant, on any engine, after any crash.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import attrs

from pithstore import blobs, manifests, meta, sources, versions
from pithstore.codec import Head, LineHead
from pithstore.counts import Totals
from pithstore.declared import entries as declared
from pithstore.declared.entries import Declaring
from pithstore.digest import Digest
from pithstore.engine import Update
from pithstore.errors import StorageFailed, StoreExists
from pithstore.fingerprint import fingerprint
from pithstore.keys import MAX_NUMBER, source_slot
from pithstore.model import Line, Manifest, Source, Version
from pithstore.record import Prepared
from pithstore.results import PutResult
from pithstore.tail import TailEnd
from pithstore.times import to_utc
from pithstore.totals import add_totals


@attrs.frozen
class Arrival:
    """A prepared record and when it was observed; None for a put of now."""

    prepared: Prepared
    observed_at: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(to_utc))


@attrs.frozen
class Restored(Arrival):
    """A version of another store, with the number and the times that it has there; it always becomes a version."""

    number: int = attrs.field(kw_only=True)
    recorded_at: datetime = attrs.field(kw_only=True, converter=to_utc)


@attrs.frozen
class Stored:
    """What a transaction came to: a result for each arrival in order, and where the writer goes on."""

    results: list[PutResult]
    end: TailEnd | None


def store(update: Update, arrivals: Sequence[Arrival], now: datetime, end: TailEnd | None) -> Stored:
    """Put the arrivals in order; `end` is None for a writer that has written no blob yet.

    Stored bytes that are not what an arrival brings again are replaced: putting a record again mends it.
    """
    prepared = [arrival.prepared for arrival in arrivals]
    bodies, snapshots = _Bodies(update, prepared), _Snapshots(update, prepared)
    index = _Index(update, arrivals, now)
    numbers = [index.arrive(arrival) for arrival in arrivals]
    if bodies.unsound:
        end = blobs.write_many(update, end or TailEnd(meta.new_writer(update), 0), bodies.unsound.items())
    if snapshots.unsound:
        manifests.put_many(update, snapshots.unsound.items())
    if index.new:
        index.write()
        add_totals(update, _additions(prepared, index, bodies.new, snapshots.new))
        if meta.keeps_ledger(update):
            declared.note(update, _declaring(prepared, index))
    return Stored(list(_results(prepared, numbers, index, bodies.new)), end)


class _Bodies:
    """The sections that arrive: which of them the store lacks, and which it holds but not as they are."""

    def __init__(self, update: Update, prepared: Iterable[Prepared]) -> None:
        arriving = {
            section.digest: body
            for record in prepared
            for section, body in zip(record.manifest.sections, record.bodies, strict=True)
        }
        digests = list(arriving)
        stored = blobs.read_many(update, blobs.locate_many(update, digests), sealed=True)
        found = zip(arriving.items(), blobs.has_many(update, digests), stored, strict=True)
        self.new: set[Digest] = set()
        self.unsound: dict[Digest, bytes] = {}
        for (digest, body), known, bytes_there in found:
            if not known:
                self.new.add(digest)
            if not known or bytes_there != body:
                self.unsound[digest] = body


class _Snapshots:
    """The snapshots that arrive: which of them have no manifest, and which not the right one."""

    def __init__(self, update: Update, prepared: Iterable[Prepared]) -> None:
        arriving = {record.snapshot: record.manifest for record in prepared}
        snapshots = list(arriving)
        known = manifests.has_many(update, snapshots)
        stored = manifests.get_many(update, snapshots)
        self.new = {snapshot for snapshot, there in zip(snapshots, known, strict=True) if not there}
        self.unsound: dict[Digest, Manifest] = {
            snapshot: arriving[snapshot]
            for snapshot, manifest in zip(snapshots, stored, strict=True)
            if manifest != arriving[snapshot]
        }


class _Index:
    """The versions of the sources that arrive, as they are in the store and as they become."""

    def __init__(self, update: Update, arrivals: Sequence[Arrival], now: datetime) -> None:
        lines = list(dict.fromkeys(arrival.prepared.line for arrival in arrivals))
        about = list(dict.fromkeys(line.source for line in lines))
        self._update = update
        self._now = now
        self._heads = dict(zip(about, versions.heads(update, about), strict=True))
        self._line_heads = dict(zip(lines, versions.line_heads(update, lines), strict=True))
        self._times: dict[Line, list[tuple[datetime, int]]] = {}
        self.new_sources = [source for source, head in self._heads.items() if head is None]
        self.new: dict[tuple[Source, int], Version] = {}

    def arrive(self, arrival: Arrival) -> int:
        """The number of the version that says what the arrival says: one that was there, or a new one."""
        record, observed_at = arrival.prepared, arrival.observed_at
        if isinstance(arrival, Restored):
            return self._restore(arrival)
        said = self._newest(record) if observed_at is None else self._said_at(record, observed_at)
        return self._append(record, observed_at) if said is None else said

    def _newest(self, record: Prepared) -> int | None:
        head = self._line_heads[record.line]
        return head.number if head is not None and head.snapshot == record.snapshot else None

    def _said_at(self, record: Prepared, moment: datetime) -> int | None:
        """The version of the line that holds the snapshot as of that moment, or at exactly that moment."""
        line = record.line
        pending = self._times.get(line, [])
        before = pending[: bisect_right(pending, (moment, MAX_NUMBER))][-1:]
        stored = versions.line_as_of(self._update, line, moment)
        as_of = max(before if stored is None else [*before, stored], default=None)
        exact = [number for time, number in pending if time == moment]
        candidates = [*exact, *versions.line_at(self._update, line, moment)] + ([as_of[1]] if as_of else [])
        found = self.get_many([(line.source, number) for number in candidates])
        return next((version.number for version in found if version.snapshot == record.snapshot), None)

    def _restore(self, arrival: Restored) -> int:
        source, number, recorded_at = arrival.prepared.line.source, arrival.number, arrival.recorded_at
        head = self._heads[source]
        if head is not None and (number <= head.number or recorded_at < head.recorded_at):
            raise StoreExists(f"version {number} of {source} cannot be restored behind version {head.number}")
        return self._add(arrival.prepared, number, arrival.observed_at, recorded_at)

    def _append(self, record: Prepared, observed_at: datetime | None) -> int:
        source = record.line.source
        head = self._heads[source] or Head(0, self._now)
        if head.number == MAX_NUMBER:
            raise StorageFailed(f"{source} has {MAX_NUMBER} versions; no source can have more")
        return self._add(record, head.number + 1, observed_at, max(self._now, head.recorded_at))

    def _add(self, record: Prepared, number: int, observed_at: datetime | None, recorded_at: datetime) -> int:
        line = record.line
        version = Version(
            source=line.source,
            number=number,
            builder_version=line.builder_version,
            source_version=record.source_version,
            snapshot=record.snapshot,
            observed_at=observed_at or recorded_at,
            recorded_at=recorded_at,
        )
        self.new[line.source, number] = version
        self._heads[line.source] = Head(number, recorded_at)
        self._line_heads[line] = LineHead(line.builder_version, number, record.snapshot)
        insort(self._times.setdefault(line, []), (version.observed_at, number))
        return number

    def get_many(self, wanted: Sequence[tuple[Source, int]]) -> list[Version]:
        """The versions with these sources and numbers, new or stored."""
        stored = [key for key in dict.fromkeys(wanted) if key not in self.new]
        found = {**self.new, **dict(zip(stored, versions.need_many(self._update, stored), strict=True))}
        return [found[key] for key in wanted]

    def write(self) -> None:
        """Write what became of the sources."""
        lines = {Line(version.source, version.builder_version) for version in self.new.values()}
        heads = [(line, head) for line in lines if (head := self._line_heads[line]) is not None]
        sources.create_many(self._update, self.new_sources)
        versions.write_many(self._update, self.new.values(), heads)


def _additions(
    prepared: Sequence[Prepared], index: _Index, new_blobs: set[Digest], new_snapshots: set[Digest]
) -> dict[int, Totals]:
    """What each slot of the totals gains; a blob or snapshot counts for the first source that brings it."""
    sums: dict[int, Totals] = {}
    blobs_left, snapshots_left, sources_left = set(new_blobs), set(new_snapshots), set(index.new_sources)
    by_snapshot = {record.snapshot: record for record in prepared}
    for version in index.new.values():
        record = by_snapshot[version.snapshot]
        sections = record.manifest.sections
        unique = {section.digest: section.size for section in sections if section.digest in blobs_left}
        gain = Totals(
            sources=int(version.source in sources_left),
            versions=1,
            snapshots=int(version.snapshot in snapshots_left),
            blobs=len(unique),
            sections=len(sections),
            canonical_bytes=record.size,
            unique_bytes=sum(unique.values()),
            fingerprint=fingerprint(version),
        )
        blobs_left.difference_update(unique)
        snapshots_left.discard(version.snapshot)
        sources_left.discard(version.source)
        slot = source_slot(version.source)
        sums[slot] = sums.get(slot, Totals()).plus(gain)
    return sums


def _declaring(prepared: Sequence[Prepared], index: _Index) -> list[Declaring]:
    by_snapshot = {record.snapshot: record for record in prepared}
    found = [(version, by_snapshot[version.snapshot]) for version in index.new.values()]
    return [Declaring(version, record.manifest, record.declarations) for version, record in found]


def _results(
    prepared: Sequence[Prepared], numbers: Sequence[int], index: _Index, new_blobs: set[Digest]
) -> Iterator[PutResult]:
    keys = [(record.line.source, number) for record, number in zip(prepared, numbers, strict=True)]
    unseen_blobs, unseen_versions = set(new_blobs), set(index.new)
    for record, key, version in zip(prepared, keys, index.get_many(keys), strict=True):
        brought = {section.digest for section in record.manifest.sections} & unseen_blobs
        unseen_blobs -= brought
        yield PutResult(
            version=version,
            stored=key in unseen_versions,
            sections=len(record.manifest.sections),
            new_sections=len(brought),
        )
        unseen_versions.discard(key)
