"""From one engine into another: every version that the target lacks, hashed, in batches of bounded memory.

The target takes them as it takes an archive's: by the way of a put, one transaction a batch.  So a copy that was
interrupted holds whole versions, from the first of each source on, and the next one goes on behind them.

Not copied is the journal of files: it says how far a file has been put, and a cut through history may have less.
A file that is put into the copy is looked at record by record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial, reduce
from itertools import islice

import attrs

from pithstore import meta, records, tombstones, versions
from pithstore.arrivals import Restored
from pithstore.blobs import Compared
from pithstore.bulk import batches
from pithstore.configuration import Configuration
from pithstore.copying import agreement
from pithstore.copying.cut import Cut
from pithstore.copying.missing import missing_versions, stopped_at
from pithstore.counts import Totals
from pithstore.digest import Digest
from pithstore.engine import Engine, Update, View
from pithstore.erasing.erase import erase_all
from pithstore.erasing.remains import remains
from pithstore.errors import Damaged, Erased, InvalidRecord, PithstoreError, StoreExists, UsageError
from pithstore.ingest import Stored, store
from pithstore.model import Source, Version
from pithstore.report import BackupReport, Problem
from pithstore.reproduction import checks
from pithstore.restored import restored
from pithstore.section_memo import SectionMemo
from pithstore.tail import TailEnd
from pithstore.tombstones import Tombstone
from pithstore.totals import read_slots

_VERSIONS_AT_ONCE, _BYTES_AT_ONCE, _CHECKS_AT_ONCE = 256, 4 * 1024 * 1024, 256

Progress = Callable[[int, int], None]
"""Is told how many versions are copied, and of about how many."""


def copy(source: Engine, target: Engine, cut: Cut, progress: Progress = lambda _done, _all: None) -> BackupReport:
    """What copying a cut of one store into another came to; each version was read back from there.

    Damaged versions are left out and reported, with those behind them of their sources.  UsageError where the
    target has another configuration, or versions that the source never had: nothing is written then.
    """
    _refuse_other_configuration(source, target)
    before = target.view(read_slots)
    agreement.refuse_stranger(source, target, cut.unequal(before))
    copying = _Copying(source, target, cut, progress, _copy_tombstones(source, target))
    copying.send(before)
    copied = _copy_checks(source, target, cut, copying.problems.append)
    return copying.report(before, copied)


def _copy_tombstones(source: Engine, target: Engine) -> AbstractSet[Digest]:
    """The sections that were erased from the source; the target has none of them any more."""
    graves: dict[Digest, Tombstone] = {}
    after: Digest | None = None
    while page := source.view(partial(tombstones.page, after=after)):
        graves.update(page)
        after = max(page)
    known = target.view(partial(tombstones.find, digests=graves))
    if known.keys() != graves.keys() or target.view(tombstones.is_unsettled):
        erase_all(target, graves, lambda _done, _all: None)
    return graves.keys()


def _refuse_other_configuration(source: Engine, target: Engine) -> None:
    target.view(meta.check_format)
    if source.view(meta.read_configuration) != target.view(meta.read_configuration):
        raise UsageError(
            "it was created with another profile or other limits, so it cannot hold this store's copy"
        )


@attrs.frozen
class _Sent:
    """A version of the source, ready for the target."""

    version: Version
    arrival: Restored


class _Copying:
    """One copy: what was sent and found so far."""

    def __init__(
        self, source: Engine, target: Engine, cut: Cut, progress: Progress, erased: AbstractSet[Digest]
    ) -> None:
        self._erased = erased
        self._source, self._target = source, target
        self._cut, self._progress = cut, progress
        self._configuration: Configuration = source.view(meta.read_configuration)
        self._memo = SectionMemo()
        self._compared = Compared()
        self._end: TailEnd | None = None
        self._last: Source | None = None
        self._stopped: set[Source] = set()
        self._versions = self._sources = self._bytes = 0
        self.problems: list[Problem] = []

    def send(self, before: Sequence[Totals]) -> None:
        """Write what the target lacks to it."""
        expected = max(0, self._cut.versions - sum(slot.versions for slot in before))
        slots = self._cut.unequal(before)
        lacking = missing_versions(self._source, self._target, self._cut.until, slots, self._stop)
        for batch in batches(self._arrivals(lacking), lambda sent: sent.arrival.prepared.size):
            self._write(batch)
            self._progress(self._versions, max(self._versions, expected))

    def _stop(self, problem: Problem) -> None:
        """Note a problem, and that its source is copied no further."""
        self.problems.append(problem)
        if problem.source is not None:
            self._stopped.add(problem.source)

    def _arrivals(self, lacking: Iterator[Version]) -> Iterator[_Sent]:
        """The versions with their records, read and hashed; of a source up to the first that is damaged."""
        while page := list(islice(lacking, _VERSIONS_AT_ONCE)):
            while page := [version for version in page if version.source not in self._stopped]:
                found, damage = self._source.view(partial(_read, wanted=page))
                for version, record in zip(page, found, strict=False):
                    yield from self._arrival(version, record)
                if isinstance(damage, Erased):
                    version, damage = page[len(found)], None
                    yield from self._remains(version)
                    page = page[len(found) + 1 :]
                    continue
                if damage is not None:
                    self._stop(stopped_at(page[len(found)].source, page[len(found)].number, damage))
                page = page[len(found) :]

    def _arrival(self, version: Version, record: bytes) -> Iterator[_Sent]:
        if version.source in self._stopped:
            return
        try:
            yield _Sent(version, restored(version, record, self._configuration, self._memo))
        except (Damaged, InvalidRecord) as error:
            self._stop(stopped_at(version.source, version.number, error))

    def _remains(self, version: Version) -> Iterator[_Sent]:
        """A version that lacks a section; it waits for the next copy where that was erased just now."""
        if version.source in self._stopped:
            return
        try:
            left = self._source.view(partial(remains, version=version, profile=self._configuration.profile))
            if not left.lacks <= self._erased:
                raise Damaged(f"{version.source} version {version.number} lost a section just now; copy again")
        except Damaged as error:
            self._stop(stopped_at(version.source, version.number, error))
        else:
            yield _Sent(version, left.arrival)

    def _write(self, batch: Sequence[_Sent]) -> None:
        arrivals = [sent.arrival for sent in batch]
        try:
            stored = self._target.update(partial(self._store, arrivals=arrivals))
        except StoreExists as error:  # what the target had was looked at: somebody was quicker
            raise UsageError(f"somebody else writes to it: {error}; copy again when they have ended") from None
        self._end = stored.end
        self._read_back([sent.version for sent in batch])
        self._count(batch)

    def _store(self, update: Update, arrivals: Sequence[Restored]) -> Stored:
        return store(update, arrivals, self._cut.until, self._end, self._compared)

    def _read_back(self, wanted: Sequence[Version]) -> None:
        """Read from the target what was written to it: each record against its snapshot hash."""
        if self._target.view(partial(versions.need_many, wanted=_numbers(wanted))) != list(wanted):
            raise Damaged("the copy does not say of its versions what was written to it; run verify on it")
        lacking = self._target.view(partial(tombstones.are_marked, versions=wanted))
        for version, marked in zip(wanted, lacking, strict=True):
            if marked:
                self._target.view(partial(_read_remains, version=version))
        wanted = [version for version, marked in zip(wanted, lacking, strict=True) if not marked]
        while wanted:
            found = self._target.view(partial(records.read_many, wanted=wanted, room=_BYTES_AT_ONCE))
            wanted = wanted[len(found) :]

    def _count(self, batch: Sequence[_Sent]) -> None:
        self._versions += len(batch)
        self._bytes += sum(sent.arrival.prepared.size for sent in batch)
        for sent in batch:  # those of a source come in a row
            self._sources += sent.version.source != self._last
            self._last = sent.version.source

    def report(self, before: Sequence[Totals], copied: int) -> BackupReport:
        """What it came to, once the target was compared with the cut."""
        after = self._target.view(read_slots)
        unequal = self._cut.unequal(after)
        until, found = self._cut.until, self.problems.append
        agreed = agreement.compare(self._source, self._target, until, unequal, self._stopped, found)
        return BackupReport(
            until=until,
            sources=self._sources,
            versions=self._versions,
            record_bytes=self._bytes,
            present=sum(slot.versions for slot in before) - agreed.kept,
            kept=agreed.kept,
            checks=copied,
            fingerprint=f"{reduce(Totals.plus, after).fingerprint:064x}",
            agrees=agreed.agrees,
            problems=tuple(self.problems),
        )


def _read_remains(view: View, version: Version) -> None:
    """Return if what is left of a version can be read."""
    manifest = records.read_manifest(view, version)
    tombstones.check_proof(view, version, manifest)
    gone = tombstones.find(view, [section.digest for section in manifest.sections])
    records.read_sections(view, version, [section for section in manifest.sections if section.digest not in gone])


def _numbers(wanted: Iterable[Version]) -> list[tuple[Source, int]]:
    return [(version.source, version.number) for version in wanted]


def _read(view: View, wanted: Sequence[Version]) -> tuple[list[bytes], PithstoreError | None]:
    """The records of the first of these versions, and what is wrong with the one behind them, if anything is.

    Erased is what is wrong with one that lacks a section: it has no whole record to be sent.
    """
    try:
        return records.read_many(view, wanted, _BYTES_AT_ONCE), None
    except (Damaged, Erased):
        found: list[bytes] = []
    room = _BYTES_AT_ONCE
    for version in wanted:
        try:
            found.append(records.read_record(view, version))
        except (Damaged, Erased) as error:
            return found, error
        room -= len(found[-1])
        if room <= 0:
            break
    return found, None


def _copy_checks(source: Engine, target: Engine, cut: Cut, found: Callable[[Problem], None]) -> int:
    """How many recorded checks of the cut were copied; those that are damaged are left out, and reported."""
    copied = 0
    after: bytes | None = None
    while page := source.view(partial(checks.page, after=after, limit=_CHECKS_AT_ONCE)):
        after = page[-1][0]
        sound = []
        for item in page:
            try:
                if checks.read_check(item).checked_at <= cut.until:
                    sound.append(item)
            except Damaged as error:
                found(Problem("check-damaged", f"not copied: {error}"))
        if lacking := target.view(partial(checks.lacking, items=sound)):
            copied += target.update(partial(checks.add_many, items=lacking))
    return copied
