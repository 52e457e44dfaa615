"""Everything the store holds, read again and compared with its names.

Every value of the tail and every entry against its checksum; every blob against its digest; every version rebuilt
and hashed, and what it says of itself compared with its key; the index walked both ways; the totals counted
again.  All in pages of short transactions, while others go on writing: what one transaction reads of a source is
one state of it, and totals are only compared where nobody wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import attrs

from pithstore import blobs
from pithstore.codec import Place
from pithstore.configuration import Configuration
from pithstore.counts import Totals
from pithstore.declared.entries import read_ledgers
from pithstore.declared.ledger import Ledger, Tally
from pithstore.digest import Digest
from pithstore.engine import Engine, Item, View
from pithstore.errors import Damaged
from pithstore.keys import BLOBS, CHECKS, FILES, MANIFESTS, META, SLOTS, TAIL
from pithstore.manifests import read_manifest
from pithstore.meta import writers
from pithstore.report import Problem, VerifyReport
from pithstore.seal import unseal
from pithstore.tail import slices
from pithstore.totals import read_slots
from pithstore.verify_declared import DeclaredCheck
from pithstore.verify_history import HistoryCheck

_TAIL_PAGE, _PAGE = 64, 1024
_BYTES_AT_ONCE = 8 * 1024 * 1024

Progress = Callable[[int, int], None]
"""Is told how many entries are done, and of about how many."""


def verify(engine: Engine, configuration: Configuration, progress: Progress | None = None) -> VerifyReport:
    """What was looked at, and each problem that was found; reading goes on behind a problem."""
    walk = _Walk(engine, progress)
    before, ledgers = walk.slots(), walk.ledgers()
    walk.expect(before)
    walk.check_seals(META, "meta-damaged")
    walk.check_seals(FILES, "file-damaged")
    walk.check_seals(CHECKS, "check-damaged")
    walk.check_writers()
    walk.check_tail()
    walk.check_blobs()
    walk.check_manifests()
    history = HistoryCheck(engine, configuration.profile, walk.problems.append, walk.advance)
    history.run()
    walk.compare_totals(before, history.slots)
    if history.declared is not None:
        walk.compare_ledgers(ledgers, history.declared)
    return VerifyReport(
        versions=history.versions,
        snapshots=walk.snapshots,
        blobs=walk.blobs,
        problems=tuple(walk.problems),
    )


class _Walk:
    """One verify: what it counted and found so far."""

    def __init__(self, engine: Engine, progress: Progress | None) -> None:
        self._engine = engine
        self._progress = progress
        self._done = self._expected = 0
        self.problems: list[Problem] = []
        self.blobs = self.unique_bytes = self.snapshots = 0
        self._damaged_values: dict[bytes, str] = {}

    def slots(self) -> list[Totals] | None:
        try:
            return self._engine.view(read_slots)
        except Damaged as error:
            self.problems.append(Problem("totals-damaged", str(error)))
            return None

    def expect(self, slots: Sequence[Totals] | None) -> None:
        self._expected = sum(slot.blobs + slot.snapshots + slot.versions for slot in slots or ())

    def advance(self, entries: int) -> None:
        """Count entries as done and tell the listener."""
        self._done += entries
        if self._progress is not None:
            self._progress(self._done, max(self._done, self._expected))

    def _pages(self, space: str, limit: int) -> Iterator[list[Item]]:
        after: bytes | None = None
        while True:
            items = self._engine.view(partial(_scan, space=space, after=after, limit=limit))
            if not items:
                return
            yield items
            after = items[-1][0]

    def check_seals(self, space: str, code: str) -> None:
        for page in self._pages(space, _PAGE):
            for key, value in page:
                try:
                    unseal(space, key, value)
                except Damaged as error:
                    self.problems.append(Problem(code, str(error)))

    def check_writers(self) -> None:
        """Every writer in the tail has been counted: else its number would be given again."""
        last = self._engine.view(lambda view: view.scan(TAIL, limit=1, reverse=True))
        with suppress(Damaged):  # said already
            if last and int.from_bytes(last[0][0][:4], "big") >= self._engine.view(writers):
                message = "the count of writers is behind the tail; a put could not go on"
                self.problems.append(Problem("meta-damaged", message))

    def check_tail(self) -> None:
        for page in self._pages(TAIL, _TAIL_PAGE):
            for key, value in page:
                try:
                    unseal(TAIL, key, value)
                except Damaged as error:
                    self._damaged_values[key] = str(error)

    def check_blobs(self) -> None:
        for page in self._pages(BLOBS, _PAGE):
            self.blobs += len(page)
            for chunk in _chunks(self._places(page)):
                self._check_bodies(chunk)
            self.advance(len(page))

    def _places(self, page: Sequence[Item]) -> Iterator[tuple[Digest, Place]]:
        for key, value in page:
            try:
                yield Digest(key), blobs.read_place(key, value)
            except (Damaged, ValueError) as error:
                message = f"the index entry of blob {key.hex()} is damaged ({error})"
                self.problems.append(Problem("place-damaged", message, digest=key.hex()))

    def _check_bodies(self, chunk: Sequence[tuple[Digest, Place]]) -> None:
        bodies = self._engine.view(lambda view: blobs.read_many(view, [place for _, place in chunk]))
        for (digest, place), body in zip(chunk, bodies, strict=True):
            self.unique_bytes += len(body)
            self._report_values(place)
            if Digest.of(body) != digest:
                message = f"the bytes of blob {digest} are damaged"
                self.problems.append(Problem("blob-damaged", message, digest=str(digest)))

    def _report_values(self, place: Place) -> None:
        """Say once of each damaged value of the tail that a blob lies in it; what holds none is not missed."""
        if self._damaged_values:
            for part in slices(place):
                message = self._damaged_values.pop(part.key, None)
                if message is not None:
                    self.problems.append(Problem("tail-damaged", message))

    def check_manifests(self) -> None:
        for page in self._pages(MANIFESTS, _PAGE):
            self.snapshots += len(page)
            for key, value in page:
                try:
                    read_manifest(key, value)
                except Damaged as error:
                    message = f"the manifest of snapshot {key.hex()} is damaged ({error})"
                    self.problems.append(Problem("manifest-damaged", message, digest=key.hex()))
            self.advance(len(page))

    def compare_totals(self, before: Sequence[Totals] | None, counted: Sequence[Totals]) -> None:
        """Compare what was counted with the totals of the slots that nobody wrote meanwhile."""
        after = self.slots() if before is not None else None
        if before is None or after is None:
            return
        for slot in range(SLOTS):
            if before[slot] == after[slot] and _by_source(after[slot]) != counted[slot]:
                message = f"slot {slot} of the totals does not match the versions of its sources"
                self.problems.append(Problem("totals-wrong", message))
        if before == after:
            self._compare_sums(after)

    def _compare_sums(self, slots: Sequence[Totals]) -> None:
        said = [sum(getattr(slot, name) for slot in slots) for name in ("blobs", "unique_bytes", "snapshots")]
        found = [self.blobs, self.unique_bytes, self.snapshots]
        if said != found and not self.problems:
            message = f"the totals say {said} blobs, bytes of blobs and snapshots, but there are {found}"
            self.problems.append(Problem("totals-wrong", message))

    def ledgers(self) -> list[dict[str, Tally]] | None:
        try:
            return self._engine.view(read_ledgers)
        except Damaged as error:
            self.problems.append(Problem("totals-damaged", str(error)))
            return None

    def compare_ledgers(self, before: Sequence[Ledger] | None, check: DeclaredCheck) -> None:
        """Compare what was counted with the ledgers of the slots that nobody wrote meanwhile."""
        after = self.ledgers() if before is not None else None
        if before is None or after is None:
            return
        for slot in set(range(SLOTS)) - check.unknown:
            if before[slot] == after[slot] != check.ledgers[slot]:
                message = f"slot {slot} of the ledger of declared digests does not match its versions"
                self.problems.append(Problem("declared-wrong", message))


def _scan(view: View, space: str, after: bytes | None, limit: int) -> list[Item]:
    return view.scan(space, after=after, limit=limit)


def _by_source(totals: Totals) -> Totals:
    """The part of a slot's totals that belongs to its sources alone; blobs and snapshots are shared."""
    return attrs.evolve(totals, blobs=0, snapshots=0, unique_bytes=0)


def _chunks(places: Iterator[tuple[Digest, Place]]) -> Iterator[list[tuple[Digest, Place]]]:
    chunk: list[tuple[Digest, Place]] = []
    size = 0
    for digest, place in places:
        chunk.append((digest, place))
        size += place.length
        if size >= _BYTES_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    yield chunk
